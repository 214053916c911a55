use axum::response::Response;
use hongyan_api::{List, PageQuery, Template};

use super::names;
use crate::convert::template::template;
use crate::extract::{AtAccount, CanRead, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists an account's templates as last synced, by title: each with its slots, their
/// types and rules, the account's own names for them, and what may surprise.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/templates", tag = "templates", operation_id = "list_templates",
    params(("account" = String, Path, description = "The account's name."), PageQuery),
    responses((status = 200, description = "The templates.", body = List<Template>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn list(at: AtAccount<CanRead>, mut query: Query) -> Result<Response, Problem> {
    let page = PageOf::of(&mut query);
    query.done()?;
    let all = at.caller.engine().templates(at.account.id).await?;
    let found = page.cut(all, |template| template.id.as_str().as_bytes().to_vec());
    ok(&List::<Template> {
        items: found
            .items
            .into_iter()
            .map(|one| {
                let names = names(&at.account, &one.id);
                template(one, names)
            })
            .collect(),
        next_cursor: found.next_cursor,
    })
}
