use axum::response::Response;
use hongyan_api::{BroadcastPreview, NewBroadcast, PersonPreview};
use hongyan_domain::template::Violation;
use hongyan_engine::Rejection;

use crate::convert::broadcast::read;
use crate::convert::message::validation;
use crate::convert::violation;
use crate::extract::{Caller, CanRead, Creation, Query, invalid};
use crate::problem::Problem;
use crate::v1::messages::intake::problem;
use crate::v1::ok;

/// People a preview is written for at most.
const MOST_PEOPLE: usize = 100;

/// Shows what a broadcast would say to some people, without making it.
///
/// Takes what `POST /v1/broadcasts` takes, with at most 100 `recipients`, and answers
/// `200` with each person's card and every rule that breaks. With another audience only
/// what is said is looked at. Nothing is stored and nobody is told anything.
#[utoipa::path(
    post, path = "/v1/broadcasts/preview", tag = "broadcasts", operation_id = "preview_broadcast",
    request_body = NewBroadcast,
    responses((status = 200, description = "What it would say.", body = BroadcastPreview)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn preview(
    caller: Caller<CanRead>,
    query: Query,
    request: Creation,
) -> Result<Response, Problem> {
    query.done()?;
    let wanted: NewBroadcast = request.json()?;
    caller.account(&wanted.account)?;
    let named = wanted.audience.recipients.as_ref().map_or(0, Vec::len);
    if named > MOST_PEOPLE {
        return answer(
            vec![invalid(
                "/audience/recipients",
                "count",
                format!(
                    "a preview is written for at most {MOST_PEOPLE} people, not {named}; send the first of them"
                ),
                format!("预览最多 {MOST_PEOPLE} 人，现为 {named} 人；请只发送前面的人"),
            )],
            Vec::new(),
        );
    }
    let is_known = |name: &str| caller.account(name).is_ok();
    let new = match read(wanted, caller.key_id(), &is_known) {
        Ok(new) => new,
        Err(violations) => return answer(violations, Vec::new()),
    };
    let previewed = match caller.engine().preview_broadcast(new).await {
        Ok(previewed) => previewed,
        Err(Rejection::Invalid { violations, .. }) => return answer(violations, Vec::new()),
        Err(rejection) => return Err(problem(rejection)),
    };
    let people = previewed.people.into_iter().map(|person| PersonPreview {
        who: person.to.as_str().to_owned(),
        check: validation(person.violations, person.card),
    });
    answer(previewed.violations, people.collect())
}

fn answer(violations: Vec<Violation>, people: Vec<PersonPreview>) -> Result<Response, Problem> {
    ok(&BroadcastPreview {
        valid: violations.is_empty() && people.iter().all(|person| person.check.valid),
        violations: violations.into_iter().map(violation).collect(),
        people,
    })
}
