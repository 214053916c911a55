//! The hyper transport against servers that behave badly on purpose.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail it")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use hongyan_wechat::{
    AccessToken, AppId, AppSecret, BaseUrl, Bases, Call, CallError, Client, ErrCode, HyperSettings,
    HyperTransport, OpenId, TemplateId, Transport as _, TransportError,
    api::{
        ip::GetCallbackIp,
        keywords::Keywords,
        template::SendTemplateMessage,
        token::{ClassicToken, StableToken},
    },
};
use http::{Method, Request};

/// A reply that keeps the connection.
fn reply(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One request as it came over the wire.
struct Received {
    head: String,
    body: Vec<u8>,
}

fn receive(stream: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    head.make_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Received { head, body })
}

/// A server whose first connection goes to `serve`.
fn serve<R: Send + 'static>(
    serve: impl FnOnce(BufReader<TcpStream>, TcpListener) -> R + Send + 'static,
) -> (SocketAddr, JoinHandle<R>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let stream = BufReader::new(listener.accept().unwrap().0);
        serve(stream, listener)
    });
    (address, thread)
}

/// Answers one request and tells what it was.
fn serve_once(answer: String) -> (SocketAddr, JoinHandle<Received>) {
    serve(move |mut stream, _| {
        let received = receive(&mut stream).unwrap();
        stream.get_mut().write_all(answer.as_bytes()).unwrap();
        received
    })
}

/// Waits for a server without keeping the runtime from closing connections.
async fn finish<R: Send + 'static>(server: JoinHandle<R>) -> R {
    tokio::task::spawn_blocking(|| server.join().unwrap())
        .await
        .unwrap()
}

/// Lets the clock jump without waiting, and every task see it.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time + Duration::from_millis(1)).await;
    tokio::time::resume();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

fn settings() -> HyperSettings {
    HyperSettings {
        connect_timeout: Duration::from_secs(20),
        total_timeout: Duration::from_secs(60),
        ..HyperSettings::default()
    }
}

fn transport(settings: HyperSettings) -> HyperTransport {
    HyperTransport::new(settings).unwrap()
}

fn post(address: SocketAddr, body: &'static str) -> Request<Bytes> {
    Request::post(format!("http://{address}/path"))
        .body(Bytes::from_static(body.as_bytes()))
        .unwrap()
}

/// Runs one call against a server at `address`.
async fn call<C: Call>(address: SocketAddr, call: &C) -> Result<C::Reply, CallError> {
    let base = BaseUrl::parse(&format!("http://{address}")).unwrap();
    let client = Client::new(transport(settings()), Bases::all_at(&base));
    client
        .call(Some(&AccessToken::new("92_TOPSECRET")), call)
        .await
}

#[tokio::test]
async fn a_send_carries_its_length_and_raw_characters() {
    let (address, server) = serve_once(reply(r#"{"errcode":0,"errmsg":"ok","msgid":7}"#));
    let (touser, template_id) = (
        OpenId::parse("o1").unwrap(),
        TemplateId::parse("t1").unwrap(),
    );
    let message = SendTemplateMessage {
        touser: &touser,
        template_id: &template_id,
        url: None,
        miniprogram: None,
        data: Keywords::new().with("thing1", "鸿雁 🪿"),
        client_msg_id: None,
    };
    assert_eq!(call(address, &message).await.unwrap().msgid.0, 7);

    let received = finish(server).await;
    let expected = r#"{"touser":"o1","template_id":"t1","data":{"thing1":{"value":"鸿雁 🪿"}}}"#;
    assert_eq!(String::from_utf8(received.body).unwrap(), expected);
    let head = received.head;
    assert!(
        head.starts_with("post /cgi-bin/message/template/send?access_token=92_topsecret http/1.1")
    );
    assert!(
        head.contains(&format!("\r\ncontent-length: {}\r\n", expected.len())),
        "{head}"
    );
    assert!(
        head.contains("\r\ncontent-type: application/json"),
        "{head}"
    );
    assert!(head.contains(&format!("\r\nhost: {address}\r\n")), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
}

#[tokio::test]
async fn an_empty_post_has_a_length_too() {
    let (address, server) = serve_once(reply("{}"));
    transport(settings()).send(post(address, "")).await.unwrap();
    let head = finish(server).await.head;
    assert!(head.contains("\r\ncontent-length: 0\r\n"), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
}

#[tokio::test]
async fn json_is_read_whatever_it_calls_itself() {
    let body = r#"{"errcode":40001,"errmsg":"invalid credential rid: 6-a-b"}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (address, server) = serve_once(answer);
    let error = call(address, &GetCallbackIp).await.unwrap_err();
    assert_eq!(error.errcode(), Some(ErrCode(40001)));
    finish(server).await;
}

#[tokio::test]
async fn a_refused_connection_means_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = call(address, &GetCallbackIp).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent { .. }), "{error}");
    assert!(!error.is_uncertain());
}

#[tokio::test]
async fn a_handshake_that_never_ends_means_not_sent() {
    // TLS has begun and gets no answer: nothing of the request can have left.
    let (held, server) = serve(|mut stream, _| {
        let begun = !stream.fill_buf().unwrap().is_empty();
        (begun, stream)
    });
    let request = Request::post(format!("https://{held}/path")).body(Bytes::from_static(b"{}"));
    let transport = transport(settings());
    let send = tokio::spawn(async move { transport.send(request.unwrap()).await });
    let (begun, _stream) = finish(server).await;
    assert!(begun);
    pass(settings().connect_timeout).await;
    let error = send.await.unwrap().unwrap_err();
    assert!(matches!(error, TransportError::NotSent { .. }), "{error}");
}

#[tokio::test]
async fn a_failed_handshake_means_not_sent() {
    let (address, server) = serve(|mut stream, _| {
        let _ = stream.fill_buf();
        stream
            .get_mut()
            .write_all(b"HTTP/1.1 400 this is no TLS\r\n\r\n")
            .unwrap();
    });
    let request = Request::get(format!("https://{address}/path"))
        .body(Bytes::new())
        .unwrap();
    let error = transport(settings()).send(request).await.unwrap_err();
    assert!(matches!(error, TransportError::NotSent { .. }), "{error}");
    finish(server).await;
}

#[tokio::test]
async fn a_connection_lost_after_the_request_leaves_the_outcome_open() {
    let (address, server) = serve(|mut stream, _| {
        receive(&mut stream).unwrap();
    });
    let error = call(address, &GetCallbackIp).await.unwrap_err();
    assert!(matches!(error, CallError::Uncertain { .. }), "{error}");
    assert!(error.is_uncertain());
    finish(server).await;
}

#[tokio::test]
async fn a_reply_cut_short_leaves_the_outcome_open() {
    let (address, server) =
        serve_once("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"errcode\":0".to_owned());
    let error = call(address, &GetCallbackIp).await.unwrap_err();
    assert!(matches!(error, CallError::Uncertain { .. }), "{error}");
    finish(server).await;
}

#[tokio::test]
async fn no_reply_in_time_leaves_the_outcome_open() {
    for method in [Method::POST, Method::GET] {
        let (address, server) = serve(|mut stream, _| {
            receive(&mut stream).unwrap();
            stream
        });
        let mut request = post(address, "");
        *request.method_mut() = method;
        let transport = transport(settings());
        let send = tokio::spawn(async move { transport.send(request).await });
        let _stream = finish(server).await;
        pass(settings().connect_timeout).await;
        assert!(!send.is_finished());
        pass(settings().total_timeout).await;
        let error = send.await.unwrap().unwrap_err();
        assert!(matches!(error, TransportError::Uncertain { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_reply_slower_than_connecting_may_be_is_awaited() {
    let (address, server) = serve(|mut stream, _| {
        receive(&mut stream).unwrap();
        stream
    });
    let transport = transport(settings());
    let send = tokio::spawn(async move { transport.send(post(address, "{}")).await });
    let mut stream = finish(server).await;
    pass(settings().connect_timeout).await;
    stream.get_mut().write_all(reply("{}").as_bytes()).unwrap();
    assert_eq!(send.await.unwrap().unwrap().body(), "{}");
}

#[tokio::test]
async fn an_endless_reply_is_cut_off() {
    for announced in ["content-length: 2000\r\n", ""] {
        let answer = format!("HTTP/1.1 200 OK\r\n{announced}\r\n{}", "x".repeat(2000));
        let (address, server) = serve_once(answer);
        let transport = transport(HyperSettings {
            max_reply_bytes: 1000,
            ..settings()
        });
        let error = transport.send(post(address, "{}")).await.unwrap_err();
        assert_eq!(error, TransportError::TooLarge { limit: 1000 });
        finish(server).await;
    }
}

#[tokio::test]
async fn a_reply_in_many_pieces_is_put_together() {
    let (address, server) = serve(|mut stream, _| {
        receive(&mut stream).unwrap();
        let stream = stream.get_mut();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            .unwrap();
        for piece in ["{\"ip_", "list\":", "[]}"] {
            stream
                .write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes())
                .unwrap();
            stream.flush().unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
    });
    let response = transport(settings())
        .send(post(address, "{}"))
        .await
        .unwrap();
    assert_eq!(response.body(), r#"{"ip_list":[]}"#);
    finish(server).await;
}

#[tokio::test]
async fn connections_are_kept_and_a_closed_one_costs_no_message() {
    // Two requests on one connection, which is then closed; the third finds a new one.
    let (address, server) = serve(|mut stream, listener| {
        for _ in 0..2 {
            receive(&mut stream).unwrap();
            stream.get_mut().write_all(reply("{}").as_bytes()).unwrap();
        }
        drop(stream);
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        receive(&mut stream).unwrap();
        stream.get_mut().write_all(reply("{}").as_bytes()).unwrap();
    });
    let transport = transport(settings());
    for _ in 0..2 {
        transport.send(post(address, "{}")).await.unwrap();
    }
    // The close races with the third request. It may be lost with the old connection, but then it must be
    // called uncertain, and a fourth goes through.
    match transport.send(post(address, "{}")).await {
        Ok(_) => {}
        Err(TransportError::Uncertain { .. }) => {
            transport.send(post(address, "{}")).await.unwrap();
        }
        Err(error) => panic!("{error}"),
    }
    finish(server).await;
}

#[tokio::test]
async fn what_counts_as_not_sent_never_arrived() {
    // A server that promises to keep each connection and closes it: pooled connections die under the
    // client's hands. Nothing may arrive twice, and nothing that arrived may be called "not sent".
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let arrived = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&arrived);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            if receive(&mut stream).is_some() {
                counter.fetch_add(1, Ordering::SeqCst);
                let _ = stream.get_mut().write_all(reply("{}").as_bytes());
            }
        }
    });
    let transport = transport(settings());
    let (mut done, mut open) = (0, 0);
    for _ in 0..300 {
        match transport.send(post(address, "{}")).await {
            Ok(_) => done += 1,
            Err(TransportError::NotSent { .. }) => {}
            Err(TransportError::Uncertain { .. } | TransportError::TooLarge { .. }) => open += 1,
        }
    }
    let arrived = arrived.load(Ordering::SeqCst);
    assert!(
        (done..=done + open).contains(&arrived),
        "{done} done, {open} open, {arrived} arrived"
    );
    assert!(done > 0);
}

#[tokio::test]
async fn nothing_shown_holds_a_secret() {
    let (appid, secret) = (AppId::parse("wx1").unwrap(), AppSecret::new("TOPSECRET"));
    let classic = ClassicToken {
        appid: &appid,
        secret: &secret,
    };
    let stable = StableToken {
        appid: &appid,
        secret: &secret,
        force_refresh: true,
    };
    let token = AccessToken::new("92_TOPSECRET");
    let mut shown = format!(
        "{classic:?} {stable:?} {token:?} {secret:?} {:?}",
        transport(settings())
    );

    let unreachable = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let error = call(unreachable, &classic).await.unwrap_err();
    shown += &format!("{error} {error:?}");
    let (address, server) =
        serve_once(reply(r#"{"access_token":"92_TOPSECRET","expires_in":"?"}"#));
    let error = call(address, &stable).await.unwrap_err();
    shown += &format!("{error} {error:?}");
    finish(server).await;
    for answer in [
        reply(r#"{"errcode":40001,"errmsg":"invalid credential","access_token":"92_TOPSECRET"}"#),
        reply("no JSON but 92_TOPSECRET"),
        reply(r#"{"ip_list":"92_TOPSECRET"}"#),
        "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 34\r\n\r\nGET /x?access_token=92_TOPSECRET.."
            .to_owned(),
        String::new(),
    ] {
        let (address, server) = serve_once(answer);
        let error = call(address, &GetCallbackIp).await.unwrap_err();
        shown += &format!("{error} {error:?}");
        finish(server).await;
    }
    assert!(
        shown.contains("[redacted]") && !shown.contains("TOPSECRET"),
        "{shown}"
    );
}
