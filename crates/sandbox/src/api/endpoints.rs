//! WeChat's paths: what they demand and who may call them.

use std::collections::HashMap;
use std::sync::LazyLock;

pub(crate) use super::table::ENDPOINTS;
use super::{Call, Download};
use crate::model::{AccountKind, MessageKind};
use crate::refusal::{self, Outcome, Refusal};
use crate::state::account::{Account, Book};

pub(crate) const TEMPLATE_SEND: &str = "/cgi-bin/message/template/send";
pub(crate) const SUBSCRIBE_SEND: &str = "/cgi-bin/message/subscribe/send";
pub(crate) const NOTIFICATION_SEND: &str = "/cgi-bin/message/subscribe/bizsend";
pub(crate) const ONE_TIME_SEND: &str = "/cgi-bin/message/template/subscribe";
pub(crate) const CUSTOM_SEND: &str = "/cgi-bin/message/custom/send";
pub(crate) const STABLE_TOKEN: &str = "/cgi-bin/stable_token";

pub(crate) const MEDIA_UPLOAD: &str = "/cgi-bin/media/upload";
pub(crate) const IMAGE_UPLOAD: &str = "/cgi-bin/media/uploadimg";
pub(crate) const ADD_MATERIAL: &str = "/cgi-bin/material/add_material";

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
    /// The same with a file as its answer.
    File(fn(&Call<'_>, &Account) -> Result<Download, Refusal>),
    /// Withdrawn for everybody.
    Retired(Refusal),
}

/// Longest body of a call, and of one that uploads a file.
const BODY_LIMIT: usize = 1024 * 1024;
const UPLOAD_LIMIT: usize = 12 * 1024 * 1024;

/// Calls of `stable_token` a minute.
const STABLE_PER_MINUTE: u32 = 10_000;

impl Endpoint {
    /// Calls a minute, where WeChat publishes a number.
    pub(crate) fn per_minute(&self) -> Option<u32> {
        (self.path == STABLE_TOKEN).then_some(STABLE_PER_MINUTE)
    }

    /// Bytes a body may have, and what a longer one is told.
    pub(crate) fn body_limit(&self) -> (usize, Refusal) {
        match self.path {
            MEDIA_UPLOAD | IMAGE_UPLOAD | ADD_MATERIAL => (UPLOAD_LIMIT, refusal::MEDIA_TOO_LARGE),
            _ => (BODY_LIMIT, refusal::TOO_LARGE),
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::bulk::Batch;

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
            book.bulk.add(Batch {
                numbers: 0..count,
                follows: true,
                at: 0,
                accepts: Vec::new(),
            });
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
