//! The console's own sign-in, and who may use it.

pub(crate) mod operators;
pub(crate) mod session;

use hongyan_api as api;
use hongyan_domain::console::{LoginName, Operator, Role};
use hongyan_engine::ConsoleRefusal;
use secrecy::SecretString;

use crate::extract::invalid;
use crate::problem::{Code, Problem};

/// A name to sign in with.
fn login_name(text: &str) -> Result<LoginName, Problem> {
    text.parse()
        .map_err(|error: hongyan_domain::console::LoginNameError| {
            Problem::invalid(vec![invalid(
                "/name",
                "form",
                error.to_string(),
                "登录名为 1 到 64 个字符，不含空白",
            )])
        })
}

fn secret(text: &api::Secret) -> SecretString {
    SecretString::from(text.expose())
}

fn role(role: api::Role) -> Role {
    match role {
        api::Role::Admin => Role::Admin,
        api::Role::Operator => Role::Operator,
        api::Role::Viewer => Role::Viewer,
    }
}

fn operator(operator: &Operator) -> api::Operator {
    api::Operator {
        id: operator.id.to_string(),
        name: operator.name.to_string(),
        role: match operator.role {
            Role::Admin => api::Role::Admin,
            Role::Operator => api::Role::Operator,
            Role::Viewer => api::Role::Viewer,
        },
        created_at: operator.created_at,
        seen_at: operator.seen_at,
    }
}

/// What to say to a refusal; `password` is where the request has its password.
fn refused(refusal: ConsoleRefusal, password: &'static str) -> Problem {
    let sentence = refusal.to_string();
    match refusal {
        ConsoleRefusal::NotTheLink => Problem::new(Code::NotTheLink, sentence)
            .zh("设置链接无效或已经用过；可以在服务器上使用 hongyan operators create"),
        ConsoleRefusal::Wrong => Problem::new(Code::WrongPassword, sentence)
            .zh("登录名或密码不正确；管理员可以重设密码，也可以在服务器上使用 hongyan operators"),
        ConsoleRefusal::TooManyFailures { retry_after } => {
            Problem::new(Code::TooManyFailures, sentence)
                .zh("该登录名或来源地址失败次数过多，请稍后再试")
                .retry_after(
                    u32::try_from(retry_after.as_secs())
                        .unwrap_or(u32::MAX)
                        .max(1),
                )
        }
        ConsoleRefusal::WeakPassword => Problem::invalid(vec![invalid(
            password,
            "weak_password",
            sentence,
            "密码为 10 到 256 个字符，且不能与登录名相同",
        )]),
        ConsoleRefusal::Store(error) => error.into(),
    }
}
