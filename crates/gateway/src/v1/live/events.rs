use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use hongyan_api::{Happened, Happenings};
use hongyan_domain::history::Happening;
use tokio::sync::broadcast::error::RecvError;

use super::add;
use crate::extract::{Caller, CanRead, Query, Stopping};
use crate::problem::Problem;

/// How often a line goes to a stream on which nothing happens: proxies close what is
/// silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// A stream of what happens on this node (Server-Sent Events): at most once a second an
/// event `happened` with the counts by account, and an event `missed` where the reader
/// was too slow and should look at everything anew. It says what to look at again; it is
/// no log.
#[utoipa::path(
    get, path = "/v1/events", tag = "stats", operation_id = "events",
    responses((status = 200, description = "The stream; each `happened` carries this.", body = Happened, content_type = "text/event-stream")),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn events(
    caller: Caller<CanRead>,
    query: Query,
    stopping: Stopping,
) -> Result<Response, Problem> {
    query.done()?;
    let happenings = caller.engine().watch();
    let stop = Box::pin(stopping.asked());
    let events = stream::unfold(
        (caller, happenings, stop),
        |(caller, mut happenings, mut stop)| async move {
            loop {
                let happened = tokio::select! {
                    () = &mut stop => return None,
                    happened = happenings.recv() => happened,
                };
                let event = match happened {
                    Ok(happened) => match told(&caller, &happened) {
                        Some(event) => event,
                        None => continue,
                    },
                    Err(RecvError::Lagged(_)) => Event::default().event("missed").data("{}"),
                    Err(RecvError::Closed) => return None,
                };
                return Some((Ok::<_, Infallible>(event), (caller, happenings, stop)));
            }
        },
    );
    Ok(Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response())
}

/// What the caller may see of it.
fn told(caller: &Caller<CanRead>, happened: &hongyan_engine::Happened) -> Option<Event> {
    let accounts: std::collections::BTreeMap<_, _> = happened
        .accounts
        .iter()
        .filter_map(|(id, totals)| {
            let name = caller.engine().account_by_id(*id)?.name().to_string();
            let mut shown = Happenings::default();
            for what in Happening::ALL {
                if what != Happening::Refused {
                    add(&mut shown, what, 0, totals.of(what));
                }
            }
            shown.refused = totals.refused().clone();
            caller.may_touch(&name).then_some((name, shown))
        })
        .collect();
    if accounts.is_empty() {
        return None;
    }
    let happened = Happened {
        at: happened.at,
        accounts,
    };
    Event::default().event("happened").json_data(&happened).ok()
}
