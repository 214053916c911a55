//! Reading both sides once everything has come to rest.

use std::time::{Duration, Instant};

use hongyan_api::{ApiError, Client, List, Message, MessageFilter, PageQuery, Status};
use tokio::time::sleep;

use crate::failure::{Failure, call};
use crate::judge::Listed;
use crate::node::SharedNode;

/// How long it may take until everything has come to rest: a message that was
/// refused with 45011 waits for 70 s, then there are the leases of the dead and
/// some retries.
const REST_PATIENCE: Duration = Duration::from_secs(150);
/// How long a node may fail to answer, after all breaking is over.
const CALL_PATIENCE: Duration = Duration::from_secs(60);
/// The most a page has.
const PAGE: u32 = 500;

const OPEN: [Status; 4] = [
    Status::Scheduled,
    Status::Queued,
    Status::Sending,
    Status::Retrying,
];

/// Waits until no message is open. Whether that was reached.
///
/// # Errors
/// When no node answers.
pub(crate) async fn rest(nodes: &[SharedNode]) -> Result<bool, Failure> {
    let began = Instant::now();
    // A message may change from one of these to another between two looks.
    let mut calm = 0;
    while calm < 2 {
        if is_any_open(nodes).await? {
            calm = 0;
            if began.elapsed() > REST_PATIENCE {
                return Ok(false);
            }
        } else {
            calm += 1;
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(true)
}

async fn is_any_open(nodes: &[SharedNode]) -> Result<bool, Failure> {
    for status in OPEN {
        let filter = MessageFilter {
            status: Some(status),
            ..MessageFilter::default()
        };
        let page = PageQuery {
            limit: Some(1),
            cursor: None,
        };
        if !search(nodes, &filter, &page).await?.items.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// All messages, as the gateways list them.
///
/// # Errors
/// When no node answers.
pub(crate) async fn list(nodes: &[SharedNode]) -> Result<Vec<Listed>, Failure> {
    let mut all = Vec::new();
    let mut page = PageQuery {
        limit: Some(PAGE),
        cursor: None,
    };
    loop {
        let found = search(nodes, &MessageFilter::default(), &page).await?;
        all.extend(found.items.into_iter().map(listed));
        page.cursor = found.next_cursor;
        if page.cursor.is_none() {
            return Ok(all);
        }
    }
}

fn listed(message: Message) -> Listed {
    Listed {
        id: message.id,
        // Those of a broadcast are known by what they say alone.
        reference: message
            .reference
            .or_else(|| Some(message.data.get("thing1")?.value.clone()))
            .unwrap_or_default(),
        kind: message.kind,
        on_unknown: message.on_unknown,
        status: message.status,
        expires: message.expires_at.is_some(),
        attempts: message.attempt_count,
    }
}

async fn search(
    nodes: &[SharedNode],
    filter: &MessageFilter,
    page: &PageQuery,
) -> Result<List<Message>, Failure> {
    let began = Instant::now();
    loop {
        let answer = match nodes.iter().find_map(|node| node.client()) {
            Some(client) => client.messages(filter, page).await,
            None => Err(ApiError {
                status: None,
                problem: None,
                reason: "no gateway is up".to_owned(),
            }),
        };
        match answer {
            Err(_) if began.elapsed() < CALL_PATIENCE => sleep(Duration::from_millis(100)).await,
            answer => return answer.map_err(call("GET /v1/messages")),
        }
    }
}

/// A message with its attempts, for whoever has to find out what went wrong.
pub(crate) async fn history(client: &Client, id: &str) -> String {
    match client.message(id).await {
        Ok(message) => serde_json::to_string(&message).unwrap_or_else(|error| error.to_string()),
        Err(error) => error.reason,
    }
}
