use axum::response::Response;
use hongyan_api::{LibraryKeyword, List};

use crate::convert::template::keyword;
use crate::extract::{AtAccount, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists the keywords that a title of WeChat's library offers.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/templates/library/{id}", tag = "templates", operation_id = "list_library_keywords",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("id" = String, Path, description = "The library's number of the title (`tid`)."),
    ),
    responses((status = 200, description = "The keywords.", body = List<LibraryKeyword>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn keywords(at: AtAccount<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let engine = at.caller.engine();
    let found = engine.library_keywords(&at.account, &at.item).await?;
    ok(&List::<LibraryKeyword> {
        items: found.iter().map(keyword).collect(),
        next_cursor: None,
    })
}
