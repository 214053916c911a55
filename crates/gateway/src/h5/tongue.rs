//! In which language a page speaks.

use axum::extract::FromRequestParts;
use http::header::ACCEPT_LANGUAGE;
use http::request::Parts;
use std::convert::Infallible;

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tongue {
    /// English.
    En,
    /// Chinese.
    Zh,
}

impl Tongue {
    /// The one of two texts that is in this language.
    pub(super) fn of<T>(self, en: T, zh: T) -> T {
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }

    /// The language tag for `<html lang>`.
    pub(super) fn tag(self) -> &'static str {
        self.of("en", "zh-CN")
    }

    /// What a browser asks for (RFC 9110, section 12.5.4): the one of ours it
    /// likes better, English where it likes neither.
    fn wanted(header: &str) -> Self {
        let mut best = (Self::En, 0.0);
        for range in header.split(',') {
            let mut parts = range.split(';');
            let name = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let tongue = match name.split('-').next() {
                Some("zh") => Self::Zh,
                Some("en") => Self::En,
                _ => continue,
            };
            let weight = parts
                .find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok())
                .unwrap_or(1.0);
            if weight > best.1 {
                best = (tongue, weight);
            }
        }
        best.0
    }
}

impl<S: Sync> FromRequestParts<S> for Tongue {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = parts
            .headers
            .get(ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok());
        Ok(header.map_or(Self::En, Self::wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_liked_better_is_spoken() {
        for (header, tongue) in [
            ("", Tongue::En),
            ("*", Tongue::En),
            ("zh", Tongue::Zh),
            ("zh-CN,zh;q=0.9,en;q=0.8", Tongue::Zh),
            ("fr, zh-TW;q=0.5", Tongue::Zh),
            ("en-US,en;q=0.9,zh-CN;q=0.8", Tongue::En),
            ("en;q=0.1, zh;q=0.2", Tongue::Zh),
            ("zh;q=0", Tongue::En),
            ("zh;q=x", Tongue::Zh),
        ] {
            assert_eq!(Tongue::wanted(header), tongue, "{header}");
        }
    }
}
