//! `/connect/oauth2/authorize` (page "网页授权").
//!
//! The fragment `#wechat_redirect` never reaches a server, so it is not checked.

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;

use super::html::{PageError, document, escape, failure};
use super::visitor::{Parameters, is_page_address, redirect, remembering};
use crate::api::query_pairs;
use crate::state::logins::Purpose;
use crate::{AccountKind, Sandbox};

pub(super) const PATH: &str = "/connect/oauth2/authorize";
/// The link is checked against a strict pattern.
const ORDER: [&str; 5] = ["appid", "redirect_uri", "response_type", "scope", "state"];

/// What an authorisation link asks for.
struct Request<'a> {
    appid: &'a str,
    /// What people call the account.
    name: String,
    redirect_uri: &'a str,
    wants_profile: bool,
    state: &'a str,
}

impl<'a> Request<'a> {
    fn read(sandbox: &Sandbox, parameters: &'a Parameters) -> Result<Self, PageError> {
        if !parameters.are_in_order(&ORDER) {
            return Err(PageError::plain(
                "该链接无法访问：参数顺序必须是 appid、redirect_uri、response_type、scope、state",
            ));
        }
        for (name, code) in [("appid", 10012), ("redirect_uri", 10011), ("scope", 10010)] {
            if parameters.get(name).is_empty() {
                return Err(PageError::new(code, &format!("{name} 参数为空")));
            }
        }
        if parameters.get("response_type") != "code" {
            return Err(PageError::plain("response_type 必须是 code"));
        }
        let appid = parameters.get("appid");
        let account = sandbox
            .account(appid)
            .map_err(|_| PageError::new(40013, "appid 参数错误"))?;
        if account.kind != AccountKind::OfficialAccount {
            return Err(PageError::new(10005, "该公众号没有这个 scope 的权限"));
        }
        let wants_profile = match parameters.get("scope") {
            "snsapi_base" => false,
            "snsapi_userinfo" => true,
            _ => return Err(PageError::new(10005, "scope 参数错误或没有 scope 权限")),
        };
        let redirect_uri = parameters.get("redirect_uri");
        if !is_page_address(redirect_uri) || !account.settings.read().allows_host(redirect_uri) {
            return Err(PageError::new(10003, "redirect_uri 域名与后台配置不一致"));
        }
        Ok(Self {
            appid,
            name: account.shown_name(),
            redirect_uri,
            wants_profile,
            state: parameters.echo("state")?,
        })
    }

    fn back(&self, sandbox: &Sandbox, person: &str, purpose: Purpose) -> Response {
        match sandbox.authorize(person, self.appid, purpose) {
            Ok(code) => {
                let added = [("code", &*code), ("state", self.state)];
                redirect(self.redirect_uri, &added)
            }
            Err(error) => failure(&PageError::plain(error.to_string())),
        }
    }
}

/// Sends the browser back at once, or asks first where a profile is wanted.
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
    let response = if request.wants_profile {
        let nickname = sandbox.person(&person).map(|person| person.nickname);
        document(
            "网页授权",
            &form(&request.name, &nickname.unwrap_or_default()),
        )
    } else {
        request.back(&sandbox, &person, Purpose::Base)
    };
    remembering(response, &person)
}

fn form(name: &str, nickname: &str) -> String {
    format!(
        "<h1>{name} 申请获得你的昵称和头像</h1><p class=\"dim\">以 {nickname} 的身份</p>\
         <form method=\"post\"><label><input type=\"checkbox\" name=\"snapshot\" value=\"1\"> \
         快照页模式（虚拟账号） snapshot user</label>\
         <button class=\"main\" name=\"decision\" value=\"allow\">允许 Allow</button>\
         <button name=\"decision\" value=\"refuse\">拒绝 Refuse</button></form>",
        name = escape(name),
        nickname = escape(nickname),
    )
}

/// The person's decision: `decision=allow|refuse` and perhaps `snapshot=1`.
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
    let says =
        |name: &str, value: &str| body.iter().any(|(key, said)| key == name && said == value);
    if !says("decision", "allow") {
        // WeChat closes the page and the site never hears of it.
        return document("网页授权", "<h1>已拒绝授权 Refused</h1>");
    }
    let snapshot = says("snapshot", "1") || parameters.get("forceSnapShot") == "true";
    let purpose = match (request.wants_profile, snapshot) {
        (false, _) => Purpose::Base,
        (true, false) => Purpose::UserInfo,
        (true, true) => Purpose::Snapshot,
    };
    request.back(&sandbox, &person, purpose)
}
