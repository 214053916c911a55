//! `GET /sandbox/v1/events`: one stream of everything that happens, as
//! server-sent events (WHATWG HTML, "Server-sent events").

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, StreamExt as _, stream};
use http::HeaderMap;
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;

use super::Parameters;
use super::problem::Problem;
use crate::live::{Happening, News};
use crate::state::World;
use crate::{Direction, Sandbox};

/// Happenings told one by one; who would get more at once is told to look anew.
const AT_ONCE: usize = 200;
/// So long happenings gather, so that a flood becomes few packets.
const GATHER: Duration = Duration::from_millis(40);
/// Silence after which a comment shows that the connection lives.
const ALIVE: Duration = Duration::from_secs(15);

/// The parameter that stands for the header where a page opens its first stream.
const LAST: &str = "last_event_id";

struct Watcher {
    world: Arc<World>,
    bell: watch::Receiver<()>,
    next: u64,
    /// Must be told to look anew, whatever comes.
    missed: bool,
    greeted: bool,
}

/// Events are `message` (something new on a phone), `call` and `callback` (an
/// entry of the request log), `state` (something changed) and `overrun` (too
/// much was missed: read everything anew). The first one is `ready`.
pub(super) async fn events(
    State(sandbox): State<Sandbox>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let parameters = Parameters::read(query.as_deref(), &[LAST])?;
    // A browser that connects again repeats the address and adds the header.
    let header = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let last = header.or_else(|| parameters.get(LAST));
    let world = Arc::clone(&sandbox.world);
    let (now, bell) = world.live.watch();
    let known = last.map(|id| world.live.number(id));
    let watcher = Watcher {
        next: known.flatten().unwrap_or(now),
        missed: matches!(known, Some(None)),
        greeted: false,
        world,
        bell,
    };
    let batches = stream::unfold(watcher, |mut watcher| async move {
        let batch = watcher.batch().await?;
        Some((stream::iter(batch.into_iter().map(Ok)), watcher))
    });
    Ok(Sse::new(batches.flatten()).keep_alive(KeepAlive::new().interval(ALIVE)))
}

impl Watcher {
    /// What to send next; `None` at the end of the sandbox.
    async fn batch(&mut self) -> Option<Vec<Event>> {
        if !self.greeted {
            self.greeted = true;
            return Some(vec![self.event("ready", self.next, &json!({}))]);
        }
        loop {
            self.bell.borrow_and_update();
            if self.missed {
                self.missed = false;
                return Some(vec![self.event("overrun", self.next, &json!({}))]);
            }
            match self.world.live.since(self.next, AT_ONCE) {
                News::Some(all, next) => {
                    self.next = next;
                    return Some(all.into_iter().filter_map(|one| self.told(one)).collect());
                }
                News::Missed(next) => {
                    self.next = next;
                    self.missed = true;
                }
                News::Over => return None,
                News::None => {
                    self.bell.changed().await.ok()?;
                    tokio::time::sleep(GATHER).await;
                }
            }
        }
    }

    /// `None` where the log has forgotten the call meanwhile.
    fn told(&self, (number, happening): (u64, Happening)) -> Option<Event> {
        Some(match happening {
            Happening::Message {
                appid,
                openid,
                person_id,
            } => {
                let data = json!({ "appid": appid, "openid": openid, "person_id": person_id });
                self.event("message", number + 1, &data)
            }
            Happening::Call(call) => {
                let view = self.world.requests.view(call)?;
                let name = match view.direction {
                    Direction::In => "call",
                    Direction::Out => "callback",
                };
                self.event(name, number + 1, &view)
            }
            Happening::Changed(change) => self.event("state", number + 1, &change),
        })
    }

    /// The id of an event says where to go on behind it.
    fn event(&self, name: &str, next: u64, data: &impl Serialize) -> Event {
        let event = Event::default().event(name).id(self.world.live.id(next));
        // What is written here is maps and strings, which always become JSON.
        event.json_data(data).unwrap_or_default()
    }
}
