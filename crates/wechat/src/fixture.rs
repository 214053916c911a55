//! For the tests beside the code: a transport that answers from a text and keeps what it was given.

use std::{
    future::Future,
    pin::pin,
    sync::Mutex,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;

use crate::{AccessToken, Bases, Call, CallError, Client, Transport, TransportError};

/// Answers every request alike, and keeps the requests.
pub(crate) struct Recorder {
    content_type: Option<String>,
    answer: Result<(StatusCode, Bytes), TransportError>,
    requests: Mutex<Vec<Request<Bytes>>>,
}

impl Recorder {
    pub(crate) fn answering(status: u16, body: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Ok((status, Bytes::copy_from_slice(body.as_bytes())));
        Self {
            content_type: None,
            answer,
            requests: Mutex::default(),
        }
    }

    pub(crate) fn answering_file(content_type: &str, body: &[u8]) -> Self {
        Self {
            content_type: Some(content_type.to_owned()),
            answer: Ok((StatusCode::OK, Bytes::copy_from_slice(body))),
            requests: Mutex::default(),
        }
    }

    pub(crate) fn failing(error: TransportError) -> Self {
        Self {
            content_type: None,
            answer: Err(error),
            requests: Mutex::default(),
        }
    }

    pub(crate) fn take(&self) -> Request<Bytes> {
        self.requests.lock().unwrap().pop().unwrap()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.requests.lock().unwrap().is_empty()
    }
}

impl Transport for &Recorder {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.requests.lock().unwrap().push(request);
        let (status, body) = self.answer.clone()?;
        let mut response = Response::new(body);
        *response.status_mut() = status;
        if let Some(name) = &self.content_type {
            let name = name.parse().unwrap();
            response.headers_mut().insert("content-type", name);
        }
        Ok(response)
    }
}

/// Runs a future that never has to wait.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}

/// What a call put on the wire. The token is `TOKEN`.
pub(crate) struct Wire {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    /// The header of that name; empty where there is none.
    pub(crate) content_type: String,
    pub(crate) body: String,
}

impl Wire {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Makes a call that is answered with `reply`.
pub(crate) fn exchange<C: Call>(call: &C, reply: &str) -> (Wire, Result<C::Reply, CallError>) {
    let recorder = Recorder::answering(200, reply);
    let token = AccessToken::new("TOKEN");
    let answer = now(Client::new(&recorder, Bases::default()).call(Some(&token), call));
    let request = recorder.take();
    let wire = Wire {
        method: request.method().clone(),
        target: request.uri().path_and_query().unwrap().to_string(),
        content_type: request
            .headers()
            .get("content-type")
            .map_or_else(String::new, |value| value.to_str().unwrap().to_owned()),
        body: String::from_utf8(request.body().to_vec()).unwrap(),
    };
    (wire, answer)
}

/// What a call answers to `reply`.
pub(crate) fn answer<C: Call>(call: &C, reply: &str) -> Result<C::Reply, CallError> {
    exchange(call, reply).1
}

/// The errcode a call reports for a documented refusal.
pub(crate) fn refusal<C: Call>(call: &C, reply: &str) -> i64
where
    C::Reply: std::fmt::Debug,
{
    answer(call, reply).unwrap_err().errcode().unwrap().0
}
