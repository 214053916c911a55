//! The table of WeChat's paths that this version answers.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{
    Call, admin, custom_send, network, newtmpl, oauth, one_time_send, openapi, session,
    subscribe_send, template_send, ticket, tokens, typing, users,
};
use crate::model::{AccountKind, MessageKind};
use crate::refusal::{self, Outcome, Refusal};
use crate::state::account::{Account, Book};

pub(crate) const TEMPLATE_SEND: &str = "/cgi-bin/message/template/send";
pub(crate) const SUBSCRIBE_SEND: &str = "/cgi-bin/message/subscribe/send";
pub(crate) const NOTIFICATION_SEND: &str = "/cgi-bin/message/subscribe/bizsend";
pub(crate) const ONE_TIME_SEND: &str = "/cgi-bin/message/template/subscribe";
pub(crate) const CUSTOM_SEND: &str = "/cgi-bin/message/custom/send";
pub(crate) const STABLE_TOKEN: &str = "/cgi-bin/stable_token";

/// The path that sends messages of a kind.
pub(crate) fn send_path(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Template => TEMPLATE_SEND,
        MessageKind::Subscribe => SUBSCRIBE_SEND,
        MessageKind::Notification => NOTIFICATION_SEND,
        MessageKind::OneTime => ONE_TIME_SEND,
        MessageKind::CustomerService => CUSTOM_SEND,
    }
}

/// One path.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    pub(crate) method: Method,
    /// Default calls a day; `None` is not counted.
    pub(crate) daily: Option<u64>,
    pub(crate) audience: Audience,
    pub(crate) handler: Handler,
}

/// The method a path demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    /// Whatever comes; only the query counts.
    Any,
}

/// Whose token may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    Everybody,
    OfficialAccounts,
    MiniPrograms,
}

/// How the path is served.
#[derive(Debug, Clone)]
pub(crate) enum Handler {
    /// Without an access token; the handler finds the account itself.
    Open(fn(&Call<'_>) -> Outcome),
    /// With an access token.
    Account(fn(&Call<'_>, &Account) -> Outcome),
    /// Withdrawn for everybody.
    Retired(Refusal),
}

impl Endpoint {
    /// 43001, 43002, or the `404` of the newtmpl family.
    pub(crate) fn check_method(&self, method: &http::Method) -> Result<(), Refusal> {
        let (fits, wrong) = match self.method {
            Method::Get => (*method == http::Method::GET, refusal::REQUIRE_GET),
            Method::Post => (*method == http::Method::POST, refusal::REQUIRE_POST),
            Method::Any => return Ok(()),
        };
        if fits {
            Ok(())
        } else if self.path.starts_with("/wxaapi/newtmpl/") {
            Err(refusal::NEWTMPL_NOT_FOUND)
        } else {
            Err(wrong)
        }
    }

    /// 48001, or 45109 for template messages with a mini program's token, or
    /// 40200 for the sign of typing.
    pub(crate) fn check_audience(&self, kind: AccountKind) -> Result<(), Refusal> {
        match (self.audience, kind) {
            (Audience::Everybody, _)
            | (Audience::OfficialAccounts, AccountKind::OfficialAccount)
            | (Audience::MiniPrograms, AccountKind::MiniProgram) => Ok(()),
            (Audience::OfficialAccounts, AccountKind::MiniProgram)
                if self.path == TEMPLATE_SEND =>
            {
                Err(refusal::RETIRED_UNIFORM)
            }
            (Audience::OfficialAccounts, AccountKind::MiniProgram)
            | (Audience::MiniPrograms, AccountKind::OfficialAccount)
                if self.path.ends_with("/typing") =>
            {
                Err(refusal::INVALID_ACCOUNT_TYPE)
            }
            (Audience::OfficialAccounts, AccountKind::MiniProgram)
            | (Audience::MiniPrograms, AccountKind::OfficialAccount) => Err(refusal::UNAUTHORIZED),
        }
    }
}

/// The daily limit of an endpoint for an account. Template messages grow with
/// the followers; WeChat says at which numbers, not by how much, so the factor
/// of ten is ours.
pub(crate) fn daily_limit(endpoint: &Endpoint, default: u64, book: &Book) -> u64 {
    if endpoint.path != TEMPLATE_SEND {
        return default;
    }
    match book.followers() {
        10_000_000.. => default * 1000,
        1_000_000.. => default * 100,
        100_000.. => default * 10,
        0.. => default,
    }
}

/// Position of a path in [`ENDPOINTS`].
pub(crate) fn find(path: &str) -> Option<usize> {
    static BY_PATH: LazyLock<HashMap<&'static str, usize>> = LazyLock::new(|| {
        ENDPOINTS
            .iter()
            .enumerate()
            .map(|(at, endpoint)| (endpoint.path, at))
            .collect()
    });
    BY_PATH.get(path).copied()
}

const fn get(
    path: &'static str,
    daily: u64,
    audience: Audience,
    handler: fn(&Call<'_>, &Account) -> Outcome,
) -> Endpoint {
    let handler = Handler::Account(handler);
    Endpoint {
        path,
        method: Method::Get,
        daily: Some(daily),
        audience,
        handler,
    }
}

const fn post(
    path: &'static str,
    daily: u64,
    audience: Audience,
    handler: fn(&Call<'_>, &Account) -> Outcome,
) -> Endpoint {
    let handler = Handler::Account(handler);
    Endpoint {
        path,
        method: Method::Post,
        daily: Some(daily),
        audience,
        handler,
    }
}

/// A call without an access token of the account; its limit is one a minute.
const fn sns(path: &'static str, handler: fn(&Call<'_>) -> Outcome) -> Endpoint {
    Endpoint {
        path,
        method: Method::Any,
        daily: None,
        audience: Audience::Everybody,
        handler: Handler::Open(handler),
    }
}

const fn retired(path: &'static str, refusal: Refusal) -> Endpoint {
    Endpoint {
        path,
        method: Method::Post,
        daily: None,
        audience: Audience::Everybody,
        handler: Handler::Retired(refusal),
    }
}

/// Limit of calls for which WeChat publishes none.
const UNPUBLISHED: u64 = 100_000;

/// Every path, with the documented daily limits of a new account.
pub(crate) static ENDPOINTS: [Endpoint; 38] = [
    post(
        TEMPLATE_SEND,
        100_000,
        Audience::OfficialAccounts,
        template_send::send,
    ),
    post(
        SUBSCRIBE_SEND,
        10_000_000,
        Audience::MiniPrograms,
        subscribe_send::send,
    ),
    Endpoint {
        path: "/cgi-bin/token",
        method: Method::Get,
        daily: Some(2000),
        audience: Audience::Everybody,
        handler: Handler::Open(tokens::classic),
    },
    Endpoint {
        path: STABLE_TOKEN,
        method: Method::Post,
        daily: Some(500_000),
        audience: Audience::Everybody,
        handler: Handler::Open(tokens::stable),
    },
    post(
        "/cgi-bin/template/api_set_industry",
        UNPUBLISHED,
        Audience::OfficialAccounts,
        admin::set_industry,
    ),
    get(
        "/cgi-bin/template/get_industry",
        UNPUBLISHED,
        Audience::OfficialAccounts,
        admin::get_industry,
    ),
    post(
        "/cgi-bin/template/api_add_template",
        UNPUBLISHED,
        Audience::OfficialAccounts,
        admin::add_template,
    ),
    get(
        "/cgi-bin/template/get_all_private_template",
        UNPUBLISHED,
        Audience::OfficialAccounts,
        admin::list_templates,
    ),
    post(
        "/cgi-bin/template/del_private_template",
        UNPUBLISHED,
        Audience::OfficialAccounts,
        admin::delete_template,
    ),
    get(
        "/wxaapi/newtmpl/getcategory",
        UNPUBLISHED,
        Audience::Everybody,
        newtmpl::categories,
    ),
    get(
        "/wxaapi/newtmpl/getpubtemplatetitles",
        UNPUBLISHED,
        Audience::Everybody,
        newtmpl::public_titles,
    ),
    get(
        "/wxaapi/newtmpl/getpubtemplatekeywords",
        UNPUBLISHED,
        Audience::Everybody,
        newtmpl::public_keywords,
    ),
    post(
        "/wxaapi/newtmpl/addtemplate",
        UNPUBLISHED,
        Audience::Everybody,
        newtmpl::add_template,
    ),
    get(
        "/wxaapi/newtmpl/gettemplate",
        UNPUBLISHED,
        Audience::Everybody,
        newtmpl::list_templates,
    ),
    post(
        "/wxaapi/newtmpl/deltemplate",
        UNPUBLISHED,
        Audience::Everybody,
        newtmpl::delete_template,
    ),
    post(
        "/cgi-bin/openapi/quota/get",
        UNPUBLISHED,
        Audience::Everybody,
        openapi::quota,
    ),
    post(
        "/cgi-bin/openapi/rid/get",
        UNPUBLISHED,
        Audience::Everybody,
        openapi::rid,
    ),
    // The clearing calls have an allowance a month instead of one a day.
    Endpoint {
        path: "/cgi-bin/clear_quota",
        method: Method::Post,
        daily: None,
        audience: Audience::Everybody,
        handler: Handler::Account(openapi::clear_quota),
    },
    Endpoint {
        path: "/cgi-bin/clear_quota/v2",
        method: Method::Post,
        daily: None,
        audience: Audience::Everybody,
        handler: Handler::Open(openapi::clear_quota_v2),
    },
    get(
        "/cgi-bin/get_api_domain_ip",
        UNPUBLISHED,
        Audience::Everybody,
        openapi::addresses,
    ),
    get(
        "/cgi-bin/getcallbackip",
        UNPUBLISHED,
        Audience::Everybody,
        openapi::addresses,
    ),
    get(
        "/cgi-bin/user/get",
        500,
        Audience::OfficialAccounts,
        users::list,
    ),
    get(
        "/cgi-bin/user/info",
        5_000_000,
        Audience::OfficialAccounts,
        users::info,
    ),
    post(
        NOTIFICATION_SEND,
        UNPUBLISHED,
        Audience::OfficialAccounts,
        subscribe_send::send_notification,
    ),
    post(
        ONE_TIME_SEND,
        UNPUBLISHED,
        Audience::OfficialAccounts,
        one_time_send::send,
    ),
    post(CUSTOM_SEND, 500_000, Audience::Everybody, custom_send::send),
    post(
        "/cgi-bin/message/custom/typing",
        UNPUBLISHED,
        Audience::OfficialAccounts,
        typing::set,
    ),
    post(
        "/cgi-bin/message/custom/business/typing",
        UNPUBLISHED,
        Audience::MiniPrograms,
        typing::set,
    ),
    post(
        "/cgi-bin/callback/check",
        UNPUBLISHED,
        Audience::Everybody,
        network::check,
    ),
    get(
        "/cgi-bin/ticket/getticket",
        UNPUBLISHED,
        Audience::OfficialAccounts,
        ticket::get,
    ),
    get(
        "/wxa/checksession",
        UNPUBLISHED,
        Audience::MiniPrograms,
        session::check,
    ),
    sns("/sns/jscode2session", session::from_code),
    sns("/sns/oauth2/access_token", oauth::access_token),
    sns("/sns/oauth2/refresh_token", oauth::refresh_token),
    sns("/sns/userinfo", oauth::user_info),
    sns("/sns/auth", oauth::is_valid),
    retired(
        "/cgi-bin/message/wxopen/template/send",
        refusal::RETIRED_FORM_MESSAGE,
    ),
    retired(
        "/cgi-bin/message/wxopen/template/uniform_send",
        refusal::RETIRED_UNIFORM,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_found_and_unique() {
        for (at, endpoint) in ENDPOINTS.iter().enumerate() {
            assert_eq!(find(endpoint.path), Some(at), "{}", endpoint.path);
        }
        assert_eq!(find("/cgi-bin/nothing"), None);
    }

    #[test]
    fn the_limit_of_template_messages_grows_with_the_followers() {
        let endpoint = &ENDPOINTS[find(TEMPLATE_SEND).unwrap()];
        let limit = |count| {
            let mut book = Book::default();
            book.bulk.count = count;
            daily_limit(endpoint, 100_000, &book)
        };
        assert_eq!(limit(99_999), 100_000);
        assert_eq!(limit(100_000), 1_000_000);
        assert_eq!(limit(1_000_000), 10_000_000);
    }

    #[test]
    fn the_wrong_kind_of_token() {
        let endpoint = |path| &ENDPOINTS[find(path).unwrap()];
        let code = |path, kind| endpoint(path).check_audience(kind).unwrap_err().code;
        assert_eq!(code(TEMPLATE_SEND, AccountKind::MiniProgram), 45109);
        assert_eq!(code(SUBSCRIBE_SEND, AccountKind::OfficialAccount), 48001);
        assert_eq!(code("/cgi-bin/user/get", AccountKind::MiniProgram), 48001);
    }
}
