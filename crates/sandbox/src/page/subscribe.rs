//! `/mp/subscribemsg`: consent to one one-time message (page
//! "公众号一次性订阅消息").

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;

use super::html::{PageError, document, escape, failure};
use super::visitor::{Parameters, is_page_address, redirect, remembering};
use crate::api::query_pairs;
use crate::{AccountKind, Action, MessageKind, Sandbox};

pub(super) const PATH: &str = "/mp/subscribemsg";
/// Highest scene.
const SCENE_LIMIT: u32 = 10_000;

/// What a link to the page asks for.
struct Request<'a> {
    appid: &'a str,
    /// What people call the account.
    name: String,
    template_id: &'a str,
    scene: u32,
    redirect_url: &'a str,
    reserved: &'a str,
}

impl<'a> Request<'a> {
    fn read(sandbox: &Sandbox, parameters: &'a Parameters) -> Result<Self, PageError> {
        if parameters.get("action") != "get_confirm" {
            return Err(PageError::plain("action 必须是 get_confirm"));
        }
        let appid = parameters.get("appid");
        let account = sandbox
            .account(appid)
            .map_err(|_| PageError::new(40013, "appid 参数错误"))?;
        if account.kind != AccountKind::OfficialAccount {
            return Err(PageError::new(40013, "小程序没有一次性订阅消息"));
        }
        let scene: Option<u32> = parameters.get("scene").parse().ok();
        let scene = scene
            .filter(|scene| *scene <= SCENE_LIMIT)
            .ok_or_else(|| PageError::plain(format!("scene 必须是 0 到 {SCENE_LIMIT} 的整数")))?;
        let template_id = parameters.get("template_id");
        let known = account
            .book
            .lock()
            .template(template_id)
            .is_some_and(|template| template.source.kind == MessageKind::OneTime);
        if !known {
            return Err(PageError::new(40037, "template_id 不是该公众号的订阅模板"));
        }
        let redirect_url = parameters.get("redirect_url");
        if !is_page_address(redirect_url) || !account.settings.read().allows_host(redirect_url) {
            return Err(PageError::new(10003, "redirect_url 不在业务域名内"));
        }
        Ok(Self {
            appid,
            name: account.shown_name(),
            template_id,
            scene,
            redirect_url,
            reserved: parameters.echo("reserved")?,
        })
    }

    /// Only who confirms is named.
    fn back(&self, action: &str, openid: Option<&str>) -> Response {
        let scene = self.scene.to_string();
        let mut added = Vec::new();
        if let Some(openid) = openid {
            added.push(("openid", openid));
        }
        added.extend([
            ("template_id", self.template_id),
            ("action", action),
            ("scene", &*scene),
            ("reserved", self.reserved),
        ]);
        redirect(self.redirect_url, &added)
    }
}

/// Asks the person.
pub(super) async fn show(
    State(sandbox): State<Sandbox>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let parameters = Parameters::read(query);
    let request = match Request::read(&sandbox, &parameters) {
        Ok(request) => request,
        Err(error) => return failure(&error),
    };
    let Some(person) = parameters.visitor(&sandbox, &headers) else {
        return parameters.chooser(&sandbox, PATH);
    };
    let nickname = sandbox.person(&person).map(|person| person.nickname);
    let body = format!(
        "<h1>{} 请求给你发送一次消息</h1><p class=\"dim\">scene {} · 以 {} 的身份</p>\
         <form method=\"post\">\
         <button class=\"main\" name=\"decision\" value=\"confirm\">同意 Confirm</button>\
         <button name=\"decision\" value=\"cancel\">取消 Cancel</button></form>",
        escape(&request.name),
        request.scene,
        escape(&nickname.unwrap_or_default()),
    );
    remembering(document("一次性订阅", &body), &person)
}

/// The person's decision: `decision=confirm|cancel`.
pub(super) async fn decide(
    State(sandbox): State<Sandbox>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let parameters = Parameters::read(query);
    let request = match Request::read(&sandbox, &parameters) {
        Ok(request) => request,
        Err(error) => return failure(&error),
    };
    let Some(person) = parameters.visitor(&sandbox, &headers) else {
        return parameters.chooser(&sandbox, PATH);
    };
    let body = query_pairs(&String::from_utf8_lossy(&body));
    let decision = body.iter().find(|(key, _)| key == "decision");
    if decision.is_none_or(|(_, decision)| decision != "confirm") {
        return request.back("cancel", None);
    }
    let action = Action::SubscribeOnce {
        template_id: request.template_id.to_owned(),
        scene: request.scene,
    };
    match sandbox.act(&person, request.appid, &action) {
        Ok(openid) => request.back("confirm", Some(&openid)),
        Err(error) => failure(&PageError::plain(error.to_string())),
    }
}
