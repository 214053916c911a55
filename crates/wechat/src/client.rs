//! Turning calls into requests and replies into answers.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{AccessToken, Base, Bases, Call, CallError, Download, Transport, reply};

/// What must be escaped in a query: everything but letters, digits, and signs without a meaning there.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b',');

/// Talks to WeChat over a transport. Keeps no token, repeats nothing, waits for nothing but the reply.
#[derive(Clone)]
pub struct Client<T> {
    transport: T,
    bases: Arc<Bases>,
}

impl<T: Transport> Client<T> {
    /// A client that finds WeChat at the given addresses.
    pub fn new(transport: T, bases: Bases) -> Self {
        Self {
            transport,
            bases: Arc::new(bases),
        }
    }

    /// The addresses in use.
    #[must_use]
    pub fn bases(&self) -> &Bases {
        &self.bases
    }

    /// Makes one call, once.
    ///
    /// # Errors
    /// See [`CallError`]. A call that needs a token and gets none is [`CallError::Invalid`].
    pub async fn call<C: Call>(
        &self,
        token: Option<&AccessToken>,
        call: &C,
    ) -> Result<C::Reply, CallError> {
        let token = token.filter(|_| C::AUTH);
        let request = self.request(token, call)?;
        let secret = token.map(AccessToken::expose);
        match self.transport.send(request).await {
            Ok(response) => reply::read(response, secret),
            Err(error) => Err(CallError::from_transport(error, secret)),
        }
    }

    /// Makes one call that fetches a file, once. A JSON reply is read as that of [`Client::call`].
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn download<C: Call>(
        &self,
        token: Option<&AccessToken>,
        call: &C,
    ) -> Result<Download<C::Reply>, CallError> {
        let token = token.filter(|_| C::AUTH);
        let request = self.request(token, call)?;
        let secret = token.map(AccessToken::expose);
        match self.transport.send(request).await {
            Ok(response) => reply::read_file(response, secret),
            Err(error) => Err(CallError::from_transport(error, secret)),
        }
    }

    /// Passes a request through as it is and answers with status, headers and bytes as they come.
    ///
    /// The request's URI is path and query alone. With a token, any `access_token` in the query is
    /// replaced by it. Headers that belong to one connection, and those that frame the body, are dropped
    /// and made anew.
    ///
    /// # Errors
    /// [`CallError::Invalid`], [`CallError::NotSent`] and [`CallError::Uncertain`] only: whatever WeChat
    /// answers is an answer.
    pub async fn raw(
        &self,
        base: Base,
        token: Option<&AccessToken>,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, CallError> {
        let secret = token.map(AccessToken::expose);
        let (mut parts, body) = request.into_parts();
        let base = self.bases.get(base);
        let mut target = Target::new(base.prefix(), parts.uri.path());
        if let Some(token) = secret {
            target.push("access_token", token);
        }
        for pair in parts
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            let name = pair.split('=').next().unwrap_or_default();
            if secret.is_none() || name != "access_token" {
                target.push_escaped(pair);
            }
        }
        parts.uri = base.uri(target.text).map_err(invalid)?;
        for name in [
            header::HOST,
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
            header::CONNECTION,
            header::UPGRADE,
            header::TE,
            header::TRAILER,
            header::PROXY_AUTHORIZATION,
            HeaderName::from_static("keep-alive"),
        ] {
            parts.headers.remove(name);
        }
        self.transport
            .send(Request::from_parts(parts, body))
            .await
            .map_err(|error| CallError::from_transport(error, secret))
    }

    fn request<C: Call>(
        &self,
        token: Option<&AccessToken>,
        call: &C,
    ) -> Result<Request<Bytes>, CallError> {
        if C::AUTH && token.is_none() {
            return Err(CallError::Invalid {
                reason: format!("{} needs an access token", C::PATH),
            });
        }
        let base = self.bases.get(C::BASE);
        let mut target = Target::new(base.prefix(), C::PATH);
        if let Some(token) = token {
            target.push("access_token", token.expose());
        }
        for (name, value) in call.query() {
            target.push(name, &value);
        }
        let uri = base.uri(target.text).map_err(invalid)?;
        let body = call.body().map_err(invalid)?;

        let mut request = Request::new(body.unwrap_or_default());
        *request.method_mut() = C::METHOD;
        *request.uri_mut() = uri;
        if C::METHOD != Method::GET {
            let kind = HeaderValue::try_from(&*call.content_type()).map_err(invalid)?;
            request.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        Ok(request)
    }
}

impl<T> fmt::Debug for Client<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("bases", &self.bases)
            .finish_non_exhaustive()
    }
}

/// The error's own text holds no part of the request, unlike the request.
fn invalid(error: impl fmt::Display) -> CallError {
    CallError::Invalid {
        reason: error.to_string(),
    }
}

/// Path and query in the making.
struct Target {
    text: String,
    has_query: bool,
}

impl Target {
    fn new(prefix: &str, path: &str) -> Self {
        // Room for a token as long as WeChat announces them, so that the text is not moved.
        let mut text = String::with_capacity(prefix.len() + path.len() + 640);
        text.push_str(prefix);
        text.push_str(path);
        Self {
            text,
            has_query: false,
        }
    }

    fn separate(&mut self) {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
    }

    fn push(&mut self, name: &str, value: &str) {
        self.separate();
        self.text.push_str(name);
        self.text.push('=');
        self.text.extend(utf8_percent_encode(value, QUERY));
    }

    fn push_escaped(&mut self, pair: &str) {
        self.separate();
        self.text.push_str(pair);
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use http::StatusCode;

    use super::*;
    use crate::{
        BaseUrl, Done, TransportError,
        fixture::{Recorder, now},
    };

    struct Ask(&'static str);

    impl Call for Ask {
        type Reply = Done;
        const METHOD: Method = Method::GET;
        const PATH: &'static str = "/cgi-bin/ask";

        fn query(&self) -> Vec<(&'static str, Cow<'_, str>)> {
            vec![("q", Cow::Borrowed(self.0))]
        }
    }

    #[test]
    fn the_query_is_escaped_and_the_prefix_kept() {
        let recorder = Recorder::answering(200, "{}");
        let bases = Bases::all_at(&BaseUrl::parse("http://127.0.0.1:1/wx/").unwrap());
        let client = Client::new(&recorder, bases);
        let token = AccessToken::new("a/b+c=&鸿");
        now(client.call(Some(&token), &Ask("1,2 &x"))).unwrap();
        assert_eq!(
            recorder.take().uri().to_string(),
            "http://127.0.0.1:1/wx/cgi-bin/ask?access_token=a%2Fb%2Bc%3D%26%E9%B8%BF&q=1,2%20%26x"
        );
    }

    #[test]
    fn a_missing_token_is_found_before_anything_is_sent() {
        let recorder = Recorder::answering(200, "{}");
        let client = Client::new(&recorder, Bases::default());
        let error = now(client.call(None, &Ask(""))).unwrap_err();
        assert!(matches!(error, CallError::Invalid { .. }));
        assert!(recorder.is_empty());
    }

    #[test]
    fn a_talkative_transport_does_not_leak_the_token() {
        for error in [
            TransportError::NotSent {
                reason: "GET /?access_token=TOKEN123".to_owned(),
            },
            TransportError::Uncertain {
                reason: "lost TOKEN123".to_owned(),
            },
        ] {
            let recorder = Recorder::failing(error);
            let client = Client::new(&recorder, Bases::default());
            let token = AccessToken::new("TOKEN123");
            let error = now(client.call(Some(&token), &Ask(""))).unwrap_err();
            let shown = format!("{error} {error:?} {client:?}");
            assert!(!shown.contains("TOKEN123"), "{shown}");
        }
    }

    #[test]
    fn raw_swaps_the_token_and_the_framing_and_nothing_else() {
        let recorder = Recorder::answering(404, "as it is");
        let client = Client::new(&recorder, Bases::default());
        let request = Request::post("/cgi-bin/x?a=%2B&access_token=theirs&b")
            .header("host", "gateway")
            .header("transfer-encoding", "chunked")
            .header("content-type", "multipart/form-data; boundary=x")
            .body(Bytes::from_static(b"body"))
            .unwrap();
        let response =
            now(client.raw(Base::Api, Some(&AccessToken::new("ours")), request)).unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.body(), "as it is");

        let sent = recorder.take();
        assert_eq!(
            sent.uri().to_string(),
            "https://api.weixin.qq.com/cgi-bin/x?access_token=ours&a=%2B&b"
        );
        assert_eq!(sent.headers().len(), 1);
        assert_eq!(sent.body(), "body");
    }

    #[test]
    fn raw_without_a_token_keeps_the_query() {
        let recorder = Recorder::answering(200, "");
        let client = Client::new(&recorder, Bases::default());
        let request = Request::get("/cgi-bin/showqrcode?ticket=t&access_token=x");
        now(client.raw(Base::Mp, None, request.body(Bytes::new()).unwrap())).unwrap();
        assert_eq!(
            recorder.take().uri().to_string(),
            "https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket=t&access_token=x"
        );
    }
}
