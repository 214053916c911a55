use axum::response::Response;
use hongyan_api::{LibraryQuery, LibraryTitles};

use crate::convert::template::titles;
use crate::extract::{AtAccount, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Searches WeChat's public library of subscribe templates and subscription notices
/// in the account's categories. What WeChat answers is kept for a day: its daily
/// allowance is some hundred calls.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/templates/library", tag = "templates", operation_id = "search_template_library",
    params(("account" = String, Path, description = "The account's name."), LibraryQuery),
    responses((status = 200, description = "The titles that fit.", body = LibraryTitles)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn library(at: AtAccount<CanRead>, mut query: Query) -> Result<Response, Problem> {
    let keyword = query.text("keyword");
    let category = query.read::<u32>("category", ("a category's number", "类目编号"));
    query.done()?;
    let found = at
        .caller
        .engine()
        .search_library(&at.account, category, keyword.as_deref())
        .await?;
    ok(&titles(found))
}
