//! From a request to a message that passed the check, or to why not.

use hongyan_api::NewMessage;
use hongyan_domain::message::Card;
use hongyan_domain::template::Violation;
use hongyan_engine::{Draft, LoginFailure, Prepared, Rejection, To};

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
        preview: Card,
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
    let read = read(caller, request)?;
    let prepared = caller.engine().prepare(read.draft).await;
    judged(caller, prepared, read.violations)
}

/// The same for several: each on its own, their people looked up together.
pub(super) async fn prepare_all<N: Need>(
    caller: &Caller<N>,
    requests: Vec<Result<NewMessage, Problem>>,
) -> Vec<Result<Prepared, Refusal>> {
    let (mut drafts, mut places) = (Vec::new(), Vec::new());
    for request in requests {
        let read = request
            .map_err(Refusal::Other)
            .and_then(|request| read(caller, request));
        places.push(read.map(|read| {
            drafts.push(read.draft);
            read.violations
        }));
    }
    let mut prepared = caller.engine().prepare_all(drafts).await.into_iter();
    places
        .into_iter()
        .map(|place| {
            let violations = place?;
            // One came back for each draft that went in.
            match prepared.next() {
                Some(prepared) => judged(caller, prepared, violations),
                None => Err(Refusal::Other(Problem::internal())),
            }
        })
        .collect()
}

/// A request that could be read as a draft, with what is wrong with it so far.
struct Read {
    draft: Draft,
    violations: Vec<Violation>,
}

fn read<N: Need>(caller: &Caller<N>, request: NewMessage) -> Result<Read, Refusal> {
    caller.account(&request.account).map_err(Refusal::Other)?;
    let draft::Reading { draft, violations } = draft::read(
        request,
        &|name| caller.account(name).is_ok(),
        caller.key_id(),
        caller.trace_context().cloned(),
    );
    match draft {
        // What is refused anyway must not use a login code up.
        Some(draft) if violations.is_empty() || !uses_login_code(&draft) => {
            Ok(Read { draft, violations })
        }
        _ => Err(Refusal::Invalid {
            violations,
            preview: Card::default(),
        }),
    }
}

fn uses_login_code(draft: &Draft) -> bool {
    let of_ways = draft.fallback.iter().filter_map(|way| way.to.as_ref());
    std::iter::once(&draft.to)
        .chain(of_ways)
        .any(|to| matches!(to, To::LoginCode(_)))
}

/// What the engine says, with what was wrong before.
fn judged<N: Need>(
    caller: &Caller<N>,
    prepared: Result<Prepared, Rejection>,
    mut violations: Vec<Violation>,
) -> Result<Prepared, Refusal> {
    match prepared {
        Ok(prepared) if violations.is_empty() => Ok(prepared),
        Ok(prepared) => Err(Refusal::Invalid {
            preview: prepared.preview(),
            violations,
        }),
        Err(Rejection::Invalid {
            violations: found,
            preview,
        }) => {
            violations.extend(found);
            Err(Refusal::Invalid {
                violations,
                preview,
            })
        }
        // What the request itself says wrongly comes first: the rest may follow from it.
        Err(_) if !violations.is_empty() => Err(Refusal::Invalid {
            violations,
            preview: Card::default(),
        }),
        Err(Rejection::WrongAccount {
            account,
            mut belongs_to,
        }) => {
            // Others' accounts are not named to a key that may not see them.
            belongs_to.retain(|name| caller.may_touch(name));
            Err(Refusal::Other(wrong_account(&account, &belongs_to)))
        }
        Err(other) => Err(Refusal::Other(problem(other))),
    }
}

/// The openid is another account's.
fn wrong_account(account: &str, belongs_to: &[String]) -> Problem {
    let (whose, whose_zh) = if belongs_to.is_empty() {
        ("another account".to_owned(), "其他账号".to_owned())
    } else {
        (
            format!("the account {}", belongs_to.join(", ")),
            format!("账号 {}", belongs_to.join("、")),
        )
    };
    let sentence = format!(
        "this openid belongs to {whose}, not to {account:?}: a person has another openid at every account; send by that account, or name the person by to.unionid or to.user_id"
    );
    Problem::new(Code::WrongAccount, sentence.clone()).with_violations(vec![invalid(
        "/to/openid",
        "wrong_account",
        sentence,
        format!("该 openid 属于{whose_zh}，不属于“{account}”：同一个人在每个账号下的 openid 都不同；请用所属账号发送，或用 to.unionid、to.user_id 指定接收人"),
    )])
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
        Rejection::WrongAccount { account, .. } => wrong_account(&account, &[]),
        Rejection::Login(failure) => by_login(failure),
        Rejection::Way { index, rejection } => {
            let place = format!("/fallback/{index}");
            problem(*rejection).preceded_by(&place).below(&place)
        }
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
