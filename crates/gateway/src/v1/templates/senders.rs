use axum::response::Response;
use hongyan_api::{List, TemplateSender};

use super::{id, key_names};
use crate::convert::template::sender;
use crate::extract::{AtAccount, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists who used a template in the last 30 days, by API key.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/templates/{id}/senders", tag = "templates", operation_id = "list_template_senders",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("id" = String, Path, description = "WeChat's id of the template."),
    ),
    responses((status = 200, description = "Those who used it, all on one page.", body = List<TemplateSender>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn senders(at: AtAccount<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let id = id(&at.item)?;
    let engine = at.caller.engine();
    let used = engine.template_senders(at.account.id, &id).await?;
    let keys = key_names(engine).await?;
    ok(&List::<TemplateSender> {
        items: used.iter().map(|one| sender(one, &keys)).collect(),
        next_cursor: None,
    })
}
