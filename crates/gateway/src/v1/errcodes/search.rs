use axum::response::Response;
use hongyan_api::{Errcode, List, PageQuery};
use hongyan_wechat::ErrCode;

use super::shown;
use crate::extract::{Caller, CanRead, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Searches the catalogue of WeChat's errcodes, ascending by code.
#[utoipa::path(
    get, path = "/v1/errcodes", tag = "errcodes", operation_id = "search_errcodes",
    params(
        ("q" = Option<String>, Query, description = "Words in any column, or the beginning of a code. Left out = all."),
        PageQuery,
    ),
    responses((status = 200, description = "Those that fit.", body = List<Errcode>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn search(
    _caller: Caller<CanRead>,
    mut query: Query,
) -> Result<Response, Problem> {
    let words = query.text("q").unwrap_or_default();
    let page = PageOf::of(&mut query);
    query.done()?;
    let found = ErrCode::search(&words).collect();
    let found = page.cut(found, |info| info.code.0.to_be_bytes().to_vec());
    ok(&List::<Errcode> {
        items: found.items.into_iter().filter_map(shown).collect(),
        next_cursor: found.next_cursor,
    })
}
