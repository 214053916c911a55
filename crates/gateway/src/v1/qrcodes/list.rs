use axum::response::Response;
use hongyan_api::{List, PageQuery, QrCode};
use hongyan_domain::port::Page;

use crate::convert::manage::qrcode;
use crate::extract::{AtAccount, CanRead, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists an account's codes by scene, with how often each was scanned and how many
/// followed by it.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/qrcodes", tag = "qrcodes", operation_id = "list_qrcodes",
    params(("account" = String, Path, description = "The account's name."), PageQuery),
    responses((status = 200, description = "The codes.", body = List<QrCode>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn list(at: AtAccount<CanRead>, mut query: Query) -> Result<Response, Problem> {
    let page = PageOf::of(&mut query);
    let after = page.after_text(&query)?;
    query.done()?;
    let wanted = Page {
        limit: page.limit + 1,
        after,
    };
    let engine = at.caller.engine();
    let found = engine.qrcodes(&at.account, &wanted).await?;
    let found = page.list(found, |code| code.scene.as_bytes().to_vec());
    let items = found.items.into_iter().map(|code| {
        let picture_url = engine.qrcode_picture(&code);
        qrcode(code, picture_url)
    });
    ok(&List::<QrCode> {
        items: items.collect(),
        next_cursor: found.next_cursor,
    })
}
