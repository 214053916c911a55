use serde::{Deserialize, Serialize};

/// What to do with a value that is too long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// Say so.
    #[default]
    Reject,
    /// Cut it and end it with `…`, where a cut text still says the truth: slots of
    /// the types `thing` and `short_thing`, title and text of a one-time
    /// subscription, the text of a customer-service message. Never ids, numbers,
    /// names, links.
    Truncate,
}

/// A rule that a message breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where: a JSON pointer (RFC 6901) into the request.
    pub pointer: String,
    /// Which rule: a stable word.
    pub rule: &'static str,
    /// What is wrong and what to do, in English.
    pub message: String,
    /// The same in Chinese.
    pub message_zh: String,
}

impl Violation {
    /// A violation of `rule` at `pointer`, in both languages.
    #[must_use]
    pub fn new(
        pointer: impl Into<String>,
        rule: &'static str,
        message: impl Into<String>,
        message_zh: impl Into<String>,
    ) -> Self {
        Self {
            pointer: pointer.into(),
            rule,
            message: message.into(),
            message_zh: message_zh.into(),
        }
    }
}

/// `text` cut to `most` characters, the last of them `…`; as it is where it is no
/// longer. What joins a character to the next is not left behind at the cut.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", without_joiner(&kept))
}

/// `text` without a zero-width joiner or blank at its end.
pub(crate) fn without_joiner(text: &str) -> &str {
    text.trim_end_matches(|c: char| c == '\u{200d}' || c.is_whitespace())
}
