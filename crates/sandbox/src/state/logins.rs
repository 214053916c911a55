//! Codes of logins and authorisations, and the tokens of people that
//! authorisations lead to (pages "小程序登录", "网页授权").

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Life of a code.
pub(crate) const CODE_MS: i64 = 5 * 60 * 1000;
/// Life of a person's access token and of the token that renews it.
pub(crate) const ACCESS_MS: i64 = 7200 * 1000;
pub(crate) const REFRESH_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Entries kept before old ones are looked for.
const CROWD: usize = 10_000;

/// What a code was issued for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    /// `wx.login` of a mini program.
    Login,
    /// The authorize page, scope `snsapi_base`.
    Base,
    /// The authorize page, scope `snsapi_userinfo`.
    UserInfo,
    /// The same as a snapshot: the person is a made-up one.
    Snapshot,
}

impl Purpose {
    pub(crate) fn scope(self) -> &'static str {
        match self {
            Self::Login | Self::Base => "snsapi_base",
            Self::UserInfo | Self::Snapshot => "snsapi_userinfo",
        }
    }
}

/// One code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) code: String,
    pub(crate) appid: String,
    pub(crate) openid: String,
    pub(crate) purpose: Purpose,
    pub(crate) at: i64,
    #[serde(default)]
    pub(crate) used: bool,
}

/// The tokens of one authorisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserToken {
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    pub(crate) appid: String,
    pub(crate) openid: String,
    pub(crate) purpose: Purpose,
    /// When the access token was issued.
    pub(crate) at: i64,
    /// When the authorisation was given.
    pub(crate) since: i64,
}

/// Why a code is no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadCode {
    /// Never issued, or for another account or purpose.
    Unknown,
    Expired,
    Used,
}

/// All codes and tokens.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    codes: HashMap<String, Code>,
    /// By access token.
    tokens: HashMap<String, UserToken>,
    /// The newest access token by refresh token.
    renewals: HashMap<String, String>,
}

impl Logins {
    pub(crate) fn issue(&mut self, code: Code) {
        if self.codes.len() >= CROWD {
            // Used ones are told apart from unknown ones a while longer.
            let since = code.at - 2 * CODE_MS;
            self.codes.retain(|_, known| known.at > since);
        }
        self.codes.insert(code.code.clone(), code);
    }

    /// A code that may be exchanged now.
    pub(crate) fn check(
        &self,
        code: &str,
        appid: &str,
        is_login: bool,
        now: i64,
    ) -> Result<&Code, BadCode> {
        let known = self
            .codes
            .get(code)
            .filter(|known| known.appid == appid && (known.purpose == Purpose::Login) == is_login);
        let known = known.ok_or(BadCode::Unknown)?;
        if known.used {
            Err(BadCode::Used)
        } else if now - known.at >= CODE_MS {
            Err(BadCode::Expired)
        } else {
            Ok(known)
        }
    }

    pub(crate) fn mark_used(&mut self, code: &str) {
        if let Some(known) = self.codes.get_mut(code) {
            known.used = true;
        }
    }

    pub(crate) fn grant(&mut self, token: UserToken) {
        if self.tokens.len() >= CROWD {
            let since = token.at - REFRESH_MS;
            self.tokens.retain(|_, known| known.since > since);
            let tokens = &self.tokens;
            self.renewals
                .retain(|_, access| tokens.contains_key(access));
        }
        self.renewals
            .insert(token.refresh_token.clone(), token.access_token.clone());
        self.tokens.insert(token.access_token.clone(), token);
    }

    pub(crate) fn by_access(&self, access_token: &str) -> Option<&UserToken> {
        self.tokens.get(access_token)
    }

    pub(crate) fn by_refresh(&self, refresh_token: &str) -> Option<&UserToken> {
        self.tokens.get(self.renewals.get(refresh_token)?)
    }

    /// What a snapshot must keep.
    pub(crate) fn living(&self, now: i64) -> (Vec<Code>, Vec<UserToken>) {
        let codes = self.codes.values().filter(|code| now - code.at < CODE_MS);
        let tokens = self
            .tokens
            .values()
            .filter(|token| now - token.since < REFRESH_MS);
        let mut tokens: Vec<_> = tokens.cloned().collect();
        // The newest of each refresh token must come last.
        tokens.sort_by_key(|token| token.at);
        (codes.cloned().collect(), tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str, purpose: Purpose) -> Code {
        Code {
            code: text.into(),
            appid: "wx1".into(),
            openid: "o1".into(),
            purpose,
            at: 0,
            used: false,
        }
    }

    #[test]
    fn a_code_is_good_once_for_five_minutes_at_its_own_account() {
        let mut logins = Logins::default();
        logins.issue(code("a", Purpose::Login));
        let check = |logins: &Logins, appid: &str, login, now| {
            logins
                .check("a", appid, login, now)
                .map(|code| code.openid.clone())
        };
        assert_eq!(check(&logins, "wx1", true, CODE_MS - 1), Ok("o1".into()));
        assert_eq!(check(&logins, "wx1", true, CODE_MS), Err(BadCode::Expired));
        assert_eq!(check(&logins, "wx2", true, 0), Err(BadCode::Unknown));
        assert_eq!(check(&logins, "wx1", false, 0), Err(BadCode::Unknown));
        logins.mark_used("a");
        assert_eq!(check(&logins, "wx1", true, 0), Err(BadCode::Used));
    }

    #[test]
    fn a_renewed_token_is_found_by_the_same_refresh_token() {
        let mut logins = Logins::default();
        let token = |access: &str, at| UserToken {
            access_token: access.into(),
            refresh_token: "r".into(),
            appid: "wx1".into(),
            openid: "o1".into(),
            purpose: Purpose::UserInfo,
            at,
            since: 0,
        };
        logins.grant(token("a", 0));
        logins.grant(token("b", 5));
        assert_eq!(logins.by_refresh("r").unwrap().access_token, "b");
        assert!(logins.by_access("a").is_some());
        let (_, kept) = logins.living(REFRESH_MS - 1);
        assert_eq!(kept.last().unwrap().access_token, "b");
        assert!(logins.living(REFRESH_MS).1.is_empty());
    }
}
