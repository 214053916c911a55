use axum::response::Response;
use hongyan_api::{ReplayCallback, Replayed};
use hongyan_engine::Replay;

use super::{id, unknown};
use crate::extract::{AtAccount, CanSend, Creation, Query, invalid};
use crate::problem::{Code, Problem};
use crate::v1::ok;

/// Sends a callback to the account's backends once more, exactly as WeChat sent
/// it.
///
/// What a backend answers to it is not given to WeChat.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/callbacks/{id}/replay", tag = "callbacks", operation_id = "replay_callback",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("id" = String, Path, description = "`evt_` and 32 hexadecimal digits."),
    ),
    request_body = Option<ReplayCallback>,
    responses((status = 200, description = "It is on its way.", body = Replayed)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn replay(
    at: AtAccount<CanSend>,
    query: Query,
    request: Creation,
) -> Result<Response, Problem> {
    query.done()?;
    let wanted: ReplayCallback = request.json_if_any()?;
    let id = id(&at.item)?;
    let engine = at.caller.engine();
    let url = wanted.url.as_deref();
    match engine.replay_callback(&at.account, id, url).await? {
        Replay::Queued(queued) => ok(&Replayed { queued }),
        Replay::Missing => Err(unknown()),
        Replay::NoBackend => Err(Problem::new(
            Code::NoBackend,
            "the account has no backends to send it to",
        )
        .zh("账号没有配置后端，无处可转发")),
        Replay::NotABackend => Err(Problem::invalid(vec![invalid(
            "/url",
            "not_listed",
            "the address is none of the account's backends",
            "该地址不是账号配置的后端",
        )])),
    }
}
