//! The people who follow an official account.

mod info;

pub use self::info::{Info, UserDetail};

/// The language of what WeChat tells about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UserLang {
    /// Simplified Chinese, WeChat's default.
    ZhCn,
    /// Traditional Chinese.
    ZhTw,
    /// English.
    En,
}

impl UserLang {
    /// The name as WeChat writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ZhCn => "zh_CN",
            Self::ZhTw => "zh_TW",
            Self::En => "en",
        }
    }
}
