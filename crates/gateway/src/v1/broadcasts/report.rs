use std::borrow::Cow;

use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use hongyan_domain::broadcast::Skipped;
use hongyan_domain::delivery::Delivery;
use hongyan_domain::message::State;
use hongyan_domain::port::{MessageFilter, Page, StoreError};
use hongyan_domain::{BroadcastId, MessageId};
use hongyan_engine::Engine;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};

use crate::extract::{Caller, CanRead, Query};
use crate::problem::Problem;

/// Messages read at a time.
const STEP: usize = 500;

const HEAD: &str =
    "who,openid,account,status,errcode,reason,message_id,attempts,created_at,settled_at\r\n";

/// The whole broadcast as CSV, a line for each person: the messages, the newest first,
/// then those for whom none was made (status `skipped`).
#[utoipa::path(
    get, path = "/v1/broadcasts/{id}/report", tag = "broadcasts", operation_id = "broadcast_report",
    params(("id" = String, Path, description = "`bc_` and 32 hexadecimal digits.")),
    responses((status = 200, description = "CSV (RFC 4180), UTF-8.", body = String, content_type = "text/csv")),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn report(
    caller: Caller<CanRead>,
    id: Result<Path<String>, PathRejection>,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let id = id.map_or_else(|_| String::new(), |id| id.0);
    let (found, _) = caller.broadcast(&id).await?;
    let report = Report {
        engine: caller.engine().clone(),
        id: found.id,
        part: Part::Head,
    };
    let pieces = stream::try_unfold(report, async |mut report| {
        let piece = report
            .next()
            .await
            .inspect_err(|error| tracing::warn!(%error, "a report of a broadcast broke off"))?;
        Ok::<_, StoreError>(piece.map(|piece| (Bytes::from(piece), report)))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8"),
    );
    let disposition = format!("attachment; filename=\"{}.csv\"", found.id);
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

struct Report {
    engine: Engine,
    id: BroadcastId,
    part: Part,
}

enum Part {
    Head,
    Messages(Option<MessageId>),
    Skipped(Option<i64>),
    End,
}

impl Report {
    /// The next piece; `None` = that was all.
    async fn next(&mut self) -> Result<Option<String>, StoreError> {
        match self.part {
            Part::Head => {
                self.part = Part::Messages(None);
                Ok(Some(HEAD.to_owned()))
            }
            Part::Messages(after) => {
                let filter = MessageFilter {
                    broadcast: Some(self.id),
                    ..MessageFilter::default()
                };
                let page = Page { limit: STEP, after };
                let found = self.engine.deliveries(&filter, page).await?;
                self.part = match found.last() {
                    Some(last) if found.len() == STEP => Part::Messages(Some(last.message.id)),
                    _ => Part::Skipped(None),
                };
                let mut text = String::new();
                for delivery in found {
                    self.message(delivery, &mut text).await?;
                }
                Ok(Some(text))
            }
            Part::Skipped(after) => {
                let page = Page { limit: STEP, after };
                let found = self.engine.skipped_of(self.id, &page).await?;
                self.part = match found.last() {
                    Some((number, _)) if found.len() == STEP => Part::Skipped(Some(*number)),
                    _ => Part::End,
                };
                let mut text = String::new();
                for (_, one) in found {
                    skipped(&one, &mut text);
                }
                Ok(Some(text))
            }
            Part::End => Ok(None),
        }
    }

    async fn message(&self, delivery: Delivery, text: &mut String) -> Result<(), StoreError> {
        let status = delivery.status(self.engine.clock().now()).as_str();
        let reason = match delivery.state {
            State::Failed | State::Unknown => {
                // Lists come without the attempts, which say why.
                let whole = self.engine.delivery(delivery.message.id).await?;
                whole
                    .and_then(|whole| whole.attempts.into_iter().next_back())
                    .and_then(|last| last.errmsg)
            }
            State::Undelivered => delivery.receipt.map(|receipt| receipt.status),
            _ => None,
        };
        let message = delivery.message;
        let account = self.engine.account_by_id(message.account);
        let openid = message.to.to_string();
        row(
            text,
            [
                message.reference.as_deref().unwrap_or(&openid),
                &openid,
                account.as_ref().map_or("", |one| one.name().as_str()),
                status,
                &delivery
                    .last_errcode
                    .map(|code| code.to_string())
                    .unwrap_or_default(),
                reason.as_deref().unwrap_or_default(),
                &message.id.to_string(),
                &delivery.attempt_count.to_string(),
                &message.created_at.to_string(),
                &delivery
                    .settled_at
                    .map(|at| at.to_string())
                    .unwrap_or_default(),
            ],
        );
        Ok(())
    }
}

fn skipped(one: &Skipped, text: &mut String) {
    let reason = match &one.detail {
        Some(detail) => format!("{}: {detail}", one.why.as_str()),
        None => one.why.as_str().to_owned(),
    };
    row(
        text,
        [&one.who, "", "", "skipped", "", &reason, "", "", "", ""],
    );
}

fn row(text: &mut String, cells: [&str; 10]) {
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&quoted(cell));
    }
    text.push_str("\r\n");
}

/// A cell (RFC 4180, section 2). What a spreadsheet would take for a formula gets an
/// apostrophe before it.
fn quoted(cell: &str) -> Cow<'_, str> {
    let cell: Cow<'_, str> = if cell.starts_with(['=', '+', '@', '\t']) {
        format!("'{cell}").into()
    } else {
        cell.into()
    };
    if cell.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\"")).into()
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stay_cells() {
        assert_eq!(quoted("a b"), "a b");
        assert_eq!(quoted("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
    }
}
