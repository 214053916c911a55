//! Where the secrets of callbacks, logins and pages are kept, and their forms.

use std::io;

use hongyan_domain::account::CallbackKeys;
use hongyan_domain::console::Operator;
use hongyan_domain::{AccountId, KeyId};
use hongyan_wechat::{AppSecret, OpenId};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::seal::{Place, Seal, Unsealable};

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

/// Where the hash of somebody's password is kept.
fn password(id: &KeyId) -> Place<'_> {
    Place {
        table: "operator",
        column: "password",
        row: id.as_bytes(),
    }
}

/// The hash of a password as it is stored.
pub(crate) fn seal_password(seal: &Seal, operator: &Operator) -> io::Result<Vec<u8>> {
    let hash = operator.password.expose_secret();
    seal.seal(password(&operator.id), hash.as_bytes())
}

/// The hash of a password of what is stored.
pub(crate) fn open_password(
    seal: &Seal,
    id: KeyId,
    sealed: &[u8],
) -> Result<SecretString, Unsealable> {
    let hash = seal.open(password(&id), sealed)?;
    String::from_utf8(hash)
        .map(SecretString::from)
        .map_err(|_| Unsealable)
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
