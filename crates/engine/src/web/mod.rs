//! People's browsers: over WeChat's pages and back, and the JS-SDK.
//!
//! A walk begins at one of our addresses, leads over a page of WeChat's and comes
//! back with a `state` (or `reserved`). That text is random and signed, stands for
//! one walk, works once and for ten minutes, and only in the browser that has the
//! walk's cookie: a link somebody else made leads nowhere.

mod failure;
mod js;
mod oauth;
mod redirect;
mod subscribe;

pub use failure::WebFailure;
pub use js::{JsSignature, JsSignatureFailure, TagPage};
pub use subscribe::{SubscribeEnd, SubscribeReturn};

pub(crate) use js::JsTickets;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hmac::{Hmac, Mac};
use hongyan_domain::account::Account;
use hongyan_domain::clock::after;
use hongyan_domain::port::Walk;
use hongyan_wechat::{Base, Bases};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::Engine;
use crate::chance::secret_bytes;
use crate::people::digest;

/// How long a walk may take.
const WALK: Duration = Duration::from_secs(10 * 60);

/// Characters of the random part of a walk's text, and of its signature.
const RANDOM: usize = 32;
const SIGNATURE: usize = 32;

/// Some phones ask for the address they are sent back to twice; the second time they
/// get the same answer so long.
const TWICE: Duration = Duration::from_secs(30);

/// Arrivals remembered at most.
const ARRIVALS: usize = 10_000;

/// What browsers that came back a moment ago were answered, by [`arrival`].
#[derive(Debug)]
pub(crate) struct Arrivals<T>(Mutex<HashMap<[u8; 32], (T, Timestamp)>>);

impl<T> Default for Arrivals<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Arrivals<T> {
    fn find(&self, key: &[u8; 32], now: Timestamp) -> Option<T> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (answer, until) = known.get(key)?;
        (*until > now).then(|| answer.clone())
    }

    fn note(&self, key: [u8; 32], answer: T, now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ARRIVALS {
            known.retain(|_, (_, until)| *until > now);
        }
        if known.len() < ARRIVALS {
            known.insert(key, (answer, after(now, TWICE)));
        }
    }
}

/// By what the return of a walk is known: only the browser that has the cookie
/// finds what was answered.
fn arrival(text: &str, cookie: Option<&str>) -> [u8; 32] {
    digest(&format!("{text} {}", cookie.unwrap_or_default()))
}

/// Off to WeChat's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leave {
    /// Where to.
    pub location: String,
    /// To be kept in the browser until it comes back; secret.
    pub cookie: String,
}

impl Engine {
    /// The address people's browsers reach us at, without a slash at the end.
    /// Known once the gateway listens; the first to say so counts.
    pub fn set_public_url(&self, url: &str) {
        let _ = self.public_url.set(url.trim_end_matches('/').to_owned());
    }

    /// Where the pages are that stand in for WeChat's, such as a sandbox's; `None`
    /// where they are WeChat's own.
    pub fn stand_in(&self) -> Option<String> {
        let open = self.wechat.bases().get(Base::Open);
        (*open != Bases::default().open).then(|| open.to_string())
    }

    pub(crate) fn public_url(&self) -> Result<&str, WebFailure> {
        self.public_url
            .get()
            .map(String::as_str)
            .ok_or(WebFailure::NoPublicUrl)
    }

    fn web_account(&self, account: &str) -> Result<Arc<Account>, WebFailure> {
        self.registry
            .by_name(account)
            .filter(|account| !account.settings.disabled)
            .ok_or(WebFailure::UnknownAccount)
    }

    /// Begins a walk: the text that comes back, and the browser's cookie.
    async fn begin_walk(
        &self,
        account: &Account,
        purpose: &impl Serialize,
    ) -> Result<(String, String), WebFailure> {
        let secret = hex(&secret_bytes());
        let (random, cookie) = secret.split_at(RANDOM);
        let text = format!("{random}{}", signature(account, random));
        let kept = Kept {
            cookie: hex(&digest(cookie)),
            purpose,
        };
        let walk = Walk {
            account: account.id,
            purpose: serde_json::to_string(&kept).map_err(|_| WebFailure::Lost)?,
            ends_at: after(self.clock.now(), WALK),
        };
        self.store.begin_walk(&digest(&text), &walk).await?;
        Ok((text, cookie.to_owned()))
    }

    /// Ends a walk; what it was for.
    async fn end_walk<P: DeserializeOwned>(
        &self,
        account: &Account,
        text: &str,
        cookie: Option<&str>,
    ) -> Result<P, WebFailure> {
        let cookie = cookie.ok_or(WebFailure::OtherBrowser)?;
        if !is_ours(account, text) {
            return Err(WebFailure::Lost);
        }
        let walk = self.store.end_walk(&digest(text)).await?;
        let walk = walk
            .filter(|walk| walk.account == account.id)
            .ok_or(WebFailure::Lost)?;
        let kept: Kept<P> = serde_json::from_str(&walk.purpose).map_err(|_| WebFailure::Lost)?;
        let same = kept
            .cookie
            .as_bytes()
            .ct_eq(hex(&digest(cookie)).as_bytes());
        if !bool::from(same) {
            return Err(WebFailure::OtherBrowser);
        }
        Ok(kept.purpose)
    }
}

/// What is stored of a walk.
#[derive(Serialize, serde::Deserialize)]
struct Kept<P> {
    /// SHA-256 of the browser's cookie, hexadecimal.
    cookie: String,
    purpose: P,
}

/// Whether a text that came back was made for this account.
fn is_ours(account: &Account, text: &str) -> bool {
    let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text.len() != RANDOM + SIGNATURE || !hexadecimal {
        return false;
    }
    let (random, given) = text.split_at(RANDOM);
    signature(account, random)
        .as_bytes()
        .ct_eq(given.as_bytes())
        .into()
}

/// Half of an HMAC-SHA256 whose key is made of the account's AppSecret, which every
/// node has.
fn signature(account: &Account, random: &str) -> String {
    let key = account.settings.secret.expose().as_bytes();
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(b"hongyan walk ");
    mac.update(random.as_bytes());
    let mut whole = hex(&mac.finalize().into_bytes());
    whole.truncate(SIGNATURE);
    whole
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
