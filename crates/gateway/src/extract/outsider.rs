//! Those who have no key: WeChat, and people's browsers.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::{FromRequestParts, Request};
use bytes::Bytes;
use hongyan_domain::console::LoginName;
use hongyan_domain::port::StoreError;
use hongyan_engine::{
    CallbackAnswer, CallbackRefusal, ConsoleRefusal, Leave, SignedIn, SubscribeEnd,
    SubscribeReturn, TagPage, WebFailure,
};
use hongyan_wechat::callback::MAX_BODY;
use http::request::Parts;
use secrecy::SecretString;

use super::{Gateway, body};
use crate::app::GatewaySettings;
use crate::problem::Problem;

/// Somebody without a key. What they may ask of the engine is here, and nothing
/// else; each of it proves its asker in its own way.
pub(crate) struct Outsider(Gateway);

impl FromRequestParts<Gateway> for Outsider {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, gateway: &Gateway) -> Result<Self, Infallible> {
        Ok(Self(gateway.clone()))
    }
}

impl Outsider {
    /// How the gateway is set up.
    pub(crate) fn settings(&self) -> &GatewaySettings {
        &self.0.0.settings
    }

    /// Whether nobody uses the console yet.
    pub(crate) async fn console_needs_setup(&self) -> Result<bool, StoreError> {
        self.0.0.engine.needs_setup().await
    }

    /// The first person of the console.
    pub(crate) async fn set_up_console(
        &self,
        secret: &str,
        name: LoginName,
        password: SecretString,
    ) -> Result<SignedIn, ConsoleRefusal> {
        self.0.0.engine.set_up(secret, name, password).await
    }

    /// Somebody who signs in.
    pub(crate) async fn sign_in(
        &self,
        name: &str,
        password: SecretString,
        from: Option<IpAddr>,
    ) -> Result<SignedIn, ConsoleRefusal> {
        self.0.0.engine.sign_in(name, password, from).await
    }

    /// Somebody who signs out.
    pub(crate) async fn sign_out(&self, cookie: &str) -> Result<(), StoreError> {
        self.0.0.engine.sign_out(cookie).await
    }

    /// Reads the body of a callback.
    pub(crate) async fn callback_body(&self, request: Request) -> Result<Bytes, Problem> {
        body::read_at_most(request, self.settings(), MAX_BODY).await
    }

    /// WeChat's check of a callback address.
    pub(crate) fn verify_callback_url(
        &self,
        account: &str,
        query: &str,
    ) -> Result<String, CallbackRefusal> {
        self.0.0.engine.verify_callback_url(account, query)
    }

    /// A callback.
    pub(crate) async fn receive_callback(
        &self,
        account: &str,
        query: &str,
        content_type: Option<&str>,
        body: Bytes,
    ) -> Result<CallbackAnswer, CallbackRefusal> {
        let engine = &self.0.0.engine;
        engine
            .receive_callback(account, query, content_type, body)
            .await
    }

    /// A person on the way to WeChat's page of one-time subscriptions.
    pub(crate) async fn begin_subscribe(
        &self,
        account: &str,
        template_id: &str,
        scene: &str,
        next: Option<&str>,
    ) -> Result<Leave, WebFailure> {
        let engine = &self.0.0.engine;
        engine
            .begin_subscribe(account, template_id, scene, next)
            .await
    }

    /// A person back from there.
    pub(crate) async fn end_subscribe(
        &self,
        account: &str,
        back: SubscribeReturn,
        cookie: Option<&str>,
    ) -> Result<SubscribeEnd, WebFailure> {
        self.0.0.engine.end_subscribe(account, back, cookie).await
    }

    /// A person on the way to WeChat's page that tells who they are.
    pub(crate) async fn begin_oauth(
        &self,
        account: &str,
        scope: &str,
        next: &str,
    ) -> Result<Leave, WebFailure> {
        self.0.0.engine.begin_oauth(account, scope, next).await
    }

    /// A person back from there: where to go on to.
    pub(crate) async fn end_oauth(
        &self,
        account: &str,
        code: Option<&str>,
        state: Option<&str>,
        cookie: Option<&str>,
    ) -> Result<String, WebFailure> {
        let engine = &self.0.0.engine;
        engine.end_oauth(account, code, state, cookie).await
    }

    /// What the page with WeChat's open tag needs.
    pub(crate) async fn subscribe_tag_page(
        &self,
        account: &str,
        path_and_query: &str,
        template_ids: &[&str],
    ) -> Result<TagPage, WebFailure> {
        let engine = &self.0.0.engine;
        engine
            .subscribe_tag_page(account, path_and_query, template_ids)
            .await
    }
}
