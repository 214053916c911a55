use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use hongyan_api::{List, PageQuery, SkippedRecipient};
use hongyan_domain::port::Page;

use crate::convert::broadcast::skipped as shown;
use crate::extract::{Caller, CanRead, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists the people no message was made for, with the reason.
#[utoipa::path(
    get, path = "/v1/broadcasts/{id}/skipped", tag = "broadcasts", operation_id = "list_skipped",
    params(("id" = String, Path, description = "`bc_` and 32 hexadecimal digits."), PageQuery),
    responses((status = 200, description = "In the order they came.", body = List<SkippedRecipient>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn skipped(
    caller: Caller<CanRead>,
    id: Result<Path<String>, PathRejection>,
    mut query: Query,
) -> Result<Response, Problem> {
    let page = PageOf::of(&mut query);
    let after = page.after_text(&query)?;
    query.done()?;
    let id = id.map_or_else(|_| String::new(), |id| id.0);
    let (found, _) = caller.broadcast(&id).await?;
    let wanted = Page {
        limit: page.limit + 1,
        after,
    };
    let people = caller.engine().skipped_of(found.id, &wanted).await?;
    let people = page.list(people, |(number, _)| number.to_string().into_bytes());
    ok(&List::<SkippedRecipient> {
        items: people
            .items
            .into_iter()
            .map(|(_, one)| shown(one))
            .collect(),
        next_cursor: people.next_cursor,
    })
}
