//! What can go wrong on a person's way, in words for that person.

use hongyan_domain::delivery::Refusal;
use hongyan_domain::port::StoreError;

/// Why a page cannot be shown or a walk not ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebFailure {
    /// No such account, or it is switched off.
    #[error("no such account")]
    UnknownAccount,
    /// The account is of a kind that has no such pages.
    #[error("only official accounts have these pages")]
    WrongKind,
    /// Nobody told us our own address.
    #[error("[server] public_url is not set")]
    NoPublicUrl,
    /// A parameter is missing or wrong.
    #[error("{name}: {what}")]
    BadParameter {
        /// Which.
        name: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// The address to go on to is not on the account's list.
    #[error("{origin} is not among the account's redirects")]
    RedirectNotAllowed {
        /// The origin asked for.
        origin: String,
    },
    /// The walk is unknown, over, or too old.
    #[error("this link was used already or is too old")]
    Lost,
    /// The walk began in another browser.
    #[error("this link belongs to another browser")]
    OtherBrowser,
    /// The person said no.
    #[error("the person did not agree")]
    Declined,
    /// WeChat showed the page to a stand-in (快照页): its ids are not the person's.
    #[error("WeChat answered for a stand-in, not for the person")]
    Snapshot,
    /// WeChat refused.
    #[error("WeChat refused: errcode {} {}", .0.errcode, .0.errmsg)]
    Refused(Refusal),
    /// No usable answer from WeChat.
    #[error("WeChat could not be reached: {reason}")]
    Unreachable {
        /// What happened, without secrets.
        reason: String,
    },
    /// No signature for the page.
    #[error(transparent)]
    Signature(#[from] super::JsSignatureFailure),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl WebFailure {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::UnknownAccount => 404,
            Self::WrongKind | Self::BadParameter { .. } | Self::RedirectNotAllowed { .. } => 400,
            Self::Lost | Self::OtherBrowser | Self::Declined | Self::Snapshot => 403,
            Self::Refused(_) | Self::Unreachable { .. } => 502,
            Self::Signature(failure) => failure.status(),
            Self::NoPublicUrl | Self::Store(_) => 503,
        }
    }

    /// A heading in English.
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self {
            Self::UnknownAccount => "There is no such page",
            Self::WrongKind | Self::BadParameter { .. } | Self::RedirectNotAllowed { .. } => {
                "This link is not complete"
            }
            Self::Lost => "This link is used up",
            Self::OtherBrowser => "Please open the link again",
            Self::Declined => "You did not agree",
            Self::Snapshot => "Please use the full page",
            Self::Refused(_)
            | Self::Unreachable { .. }
            | Self::Signature(_)
            | Self::NoPublicUrl
            | Self::Store(_) => "This does not work at the moment",
        }
    }

    /// The heading in Chinese.
    #[must_use]
    pub fn title_zh(&self) -> &'static str {
        match self {
            Self::UnknownAccount => "页面不存在",
            Self::WrongKind | Self::BadParameter { .. } | Self::RedirectNotAllowed { .. } => {
                "链接不完整"
            }
            Self::Lost => "链接已失效",
            Self::OtherBrowser => "请重新打开链接",
            Self::Declined => "您未同意授权",
            Self::Snapshot => "请使用完整服务",
            Self::Refused(_)
            | Self::Unreachable { .. }
            | Self::Signature(_)
            | Self::NoPublicUrl
            | Self::Store(_) => "暂时无法使用",
        }
    }

    /// What to do, in English.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::UnknownAccount => "Check the address.".to_owned(),
            Self::WrongKind => "Mini programs have no such page.".to_owned(),
            Self::BadParameter { name, what } => format!("{name}: {what}"),
            Self::RedirectNotAllowed { origin } => format!(
                "Pages may not lead to {origin}. Its owner can allow that in the account's redirects."
            ),
            Self::Lost => {
                "It works once and for ten minutes. Start again from the beginning.".to_owned()
            }
            Self::OtherBrowser => {
                "It was begun in another browser, or this one keeps no cookies. Start again here."
                    .to_owned()
            }
            Self::Declined => "Nothing was changed. You can try again at any time.".to_owned(),
            Self::Snapshot => {
                "WeChat shows a preview of this page. Tap \"Use full service\" below, then open it again."
                    .to_owned()
            }
            Self::Refused(refusal) => format!(
                "WeChat refused ({} {}). Start again from the beginning.",
                refusal.errcode, refusal.errmsg
            ),
            Self::Unreachable { .. } => "WeChat could not be reached. Try again.".to_owned(),
            Self::NoPublicUrl => {
                "The server does not know its own address: set public_url in [server].".to_owned()
            }
            Self::Signature(failure) => failure.to_string(),
            Self::Store(_) => "Try again in a moment.".to_owned(),
        }
    }

    /// What to do, in Chinese.
    #[must_use]
    pub fn detail_zh(&self) -> String {
        match self {
            Self::UnknownAccount => "请检查地址。".to_owned(),
            Self::WrongKind => "小程序没有此页面。".to_owned(),
            Self::BadParameter { name, what } => format!("参数 {name} 有误：{what}"),
            Self::RedirectNotAllowed { origin } => {
                format!("不允许跳转到 {origin}，可由管理员在账号的 redirects 中放行。")
            }
            Self::Lost => "链接只能使用一次，有效期十分钟，请从头再来。".to_owned(),
            Self::OtherBrowser => {
                "该链接由另一个浏览器发起，或当前浏览器未保存 Cookie，请在此重新开始。".to_owned()
            }
            Self::Declined => "没有任何改动，您可以随时重试。".to_owned(),
            Self::Snapshot => "当前为微信快照页，请点击下方“使用完整服务”后重新打开。".to_owned(),
            Self::Refused(refusal) => format!(
                "微信拒绝了请求（{} {}），请从头再来。",
                refusal.errcode, refusal.errmsg
            ),
            Self::Unreachable { .. } => "无法连接微信，请稍后重试。".to_owned(),
            Self::NoPublicUrl => {
                "服务器不知道自己的外网地址，请设置 [server] public_url。".to_owned()
            }
            Self::Signature(failure) => format!("无法取得页面签名：{failure}"),
            Self::Store(_) => "请稍后重试。".to_owned(),
        }
    }
}
