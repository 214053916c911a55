use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use hongyan_api::Errcode;
use hongyan_wechat::ErrCode;

use super::shown;
use crate::extract::{Caller, CanRead, Query};
use crate::problem::{Code, Problem};
use crate::v1::ok;

/// Explains an errcode of WeChat's.
#[utoipa::path(
    get, path = "/v1/errcodes/{code}", tag = "errcodes", operation_id = "get_errcode",
    params(("code" = i64, Path, description = "The errcode.", example = 47003)),
    responses((status = 200, description = "What it means and what to do.", body = Errcode)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(
    _caller: Caller<CanRead>,
    code: Result<Path<String>, PathRejection>,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let text = code.map_or_else(|_| String::new(), |code| code.0);
    let found = text
        .parse()
        .ok()
        .and_then(|code| ErrCode(code).info())
        .and_then(shown);
    let Some(found) = found else {
        let text: String = text.chars().take(32).collect();
        return Err(Problem::new(
            Code::UnknownErrcode,
            format!(
                "the errcode {text:?} is not in the catalogue; GET /v1/errcodes?q= searches it"
            ),
        ));
    };
    ok(&found)
}
