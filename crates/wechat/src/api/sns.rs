//! Logins: what a code from a mini program or a web page stands for. These calls carry no token of the
//! account.
//!
//! Codes are good for five minutes and one exchange: after 40029 and 40163 only a new code helps. On
//! `sns` paths a success has no errcode.

mod js_code2session;
mod oauth2_access_token;
mod user_info;

pub use self::{
    js_code2session::{JsCode2Session, Session},
    oauth2_access_token::{OAuth2AccessToken, UserToken},
    user_info::{UserInfo, UserProfile},
};
