//! For tests: a whole Hongyan in one process, with a sandbox beside it and time
//! turned by hand. Development only; nothing of the product depends on it.
//!
//! The gateway and the sandbox are real and speak real HTTP on ports of their
//! own; the database is a real SQLite file. Nothing is sent in the background:
//! a test calls [`TestApp::pump`], which works the queue until nothing is due, and
//! [`TestApp::settle`], which waits until everything the sandbox calls back with has
//! been taken in.
//!
//! Usually the sandbox calls nobody back, so that requests can be counted;
//! [`TestApp::calling_back`] starts one where it does.

mod app;
mod backend;
mod browser;
mod callback;
mod drive;
pub mod scrape;

use std::future::Future;
use std::time::Duration;

pub use app::{TestApp, Wishes};
pub use backend::{Backend, Heard};
pub use browser::{Browser, Page};
pub use callback::{Answered, CALLBACK_KEY, CALLBACK_TOKEN, Callbacks, Push};

use hongyan_api::{Data, NewAccount, Secret, SlotValue};

/// When every test begins: noon in Beijing, far from midnight. A Saturday.
pub const START: &str = "2026-11-21T04:00:00Z";

/// The content of the official account's template.
pub const TEMPLATE: &str = "商品名称：{{thing1.DATA}}\n发货时间：{{time2.DATA}}\n";

/// The content of the mini program's template.
pub const SUBSCRIBE: &str = "取餐码：{{character_string1.DATA}}\n门店：{{thing2.DATA}}\n";

/// The one site that accounts may send people on to, and whose pages may have a
/// signature. Nothing answers there.
pub const SHOP: &str = "https://shop.example.com";

/// How long [`eventually`] looks.
const PATIENCE: Duration = Duration::from_secs(20);

/// An HTTP client that takes no way around this machine and follows nothing.
#[must_use]
pub fn http() -> reqwest::Client {
    // reqwest takes the process's provider of cryptography; whoever came first has
    // named one already.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client")
}

/// Slot keys and values.
#[must_use]
pub fn data(pairs: &[(&str, &str)]) -> Data {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), SlotValue::from(*value)))
        .collect()
}

/// The body of a request that adds an account.
#[must_use]
pub fn new_account(
    name: &str,
    kind: hongyan_api::AccountKind,
    appid: &str,
    secret: &str,
) -> NewAccount {
    NewAccount::new(name, kind, appid, Secret::from(secret))
}

/// Looks until there is something to see: for what another task does in its own
/// time.
///
/// # Panics
/// When there is nothing after twenty seconds.
pub async fn eventually<T, F>(mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found)
        .await
        .expect("it happens")
}
