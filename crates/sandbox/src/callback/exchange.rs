//! One push and what comes back: three requests at most, five seconds each.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, PRAGMA, USER_AGENT};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::body::Push;
use super::compose::{self, Letter};
use super::reply::{Expected, Meaning, Reply};
use crate::live::Happening;
use crate::model::{AccountKind, Callback};
use crate::outcome::{CallbackOutcome, CallbackReply, Shown};
use crate::requests::{Finished, Plain};
use crate::state::World;
use crate::state::account::Account;
use crate::state::talk::{Note, NoteKind};

/// Requests in all: the first and two more.
const ATTEMPTS: u32 = 3;
/// Longest answer that is read.
const ANSWER_LIMIT: usize = 256 * 1024;
/// Idle connections kept for each server.
const IDLE: usize = 64;

type Http = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The client of all pushes, made when the first one goes out.
#[derive(Debug, Default)]
pub(crate) struct Post(OnceLock<Result<Http, String>>);

impl Post {
    fn client(&self) -> Result<&Http, String> {
        self.0.get_or_init(connect).as_ref().map_err(Clone::clone)
    }
}

fn connect() -> Result<Http, String> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    // The provider is named because a program that links two has no default.
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
        .map_err(|error| error.to_string())?
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(IDLE)
        .build(connector))
}

/// One answer.
struct Answer {
    /// Of the request in the log.
    number: u64,
    /// 0 where none came.
    status: u16,
    body: Bytes,
    error: Option<String>,
}

impl World {
    /// Pushes and reads the answer; `None` where the account wants no pushes.
    /// What the person gets to see is on their phone afterwards.
    pub(crate) async fn push(&self, account: &Account, push: &Push) -> Option<CallbackOutcome> {
        let started = Instant::now();
        let (callback, original_id) = {
            let settings = account.settings.read();
            (settings.callback.clone()?, settings.original_id.clone())
        };
        let mut outcome = CallbackOutcome::default();
        let meaning = self
            .converse(account, &callback, &original_id, push, &mut outcome)
            .await;
        if push.is_answerable() {
            self.show(account, push, meaning, &mut outcome);
        }
        outcome.elapsed_ms = started.elapsed().as_secs_f64() * 1000.0;
        Some(outcome)
    }

    /// The requests; `None` where none of them was answered well.
    async fn converse(
        &self,
        account: &Account,
        callback: &Callback,
        original_id: &str,
        push: &Push,
        outcome: &mut CallbackOutcome,
    ) -> Option<Meaning> {
        let composed = compose::cipher(callback).and_then(|cipher| {
            let appid = &account.appid;
            compose::letter(
                callback,
                cipher.as_ref(),
                original_id,
                appid,
                push,
                &self.ids,
            )
            .map(|letter| (cipher, letter))
        });
        let (cipher, letter) = match composed {
            Ok(composed) => composed,
            Err(error) => {
                outcome.error = Some(error.to_string());
                return None;
            }
        };
        let expected = Expected {
            kind: account.kind,
            mode: callback.mode,
            format: callback.format,
            token: &callback.token,
            cipher: cipher.as_ref(),
            appid: &account.appid,
            original_id,
            openid: &push.openid,
            to_message: push.msg_type != "event",
        };
        while outcome.attempts < ATTEMPTS {
            outcome.attempts += 1;
            let answer = self.post(account, &letter).await;
            outcome.status = (answer.status != 0).then_some(answer.status);
            let (number, sealed) = (answer.number, cipher.is_some());
            let read = read(&expected, answer);
            self.explain(number, &letter, sealed, &read);
            match read {
                Ok(Reply {
                    raw,
                    message,
                    meaning,
                }) => {
                    outcome.reply = Some(CallbackReply { raw, message });
                    outcome.error = None;
                    return Some(meaning);
                }
                Err((error, body)) => {
                    self.outbox.failed.fetch_add(1, Ordering::Relaxed);
                    outcome.error = Some(error);
                    outcome.reply = (!body.is_empty()).then(|| CallbackReply {
                        raw: String::from_utf8_lossy(&body).into_owned(),
                        message: None,
                    });
                }
            }
        }
        None
    }

    async fn post(&self, account: &Account, letter: &Letter) -> Answer {
        let request = Request::post(letter.uri.clone())
            .header(USER_AGENT, HeaderValue::from_static("Mozilla/4.0"))
            .header(ACCEPT, HeaderValue::from_static("*/*"))
            .header(PRAGMA, HeaderValue::from_static("no-cache"))
            // Of JSON as well; receivers must look at the body.
            .header(CONTENT_TYPE, HeaderValue::from_static("text/xml"))
            .body(Full::new(Bytes::from(letter.body.clone())));
        self.exchange(Some(account), request, letter.body.as_bytes())
            .await
    }

    /// Lets the log say what was sealed and why an answer did not count.
    fn explain(
        &self,
        number: u64,
        letter: &Letter,
        sealed: bool,
        read: &Result<Reply, (String, Bytes)>,
    ) {
        let plain = match read {
            Ok(reply) => Plain {
                body: letter.plain.clone(),
                answer: sealed.then(|| reply.raw.clone()),
                error: None,
            },
            Err((error, _)) => Plain {
                body: letter.plain.clone(),
                answer: None,
                error: Some(error.clone()),
            },
        };
        self.requests.explain(number, plain);
        self.live.tell(|| Happening::Call(number));
    }

    /// Asks an address for its `echostr`.
    ///
    /// # Errors
    /// What is wrong with the answer, in a sentence.
    pub(crate) async fn check_url(&self, callback: &Callback) -> Result<(), String> {
        let now = self.clock.now_ms().div_euclid(1000);
        let (uri, echo) =
            compose::check(callback, now, &self.ids).map_err(|error| error.to_string())?;
        let request = Request::get(uri)
            .header(USER_AGENT, HeaderValue::from_static("Mozilla/4.0"))
            .header(ACCEPT, HeaderValue::from_static("*/*"))
            .body(Full::default());
        let answer = self.exchange(None, request, &[]).await;
        self.live.tell(|| Happening::Call(answer.number));
        match answer.error {
            Some(error) => Err(error),
            None if answer.status != 200 => Err(format!("it answered status {}", answer.status)),
            None if answer.body != echo => Err(format!(
                "it answered {:?} instead of exactly the echostr {echo}",
                String::from_utf8_lossy(&answer.body)
            )),
            None => Ok(()),
        }
    }

    /// Sends one request inside the time limit and logs it.
    async fn exchange(
        &self,
        account: Option<&Account>,
        request: http::Result<Request<Full<Bytes>>>,
        body: &[u8],
    ) -> Answer {
        self.outbox.requests.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let (method, uri, mut answer) = match request {
            Err(error) => (Method::POST, Uri::default(), no_answer(error.to_string())),
            Ok(request) => {
                let (method, uri) = (request.method().clone(), request.uri().clone());
                let limit = self.config.callback_timeout;
                let answer = tokio::time::timeout(limit, self.send(request)).await;
                let answer = answer.unwrap_or_else(|_| {
                    no_answer(format!("no answer within {} ms", limit.as_millis()))
                });
                (method, uri, answer)
            }
        };
        let target = format!(
            "{}://{}",
            uri.scheme_str().unwrap_or("http"),
            uri.authority().map_or("", |authority| authority.as_str())
        );
        let said = answer
            .error
            .as_deref()
            .map_or(&answer.body[..], str::as_bytes);
        answer.number = self.requests.push(&Finished {
            at: self.clock.now_ms(),
            method: &method,
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            body,
            answer: said,
            status: answer.status,
            errcode: 0,
            rid: None,
            elapsed_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            account: account.map(|account| account.index),
            struck: false,
            target: Some(&target),
        });
        answer
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let client = match self.outbox.post.client() {
            Ok(client) => client,
            Err(error) => return no_answer(error),
        };
        let response = match client.request(request).await {
            Ok(response) => response,
            Err(error) => return no_answer(chain(&error)),
        };
        let status = response.status().as_u16();
        match Limited::new(response.into_body(), ANSWER_LIMIT)
            .collect()
            .await
        {
            Ok(body) => Answer {
                number: 0,
                status,
                body: body.to_bytes(),
                error: None,
            },
            Err(error) => Answer {
                number: 0,
                status,
                body: Bytes::new(),
                error: Some(format!("the answer broke off or is over-long: {error}")),
            },
        }
    }

    /// Puts what a push led to on the phone.
    fn show(
        &self,
        account: &Account,
        push: &Push,
        meaning: Option<Meaning>,
        outcome: &mut CallbackOutcome,
    ) {
        let (kind, content) = match meaning {
            Some(Meaning::Nothing) => return,
            Some(Meaning::Transfer) => {
                outcome.shown = Shown::Transfer;
                return;
            }
            Some(Meaning::Show(content)) => {
                outcome.shown = Shown::Message;
                (NoteKind::Reply, content)
            }
            None => {
                outcome.shown = Shown::Failure;
                let text = failure_text(account.kind);
                let content = serde_json::json!({ "msgtype": "text", "text": { "content": text } });
                (NoteKind::Notice, content)
            }
        };
        let note = Note {
            at: self.clock.now_ms(),
            after: self.ledger.lock().count(),
            kind,
            content,
        };
        if let Err(error) = self.note(account, &push.openid, note) {
            outcome.error = Some(format!("the journal could not be written: {error}"));
        }
    }
}

/// What WeChat's clients show where an account's server fails.
fn failure_text(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::OfficialAccount => "该公众号提供的服务出现故障，请稍后再试",
        AccountKind::MiniProgram => "该小程序客服暂时无法提供服务，请稍后再试",
    }
}

fn read(expected: &Expected<'_>, answer: Answer) -> Result<Reply, (String, Bytes)> {
    let Answer {
        status,
        body,
        error,
        number: _,
    } = answer;
    if let Some(error) = error {
        return Err((error, body));
    }
    if status != 200 {
        return Err((format!("status {status}, where only 200 counts"), body));
    }
    expected
        .read(&body)
        .map_err(|error| (error.to_string(), body))
}

fn no_answer(error: String) -> Answer {
    Answer {
        number: 0,
        status: 0,
        body: Bytes::new(),
        error: Some(error),
    }
}

/// The error with its causes: the outermost says too little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
