//! What the owner's own programs are sent over HTTP: forwarded callbacks, questions
//! for a reply, webhooks.

pub(crate) mod guard;
pub(crate) mod sign;

use std::time::Duration;

use reqwest::ClientBuilder;

/// The longest answer that is read.
const LONGEST_ANSWER: usize = 256 * 1024;

/// Why a program did not take what it was sent, without secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostError {
    /// It answered with another status than 2xx.
    #[error("it answered with status {0}")]
    Status(u16),
    /// It did not answer, or not in time.
    #[error("{0}")]
    NoAnswer(&'static str),
    /// It answered at too great length.
    #[error("its answer is longer than 256 KiB")]
    TooLong,
}

impl From<reqwest::Error> for PostError {
    fn from(error: reqwest::Error) -> Self {
        Self::NoAnswer(if guard::refused(&error) {
            guard::REFUSED
        } else if error.is_timeout() {
            "it did not answer in time"
        } else if error.is_connect() {
            "it could not be reached"
        } else {
            "the connection broke"
        })
    }
}

/// What all clients have in common. Redirects are not followed: who answers must be
/// who was named.
fn client() -> ClientBuilder {
    // reqwest takes the process's provider of cryptography; whoever came first
    // has set the same one.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(3))
        .user_agent(concat!("hongyan/", env!("CARGO_PKG_VERSION")))
}

/// Clients for programs the owner of the gateway named, wherever they are.
#[derive(Debug)]
pub(crate) struct Clients {
    http: reqwest::Client,
    /// For programs on this machine: whatever proxy is set is not meant for them.
    here: reqwest::Client,
}

impl Clients {
    pub(crate) fn new() -> Self {
        Self {
            http: client().build().unwrap_or_default(),
            here: client().no_proxy().build().unwrap_or_default(),
        }
    }

    /// The one for this address.
    pub(crate) fn of(&self, url: &str) -> &reqwest::Client {
        let is_here = url::Url::parse(url).is_ok_and(|url| match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        });
        if is_here { &self.here } else { &self.http }
    }
}

/// The answer's status and text, if it says that all is well.
pub(crate) async fn read(mut response: reqwest::Response) -> Result<(u16, String), PostError> {
    let status = response.status();
    if !status.is_success() {
        return Err(PostError::Status(status.as_u16()));
    }
    let mut said = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if said.len() + chunk.len() > LONGEST_ANSWER {
            return Err(PostError::TooLong);
        }
        said.extend_from_slice(&chunk);
    }
    Ok((status.as_u16(), String::from_utf8_lossy(&said).into_owned()))
}
