use axum::response::Response;
use hongyan_api::{List, Media, PageQuery};
use hongyan_domain::MediaId;
use hongyan_domain::port::Page;

use crate::convert::manage::media;
use crate::extract::{AtAccount, CanRead, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists an account's files, the newest first.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/media", tag = "media", operation_id = "list_media",
    params(("account" = String, Path, description = "The account's name."), PageQuery),
    responses((status = 200, description = "The files.", body = List<Media>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn list(at: AtAccount<CanRead>, mut query: Query) -> Result<Response, Problem> {
    let page = PageOf::of(&mut query);
    let after = match &page.after {
        None => None,
        Some(cursor) => Some(
            <[u8; 16]>::try_from(cursor.as_slice())
                .map(MediaId::from_bytes)
                .map_err(|_| query.refuse("cursor"))?,
        ),
    };
    query.done()?;
    let wanted = Page {
        limit: page.limit + 1,
        after,
    };
    let found = at.caller.engine().medias(&at.account, &wanted).await?;
    let found = page.list(found, |media| media.id.as_bytes().to_vec());
    ok(&List::<Media> {
        items: found.items.into_iter().map(media).collect(),
        next_cursor: found.next_cursor,
    })
}
