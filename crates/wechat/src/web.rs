//! The addresses of WeChat's pages to which people's browsers are sent.

use std::{fmt, str::FromStr};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{AppId, BaseUrl, TemplateId};

/// What stands unescaped in a query: the characters that RFC 3986 calls unreserved.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Why a text cannot travel through WeChat's pages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}: {problem}")]
pub struct WebParameterError {
    /// The parameter's name.
    pub kind: &'static str,
    /// What is wrong with it. The text itself is not repeated.
    pub problem: &'static str,
}

macro_rules! echo {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        ///
        /// 1 to 128 of `a-zA-Z0-9`; WeChat's pages return it unchanged.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks a text and takes it.
            ///
            /// # Errors
            /// When it is empty, longer than 128 characters, or has others than letters and digits.
            pub fn parse(text: impl AsRef<str>) -> Result<Self, WebParameterError> {
                let text = text.as_ref();
                let problem = if text.is_empty() {
                    "it is empty"
                } else if text.len() > 128 {
                    "it is longer than 128 characters"
                } else if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                    "it has other characters than letters and digits"
                } else {
                    return Ok(Self(text.into()));
                };
                Err(WebParameterError {
                    kind: $kind,
                    problem,
                })
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = WebParameterError;

            fn from_str(text: &str) -> Result<Self, WebParameterError> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

echo! {
    /// What the authorize page gives back, the guard against logins that somebody else began.
    State, "state"
}
echo! {
    /// What the page of one-time subscriptions gives back, the guard against forged returns.
    Reserved, "reserved"
}

/// The scene of a one-time subscription, 0 to 10000. Consents in one scene do not add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Scene(u16);

impl Scene {
    const TOO_LARGE: WebParameterError = WebParameterError {
        kind: "scene",
        problem: "it is larger than 10000",
    };

    /// Checks a number and takes it.
    ///
    /// # Errors
    /// When it is larger than 10000.
    pub fn new(scene: u32) -> Result<Self, WebParameterError> {
        match u16::try_from(scene) {
            Ok(scene) if scene <= 10_000 => Ok(Self(scene)),
            _ => Err(Self::TOO_LARGE),
        }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u32> for Scene {
    type Error = WebParameterError;

    fn try_from(scene: u32) -> Result<Self, WebParameterError> {
        Self::new(scene)
    }
}

impl FromStr for Scene {
    type Err = WebParameterError;

    fn from_str(text: &str) -> Result<Self, WebParameterError> {
        // `u32::from_str` would also take a leading plus sign.
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(WebParameterError {
                kind: "scene",
                problem: "it is not a whole number",
            });
        }
        text.parse().map_or(Err(Self::TOO_LARGE), Self::new)
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a web login asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `snsapi_base`: the openid alone, without a question to the person.
    Base,
    /// `snsapi_userinfo`: the profile, after the person's consent. An early question can be answered with
    /// a virtual person, marked `is_snapshotuser`.
    UserInfo,
}

impl Scope {
    /// The name as WeChat writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base => "snsapi_base",
            Self::UserInfo => "snsapi_userinfo",
        }
    }
}

/// The page where a person authorises a web login, opened inside WeChat ("网页授权").
///
/// It returns to `redirect_uri?code=…&state=…`. A code is good for five minutes and one exchange.
#[derive(Debug, Clone, Copy)]
pub struct Authorize<'a> {
    /// A verified service account.
    pub appid: &'a AppId,
    /// Where to return, not yet encoded. Its host must be the registered one, exactly (10003 otherwise).
    pub redirect_uri: &'a str,
    /// What to ask for.
    pub scope: Scope,
    /// What to give back.
    pub state: Option<&'a State>,
    /// Whether to ask a person again who consented before.
    pub force_popup: Option<bool>,
}

impl Authorize<'_> {
    /// The address, at the host of [`Base::Open`](crate::Base::Open).
    ///
    /// The order of its parameters is fixed: WeChat compares the link with a strict pattern.
    #[must_use]
    pub fn url(&self, open: &BaseUrl) -> String {
        let mut url = format!(
            "{open}/connect/oauth2/authorize?appid={}&redirect_uri={}&response_type=code&scope={}",
            escape(self.appid.as_str()),
            escape(self.redirect_uri),
            self.scope.as_str(),
        );
        if let Some(state) = self.state {
            url.push_str("&state=");
            url.push_str(state.as_str());
        }
        if let Some(force) = self.force_popup {
            url.push_str(if force {
                "&forcePopup=true"
            } else {
                "&forcePopup=false"
            });
        }
        url.push_str("#wechat_redirect");
        url
    }
}

/// The page where a person consents to one message, opened inside WeChat ("一次性订阅消息").
///
/// It returns to `redirect_url?openid=…&template_id=…&action=confirm|cancel&scene=…&reserved=…`; the openid
/// comes with `confirm` only.
#[derive(Debug, Clone, Copy)]
pub struct SubscribeMsg<'a> {
    /// A verified account.
    pub appid: &'a AppId,
    /// The scene, to be repeated in the send.
    pub scene: Scene,
    /// The account's template for one-time subscriptions; each account has one.
    pub template_id: &'a TemplateId,
    /// Where to return, not yet encoded. Its host must be a registered business domain, without a port.
    pub redirect_url: &'a str,
    /// What to give back.
    pub reserved: Option<&'a Reserved>,
}

impl SubscribeMsg<'_> {
    /// The address, at the host of [`Base::Mp`](crate::Base::Mp).
    #[must_use]
    pub fn url(&self, mp: &BaseUrl) -> String {
        let mut url = format!(
            "{mp}/mp/subscribemsg?action=get_confirm&appid={}&scene={}&template_id={}&redirect_url={}",
            escape(self.appid.as_str()),
            self.scene,
            escape(self.template_id.as_str()),
            escape(self.redirect_url),
        );
        if let Some(reserved) = self.reserved {
            url.push_str("&reserved=");
            url.push_str(reserved.as_str());
        }
        url.push_str("#wechat_redirect");
        url
    }
}

fn escape(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, QUERY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bases;

    #[test]
    fn the_authorize_page_keeps_its_order() {
        let appid = AppId::parse("wx8b6f12d0a95e37c4").unwrap();
        let state = State::parse("a1B2").unwrap();
        let page = Authorize {
            appid: &appid,
            redirect_uri: "https://push.example.com/h5/oa/oauth/return?next=%2Fa&b=c d",
            scope: Scope::Base,
            state: None,
            force_popup: None,
        };
        let open = Bases::default().open;
        assert_eq!(
            page.url(&open),
            "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx8b6f12d0a95e37c4\
             &redirect_uri=https%3A%2F%2Fpush.example.com%2Fh5%2Foa%2Foauth%2Freturn%3Fnext%3D%252Fa%26b%3Dc%20d\
             &response_type=code&scope=snsapi_base#wechat_redirect"
        );
        let page = Authorize {
            redirect_uri: "https://a.example",
            scope: Scope::UserInfo,
            state: Some(&state),
            force_popup: Some(true),
            ..page
        };
        let sandbox = BaseUrl::parse("http://127.0.0.1:8700/wx/").unwrap();
        assert_eq!(
            page.url(&sandbox),
            "http://127.0.0.1:8700/wx/connect/oauth2/authorize?appid=wx8b6f12d0a95e37c4\
             &redirect_uri=https%3A%2F%2Fa.example&response_type=code&scope=snsapi_userinfo&state=a1B2\
             &forcePopup=true#wechat_redirect"
        );
    }

    #[test]
    fn the_subscription_page_names_scene_and_guard() {
        let appid = AppId::parse("wx8b6f12d0a95e37c4").unwrap();
        let template_id = TemplateId::parse("7YuTL7WrLeEs88qNRp5x9N5TQ0Jx5c2nPcf7YQ0DM9s").unwrap();
        let reserved = Reserved::parse("guard42").unwrap();
        let page = SubscribeMsg {
            appid: &appid,
            scene: Scene::new(1000).unwrap(),
            template_id: &template_id,
            redirect_url: "https://push.example.com/h5/oa/subscribe/return",
            reserved: Some(&reserved),
        };
        let mp = Bases::default().mp;
        assert_eq!(
            page.url(&mp),
            "https://mp.weixin.qq.com/mp/subscribemsg?action=get_confirm&appid=wx8b6f12d0a95e37c4&scene=1000\
             &template_id=7YuTL7WrLeEs88qNRp5x9N5TQ0Jx5c2nPcf7YQ0DM9s\
             &redirect_url=https%3A%2F%2Fpush.example.com%2Fh5%2Foa%2Fsubscribe%2Freturn&reserved=guard42\
             #wechat_redirect"
        );
        let bare = SubscribeMsg {
            reserved: None,
            ..page
        };
        assert!(!bare.url(&mp).contains("reserved"));
    }

    #[test]
    fn guards_are_letters_and_digits() {
        for good in ["a", "Z9", &"x".repeat(128)] {
            assert_eq!(State::parse(good).unwrap().as_str(), good);
            assert_eq!(good.parse::<Reserved>().unwrap().to_string(), good);
        }
        for bad in ["", "a-b", "a b", "鸿", "a=", &"x".repeat(129)] {
            assert_eq!(State::parse(bad).unwrap_err().kind, "state", "{bad}");
            assert_eq!(Reserved::parse(bad).unwrap_err().kind, "reserved", "{bad}");
        }
    }

    #[test]
    fn scenes_end_at_10000() {
        for good in [0, 1, 10_000] {
            assert_eq!(good.to_string().parse(), Scene::new(good));
            assert_eq!(u32::from(Scene::try_from(good).unwrap().get()), good);
        }
        for bad in ["10001", "65536", "99999999999", "-1", "+1", "", "x", "1.0"] {
            assert!(bad.parse::<Scene>().is_err(), "{bad}");
        }
        assert!(Scene::new(10_001).is_err() && Scene::new(u32::MAX).is_err());
    }
}
