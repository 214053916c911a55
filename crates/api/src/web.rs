use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::secret::Secret;

/// A mini program's login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLogin {
    /// What `wx.login` gave: good once, for five minutes.
    pub code: Secret,
}

/// Who logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Login {
    /// The person at the mini program.
    pub openid: String,
    /// The person over linked accounts, where WeChat tells it.
    pub unionid: Option<String>,
    /// Whether we had not heard of them before.
    pub is_new: bool,
}

/// A ticket that a person's browser brought from `/h5/{account}/oauth`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeemTicket {
    /// The parameter `ticket`: good once, for a short time.
    pub ticket: Secret,
}

/// Who a ticket stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketHolder {
    /// The person at the account.
    pub openid: String,
    /// The person over linked accounts, where WeChat tells it.
    pub unionid: Option<String>,
}

/// A page that wants to use the JS-SDK.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignPage {
    /// The page's whole address; what follows `#` does not count. Its origin must
    /// be one of the account's `js_origins`.
    #[schema(example = "https://shop.example.com/orders?id=42")]
    pub url: String,
}

/// What the page hands to `wx.config`, in WeChat's own spelling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JsSignature {
    /// The account's appid.
    pub app_id: String,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// A random text.
    pub nonce_str: String,
    /// SHA-1, in hexadecimal digits.
    pub signature: String,
}
