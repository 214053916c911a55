//! Refusals: one table of stable codes, one type that carries them.

mod page;
mod table;

pub(crate) use page::page_html;
pub use page::page_markdown;
pub(crate) use table::Code;

use axum::response::{IntoResponse, Response};
use hongyan_domain::port::StoreError;
use hongyan_domain::template::Violation;
use hongyan_engine::{
    CredentialError, JsSignatureFailure, LoginFailure, ManageError, WechatFailure,
};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use crate::convert;
use crate::extract::invalid;

/// Seconds after which what failed for want of storage or of WeChat is worth
/// another try.
const RETRY_SECONDS: u32 = 2;

/// Seconds after which WeChat lets a person log in again who did so too often.
const PATIENCE_SECONDS: u32 = 60;

/// A refusal on its way to the caller. Boxed: the good path should not carry its
/// weight.
#[derive(Debug)]
pub(crate) struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    detail: String,
    detail_zh: Option<String>,
    violations: Vec<Violation>,
    wechat: Option<WechatCause>,
    retry_after: Option<u32>,
    challenge: Option<HeaderValue>,
}

#[derive(Debug)]
struct WechatCause {
    errcode: i64,
    errmsg: Option<String>,
    rid: Option<String>,
}

impl Problem {
    /// A problem of this code; `detail` says what is wrong here and what to do.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            detail: detail.into(),
            detail_zh: None,
            violations: Vec::new(),
            wechat: None,
            retry_after: None,
            challenge: None,
        }))
    }

    /// The request breaks these rules.
    pub(crate) fn invalid(violations: Vec<Violation>) -> Self {
        let detail = match violations.as_slice() {
            [only] => format!("{}: {}", only.pointer, only.message),
            several => format!("the request breaks {} rules; see violations", several.len()),
        };
        Self::new(Code::ValidationFailed, detail).with_violations(violations)
    }

    /// Something of ours is broken; the log knows what.
    pub(crate) fn internal() -> Self {
        Self::new(
            Code::Internal,
            "the gateway failed at this request; its log says why",
        )
    }

    /// The same with the detail in Chinese, too.
    pub(crate) fn zh(mut self, detail: impl Into<String>) -> Self {
        self.0.detail_zh = Some(detail.into());
        self
    }

    /// The same with a sentence before its own.
    pub(crate) fn preceded_by(mut self, sentence: &str) -> Self {
        self.0.detail = format!("{sentence}: {}", self.0.detail);
        self
    }

    pub(crate) fn with_violations(mut self, violations: Vec<Violation>) -> Self {
        self.0.violations = violations;
        self
    }

    /// The same of a part of the request at `place`.
    pub(crate) fn below(mut self, place: &str) -> Self {
        let violations = std::mem::take(&mut self.0.violations);
        self.0.violations = convert::fallback::below(place, violations).collect();
        self
    }

    /// The caller may try again after so many seconds.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// What would prove the caller (RFC 6750, section 3).
    pub(crate) fn challenge(mut self, challenge: &str) -> Self {
        self.0.challenge = HeaderValue::from_str(challenge).ok();
        self
    }

    fn because_wechat(mut self, errcode: i64, errmsg: Option<String>, rid: Option<String>) -> Self {
        self.0.wechat = Some(WechatCause {
            errcode,
            errmsg,
            rid,
        });
        self
    }

    /// The rules broken.
    pub(crate) fn into_violations(self) -> Vec<Violation> {
        self.0.violations
    }

    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// The document.
    pub(crate) fn into_document(self) -> hongyan_api::Problem {
        let row = self.0.code.row();
        let detail_zh = self
            .0
            .detail_zh
            .unwrap_or_else(|| in_chinese(&self.0.violations, row.meaning_zh));
        let wechat = self.0.wechat;
        hongyan_api::Problem {
            type_: format!("/docs/errors#{}", row.code),
            title: row.title.to_owned(),
            status: row.status,
            detail: self.0.detail,
            detail_zh,
            code: row.code.to_owned(),
            violations: self
                .0
                .violations
                .into_iter()
                .map(convert::violation)
                .collect(),
            errcode: wechat.as_ref().map(|w| w.errcode),
            diagnosis: wechat.as_ref().and_then(|w| convert::diagnosis(w.errcode)),
            errmsg: wechat.as_ref().and_then(|w| w.errmsg.clone()),
            rid: wechat.and_then(|w| w.rid),
        }
    }
}

/// The rules broken, else what the code means; the table is written for pages that know
/// back-ticks.
fn in_chinese(violations: &[Violation], meaning_zh: &str) -> String {
    match violations {
        [] => meaning_zh.replace('`', ""),
        [only] => format!("{}：{}", only.pointer, only.message_zh),
        several => format!("请求有 {} 处不符合规则，见 violations", several.len()),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (retry_after, challenge) = (self.0.retry_after, self.0.challenge.clone());
        let document = self.into_document();
        let status =
            StatusCode::from_u16(document.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // A struct of texts and numbers always becomes JSON.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response =
            (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = retry_after {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken { .. } => Self::new(Code::Taken, error.to_string()),
            StoreError::Missing { .. } => Self::new(Code::NotFound, error.to_string()),
            StoreError::InUse { .. } => Self::new(Code::InUse, error.to_string()),
            StoreError::Unavailable { reason } => {
                tracing::warn!(reason, "storage is not available");
                Self::new(
                    Code::StorageUnavailable,
                    "the database is not available at this moment; nothing was done, try again",
                )
                .retry_after(RETRY_SECONDS)
            }
            StoreError::Corrupt { reason } => {
                tracing::error!(reason, "storage answered in an unexpected way");
                Self::internal()
            }
        }
    }
}

impl From<CredentialError> for Problem {
    fn from(error: CredentialError) -> Self {
        let sentence = error.to_string();
        match error {
            CredentialError::Refused { illness } => {
                let (detail, detail_zh) = match &illness.seen_ip {
                    Some(ip) => (
                        format!("{sentence}; WeChat saw the address {ip}"),
                        format!("微信不给此账号接口凭证：微信看到的 IP 地址 {ip} 不在 IP 白名单中"),
                    ),
                    None => (
                        sentence,
                        format!("微信不给此账号接口凭证：{}", illness.reason),
                    ),
                };
                let problem = Self::new(Code::AccountUnhealthy, detail).zh(detail_zh);
                match illness.errcode {
                    Some(code) => problem.because_wechat(code, illness.errmsg, illness.rid),
                    None => problem,
                }
            }
            CredentialError::Unavailable { .. } => {
                Self::new(Code::WechatUnreachable, sentence).retry_after(RETRY_SECONDS)
            }
            CredentialError::Store(error) => error.into(),
            CredentialError::Missing => Self::new(Code::UnknownAccount, sentence),
        }
    }
}

impl From<WechatFailure> for Problem {
    fn from(failure: WechatFailure) -> Self {
        let sentence = failure.to_string();
        match failure {
            WechatFailure::Credential(error) => error.into(),
            WechatFailure::Refused(refusal) => Self::new(Code::WechatRefused, sentence)
                .zh(format!(
                    "微信拒绝了请求：错误码 {} {}",
                    refusal.errcode, refusal.errmsg
                ))
                .because_wechat(refusal.errcode.0, Some(refusal.errmsg), refusal.rid),
            WechatFailure::Unreachable { .. } => {
                Self::new(Code::WechatUnreachable, sentence).retry_after(RETRY_SECONDS)
            }
            WechatFailure::Store(error) => error.into(),
            WechatFailure::Missing => Self::new(Code::UnknownAccount, sentence),
        }
    }
}

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::WrongKind => Self::new(
                Code::WrongKind,
                "only official accounts have followers, tags, a blacklist, menus and QR codes",
            )
            .zh("只有公众号才有关注者、标签、黑名单、自定义菜单和带参数二维码"),
            ManageError::Invalid(violations) => Self::invalid(violations),
            ManageError::Unknown { .. } => Self::new(Code::NotFound, error.to_string()),
            ManageError::Wechat(failure) => (*failure).into(),
        }
    }
}

impl From<LoginFailure> for Problem {
    fn from(failure: LoginFailure) -> Self {
        let sentence = failure.to_string();
        match failure {
            LoginFailure::NotAMiniProgram => Self::new(Code::WrongKind, sentence),
            LoginFailure::BadCode => Self::invalid(vec![invalid(
                "/code",
                "length",
                sentence,
                "登录 code 应为 1 到 256 个字符",
            )]),
            LoginFailure::Refused(refusal) => {
                let code = refusal.errcode.0;
                let problem = match code {
                    // The code itself, or the person: used, ended, of another
                    // mini program, blocked.
                    40029 | 40163 | 40226 | 41008 => Self::new(Code::LoginRefused, sentence),
                    // Busy, or too often: the same code may work later.
                    -1 | 45011 => {
                        Self::new(Code::WechatRefused, sentence).retry_after(PATIENCE_SECONDS)
                    }
                    _ => Self::new(Code::WechatRefused, sentence),
                };
                problem.because_wechat(code, Some(refusal.errmsg), refusal.rid)
            }
            LoginFailure::Unreachable { .. } => {
                Self::new(Code::WechatUnreachable, sentence).retry_after(RETRY_SECONDS)
            }
            LoginFailure::Store(error) => error.into(),
        }
    }
}

impl From<JsSignatureFailure> for Problem {
    fn from(failure: JsSignatureFailure) -> Self {
        let sentence = failure.to_string();
        match failure {
            JsSignatureFailure::NotAnOfficialAccount => Self::new(Code::WrongKind, sentence),
            JsSignatureFailure::BadUrl => Self::invalid(vec![invalid(
                "/url",
                "form",
                "url must be the page's whole address, http or https",
                "url 应为页面的完整地址（http 或 https）",
            )]),
            JsSignatureFailure::OriginNotAllowed { origin } => {
                Self::new(Code::OriginNotAllowed, sentence).with_violations(vec![invalid(
                    "/url",
                    "origin_not_allowed",
                    format!("{origin} is not among the account's js_origins"),
                    format!("{origin} 不在账号的 js_origins 之中"),
                )])
            }
            JsSignatureFailure::Wechat(failure) => (*failure).into(),
            JsSignatureFailure::Store(error) => error.into(),
        }
    }
}
