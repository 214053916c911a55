use axum::response::Response;
use hongyan_api::{NewMessage, Validation};
use hongyan_domain::message::Card;
use hongyan_domain::template::Violation;

use super::intake::{Refusal, prepare};
use crate::convert::message::validation;
use crate::extract::{Caller, CanRead, Creation, Query};
use crate::problem::{Code, Problem};
use crate::v1::ok;

/// Checks a message without sending it.
///
/// Answers `200` with every rule it breaks and the card a phone would show.
/// Nothing is stored and nothing is sent. A login code is exchanged, though: it
/// names the person only so, and stays good for the message that follows.
#[utoipa::path(
    post, path = "/v1/messages/validate", tag = "messages", operation_id = "validate_message",
    request_body = NewMessage,
    responses((status = 200, description = "What the check found.", body = Validation)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn validate(
    caller: Caller<CanRead>,
    query: Query,
    request: Creation,
) -> Result<Response, Problem> {
    query.done()?;
    let refusal = match request.json::<NewMessage>() {
        Ok(message) => match prepare(&caller, message).await {
            Ok(prepared) => return answer(Vec::new(), prepared.preview()),
            Err(refusal) => refusal,
        },
        Err(problem) => Refusal::Other(problem),
    };
    match refusal {
        Refusal::Invalid {
            violations,
            preview,
        } => answer(violations, preview),
        Refusal::Other(problem) => match problem.code() {
            Code::ValidationFailed
            | Code::UnknownTemplate
            | Code::WrongKind
            | Code::RetiredKind
            | Code::WrongAccount
            | Code::UnknownPerson
            | Code::LoginRefused
            | Code::AccountDisabled => answer(problem.into_violations(), Card::default()),
            _ => Err(problem),
        },
    }
}

fn answer(violations: Vec<Violation>, card: Card) -> Result<Response, Problem> {
    ok(&validation(violations, card))
}
