mod broadcasts;
mod callbacks;
mod manage;
mod people;
mod quotas;
mod templates;
mod webhooks;

pub use broadcasts::BroadcastVerb;

use std::fmt;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{
    Accepted, AccessToken, Account, BatchResults, ChangeAccount, CheckReport, CreatedKey, Errcode,
    Key, List, Message, MessageBatch, MessageFilter, NewAccount, NewKey, NewMessage, PageQuery,
    Problem, Validation,
};

/// The name of the header that makes a repeated request harmless.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long a request may take that waits for nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything but the unreserved characters of RFC 3986 is escaped in a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Why a call of the API did not succeed.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    /// The HTTP status; `None` = there was no answer.
    pub status: Option<u16>,
    /// What the gateway said, if it was the gateway that answered.
    pub problem: Option<Box<Problem>>,
    /// One sentence, without secrets.
    pub reason: String,
}

impl ApiError {
    /// The stable code of the problem.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.problem.as_deref().map(|problem| problem.code.as_str())
    }

    fn local(reason: String) -> Self {
        Self {
            status: None,
            problem: None,
            reason,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        for violation in self.problem.iter().flat_map(|problem| &problem.violations) {
            write!(f, "\n  {}: {}", violation.pointer, violation.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ApiError {}

/// How to send a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendOptions {
    /// Seconds to wait for the outcome, at most 60.
    pub wait: Option<u32>,
    /// Makes a repeat of the request harmless for 24 hours: 1 to 255 visible
    /// ASCII characters.
    pub idempotency_key: Option<String>,
}

/// What became of a message that was sent.
#[derive(Debug, Clone)]
pub enum Sent {
    /// It is on disk; its outcome is not known yet.
    Queued(Accepted),
    /// Its outcome is known.
    Known(Box<Message>),
}

impl Sent {
    /// The message's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Queued(accepted) => &accepted.id,
            Self::Known(message) => &message.id,
        }
    }
}

/// A client of the gateway's API. Cheap to clone; it never repeats a request by
/// itself and never shows its key.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the gateway at `base_url`, such as `http://127.0.0.1:8600`,
    /// with the API key `api_key`.
    ///
    /// # Errors
    /// When the URL is not http or https, or the key cannot stand in a header.
    pub fn new(base_url: &str, api_key: &str) -> Result<Self, ApiError> {
        let url = reqwest::Url::parse(base_url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                let example = "http://127.0.0.1:8600";
                ApiError::local(format!("{base_url:?} is not a URL like {example}"))
            })?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {api_key}")).map_err(|_| {
            ApiError::local("the API key contains characters that cannot be sent".to_owned())
        })?;
        bearer.set_sensitive(true);
        // reqwest takes the process's provider of cryptography. Whoever came first
        // has named one already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("hongyan/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .timeout(PATIENCE);
        if is_this_machine(&url) {
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| ApiError::local(format!("no HTTP client: {}", chain(&error))))?;
        Ok(Self {
            http,
            base: url.as_str().trim_end_matches('/').to_owned(),
        })
    }

    /// `POST /v1/messages`.
    ///
    /// # Errors
    /// See [`ApiError`]; so it is for every call below.
    pub async fn send(
        &self,
        message: &NewMessage,
        options: &SendOptions,
    ) -> Result<Sent, ApiError> {
        let mut request = self.post("/v1/messages", options.idempotency_key.as_deref());
        if let Some(wait) = options.wait {
            let patience = PATIENCE + Duration::from_secs(u64::from(wait));
            request = request.query(&[("wait", wait)]).timeout(patience);
        }
        let response = answered(request.json(message)).await?;
        if response.status().as_u16() == 202 {
            read(response).await.map(Sent::Queued)
        } else {
            read(response)
                .await
                .map(|message| Sent::Known(Box::new(message)))
        }
    }

    /// `POST /v1/messages/batch`.
    pub async fn send_batch(
        &self,
        batch: &MessageBatch,
        idempotency_key: Option<&str>,
    ) -> Result<BatchResults, ApiError> {
        call(self.post("/v1/messages/batch", idempotency_key).json(batch)).await
    }

    /// `POST /v1/messages/validate`.
    pub async fn validate(&self, message: &NewMessage) -> Result<Validation, ApiError> {
        call(self.post("/v1/messages/validate", None).json(message)).await
    }

    /// `GET /v1/messages`, the newest first.
    pub async fn messages(
        &self,
        filter: &MessageFilter,
        page: &PageQuery,
    ) -> Result<List<Message>, ApiError> {
        call(self.get("/v1/messages").query(filter).query(page)).await
    }

    /// `GET /v1/messages/{id}`.
    pub async fn message(&self, id: &str) -> Result<Message, ApiError> {
        call(self.get(&format!("/v1/messages/{}", segment(id)))).await
    }

    /// `POST /v1/messages/{id}/cancel`.
    pub async fn cancel(&self, id: &str) -> Result<Message, ApiError> {
        call(self.post(&format!("/v1/messages/{}/cancel", segment(id)), None)).await
    }

    /// `POST /v1/messages/{id}/retry`.
    pub async fn retry(&self, id: &str) -> Result<Message, ApiError> {
        call(self.post(&format!("/v1/messages/{}/retry", segment(id)), None)).await
    }

    /// `GET /v1/accounts`, by name.
    pub async fn accounts(&self, page: &PageQuery) -> Result<List<Account>, ApiError> {
        call(self.get("/v1/accounts").query(page)).await
    }

    /// `POST /v1/accounts`.
    pub async fn add_account(
        &self,
        account: &NewAccount,
        idempotency_key: Option<&str>,
    ) -> Result<Account, ApiError> {
        call(self.post("/v1/accounts", idempotency_key).json(account)).await
    }

    /// `GET /v1/accounts/{account}`.
    pub async fn account(&self, name: &str) -> Result<Account, ApiError> {
        call(self.get(&account_path(name, ""))).await
    }

    /// `PATCH /v1/accounts/{account}`.
    pub async fn change_account(
        &self,
        name: &str,
        change: &ChangeAccount,
    ) -> Result<Account, ApiError> {
        call(
            self.request(Method::PATCH, &account_path(name, ""))
                .json(change),
        )
        .await
    }

    /// `DELETE /v1/accounts/{account}`.
    pub async fn remove_account(&self, name: &str) -> Result<(), ApiError> {
        answered(self.request(Method::DELETE, &account_path(name, "")))
            .await
            .map(drop)
    }

    /// `POST /v1/accounts/{account}/check`.
    pub async fn check_account(&self, name: &str) -> Result<CheckReport, ApiError> {
        call(self.post(&account_path(name, "/check"), None)).await
    }

    /// `GET /v1/accounts/{account}/access_token`.
    pub async fn access_token(&self, name: &str) -> Result<AccessToken, ApiError> {
        call(self.get(&account_path(name, "/access_token"))).await
    }

    /// `GET /v1/keys`, the oldest first.
    pub async fn keys(&self, page: &PageQuery) -> Result<List<Key>, ApiError> {
        call(self.get("/v1/keys").query(page)).await
    }

    /// `POST /v1/keys`.
    pub async fn add_key(
        &self,
        key: &NewKey,
        idempotency_key: Option<&str>,
    ) -> Result<CreatedKey, ApiError> {
        call(self.post("/v1/keys", idempotency_key).json(key)).await
    }

    /// `DELETE /v1/keys/{id}`.
    pub async fn remove_key(&self, id: &str) -> Result<(), ApiError> {
        let path = format!("/v1/keys/{}", segment(id));
        answered(self.request(Method::DELETE, &path))
            .await
            .map(drop)
    }

    /// `GET /v1/errcodes/{code}`.
    pub async fn errcode(&self, code: i64) -> Result<Errcode, ApiError> {
        call(self.get(&format!("/v1/errcodes/{code}"))).await
    }

    /// `GET /v1/errcodes?q=`.
    pub async fn errcodes(&self, q: &str, page: &PageQuery) -> Result<List<Errcode>, ApiError> {
        call(self.get("/v1/errcodes").query(&[("q", q)]).query(page)).await
    }

    /// `GET /healthz`: whether the gateway answers at all.
    pub async fn healthy(&self) -> Result<(), ApiError> {
        answered(self.get("/healthz")).await.map(drop)
    }

    /// `GET /readyz`: whether the gateway can do its work.
    pub async fn ready(&self) -> Result<(), ApiError> {
        answered(self.get("/readyz")).await.map(drop)
    }

    /// `GET /openapi.json`.
    pub async fn openapi(&self) -> Result<serde_json::Value, ApiError> {
        call(self.get("/openapi.json")).await
    }

    /// Any other call: the method, the path from the slash on, a JSON body.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn call_raw(
        &self,
        method: &str,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<serde_json::Value, ApiError> {
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| ApiError::local(format!("{method:?} is not an HTTP method")))?;
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        call(request).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    fn post(&self, path: &str, idempotency_key: Option<&str>) -> RequestBuilder {
        let request = self.request(Method::POST, path);
        match idempotency_key {
            Some(key) => request.header(IDEMPOTENCY_KEY, key),
            None => request,
        }
    }
}

fn segment(text: &str) -> impl fmt::Display {
    utf8_percent_encode(text, SEGMENT)
}

fn account_path(name: &str, rest: &str) -> String {
    format!("/v1/accounts/{}{rest}", segment(name))
}

/// A proxy of the environment cannot reach this machine's own addresses.
fn is_this_machine(url: &reqwest::Url) -> bool {
    url.host_str().is_some_and(|host| {
        host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    })
}

async fn call<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, ApiError> {
    read(answered(request).await?).await
}

/// The answer if it is a success.
async fn answered(request: RequestBuilder) -> Result<Response, ApiError> {
    let response = request.send().await.map_err(|error| {
        let place = error
            .url()
            .map(|url| url.origin().ascii_serialization())
            .unwrap_or_default();
        ApiError::local(format!(
            "no answer from {place}: {}",
            chain(&error.without_url())
        ))
    })?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.bytes().await.unwrap_or_default();
    let problem: Option<Box<Problem>> = serde_json::from_slice(&body).ok();
    let reason = match &problem {
        Some(problem) => format!("{}: {}", problem.code, problem.detail),
        None => format!("HTTP {status}, and not from a gateway of ours"),
    };
    Err(ApiError {
        status: Some(status.as_u16()),
        problem,
        reason,
    })
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, ApiError> {
    let status = response.status().as_u16();
    let broken = |reason: String| ApiError {
        status: Some(status),
        problem: None,
        reason,
    };
    let body = response.bytes().await.map_err(|error| {
        broken(format!(
            "the answer broke off: {}",
            chain(&error.without_url())
        ))
    })?;
    serde_json::from_slice(&body)
        .map_err(|error| broken(format!("the answer is not what it should be: {error}")))
}

/// An error with what caused it: reqwest's own text stops at "error sending
/// request".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_not_shown() {
        let client = Client::new("http://127.0.0.1:1/", "hy_hush").unwrap();
        assert!(!format!("{client:?}").contains("hush"));
        let request = client.get("/healthz").build().unwrap();
        assert!(!format!("{request:?}").contains("hush"));
    }

    #[test]
    fn paths_and_queries_are_escaped() {
        let client = Client::new("http://127.0.0.1:1/prefix/", "k").unwrap();
        let path = account_path("a/b ?号", "/check");
        let filter = MessageFilter {
            reference: Some("a&b=c 号".to_owned()),
            ..MessageFilter::default()
        };
        let request = client.get(&path).query(&filter).build().unwrap();
        assert_eq!(
            request.url().as_str(),
            "http://127.0.0.1:1/prefix/v1/accounts/a%2Fb%20%3F%E5%8F%B7/check?reference=a%26b%3Dc+%E5%8F%B7"
        );
    }

    #[test]
    fn what_is_no_url_or_no_key_is_named() {
        assert!(
            Client::new("127.0.0.1:8600", "k")
                .unwrap_err()
                .reason
                .contains("http://")
        );
        assert!(Client::new("ftp://a", "k").is_err());
        let error = Client::new("http://a", "hy_\nhush").unwrap_err();
        assert!(!error.to_string().contains("hush"));
    }

    #[test]
    fn an_error_names_every_place() {
        let problem: Problem = serde_json::from_str(
            r#"{"type":"t","title":"t","status":422,"detail":"no good","code":"validation_failed",
                "violations":[{"pointer":"/data/thing1","rule":"missing","message":"thing1 is missing","message_zh":"缺少 thing1"}]}"#,
        )
        .unwrap();
        let error = ApiError {
            status: Some(422),
            reason: format!("{}: {}", problem.code, problem.detail),
            problem: Some(Box::new(problem)),
        };
        assert_eq!(error.code(), Some("validation_failed"));
        assert_eq!(
            error.to_string(),
            "validation_failed: no good\n  /data/thing1: thing1 is missing"
        );
    }
}
