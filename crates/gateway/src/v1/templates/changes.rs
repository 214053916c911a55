use axum::response::Response;
use hongyan_api::{List, PageQuery, TemplateChange};
use hongyan_domain::port::Page;

use super::key_names;
use crate::convert::template::change;
use crate::extract::{AtAccount, CanRead, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists what syncs found changed, the newest first: what each template was and is,
/// and who used it in the 30 days before.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/templates/changes", tag = "templates", operation_id = "list_template_changes",
    params(("account" = String, Path, description = "The account's name."), PageQuery),
    responses((status = 200, description = "The changes.", body = List<TemplateChange>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn changes(at: AtAccount<CanRead>, mut query: Query) -> Result<Response, Problem> {
    let page = PageOf::of(&mut query);
    let after = page.after_text(&query)?;
    query.done()?;
    let wanted = Page {
        limit: page.limit + 1,
        after,
    };
    let engine = at.caller.engine();
    let found = engine.template_changes(at.account.id, &wanted).await?;
    let found = page.list(found, |(number, _)| number.to_string().into_bytes());
    let keys = key_names(engine).await?;
    ok(&List::<TemplateChange> {
        items: found
            .items
            .into_iter()
            .map(|(_, one)| change(one, &keys))
            .collect(),
        next_cursor: found.next_cursor,
    })
}
