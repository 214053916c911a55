//! A server that receives pushes, and the cipher of both sides.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aes::Aes256;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _};
use http::{HeaderMap, Method, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use tokio::runtime::Runtime;

pub(crate) const TOKEN: &str = "Hz4Gateway2026";
/// All zero bytes, so that tests may write the key down.
pub(crate) const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// One request that came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// What the server does with its n-th request, counted from 0.
type Conduct = dyn Fn(usize, &Seen) -> Act + Send + Sync;

pub(crate) enum Act {
    Answer(u16, String),
    /// Never answers in time.
    Sleep,
}

#[derive(Clone)]
struct Shared {
    seen: Arc<Mutex<Vec<Seen>>>,
    count: Arc<AtomicUsize>,
    conduct: Arc<Conduct>,
}

pub(crate) struct Backend {
    pub(crate) url: String,
    shared: Shared,
    runtime: Option<Runtime>,
}

impl Backend {
    pub(crate) fn new(conduct: impl Fn(usize, &Seen) -> Act + Send + Sync + 'static) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let url = format!("http://{}/wechat", listener.local_addr().unwrap());
        let shared = Shared {
            seen: Arc::default(),
            count: Arc::default(),
            conduct: Arc::new(conduct),
        };
        let router = Router::new().fallback(receive).with_state(shared.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            shared,
            runtime: Some(runtime),
        }
    }

    /// Always the same answer with status 200.
    pub(crate) fn answering(body: &str) -> Self {
        let body = body.to_owned();
        Self::new(move |_, _| Act::Answer(200, body.clone()))
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().clone()
    }

    pub(crate) fn plain(&self) -> Value {
        json!({ "url": self.url, "token": TOKEN, "mode": "plain", "format": "xml" })
    }

    pub(crate) fn encrypted(&self, mode: &str, format: &str) -> Value {
        json!({
            "url": self.url,
            "token": TOKEN,
            "encoding_aes_key": KEY,
            "mode": mode,
            "format": format,
        })
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn receive(
    State(shared): State<Shared>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let seen = Seen {
        method,
        query: query.unwrap_or_default(),
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let number = shared.count.fetch_add(1, Ordering::Relaxed);
    let act = (shared.conduct)(number, &seen);
    shared.seen.lock().push(seen);
    match act {
        Act::Answer(status, body) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
        Act::Sleep => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            StatusCode::OK.into_response()
        }
    }
}

pub(crate) fn sign(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    hex::encode(Sha1::digest(parts.concat()))
}

pub(crate) fn open(encrypt: &str, appid: &str) -> String {
    let mut text = STANDARD.decode(encrypt).unwrap();
    let plain = cbc::Decryptor::<Aes256>::new(&[0; 32].into(), &[0; 16].into())
        .decrypt_padded_mut::<NoPadding>(&mut text)
        .unwrap();
    let pad = usize::from(*plain.last().unwrap());
    assert!((1..=32).contains(&pad));
    let plain = &plain[..plain.len() - pad];
    let len = u32::from_be_bytes(plain[16..20].try_into().unwrap()) as usize;
    assert!(plain[..16].iter().all(u8::is_ascii_hexdigit));
    assert_eq!(&plain[20 + len..], appid.as_bytes());
    String::from_utf8(plain[20..20 + len].to_vec()).unwrap()
}

/// An envelope around a reply.
pub(crate) fn seal(message: &str, appid: &str) -> String {
    let mut text = b"0123456789abcdef".to_vec();
    text.extend_from_slice(&(message.len() as u32).to_be_bytes());
    text.extend_from_slice(message.as_bytes());
    text.extend_from_slice(appid.as_bytes());
    let pad = 32 - text.len() % 32;
    text.resize(text.len() + pad, pad as u8);
    let len = text.len();
    let sealed = cbc::Encryptor::<Aes256>::new(&[0; 32].into(), &[0; 16].into())
        .encrypt_padded_mut::<NoPadding>(&mut text, len)
        .unwrap();
    let encrypt = STANDARD.encode(sealed);
    let signature = sign(&[TOKEN, "1767225663", "741200358", &encrypt]);
    format!(
        "<xml>\n<Encrypt><![CDATA[{encrypt}]]></Encrypt>\n\
         <MsgSignature><![CDATA[{signature}]]></MsgSignature>\n\
         <TimeStamp>1767225663</TimeStamp>\n<Nonce><![CDATA[741200358]]></Nonce>\n</xml>"
    )
}

/// A text reply to whoever sent the (plain) push.
pub(crate) fn text_reply(push: &str, content: &str) -> String {
    let field = |name: &str| {
        let start = format!("<{name}><![CDATA[");
        let from = push.find(&start).unwrap() + start.len();
        push[from..].split("]]>").next().unwrap().to_owned()
    };
    format!(
        "<xml><ToUserName><![CDATA[{}]]></ToUserName><FromUserName><![CDATA[{}]]></FromUserName>\
         <CreateTime>1767225663</CreateTime><MsgType><![CDATA[text]]></MsgType>\
         <Content><![CDATA[{content}]]></Content></xml>",
        field("FromUserName"),
        field("ToUserName"),
    )
}
