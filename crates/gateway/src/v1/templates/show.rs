use axum::response::Response;
use hongyan_api::Template;

use super::{id, names, unknown};
use crate::convert::template::template;
use crate::extract::{AtAccount, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Shows a template as last synced.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/templates/{id}", tag = "templates", operation_id = "get_template",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("id" = String, Path, description = "WeChat's id of the template."),
    ),
    responses((status = 200, description = "The template.", body = Template)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(at: AtAccount<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let id = id(&at.item)?;
    let all = at.caller.engine().templates(at.account.id).await?;
    let found = all.into_iter().find(|template| template.id == id);
    let found = found.ok_or_else(|| unknown(id.as_str()))?;
    ok(&template(found, names(&at.account, &id)))
}
