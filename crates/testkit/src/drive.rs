//! What tests do with it: send, look, break.

use std::time::Duration;

use hongyan_api::{Account, Kind, Message, NewMessage, Recipient, SendOptions, Sent};
use hongyan_domain::delivery::Claimed;
use hongyan_domain::message::Priority;
use hongyan_domain::port::QueueStore;
use hongyan_sandbox::{Action, ActionOutcome, InboxItem};

use crate::{TestApp, data, http};

impl TestApp {
    /// The appid of `oa` or `mp`.
    ///
    /// # Panics
    /// For any other name.
    #[must_use]
    pub fn appid(&self, account: &str) -> String {
        match account {
            "oa" => self.oa.clone(),
            "mp" => self.mp.clone(),
            other => panic!("there is no account {other}"),
        }
    }

    /// Works the queue until nothing is due.
    pub async fn pump(&self) -> usize {
        self.engine.pump().await
    }

    /// Waits until everything the sandbox has to say was said, and the gateway has
    /// joined what it heard with what it sent.
    pub async fn settle(&self) {
        self.sandbox.callbacks_settled().await;
        self.engine.maintain().await;
    }

    /// Lets the person do something at `oa` or `mp` and waits for what the gateway
    /// answers to it. Time goes on by a second, so that the next such action is
    /// another one.
    pub async fn perform(&self, account: &str, action: Action) -> ActionOutcome {
        self.advance(Duration::from_secs(1));
        self.sandbox
            .perform(&self.person, &self.appid(account), &action)
            .await
            .expect("the person can do that")
    }

    /// A template message to the person that breaks no rule.
    #[must_use]
    pub fn message(&self) -> NewMessage {
        NewMessage::new(
            "oa",
            Kind::Template,
            Recipient::openid(&self.openid),
            &self.template,
            data(&[("thing1", "耳机"), ("time2", "2026-11-20 10:00")]),
        )
    }

    /// A subscribe message to the person that breaks no rule.
    #[must_use]
    pub fn subscribe_message(&self) -> NewMessage {
        NewMessage::new(
            "mp",
            Kind::Subscribe,
            Recipient::openid(&self.mp_openid),
            &self.subscribe,
            data(&[("character_string1", "A-42"), ("thing2", "人民广场店")]),
        )
    }

    /// A customer-service text to the person at `oa` or `mp`.
    #[must_use]
    pub fn service_message(&self, account: &str, text: &str) -> NewMessage {
        let openid = if account == "oa" {
            &self.openid
        } else {
            &self.mp_openid
        };
        let body = serde_json::json!({"msgtype": "text", "text": {"content": text}});
        let serde_json::Value::Object(body) = body else {
            unreachable!("it is an object");
        };
        NewMessage::customer_service(account, Recipient::openid(openid), body)
    }

    /// Takes a message in; its id.
    pub async fn send(&self, message: &NewMessage) -> String {
        match self.client.send(message, &SendOptions::default()).await {
            Ok(Sent::Queued(accepted)) => accepted.id,
            other => panic!("expected 202, got {other:?}"),
        }
    }

    /// Takes a message in and works until it is settled or waits.
    pub async fn send_and_pump(&self, message: &NewMessage) -> Message {
        let id = self.send(message).await;
        self.pump().await;
        self.get(&id).await
    }

    /// Takes a message in, works until it is settled or waits, and waits for its
    /// receipt, if one comes.
    pub async fn send_and_settle(&self, message: &NewMessage) -> Message {
        let id = self.send(message).await;
        self.pump().await;
        self.settle().await;
        self.get(&id).await
    }

    /// The message as the API shows it.
    pub async fn get(&self, id: &str) -> Message {
        self.client.message(id).await.expect("the message is there")
    }

    /// The account as the API shows it.
    pub async fn account(&self, name: &str) -> Account {
        self.client
            .account(name)
            .await
            .expect("the account is there")
    }

    /// Lets the person accept the mini program's one-time template once.
    pub fn consent(&self) {
        let choices = [(self.subscribe.clone(), "accept".to_owned())]
            .into_iter()
            .collect();
        self.sandbox
            .act(&self.person, &self.mp, &Action::SubscribePopup(choices))
            .expect("the person consents");
    }

    /// The cards on the person's phone, the newest first.
    #[must_use]
    pub fn inbox(&self) -> Vec<InboxItem> {
        self.sandbox
            .inbox(&self.person, 100)
            .expect("the person has a phone")
            .items
    }

    /// Makes the sandbox misbehave: the body of `POST /sandbox/v1/faults`.
    pub fn fault(&self, fault: serde_json::Value) {
        let fault = serde_json::from_value(fault).expect("a fault");
        self.sandbox.add_fault(fault).expect("the fault is set");
    }

    /// How many sends took effect at the sandbox.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.sandbox
            .deliveries(&Default::default())
            .expect("deliveries")
            .total
    }

    /// How many calls of a path the sandbox has seen.
    #[must_use]
    pub fn calls(&self, path: &str) -> usize {
        self.sandbox.requests(Some(path), 10_000).len()
    }

    /// Claims what is due at an account, as a gateway does that then dies.
    pub async fn claim(&self, account: &str) -> Vec<Claimed> {
        let account = self
            .engine
            .account(account)
            .expect("the account is known")
            .id;
        let lease = Duration::from_secs(60);
        self.store
            .claim(account, 1000, lease, Priority::Low)
            .await
            .expect("a claim")
            .claimed
    }

    /// Calls one of WeChat's paths at the sandbox, as another program would.
    pub async fn call_sandbox(
        &self,
        path: &str,
        token: &str,
        body: &serde_json::Value,
    ) -> serde_json::Value {
        let url = format!("{}{path}?access_token={token}", self.sandbox_url);
        let response = http().post(url).json(body).send().await.expect("an answer");
        response.json().await.expect("JSON")
    }

    /// Sends anything to the gateway: method, path, JSON text; status and answer.
    pub async fn raw(
        &self,
        method: &str,
        path: &str,
        body: impl Into<Vec<u8>>,
    ) -> (u16, serde_json::Value) {
        self.raw_as("application/json", method, path, body).await
    }

    /// The same with a body of another type.
    pub async fn raw_as(
        &self,
        content_type: &str,
        method: &str,
        path: &str,
        body: impl Into<Vec<u8>>,
    ) -> (u16, serde_json::Value) {
        let method = method.parse().expect("a method");
        let response = http()
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.api_key)
            .header("content-type", content_type)
            .body(body.into())
            .send()
            .await
            .expect("an answer");
        let status = response.status().as_u16();
        let bytes = response.bytes().await.expect("a body");
        (
            status,
            serde_json::from_slice(&bytes).unwrap_or(serde_json::Value::Null),
        )
    }
}
