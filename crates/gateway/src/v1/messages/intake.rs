//! From a request to a message that passed the check, or to why not.

use hongyan_api::NewMessage;
use hongyan_domain::template::{Line, Violation};
use hongyan_engine::{LoginFailure, Prepared, Rejection, To};

use crate::convert::draft;
use crate::convert::shape::child;
use crate::extract::{Caller, Need, invalid};
use crate::problem::{Code, Problem};

/// Why a request cannot be taken.
pub(super) enum Refusal {
    /// It breaks rules: all of them, and the card it would make.
    Invalid {
        /// The rules.
        violations: Vec<Violation>,
        /// The card; empty where it could not be made.
        preview: Vec<Line>,
    },
    /// Anything else.
    Other(Problem),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid { violations, .. } => Self::invalid(violations),
            Refusal::Other(problem) => problem,
        }
    }
}

/// Checks a request to send: its own rules and the engine's, all at once.
pub(super) async fn prepare<N: Need>(
    caller: &Caller<N>,
    request: NewMessage,
) -> Result<Prepared, Refusal> {
    let account = caller.account(&request.account).map_err(Refusal::Other)?;
    let draft::Reading {
        draft,
        mut violations,
    } = draft::read(
        request,
        account.settings.kind,
        caller.key_id(),
        caller.trace_context().cloned(),
    );
    let Some(draft) = draft else {
        return Err(Refusal::Invalid {
            violations,
            preview: Vec::new(),
        });
    };
    // What is refused anyway must not use a login code up.
    if !violations.is_empty() && matches!(draft.to, To::LoginCode(_)) {
        return Err(Refusal::Invalid {
            violations,
            preview: Vec::new(),
        });
    }
    match caller.engine().prepare(draft).await {
        Ok(prepared) if violations.is_empty() => Ok(prepared),
        Ok(prepared) => Err(Refusal::Invalid {
            violations,
            preview: prepared.preview(),
        }),
        Err(Rejection::Invalid {
            violations: more,
            preview,
        }) => {
            violations.extend(more);
            Err(Refusal::Invalid {
                violations,
                preview,
            })
        }
        Err(other) => Err(Refusal::Other(problem(other))),
    }
}

/// Why the engine does not take something.
pub(in crate::v1) fn problem(rejection: Rejection) -> Problem {
    match rejection {
        Rejection::UnknownAccount { name } => Problem::new(
            Code::UnknownAccount,
            format!("there is no account {name:?}; GET /v1/accounts lists those there are"),
        ),
        Rejection::AccountDisabled { name } => Problem::new(
            Code::AccountDisabled,
            format!("the account {name:?} is switched off and takes no messages"),
        )
        .with_violations(vec![invalid(
            "/account",
            "disabled",
            format!("the account {name:?} is switched off"),
            format!("账号“{name}”已停用"),
        )]),
        Rejection::WrongKind {
            account,
            account_kind,
            kind,
        } => {
            let can: Vec<_> = hongyan_domain::message::Kind::ALL
                .into_iter()
                .filter(|kind| account_kind.sends(*kind))
                .map(hongyan_domain::message::Kind::as_str)
                .collect();
            let can = can.join(", ");
            let sentence =
                format!("{account:?} is of the kind {account_kind}, which sends {can}, not {kind}");
            Problem::new(Code::WrongKind, sentence.clone()).with_violations(vec![invalid(
                "/kind",
                "wrong_kind",
                sentence,
                format!("账号“{account}”是 {account_kind}，可发送 {can}，不能发送 {kind}"),
            )])
        }
        // Without the list nobody can say whether the template exists: that is
        // no fault of the request, and it may be repeated.
        Rejection::UnknownTemplate {
            template_id,
            account,
            sync_failure: Some(failure),
            ..
        } => Problem::from(*failure).preceded_by(&format!(
            "{account:?} is not known to have a template {template_id}, and its current list cannot be had from WeChat"
        )),
        Rejection::UnknownTemplate {
            template_id,
            account,
            known,
            sync_failure: None,
        } => {
            let listed: Vec<_> = known
                .iter()
                .map(|(id, title)| format!("{id} ({title})"))
                .collect();
            let listed = if listed.is_empty() {
                "none".to_owned()
            } else {
                listed.join(", ")
            };
            let sync = format!("POST /v1/accounts/{account}/templates/sync");
            let sentence = format!(
                "{account:?} has no template {template_id}; known are: {listed}; {sync} makes the list new"
            );
            Problem::new(Code::UnknownTemplate, sentence.clone()).with_violations(vec![invalid(
                "/template_id",
                "unknown_template",
                sentence,
                format!("账号“{account}”没有模板 {template_id}；已知模板：{listed}；可用 {sync} 重新同步"),
            )])
        }
        Rejection::UnknownPerson { by, account } => {
            let sentence = format!(
                "nobody is known at {account:?} by this {by}; they become known there when they follow, write or log in, and PUT /v1/users/{{id}} binds them"
            );
            Problem::new(Code::UnknownPerson, sentence.clone()).with_violations(vec![invalid(
                child("/to", by),
                "unknown_person",
                sentence,
                format!("账号“{account}”下找不到该 {by} 对应的人：对方关注、发消息或登录后才会被认识，也可用 PUT /v1/users/{{id}} 绑定"),
            )])
        }
        Rejection::Login(failure) => by_login(failure),
        Rejection::Invalid { violations, .. } => Problem::invalid(violations),
        Rejection::Store(error) => error.into(),
    }
}

/// The recipient's login code brought nobody.
fn by_login(failure: LoginFailure) -> Problem {
    let sentence = failure.to_string();
    let problem = Problem::from(failure);
    let rule = match problem.code() {
        Code::WrongKind => "wrong_kind",
        Code::LoginRefused => "login_refused",
        Code::ValidationFailed => "length",
        // WeChat or storage ails, not the request.
        _ => return problem,
    };
    let zh = match rule {
        "wrong_kind" => "只有小程序有登录 code",
        "login_refused" => "微信不接受该登录 code，请重新获取",
        _ => "登录 code 应为 1 到 256 个字符",
    };
    problem.with_violations(vec![invalid("/to/login_code", rule, sentence, zh)])
}
