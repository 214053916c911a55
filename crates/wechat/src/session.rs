//! What a mini program's session key proves and opens ("开放数据校验与解密").

use aes::Aes128;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use cbc::{
    Decryptor,
    cipher::{BlockDecryptMut, KeyIvInit, block_padding::Pkcs7},
};
use hmac::{Hmac, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;

use crate::SessionKey;

/// Why a client's data cannot be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionDataError {
    /// The session key is not the base64 of 16 bytes.
    #[error("the session key is not the base64 of 16 bytes")]
    Key,
    /// The initial vector is not the base64 of 16 bytes.
    #[error("the iv is not the base64 of 16 bytes")]
    Iv,
    /// The data is not base64.
    #[error("the encrypted data is not base64")]
    Base64,
    /// The data does not decrypt: cut, or made with another session key, as after a later login.
    #[error("the data was not encrypted with this session key")]
    Decrypt,
}

/// The `signature` that `wxa/checksession` and its sister want: the HMAC-SHA256 of an empty message, in
/// lower-case hex.
///
/// The documentation does not say so, but the key is the session key's text and not the bytes it encodes.
#[must_use]
pub fn check_session_signature(key: &SessionKey) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
        .expect("an HMAC takes a key of any length");
    hex::encode(mac.finalize().into_bytes())
}

/// The `signature` that the client gets beside `rawData`; compare it to know that the data is WeChat's.
#[must_use]
pub fn raw_data_signature(key: &SessionKey, raw_data: &str) -> String {
    let hash = Sha1::new()
        .chain_update(raw_data)
        .chain_update(key.expose());
    hex::encode(hash.finalize())
}

/// Decrypts the `encryptedData` that a client got from WeChat, with its `iv`.
///
/// The answer is JSON whose `watermark` names the account: compare the appid before believing it.
///
/// # Errors
/// See [`SessionDataError`]. Which part of a wrong text is wrong is not told, because the client sees it.
pub fn decrypt_data(
    key: &SessionKey,
    iv: &str,
    encrypted_data: &str,
) -> Result<Vec<u8>, SessionDataError> {
    let key = block(key.expose()).ok_or(SessionDataError::Key)?;
    let iv = block(iv).ok_or(SessionDataError::Iv)?;
    let mut data = STANDARD
        .decode(encrypted_data)
        .map_err(|_| SessionDataError::Base64)?;
    let plain = Decryptor::<Aes128>::new(&key.into(), &iv.into())
        .decrypt_padded_mut::<Pkcs7>(&mut data)
        .map_err(|_| SessionDataError::Decrypt)?;
    Ok(plain.to_vec())
}

fn block(base64: &str) -> Option<[u8; 16]> {
    STANDARD.decode(base64).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_do_not_fit_are_refused() {
        let key = SessionKey::new("Pzrx7Ou9FBCrQX7A0nu/yw==");
        let iv = "CrMGgjA1Zhu426IcwlNSMQ==";
        let data = "AAAAAAAAAAAAAAAAAAAAAA==";
        for (key, iv, data, error) in [
            (
                &SessionKey::new("c2hvcnQ="),
                iv,
                data,
                SessionDataError::Key,
            ),
            (&key, "", data, SessionDataError::Iv),
            (&key, iv, "*", SessionDataError::Base64),
            (&key, iv, "", SessionDataError::Decrypt),
            (&key, iv, "AAAA", SessionDataError::Decrypt),
            (&key, iv, data, SessionDataError::Decrypt),
        ] {
            assert_eq!(decrypt_data(key, iv, data), Err(error));
        }
    }
}
