//! Signatures and encryption of pushes and of their replies (page "消息加解密说明").
//!
//! A reading of its own: the client's side of the protocol is tested against
//! it, so the two must not share a mistake.

use aes::Aes256;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _};
use hmac::{Hmac, Mac as _};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

/// Padding works on blocks of twice the size of AES.
const PAD_BLOCK: usize = 32;
/// Random bytes and the length in front of the message.
const HEAD: usize = 20;

/// The last of the 43 characters carries two bits that belong to no byte and
/// are set in most real keys.
const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why an encrypted reply was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CipherError {
    #[error("Encrypt is not base64")]
    Base64,
    #[error("the cipher text is no whole number of blocks")]
    Blocks,
    #[error("the padding is wrong; is it the right EncodingAESKey?")]
    Padding,
    #[error("the length inside does not fit")]
    Length,
    #[error("the appid inside is another account's")]
    Appid,
    #[error("the text inside is not UTF-8")]
    Utf8,
}

/// Lower-case hex of the SHA-1 over the parts in the order of their bytes.
pub(crate) fn signature<const N: usize>(mut parts: [&str; N]) -> String {
    parts.sort_unstable();
    sha1_hex(&parts.concat())
}

/// Lower-case hex of the SHA-1 of a text.
pub(crate) fn sha1_hex(text: &str) -> String {
    hex::encode(Sha1::digest(text.as_bytes()))
}

/// `signature` of `checksession`: HMAC-SHA256 of the empty message. SDKs take
/// the text of the session key as it came, not what its base64 stands for.
pub(crate) fn session_signature(session_key: &str) -> String {
    // An HMAC takes keys of every length, so this never fails.
    Hmac::<Sha256>::new_from_slice(session_key.as_bytes())
        .map(|mac| hex::encode(mac.finalize().into_bytes()))
        .unwrap_or_default()
}

/// The key of one account.
pub(crate) struct Cipher {
    key: [u8; 32],
}

impl Cipher {
    /// `None` where the text is no key of 43 characters.
    pub(crate) fn new(encoding_aes_key: &str) -> Option<Self> {
        let key = KEY_BASE64.decode(encoding_aes_key).ok()?;
        Some(Self {
            key: key.try_into().ok()?,
        })
    }

    fn iv(&self) -> [u8; 16] {
        let mut iv = [0; 16];
        iv.copy_from_slice(&self.key[..16]);
        iv
    }

    /// `Encrypt` of a message.
    pub(crate) fn encrypt(&self, random16: &[u8; 16], message: &str, appid: &str) -> String {
        let mut text = Vec::with_capacity(HEAD + message.len() + appid.len() + PAD_BLOCK);
        text.extend_from_slice(random16);
        text.extend_from_slice(&(message.len() as u32).to_be_bytes());
        text.extend_from_slice(message.as_bytes());
        text.extend_from_slice(appid.as_bytes());
        let pad = PAD_BLOCK - text.len() % PAD_BLOCK;
        text.resize(text.len() + pad, pad as u8);
        let len = text.len();
        let sealed = cbc::Encryptor::<Aes256>::new(&self.key.into(), &self.iv().into())
            .encrypt_padded_mut::<NoPadding>(&mut text, len)
            // Whole blocks need no padding, so there is nothing to fail.
            .unwrap_or_default();
        STANDARD.encode(sealed)
    }

    /// The message inside an `Encrypt`.
    pub(crate) fn decrypt(&self, encrypt: &str, appid: &str) -> Result<String, CipherError> {
        let mut text = STANDARD.decode(encrypt).map_err(|_| CipherError::Base64)?;
        let plain = cbc::Decryptor::<Aes256>::new(&self.key.into(), &self.iv().into())
            .decrypt_padded_mut::<NoPadding>(&mut text)
            .map_err(|_| CipherError::Blocks)?;
        let pad = plain.last().map_or(0, |byte| usize::from(*byte));
        let kept = plain.len().checked_sub(pad).ok_or(CipherError::Padding)?;
        let (plain, padding) = plain.split_at(kept);
        if !(1..=PAD_BLOCK).contains(&pad) || padding.iter().any(|b| usize::from(*b) != pad) {
            return Err(CipherError::Padding);
        }
        let (head, rest) = plain.split_at_checked(HEAD).ok_or(CipherError::Length)?;
        let len = head[16..]
            .iter()
            .fold(0, |len, b| len << 8 | usize::from(*b));
        let (message, receiver) = rest.split_at_checked(len).ok_or(CipherError::Length)?;
        if receiver != appid.as_bytes() {
            return Err(CipherError::Appid);
        }
        String::from_utf8(message.to_vec()).map_err(|_| CipherError::Utf8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers printed on WeChat's page "消息推送".
    const APPID: &str = "wxba5fad812f8e6fb9";
    const REPLY: &str =
        "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==";

    fn published() -> Cipher {
        Cipher::new(&"A".repeat(43)).unwrap()
    }

    #[test]
    fn the_published_signatures() {
        assert_eq!(
            signature(["AAAAA", "1714036504", "1514711492"]),
            "f464b24fc39322e44b38aa78f5edd27bd1441696"
        );
        assert_eq!(
            signature(["AAAAA", "1713424427", "415670741", REPLY]),
            "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"
        );
        assert_eq!(
            signature(["Bq7xKp2026push", "1767225600", "98765432"]),
            "6ac9374bfa36b5dfd53ae2198e8f6dc743fc62cf"
        );
    }

    #[test]
    fn the_published_reply() {
        let message = r#"{"demo_resp":"good luck"}"#;
        let cipher = published();
        assert_eq!(cipher.encrypt(b"707722b803182950", message, APPID), REPLY);
        assert_eq!(cipher.decrypt(REPLY, APPID).unwrap(), message);
        assert_eq!(cipher.decrypt(REPLY, "wx0"), Err(CipherError::Appid));
    }

    /// The sample library's own test; its key has bits set behind the last byte.
    #[test]
    fn a_key_with_trailing_bits() {
        let cipher = Cipher::new("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG").unwrap();
        assert_eq!(
            cipher.encrypt(b"aaaabbbbccccdddd", "我是中文abcd123", "wxb11529c136998cb6"),
            "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg=="
        );
        assert!(Cipher::new("short").is_none());
    }

    #[test]
    fn every_length_of_padding_comes_back() {
        let cipher = published();
        for len in 0..70 {
            let message = "x".repeat(len);
            let sealed = cipher.encrypt(b"0123456789abcdef", &message, "wx1");
            assert_eq!(cipher.decrypt(&sealed, "wx1").unwrap(), message);
        }
    }

    #[test]
    fn broken_cipher_texts_are_told_apart() {
        let cipher = published();
        let code = |text: &str| cipher.decrypt(text, APPID).unwrap_err();
        assert_eq!(code("%"), CipherError::Base64);
        assert_eq!(code("AAAA"), CipherError::Blocks);
        assert_eq!(code(""), CipherError::Padding);
        let other = Cipher::new(&"B".repeat(43)).unwrap();
        let foreign = other.encrypt(b"0123456789abcdef", "hello", APPID);
        assert_eq!(code(&foreign), CipherError::Padding);
    }

    #[test]
    fn the_signature_of_a_session() {
        assert_eq!(
            session_signature("Pzrx7Ou9FBCrQX7A0nu/yw=="),
            "89d553b50bc99386da14c1bb778a2a9700748dee0ce00c664272923c2cba18cb"
        );
    }
}
