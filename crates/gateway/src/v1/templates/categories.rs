use axum::response::Response;
use hongyan_api::{List, TemplateCategory};

use crate::convert::template::category;
use crate::extract::{AtAccount, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists an account's service categories, from whose library templates can be taken.
/// WeChat is asked once a day at most.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/templates/categories", tag = "templates", operation_id = "list_template_categories",
    params(("account" = String, Path, description = "The account's name.")),
    responses((status = 200, description = "The categories.", body = List<TemplateCategory>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn categories(at: AtAccount<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let found = at.caller.engine().template_categories(&at.account).await?;
    ok(&List::<TemplateCategory> {
        items: found.iter().map(category).collect(),
        next_cursor: None,
    })
}
