//! From a request to a message that passed the check, or to why not.

use hongyan_api::NewMessage;
use hongyan_domain::template::{Line, Violation};
use hongyan_engine::{Prepared, Rejection};

use crate::convert::draft;
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
    caller.account(&request.account).map_err(Refusal::Other)?;
    let draft::Reading {
        draft,
        mut violations,
    } = draft::read(request, caller.key_id());
    let Some(draft) = draft else {
        return Err(Refusal::Invalid {
            violations,
            preview: Vec::new(),
        });
    };
    match caller.engine().prepare(draft).await {
        Ok(prepared) if violations.is_empty() => Ok(prepared),
        Ok(prepared) => Err(Refusal::Invalid {
            violations,
            preview: prepared.preview,
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

fn problem(rejection: Rejection) -> Problem {
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
        Rejection::UnknownTemplate {
            template_id,
            account,
            known,
            sync_failure,
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
            let (how, how_zh) = match sync_failure {
                None => (
                    format!(
                        "WeChat was asked for the list; it may be made new by POST /v1/accounts/{account}/templates/sync"
                    ),
                    format!("可用 POST /v1/accounts/{account}/templates/sync 重新同步"),
                ),
                Some(failure) => (
                    format!("WeChat could not be asked for the current list: {failure}"),
                    format!("无法向微信查询最新列表：{failure}"),
                ),
            };
            let sentence =
                format!("{account:?} has no template {template_id}; known are: {listed}; {how}");
            Problem::new(Code::UnknownTemplate, sentence.clone()).with_violations(vec![invalid(
                "/template_id",
                "unknown_template",
                sentence,
                format!("账号“{account}”没有模板 {template_id}；已知模板：{listed}；{how_zh}"),
            )])
        }
        Rejection::Invalid { violations, .. } => Problem::invalid(violations),
        Rejection::Store(error) => error.into(),
    }
}
