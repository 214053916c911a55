//! Query parameters: all that is wrong with them at once.

use std::convert::Infallible;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use hongyan_domain::template::Violation;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::problem::{Code, Problem};

/// A violation of our own making.
pub(crate) fn invalid(
    pointer: impl Into<String>,
    rule: &'static str,
    message: impl Into<String>,
    message_zh: impl Into<String>,
) -> Violation {
    Violation {
        pointer: pointer.into(),
        rule,
        message: message.into(),
        message_zh: message_zh.into(),
    }
}

/// The query's parameters. Take those you know, then call [`Query::done`].
#[derive(Debug, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
    violations: Vec<Violation>,
}

impl Query {
    fn of(query: &str) -> Self {
        let mut read = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (plain(name), plain(value)) {
                (Some(name), Some(value)) => read.pairs.push((name, value)),
                _ => read.violations.push(invalid(
                    format!("?{name}"),
                    "form",
                    "the percent-encoded bytes are not UTF-8",
                    "百分号编码的字节不是 UTF-8",
                )),
            }
        }
        read
    }

    /// The parameter of this name as text. An empty one counts as left out.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let mut found = None;
        let mut count = 0;
        self.pairs.retain_mut(|(key, value)| {
            let is_it = key == name;
            if is_it {
                count += 1;
                found = Some(std::mem::take(value));
            }
            !is_it
        });
        if count > 1 {
            self.violations.push(invalid(
                format!("?{name}"),
                "duplicate",
                format!("{name} is given {count} times; give it once"),
                format!("{name} 出现了 {count} 次，只能出现一次"),
            ));
        }
        found.filter(|value| !value.is_empty())
    }

    /// The parameter of this name, read as a `T`; `wanted` says in both languages
    /// what it must be.
    pub(crate) fn read<T: FromStr>(
        &mut self,
        name: &'static str,
        wanted: (&str, &str),
    ) -> Option<T> {
        self.read_with(name, wanted, |text| text.parse().ok())
    }

    /// As [`Query::read`], with the reading given.
    pub(crate) fn read_with<T>(
        &mut self,
        name: &'static str,
        (wanted, wanted_zh): (&str, &str),
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let value = read(&text);
        if value.is_none() {
            self.violations.push(invalid(
                format!("?{name}"),
                "form",
                format!("{name} must be {wanted}"),
                format!("{name} 应为{wanted_zh}"),
            ));
        }
        value
    }

    /// Notes that a parameter is wrong.
    pub(crate) fn wrong(
        &mut self,
        name: &str,
        rule: &'static str,
        message: impl Into<String>,
        message_zh: impl Into<String>,
    ) {
        self.violations
            .push(invalid(format!("?{name}"), rule, message, message_zh));
    }

    /// Notes that a parameter is missing.
    pub(crate) fn missing(&mut self, name: &str) {
        self.wrong(
            name,
            "missing",
            format!("{name} is missing"),
            format!("缺少 {name}"),
        );
    }

    /// The problem of a parameter that turned out wrong later.
    pub(crate) fn refuse(&self, name: &str) -> Problem {
        let violation = invalid(
            format!("?{name}"),
            "form",
            format!("{name} is not one that was handed out here"),
            format!("{name} 不是此接口返回过的值"),
        );
        let detail = format!("{}: {}", violation.pointer, violation.message);
        Problem::new(Code::InvalidQuery, detail).with_violations(vec![violation])
    }

    /// Everything is read, and `value` was read from the parameter `name`, which
    /// must be there.
    pub(crate) fn done_with<T>(mut self, name: &str, value: Option<T>) -> Result<T, Problem> {
        let Some(value) = value else {
            let pointer = format!("?{name}");
            if self.violations.iter().all(|one| one.pointer != pointer) {
                self.missing(name);
            }
            self.note_unknown();
            return Err(self.refusal());
        };
        self.done()?;
        Ok(value)
    }

    /// Everything is read: whatever is left is not known here.
    pub(crate) fn done(mut self) -> Result<(), Problem> {
        self.note_unknown();
        if self.violations.is_empty() {
            Ok(())
        } else {
            Err(self.refusal())
        }
    }

    fn note_unknown(&mut self) {
        let known = if self.known.is_empty() {
            "none".to_owned()
        } else {
            self.known.join(", ")
        };
        for (name, _) in &self.pairs {
            let shown: String = name.chars().take(64).collect();
            self.violations.push(invalid(
                format!("?{shown}"),
                "unknown_parameter",
                format!("{shown:?} is not a parameter here; those are: {known}"),
                format!("没有参数“{shown}”；可用参数：{known}"),
            ));
        }
    }

    fn refusal(self) -> Problem {
        let detail = self
            .violations
            .first()
            .map(|first| format!("{}: {}", first.pointer, first.message))
            .unwrap_or_default();
        Problem::new(Code::InvalidQuery, detail).with_violations(self.violations)
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.uri.query().map(Self::of).unwrap_or_default())
    }
}

/// A name or value of a query without its escapes (the URL standard's
/// `application/x-www-form-urlencoded`).
fn plain(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let mut query = Query::of("reference=a%26b+%E5%8F%B7&limit=3&empty=");
        assert_eq!(query.text("reference").as_deref(), Some("a&b 号"));
        assert_eq!(query.read::<u32>("limit", ("a number", "数字")), Some(3));
        assert_eq!(query.text("empty"), None);
        assert!(query.done().is_ok());
    }

    #[test]
    fn what_must_be_there_is_missed_once() {
        let number = ("a number", "数字");
        let seen = |text: &str| {
            let mut query = Query::of(text);
            let value = query.read::<u32>("n", number);
            query
                .done_with("n", value)
                .map_err(|problem| problem.into_violations().remove(0).rule)
        };
        assert_eq!(seen("n=5").unwrap(), 5);
        assert_eq!(seen("").unwrap_err(), "missing");
        assert_eq!(seen("n=x").unwrap_err(), "form");
        assert_eq!(seen("n=5&m=1").unwrap_err(), "unknown_parameter");
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let mut query = Query::of("limit=x&limti=3&a=%ff&errcode=1&errcode=2");
        assert_eq!(query.read::<u32>("limit", ("a number", "数字")), None);
        assert_eq!(query.read::<i64>("errcode", ("a number", "数字")), Some(2));
        let violations = query.done().unwrap_err().into_violations();
        let seen: Vec<_> = violations
            .iter()
            .map(|v| (v.pointer.as_str(), v.rule))
            .collect();
        assert_eq!(
            seen,
            [
                ("?a", "form"),
                ("?limit", "form"),
                ("?errcode", "duplicate"),
                ("?limti", "unknown_parameter")
            ]
        );
    }
}
