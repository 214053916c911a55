//! WeChat's side of the sandbox: one dispatcher, one file per family of calls.
//!
//! Checks happen in a fixed order (the real one is not documented): path,
//! length and size of the body, faults, method, token, quotas, permission,
//! body, then what the call itself demands.

mod admin;
mod custom_send;
pub(crate) mod dispatch;
pub(crate) mod endpoints;
mod library;
mod material;
mod media;
mod menu;
mod menu_rules;
mod multipart;
mod network;
mod newtmpl;
mod oauth;
mod one_time_send;
mod openapi;
mod payload;
mod qrcode;
mod query;
mod session;
mod subscribe_send;
mod table;
mod tags;
mod template_send;
mod ticket;
mod tokens;
mod typing;
pub(crate) mod users;

use std::cell::Cell;
use std::io;
use std::net::IpAddr;

use bytes::Bytes;
use serde::Deserialize;

use crate::clock::beijing_day;
use crate::event::Event;
use crate::refusal::{self, Refusal};
use crate::state::World;
use crate::state::account::Account;
use endpoints::ENDPOINTS;
use query::Query;

/// Decoded pairs of a query string, for the control API.
pub(crate) fn query_pairs(query: &str) -> Vec<(String, String)> {
    Query(query)
        .pairs()
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect()
}

/// A parameter of the query, empty where it is absent.
fn field(call: &Call<'_>, name: &str) -> String {
    call.query.get(name).unwrap_or_default().into_owned()
}

/// One call on its way through the handlers.
pub(crate) struct Call<'a> {
    pub(crate) world: &'a World,
    /// Position in the table of endpoints.
    pub(crate) endpoint: usize,
    pub(crate) query: Query<'a>,
    pub(crate) body: &'a [u8],
    /// Of the body; empty where none was told.
    pub(crate) content_type: &'a str,
    /// Under which name the sandbox was called; empty where none was told.
    pub(crate) host: &'a str,
    pub(crate) peer: IpAddr,
    /// Virtual time at which the call came.
    pub(crate) now: i64,
    /// Number of this call among today's, once counted.
    used: Cell<u64>,
    /// Whether the journal holds that number already.
    used_written: Cell<bool>,
    /// Account the call turned out to be about.
    account: Cell<Option<u32>>,
}

impl Call<'_> {
    /// The account the token in the query speaks for.
    fn authenticate(&self) -> Result<u32, Refusal> {
        let token = self
            .query
            .get("access_token")
            .filter(|token| !token.is_empty());
        let token = token.ok_or(refusal::TOKEN_MISSING)?;
        self.world.tokens.verify(&token, self.now)
    }

    /// Counts the call against what the account may do in a day and a minute.
    fn charge(&self, account: &Account) -> Result<(), Refusal> {
        self.account.set(Some(account.index));
        let endpoint = &ENDPOINTS[self.endpoint];
        let Some(daily) = endpoint.daily else {
            return Ok(());
        };
        let mut book = account.book.lock();
        let default = endpoints::daily_limit(endpoint, daily, &book);
        book.daily(self.endpoint).check(default, self.now)?;
        book.minute(self.endpoint)
            .charge(endpoint.per_minute(), self.now)?;
        self.used
            .set(book.daily(self.endpoint).charge(default, self.now)?);
        Ok(())
    }

    /// Writes the number of the call, unless a delivery has carried it.
    fn write_charge(&self, account: &Account) -> io::Result<()> {
        if self.used.get() == 0 || self.used_written.get() {
            return Ok(());
        }
        self.used_written.set(true);
        self.world.ledger.lock().record_with(|| Event::Quota {
            appid: account.appid.to_string(),
            path: ENDPOINTS[self.endpoint].path.to_owned(),
            day: beijing_day(self.now),
            used: self.used.get(),
            exact: false,
        })
    }

    /// The address of the sandbox as the caller sees it, without a slash at the end.
    fn base(&self) -> String {
        match &self.world.config.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.host),
        }
    }

    /// The body as JSON: 44002 if empty, 47001 if it is none or has a field of
    /// the wrong type, 47002 for `\u` escapes where the account wants that.
    fn json<'b, T: Deserialize<'b>>(&'b self, account: Option<&Account>) -> Result<T, Refusal> {
        if self.body.is_empty() {
            return Err(refusal::EMPTY_BODY);
        }
        let strict = account.is_some_and(|one| one.settings.read().reject_unicode_escapes);
        if strict && payload::has_unicode_escape(self.body) {
            return Err(refusal::UNICODE_ESCAPES);
        }
        serde_json::from_slice(self.body).map_err(|_| refusal::DATA_FORMAT)
    }
}

/// A success that is a file, or JSON where a file may be expected.
#[derive(Debug)]
pub(crate) struct Download {
    mime: &'static str,
    /// Name under which it is to be saved.
    filename: Option<String>,
    bytes: Bytes,
}

impl Download {
    /// An answer in words.
    fn json(value: &serde_json::Value) -> Self {
        Self {
            mime: "application/json; encoding=utf-8",
            filename: None,
            bytes: value.to_string().into(),
        }
    }
}

/// A failure to write the journal is the platform's fault, not the caller's.
impl From<io::Error> for Refusal {
    fn from(_: io::Error) -> Self {
        refusal::SYSTEM
    }
}
