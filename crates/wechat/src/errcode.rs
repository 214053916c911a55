//! WeChat's numeric answers: what they mean, and what class of answer each is.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::lenient;

// Written by build.rs from data/errcodes.csv: `static TABLE: &[ErrInfo]`, ascending by code.
include!(concat!(env!("OUT_DIR"), "/errcodes.rs"));

/// The `errcode` of an answer. 0 is success; WeChat leaves it out of many successful answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ErrCode(pub i64);

/// What is known about one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ErrInfo {
    /// The code.
    pub code: ErrCode,
    /// WeChat's text without the rid; empty where none is published. Wording changes: show it, never
    /// compare it.
    pub errmsg: &'static str,
    /// What it means, in English.
    pub meaning_en: &'static str,
    /// What it means, in Chinese.
    pub meaning_zh: &'static str,
    /// What to do about it, in English.
    pub fix_en: &'static str,
    /// What to do about it, in Chinese.
    pub fix_zh: &'static str,
    /// Whether sending again can help, and after what.
    pub retry: Retry,
}

/// Whether sending again can help, and after what: the catalogue's advice to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// A repeat cannot change the outcome, or would send twice.
    Never,
    /// Once, with a new token.
    RefreshToken,
    /// The same request, later.
    Backoff,
    /// After the day, month or period turns, or after `clear_quota`.
    QuotaReset,
    /// After the request is changed.
    FixInput,
    /// After somebody changes the account's settings.
    FixAccount,
}

impl Retry {
    /// The word used in the table and in JSON, such as `fix_input`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::RefreshToken => "refresh_token",
            Self::Backoff => "backoff",
            Self::QuotaReset => "quota_reset",
            Self::FixInput => "fix_input",
            Self::FixAccount => "fix_account",
        }
    }
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What kind of answer a code is: what a program decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrClass {
    /// The call took effect.
    Success,
    /// WeChat failed inside (-1 and its relatives): the call may have taken effect.
    Busy,
    /// The access token is old or foreign. A repeat with a strictly newer one is safe.
    StaleCredential,
    /// The appid or AppSecret is wrong or frozen: no token can be had until somebody corrects it.
    BadSecret,
    /// The caller's address is not allowed, or the administrator must confirm or has refused it.
    IpNotAllowed,
    /// The account calls too fast. The call had no effect; all calls of the account should slow down.
    RateLimited,
    /// An allowance of the day, month or period is used up.
    QuotaExhausted,
    /// This person cannot be reached this way: another channel may.
    CannotReach,
    /// WeChat has the message already.
    Duplicate,
    /// The request breaks a rule; another request of the same account may pass.
    BadInput,
    /// The account, or its right to the call, is blocked until somebody changes its settings.
    AccountBlocked,
    /// The call had no effect and may pass later. Only this request waits: limits per recipient (43108,
    /// 43117) belong here, because other people are not affected.
    Backoff,
    /// A repeat does not help, or the code is unknown.
    Permanent,
}

impl ErrCode {
    /// The call took effect.
    pub const OK: Self = Self(0);
    /// "system error": the call may have taken effect.
    pub const SYSTEM_ERROR: Self = Self(-1);
    /// The caller's address is not on the account's allow list.
    pub const IP_NOT_ALLOWED: Self = Self(40164);
    /// The endpoint's calls of the day are used up.
    pub const DAILY_QUOTA: Self = Self(45009);
    /// A value breaks the rule of its keyword.
    pub const BAD_KEYWORD: Self = Self(47003);

    /// What the catalogue says about this code.
    #[must_use]
    pub fn info(self) -> Option<&'static ErrInfo> {
        let at = TABLE.binary_search_by_key(&self, |info| info.code).ok()?;
        TABLE.get(at)
    }

    /// The class of this code where any call but a token call answered it.
    #[must_use]
    pub fn class(self) -> ErrClass {
        exception(self)
            .or_else(|| self.info().map(|info| by_advice(info.retry)))
            .unwrap_or(ErrClass::Permanent)
    }

    /// The class of this code where `token` or `stable_token` answered it: there 40001 and the complaints
    /// about appid and secret mean that the account is set up wrongly, and a new token is no cure.
    #[must_use]
    pub fn class_of_token_call(self) -> ErrClass {
        match self.0 {
            40001 | 40002 | 40013 | 40125 | 40243 | 41002 | 41004 => ErrClass::BadSecret,
            _ => self.class(),
        }
    }

    /// The whole catalogue, ascending by code.
    #[must_use]
    pub fn all() -> &'static [ErrInfo] {
        TABLE
    }

    /// The rows that hold every word of a text, in any column and any letter case. A number finds its
    /// code and longer ones that begin with it.
    pub fn search(text: &str) -> impl Iterator<Item = &'static ErrInfo> {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        TABLE.iter().filter(move |info| {
            let code = info.code.to_string();
            let row = [
                info.errmsg,
                info.meaning_en,
                info.meaning_zh,
                info.fix_en,
                info.fix_zh,
            ]
            .join("\n")
            .to_lowercase();
            words
                .iter()
                .all(|word| code.starts_with(word.as_str()) || row.contains(word.as_str()))
        })
    }
}

impl fmt::Display for ErrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for ErrCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::number(deserializer).map(Self)
    }
}

/// The class that follows from the advice to people, for codes without an exception.
fn by_advice(retry: Retry) -> ErrClass {
    match retry {
        Retry::RefreshToken => ErrClass::StaleCredential,
        Retry::Backoff => ErrClass::Backoff,
        Retry::QuotaReset => ErrClass::QuotaExhausted,
        Retry::FixInput => ErrClass::BadInput,
        // Most settings concern one feature or one object, such as a full template list or one
        // restricted template. They must not stop the account's other messages: those that do are
        // exceptions.
        Retry::FixAccount | Retry::Never => ErrClass::Permanent,
    }
}

/// Codes whose class does not follow from the advice.
fn exception(code: ErrCode) -> Option<ErrClass> {
    Some(match code.0 {
        0 => ErrClass::Success,
        // The platform failed inside a call; 9500001, 9500002 and 268488001 are seen on mass sends.
        -1 | 20001 | 45085 | 61450 | 200001 | 886001 | 9500001 | 9500002 | 268487001
        | 268487002 | 268488001 => ErrClass::Busy,
        40125 | 40243 => ErrClass::BadSecret,
        // Allow lists, and the risk control that asks an administrator about an address.
        40164 | 45035 | 61004 | 89501 | 89502 | 89503 | 89506 | 89507 => ErrClass::IpNotAllowed,
        // Limits a second or a minute of the whole account. 43108, 43117, 45066 and 45169 are limits of
        // one recipient or one message and stay `Backoff`.
        42010 | 44990 | 44991 | 45011 | 45061 | 53501 | 200010 => ErrClass::RateLimited,
        // A foreign or unknown openid, no follower, blocked, switched off, consent used up, window over.
        40003 | 40226 | 40256 | 40257 | 43004 | 43005 | 43006 | 43019 | 43101 | 45015 | 45036
        | 45037 | 45047 | 46004 | 48002 | 49003 | 50005 | 65315 | 70000 => ErrClass::CannotReach,
        40241 | 44007 | 45065 => ErrClass::Duplicate,
        // Penalties, missing verification, missing rights to an interface, frozen or closed accounts.
        40200 | 42005 | 43016 | 43104 | 45087 | 45102 | 45501 | 48001 | 48003 | 48004 | 48008
        | 50001 | 50002 | 50003 | 50004 | 50007 | 61003 | 61007 | 200007 | 200011 | 200100 => {
            ErrClass::AccountBlocked
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_whole_and_findable() {
        assert_eq!(ErrCode::all().len(), 459);
        for info in ErrCode::all() {
            assert_eq!(info.code.info(), Some(info));
            assert!(!info.meaning_en.is_empty() && !info.fix_zh.is_empty());
        }
        let info = ErrCode(43101).info().unwrap();
        assert_eq!(info.errmsg, "user refuse to accept the msg");
        assert_eq!(info.retry, Retry::Never);
        assert_eq!(ErrCode(12345).info(), None);
    }

    #[test]
    fn the_class_of_every_row_fits_its_advice() {
        use ErrClass as C;
        for info in ErrCode::all() {
            let class = info.code.class();
            let fits: &[ErrClass] = match info.retry {
                Retry::RefreshToken => &[C::StaleCredential],
                Retry::QuotaReset => &[C::QuotaExhausted],
                Retry::Backoff => &[
                    C::Backoff,
                    C::Busy,
                    C::RateLimited,
                    C::IpNotAllowed,
                    C::AccountBlocked,
                ],
                Retry::FixInput => &[C::BadInput, C::CannotReach, C::AccountBlocked],
                Retry::FixAccount => &[
                    C::AccountBlocked,
                    C::BadSecret,
                    C::IpNotAllowed,
                    C::Permanent,
                ],
                Retry::Never => &[C::Permanent, C::CannotReach, C::Duplicate, C::Success],
            };
            assert!(
                fits.contains(&class),
                "{} is {class:?} for {:?}",
                info.code,
                info.retry
            );
        }
    }

    #[test]
    fn the_classes_a_sender_lives_by() {
        use ErrClass as C;
        for (class, codes) in [
            (C::Success, &[0][..]),
            (
                C::Busy,
                &[-1, 20001, 61450, 200001, 9500001, 9500002, 268488001],
            ),
            (C::StaleCredential, &[40001, 40014, 42001, 48012]),
            (C::BadSecret, &[40125, 40243]),
            (
                C::IpNotAllowed,
                &[40164, 45035, 89501, 89502, 89503, 89506, 89507],
            ),
            (C::RateLimited, &[42010, 44990, 44991, 45011, 45061, 200010]),
            (
                C::QuotaExhausted,
                &[45009, 44993, 45028, 45040, 45093, 45104, 48006],
            ),
            (
                C::CannotReach,
                &[
                    40003, 40256, 43004, 43005, 43006, 43019, 43101, 45015, 45036, 45037, 45047,
                    46004, 48002, 49003, 50005, 65315, 70000,
                ],
            ),
            (C::Duplicate, &[40241, 44007, 45065]),
            (
                C::BadInput,
                &[
                    40013, 40036, 40037, 40039, 40249, 41001, 41030, 43002, 45168, 47001, 47003,
                ],
            ),
            (
                C::AccountBlocked,
                &[43016, 45087, 48001, 48004, 50002, 50004, 50007, 200011],
            ),
            (C::Backoff, &[43108, 43117, 45066, 45169, 45171]),
            (
                C::Permanent,
                &[
                    43107, 43116, 45026, 45103, 45080, 46101, 200012, 999_999, -77,
                ],
            ),
        ] {
            for &code in codes {
                assert_eq!(ErrCode(code).class(), class, "{code}");
            }
        }
    }

    #[test]
    fn token_calls_read_the_same_codes_differently() {
        for code in [40001, 40002, 40013, 40125, 40243, 41002, 41004] {
            assert_eq!(
                ErrCode(code).class_of_token_call(),
                ErrClass::BadSecret,
                "{code}"
            );
        }
        assert_eq!(ErrCode(40164).class_of_token_call(), ErrClass::IpNotAllowed);
        assert_eq!(
            ErrCode(45009).class_of_token_call(),
            ErrClass::QuotaExhausted
        );
        assert_eq!(ErrCode(45011).class_of_token_call(), ErrClass::RateLimited);
        assert_eq!(
            ErrCode(50007).class_of_token_call(),
            ErrClass::AccountBlocked
        );
        assert_eq!(ErrCode(-1).class_of_token_call(), ErrClass::Busy);
    }

    #[test]
    fn every_exception_is_in_the_catalogue() {
        let known = ErrCode::all()
            .iter()
            .filter(|info| exception(info.code).is_some())
            .count();
        let written = (-1000..300_000)
            .chain(800_000..900_000)
            .chain(9_000_000..9_600_000);
        let codes = written.chain(268_400_000..268_500_000).map(ErrCode);
        assert_eq!(
            codes.filter(|&code| exception(code).is_some()).count(),
            known
        );
    }

    #[test]
    fn search_wants_every_word_in_any_language() {
        let codes = |text| {
            ErrCode::search(text)
                .map(|info| info.code.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(codes("45009"), [45009]);
        assert!(codes("Whitelist IP").contains(&40164));
        assert!(codes("冻结").contains(&50007));
        assert!(codes("4300").starts_with(&[43001, 43002]));
        assert_eq!(codes("no such words here"), [] as [i64; 0]);
        assert_eq!(codes("").len(), 459);
    }

    #[test]
    fn reads_numbers_and_quoted_numbers() {
        assert_eq!(
            serde_json::from_str::<ErrCode>("-1").unwrap(),
            ErrCode::SYSTEM_ERROR
        );
        assert_eq!(
            serde_json::from_str::<ErrCode>("\"43004\"").unwrap(),
            ErrCode(43004)
        );
        assert_eq!(
            serde_json::to_string(&Retry::FixInput).unwrap(),
            "\"fix_input\""
        );
        for info in ErrCode::all() {
            assert_eq!(
                serde_json::to_value(info.retry).unwrap(),
                info.retry.as_str()
            );
        }
    }
}
