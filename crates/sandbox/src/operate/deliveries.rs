//! Reading the list of deliveries.

use std::borrow::Cow;
use std::str::FromStr;

use serde::Serialize;
use serde_json::value::RawValue;

use super::ControlError;
use crate::Sandbox;
use crate::clock::rfc3339;
use crate::event::DeliveryLine;
use crate::journal::Place;
use crate::model::MessageKind;

/// Longest page.
const PAGE_LIMIT: usize = 100_000;
/// Page where no limit is given.
const PAGE_DEFAULT: usize = 1000;

/// Where a page starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Behind the delivery of that number.
    Number(u32),
    /// At that instant, milliseconds since 1970.
    Instant(i64),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        text.parse::<jiff::Timestamp>().map(|at| Self::Instant(at.as_millisecond())).map_err(|_| {
            "since must be next_since of the page before, or a time such as 2026-11-20T10:00:00Z"
                .to_owned()
        })
    }
}

/// Which deliveries to read.
#[derive(Debug, Clone, Default)]
pub struct DeliveryQuery {
    /// Of one account only.
    pub appid: Option<String>,
    /// Where to start; the first of all where absent.
    pub since: Option<Since>,
    /// How many; 1000 where absent, at most 100 000.
    pub limit: Option<usize>,
}

/// What became of a delivery, in the words of the receipt event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum DeliveryStatus {
    /// The phone shows it.
    #[serde(rename = "success")]
    Success,
    /// Accepted, but the person refuses messages.
    #[serde(rename = "failed:user block")]
    UserBlock,
}

/// One send that took effect.
#[derive(Debug, Clone, Serialize)]
pub struct DeliveryView {
    /// Its number, from 1 without gaps over all accounts.
    pub seq: u32,
    /// Sending account.
    pub appid: String,
    /// Recipient.
    pub openid: String,
    /// Kind of message.
    pub kind: MessageKind,
    /// Its template; empty for customer-service messages.
    pub template_id: String,
    /// The sender's own id, if one was sent.
    pub client_msg_id: Option<String>,
    /// WeChat's id.
    pub msgid: u64,
    /// `data` as it came in; of customer-service messages their body from
    /// `msgtype` on. `null` in memory once a hundred thousand newer ones are
    /// there; then `url`, `miniprogram` and `title` are gone too.
    pub data: Box<RawValue>,
    /// Page a tap opens.
    pub url: Option<String>,
    /// Mini program a tap opens, as it came in.
    pub miniprogram: Option<Box<RawValue>>,
    /// Scene of a one-time message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scene: Option<u32>,
    /// Title of a one-time message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What became of it.
    pub status: DeliveryStatus,
    /// When, RFC 3339 in UTC.
    pub at: String,
}

/// One page of deliveries, oldest first.
#[derive(Debug, Clone, Serialize)]
pub struct DeliveryPage {
    /// The deliveries.
    pub items: Vec<DeliveryView>,
    /// All deliveries (of the account), whatever the page.
    pub total: u64,
    /// `since` of the next page; also good for waiting for later ones.
    pub next_since: u32,
}

impl Sandbox {
    /// Reads deliveries page by page; the cost depends on the page alone.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown account,
    /// [`ControlError::Storage`] when the journal cannot be read.
    pub fn deliveries(&self, query: &DeliveryQuery) -> Result<DeliveryPage, ControlError> {
        let limit = query.limit.unwrap_or(PAGE_DEFAULT).min(PAGE_LIMIT);
        let since = match query.since {
            None => 0,
            Some(Since::Number(number)) => number,
            Some(Since::Instant(at)) => self.world.ledger.lock().before_instant(at),
        };
        let (total, places) = match &query.appid {
            Some(appid) => {
                let account = self.account(appid)?;
                let book = account.book.lock();
                let all = &book.deliveries;
                let start = all.partition_point(|seq| *seq <= since);
                let end = start.saturating_add(limit).min(all.len());
                (
                    all.len() as u64,
                    self.places(all[start..end].iter().copied()),
                )
            }
            None => {
                let count = self.world.ledger.lock().count();
                let end = u32::try_from(limit)
                    .unwrap_or(u32::MAX)
                    .saturating_add(since)
                    .min(count);
                (u64::from(count), self.places(since.saturating_add(1)..=end))
            }
        };
        let mut items = Vec::with_capacity(places.len());
        for place in places {
            items.push(item(&place.read()?)?);
        }
        let next_since = items.last().map_or(since, |last| last.seq);
        Ok(DeliveryPage {
            items,
            total,
            next_since,
        })
    }

    fn places(&self, numbers: impl Iterator<Item = u32>) -> Vec<Place> {
        let ledger = self.world.ledger.lock();
        numbers
            .filter_map(|seq| ledger.entry(seq))
            .map(|entry| ledger.place(entry))
            .collect()
    }
}

fn item(line: &[u8]) -> Result<DeliveryView, ControlError> {
    let line: DeliveryLine<'_> = serde_json::from_slice(line).map_err(std::io::Error::from)?;
    let status = if line.blocked {
        DeliveryStatus::UserBlock
    } else {
        DeliveryStatus::Success
    };
    Ok(DeliveryView {
        seq: line.seq,
        appid: line.appid.into_owned(),
        openid: line.openid.into_owned(),
        kind: line.kind,
        template_id: line.template_id.into_owned(),
        client_msg_id: line.client_msg_id.map(Cow::into_owned),
        msgid: line.msgid,
        data: line.data.to_owned(),
        url: line.url.map(Cow::into_owned),
        miniprogram: line.miniprogram.map(ToOwned::to_owned),
        scene: line.scene,
        title: line.title.map(Cow::into_owned),
        status,
        at: rfc3339(line.at),
    })
}
