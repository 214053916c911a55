use axum::response::Response;
use hongyan_api::{Contact, ContactFilter as Wanted, List, PageQuery};
use hongyan_domain::contact::Follow;
use hongyan_domain::port::{ContactFilter, Page};

use crate::convert::person::contact;
use crate::extract::{AtAccount, CanRead, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists the people an account knows, by openid.
///
/// Known is who did something that we were told of: followed, wrote, logged in,
/// consented.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/contacts", tag = "people", operation_id = "list_contacts",
    params(("account" = String, Path, description = "The account's name."), Wanted, PageQuery),
    responses((status = 200, description = "Those that fit.", body = List<Contact>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn list(at: AtAccount<CanRead>, mut query: Query) -> Result<Response, Problem> {
    let filter = ContactFilter {
        follow: query.read_with(
            "follow",
            (
                "unknown, following or unfollowed",
                " unknown、following 或 unfollowed",
            ),
            |text| Follow::ALL.into_iter().find(|one| one.as_str() == text),
        ),
        unionid: query.read("unionid", ("a unionid", "合法的 unionid")),
    };
    let page = PageOf::of(&mut query);
    let after = page.after_text(&query)?;
    query.done()?;
    let wanted = Page {
        limit: page.limit + 1,
        after,
    };
    let found = at
        .caller
        .engine()
        .contacts(&at.account, &filter, &wanted)
        .await?;
    let found = page.list(found, |one| one.openid.as_str().as_bytes().to_vec());
    ok(&List::<Contact> {
        items: found.items.into_iter().map(contact).collect(),
        next_cursor: found.next_cursor,
    })
}
