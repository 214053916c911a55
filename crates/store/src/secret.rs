//! Where the secrets of callbacks, logins and pages are kept, and their forms.

use hongyan_domain::AccountId;
use hongyan_domain::account::CallbackKeys;
use hongyan_wechat::{AppSecret, OpenId};
use serde::{Deserialize, Serialize};

use crate::seal::Place;

/// What names the row of a person at an account.
pub(crate) fn person_row(account: AccountId, openid: &OpenId) -> Vec<u8> {
    [&account.0.to_be_bytes(), openid.as_str().as_bytes()].concat()
}

/// Where a person's session key is kept.
pub(crate) fn session_key(row: &[u8]) -> Place<'_> {
    Place {
        table: "contact",
        column: "session_key",
        row,
    }
}

/// Where an account's ticket for the JS-SDK is kept.
pub(crate) fn js_ticket(row: &[u8; 8]) -> Place<'_> {
    Place {
        table: "js_ticket",
        column: "ticket",
        row,
    }
}

#[derive(Serialize, Deserialize)]
struct Keys<'a> {
    #[serde(borrow)]
    token: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    encoding_aes_key: Option<std::borrow::Cow<'a, str>>,
}

/// A former pair of callback keys as the text that is sealed.
pub(crate) fn callback_keys_text(keys: &CallbackKeys) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Keys {
        token: keys.token.expose().into(),
        encoding_aes_key: keys
            .encoding_aes_key
            .as_ref()
            .map(|key| key.expose().into()),
    })
}

/// The pair of an opened text.
pub(crate) fn callback_keys(text: &str) -> Result<CallbackKeys, serde_json::Error> {
    let keys: Keys<'_> = serde_json::from_str(text)?;
    Ok(CallbackKeys {
        token: AppSecret::new(keys.token),
        encoding_aes_key: keys.encoding_aes_key.map(AppSecret::new),
    })
}
