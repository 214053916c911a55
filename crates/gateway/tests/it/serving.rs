//! Over real sockets: the client, bodies too large, and the end of serving.

use std::net::SocketAddr;

use hongyan_api::{
    Client, Data, Kind, MessageFilter, NewMessage, PageQuery, Recipient, SendOptions, Sent,
    SlotValue,
};
use hongyan_domain::key::Scope;
use hongyan_domain::port::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::app::{App, TEMPLATE, good};

struct Serving {
    app: App,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

async fn serving() -> Serving {
    let app = App::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(hongyan_gateway::serve(
        listener,
        app.router.clone(),
        async {
            drop(stopped.await);
        },
    ));
    Serving {
        app,
        address,
        stop,
        server,
    }
}

impl Serving {
    async fn client(&self, scope: Scope) -> Client {
        let key = self.app.key(scope, &[]).await;
        Client::new(&format!("http://{}/", self.address), &key).unwrap()
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.server.await.unwrap().unwrap();
    }
}

fn message() -> NewMessage {
    let data = Data::from_iter([
        ("thing1".to_owned(), SlotValue::from("Parcel")),
        ("time2".to_owned(), SlotValue::from("10:00")),
    ]);
    NewMessage::new(
        "demo-oa",
        Kind::Template,
        Recipient::openid("oPerson"),
        TEMPLATE,
        data,
    )
}

#[tokio::test]
async fn the_client_speaks_every_route() {
    let serving = serving().await;
    let client = serving.client(Scope::Admin).await;
    client.healthy().await.unwrap();
    client.ready().await.unwrap();
    let once = SendOptions {
        idempotency_key: Some("k".to_owned()),
        wait: None,
    };
    let sent = client.send(&message(), &once).await.unwrap();
    assert!(matches!(sent, Sent::Queued(_)));
    assert_eq!(
        client.send(&message(), &once).await.unwrap().id(),
        sent.id()
    );
    let filter = MessageFilter {
        account: Some("demo-oa".to_owned()),
        kind: Some(Kind::Template),
        ..Default::default()
    };
    let found = client
        .messages(
            &filter,
            &PageQuery {
                limit: Some(1),
                cursor: None,
            },
        )
        .await
        .unwrap();
    assert_eq!(found.items[0].id, sent.id());
    assert_eq!(
        client.message(sent.id()).await.unwrap().attempts,
        Some(Vec::new())
    );
    assert!(client.validate(&message()).await.unwrap().valid);
    client.cancel(sent.id()).await.unwrap();
    let over = client
        .send(
            &message(),
            &SendOptions {
                wait: Some(1),
                ..once
            },
        )
        .await
        .unwrap();
    assert!(matches!(over, Sent::Known(message) if message.id == sent.id()));

    let account = serde_json::from_value(serde_json::json!({
        "name": "shop", "kind": "mini_program", "appid": "wx99", "secret": "hush",
    }));
    client
        .add_account(&account.unwrap(), Some("k2"))
        .await
        .unwrap();
    assert_eq!(
        client
            .accounts(&PageQuery::default())
            .await
            .unwrap()
            .items
            .len(),
        3
    );
    let change = hongyan_api::ChangeAccount {
        disabled: Some(true),
        ..Default::default()
    };
    assert!(
        client
            .change_account("shop", &change)
            .await
            .unwrap()
            .disabled
    );
    client.remove_account("shop").await.unwrap();
    assert_eq!(
        client.account("shop").await.unwrap_err().code(),
        Some("unknown_account")
    );
    assert_eq!(
        client
            .templates("demo-oa", &PageQuery::default())
            .await
            .unwrap()
            .items
            .len(),
        1
    );
    assert_eq!(
        client.sync_templates("demo-oa").await.unwrap_err().status,
        Some(503)
    );
    assert_eq!(
        client.access_token("demo-oa").await.unwrap_err().status,
        Some(503)
    );
    assert!(!client.check_account("demo-oa").await.unwrap().ok);
    let key = hongyan_api::NewKey {
        name: "x".to_owned(),
        scopes: vec![hongyan_api::Scope::Read],
        accounts: Vec::new(),
        expires_at: None,
    };
    let key = client.add_key(&key, None).await.unwrap();
    assert_eq!(
        client
            .keys(&PageQuery::default())
            .await
            .unwrap()
            .items
            .len(),
        2
    );
    client.remove_key(&key.key.id).await.unwrap();
    assert_eq!(client.errcode(47003).await.unwrap().code, 47003);
    let page = PageQuery {
        limit: Some(1),
        cursor: None,
    };
    assert_eq!(
        client.errcodes("47003", &page).await.unwrap().items.len(),
        1
    );
    assert_eq!(client.openapi().await.unwrap()["openapi"], "3.1.0");
    let error = client.retry("msg_x").await.unwrap_err();
    assert_eq!(error.code(), Some("unknown_message"));
    serving.end().await;
}

#[tokio::test]
async fn without_storage_nothing_is_accepted_and_later_is_worth_a_try() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &[]).await;
    app.get(&key, "/v1/accounts").await.is(200);
    Store::shutdown(&*app.store).await;
    let answer = app.post(&key, "/v1/messages", &good()).await;
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    answer.problem(503, "storage_unavailable");
    app.raw("GET", "/readyz", &[], "")
        .await
        .problem(503, "not_ready");
    app.raw("GET", "/healthz", &[], "").await.is(200);
}

#[tokio::test]
async fn the_client_tells_no_answer_from_a_refusal() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let client = Client::new(&format!("http://{address}"), "hy_hush").unwrap();
    let error = client.healthy().await.unwrap_err();
    assert_eq!(error.status, None);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(!error.to_string().contains("hush"));
}

/// Sends raw bytes and reads until the other side closes.
async fn exchange(address: SocketAddr, request: Vec<u8>) -> String {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let sending = tokio::spawn(async move { writing.write_all(&request).await.map(|()| writing) });
    let mut answer = Vec::new();
    reading.read_to_end(&mut answer).await.unwrap();
    drop(sending.await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_body_too_large_is_answered_and_not_cut_off() {
    let serving = serving().await;
    let key = serving.app.key(Scope::Send, &[]).await;
    let head = |framing: &str| {
        format!(
            "POST /v1/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\n{framing}\r\n\r\n"
        )
    };
    let large = 3 * 1024 * 1024;
    let mut sized = head(&format!("content-length: {large}")).into_bytes();
    sized.extend(std::iter::repeat_n(b' ', large));
    let mut chunked = head("transfer-encoding: chunked").into_bytes();
    for _ in 0..48 {
        chunked.extend(b"10000\r\n");
        chunked.extend(std::iter::repeat_n(b' ', 0x10000));
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    let asking = head(&format!("content-length: {large}\r\nexpect: 100-continue")).into_bytes();
    for request in [sized, chunked, asking] {
        let answer = exchange(serving.address, request).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("\"code\":\"body_too_large\""), "{answer}");
    }
    serving.end().await;
}

#[tokio::test]
async fn the_end_answers_those_who_wait() {
    let serving = serving().await;
    let key = serving.app.key(Scope::Send, &[]).await;
    let mut stream = TcpStream::connect(serving.address).await.unwrap();
    let body = good().to_string();
    let request = format!(
        "POST /v1/messages?wait=60 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    // On disk, and therefore waiting.
    while serving.app.count().await == 0 {
        tokio::task::yield_now().await;
    }
    serving.end().await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert!(answer.contains("\"status\":\"queued\""), "{answer}");
}

#[tokio::test]
async fn the_client_speaks_of_people_and_callbacks() {
    let serving = serving().await;
    let client = serving.client(Scope::Admin).await;
    let page = PageQuery::default();
    let code = |error: hongyan_api::ApiError| error.code().map(str::to_owned).unwrap();

    let report = hongyan_api::ReportConsents {
        openid: "mA/ 号".replace(' ', ""),
        results: [("tplNotice".to_owned(), "accept".to_owned())].into(),
    };
    let report = client
        .report_consents("demo-mp", &report, Some("tap"))
        .await
        .unwrap();
    assert!(report.counted["tplNotice"]);
    let grants = client.grants("demo-mp", "mA/号").await.unwrap();
    assert_eq!(grants.items, report.grants);
    let who = hongyan_api::ReachQuery {
        account: Some("demo-mp".to_owned()),
        openid: Some("mA/号".to_owned()),
        ..Default::default()
    };
    let reach = client.reach(&who).await.unwrap();
    assert!(
        reach.items[0]
            .routes
            .iter()
            .any(|route| route.can == hongyan_api::Can::Yes)
    );

    let binding = hongyan_api::BindUser {
        openids: [("demo-mp".to_owned(), "mA/号".to_owned())].into(),
        ..Default::default()
    };
    let user = client.bind_user("张/三", &binding).await.unwrap();
    assert_eq!(client.user("张/三").await.unwrap(), user);
    assert_eq!(client.users(&page).await.unwrap().items, [user]);
    client.remove_user("张/三").await.unwrap();
    assert_eq!(
        code(client.user("张/三").await.unwrap_err()),
        "unknown_user"
    );

    let filter = hongyan_api::ContactFilter::default();
    client.contacts("demo-mp", &filter, &page).await.unwrap();
    let nobody = client.contact("demo-mp", "o/x").await.unwrap_err();
    assert_eq!(code(nobody), "unknown_contact");
    let nobody = client.forget_contact("demo-mp", "o/x").await.unwrap_err();
    assert_eq!(code(nobody), "unknown_contact");

    let login = hongyan_api::NewLogin { code: "c".into() };
    let refused = client.login("demo-oa", &login).await.unwrap_err();
    assert_eq!(code(refused), "wrong_kind");
    let ticket = hongyan_api::RedeemTicket { ticket: "t".into() };
    let refused = client.redeem_ticket("demo-oa", &ticket, None).await;
    assert_eq!(code(refused.unwrap_err()), "unknown_ticket");
    let url = "https://a.example".to_owned();
    let refused = client
        .sign_page("demo-oa", &hongyan_api::SignPage { url })
        .await;
    assert_eq!(code(refused.unwrap_err()), "origin_not_allowed");

    let rules: hongyan_api::rule::RuleSet =
        serde_json::from_str(r#"{"rules":[{"name":"a","reply":{"type":"nothing"}}]}"#).unwrap();
    assert_eq!(
        client.replace_reply_rules("demo-oa", &rules).await.unwrap(),
        rules
    );
    assert_eq!(client.reply_rules("demo-oa").await.unwrap(), rules);
    let filter = hongyan_api::CallbackFilter::default();
    let none = client.callbacks("demo-oa", &filter, &page).await.unwrap();
    assert!(none.items.is_empty());
    let id = "evt_0192d3a4b5c67d8e9f00112233445566";
    let unknown = client.callback("demo-oa", id).await.unwrap_err();
    assert_eq!(code(unknown), "unknown_callback");
    let replay = hongyan_api::ReplayCallback::default();
    let unknown = client.replay_callback("demo-oa", id, &replay).await;
    assert_eq!(code(unknown.unwrap_err()), "unknown_callback");
    serving.end().await;
}

#[tokio::test]
async fn wechat_may_call_in_http_1_0() {
    let serving = serving().await;
    let ask = |account: &str| {
        let body = "<xml></xml>";
        format!(
            "POST /callback/{account}?signature=x&timestamp=1&nonce=2 HTTP/1.0\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    let answer = exchange(serving.address, ask("nobody")).await;
    assert!(answer.starts_with("HTTP/1.0 404 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    serving.end().await;
}

#[tokio::test]
async fn a_callback_that_cannot_be_stored_is_asked_for_again() {
    let app = App::new().await;
    let key = app.key(Scope::Admin, &[]).await;
    let change = serde_json::json!({"callback": {"token": "callbackToken"}});
    app.patch(&key, "/v1/accounts/demo-oa", &change)
        .await
        .is(200);
    Store::shutdown(&*app.store).await;
    let signature = hongyan_wechat::callback::signature("callbackToken", &["1", "2"]);
    let path = format!("/callback/demo-oa?signature={signature}&timestamp=1&nonce=2");
    let body = "<xml><ToUserName>gh_1</ToUserName><FromUserName>oA</FromUserName><CreateTime>1795233600</CreateTime>\
                <MsgType>text</MsgType><Content>x</Content><MsgId>1</MsgId></xml>";
    let answer = app.raw("POST", &path, &[], body).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (503, ""));
    assert!(answer.headers.contains_key("retry-after"));
}
