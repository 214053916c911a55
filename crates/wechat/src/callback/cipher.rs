//! The encryption of pushes and of their replies ("消息加解密说明").
//!
//! AES-256-CBC whose IV is the first half of the key, over 16 random bytes, the length of the message in
//! four bytes, the message, and the account's appid, padded to blocks of 32.

use std::{fmt, str::FromStr};

use aes::Aes256;
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use cbc::{
    Decryptor, Encryptor,
    cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit, block_padding::NoPadding},
};
use subtle::ConstantTimeEq;

use super::CallbackError;
use crate::AppId;

/// Reads a key whose last character has unused bits set: the console makes them of random letters and
/// digits, and three in four would be refused by a strict decoder.
const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// What the padding fills up: twice the block of AES, so that pad bytes reach from 1 to 32.
const PAD_BLOCK: usize = 32;

/// Random bytes and length field, which come before the message.
const HEAD: usize = 16 + 4;

/// The key of an account's pushes, set in the console as 43 letters and digits.
///
/// Shows itself as `[redacted]` and has no way back to text.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodingAesKey([u8; 32]);

impl EncodingAesKey {
    /// Encrypts a message for the account and answers base64 with padding, the `Encrypt` of an envelope.
    ///
    /// `random16` must be fresh for every message: key and IV are always the same.
    #[must_use]
    pub fn encrypt(&self, random16: [u8; 16], msg: &[u8], appid: &AppId) -> String {
        let appid = appid.as_str().as_bytes();
        let mut text = Vec::with_capacity(HEAD + msg.len() + appid.len() + PAD_BLOCK);
        text.extend_from_slice(&random16);
        // A message of 4 GiB is none that anyone sends; its receiver would refuse this length.
        let len = u32::try_from(msg.len()).unwrap_or(u32::MAX);
        text.extend_from_slice(&len.to_be_bytes());
        text.extend_from_slice(msg);
        text.extend_from_slice(appid);
        let pad = PAD_BLOCK - text.len() % PAD_BLOCK;
        text.resize(text.len() + pad, pad as u8);

        let len = text.len();
        let encrypted = Encryptor::<Aes256>::new(&self.0.into(), &self.iv().into())
            .encrypt_padded_mut::<NoPadding>(&mut text, len)
            .expect("the length is a multiple of 32");
        STANDARD.encode(encrypted)
    }

    /// Decrypts an `Encrypt` and answers the message, once everything around it is as it should be.
    ///
    /// # Errors
    /// [`CallbackError::Base64`], [`CallbackError::Decrypt`] and [`CallbackError::Buffer`] for a text that
    /// is malformed or was encrypted with another key, [`CallbackError::AppId`] for one that was encrypted
    /// for another account.
    pub fn decrypt(&self, encrypt: &str, appid: &AppId) -> Result<Vec<u8>, CallbackError> {
        let mut text = STANDARD
            .decode(encrypt)
            .map_err(|_| CallbackError::Base64)?;
        if text.is_empty() {
            return Err(CallbackError::Decrypt);
        }
        // Padding is taken off by hand: the library's ends at the block of AES.
        Decryptor::<Aes256>::new(&self.0.into(), &self.iv().into())
            .decrypt_padded_mut::<NoPadding>(&mut text)
            .map_err(|_| CallbackError::Decrypt)?;
        unpad(&mut text)?;
        let message = message(&text, appid)?;
        Ok(message.to_vec())
    }

    fn iv(&self) -> [u8; 16] {
        std::array::from_fn(|at| self.0[at])
    }
}

/// Cuts the padding, whose every byte is its length.
fn unpad(text: &mut Vec<u8>) -> Result<(), CallbackError> {
    const BAD: CallbackError = CallbackError::Buffer("its padding is not 1 to 32 equal bytes");
    let pad = *text.last().ok_or(BAD)?;
    let kept = text.len().checked_sub(pad.into()).ok_or(BAD)?;
    if !(1..=PAD_BLOCK).contains(&pad.into()) || text[kept..].iter().any(|&byte| byte != pad) {
        return Err(BAD);
    }
    text.truncate(kept);
    Ok(())
}

/// The message between the length field and the appid, which fills all that is left.
fn message<'a>(text: &'a [u8], appid: &AppId) -> Result<&'a [u8], CallbackError> {
    let (_, rest) = text
        .split_at_checked(16)
        .ok_or(CallbackError::Buffer("it is too short"))?;
    let (len, rest) = rest
        .split_first_chunk()
        .ok_or(CallbackError::Buffer("it is too short"))?;
    let (message, receiver) = usize::try_from(u32::from_be_bytes(*len))
        .ok()
        .and_then(|len| rest.split_at_checked(len))
        .ok_or(CallbackError::Buffer("its length field exceeds it"))?;
    if bool::from(receiver.ct_eq(appid.as_str().as_bytes())) {
        Ok(message)
    } else {
        Err(CallbackError::AppId)
    }
}

impl FromStr for EncodingAesKey {
    type Err = CallbackError;

    fn from_str(text: &str) -> Result<Self, CallbackError> {
        if text.len() != 43 || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(CallbackError::AesKey);
        }
        let mut key = [0; 32];
        match KEY_BASE64.decode_slice(text, &mut key) {
            Ok(32) => Ok(Self(key)),
            _ => Err(CallbackError::AesKey),
        }
    }
}

impl fmt::Debug for EncodingAesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> EncodingAesKey {
        "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
            .parse()
            .unwrap()
    }

    fn appid() -> AppId {
        AppId::parse("wxb11529c136998cb6").unwrap()
    }

    /// Encrypts a plain text that need not have the right layout.
    fn encrypt_raw(mut text: Vec<u8>) -> String {
        let len = text.len();
        let encrypted = Encryptor::<Aes256>::new(&key().0.into(), &key().iv().into())
            .encrypt_padded_mut::<NoPadding>(&mut text, len)
            .unwrap();
        STANDARD.encode(encrypted)
    }

    #[test]
    fn a_key_is_43_letters_and_digits() {
        for bad in [
            "",
            "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF",
            "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH",
            "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF=",
            "abcdefghijklmnopqrstuvwxyz0123456789ABCDE+/",
            "abcdefghijklmnopqrstuvwxyz0123456789ABCD鸿",
        ] {
            assert_eq!(bad.parse::<EncodingAesKey>(), Err(CallbackError::AesKey));
        }
    }

    #[test]
    fn unused_bits_of_the_last_character_do_not_matter() {
        let canonical = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFE";
        assert_eq!(canonical.parse(), Ok(key()));
    }

    #[test]
    fn a_key_does_not_show_itself() {
        assert_eq!(format!("{:?}", key()), "[redacted]");
    }

    #[test]
    fn every_pad_from_1_to_32_occurs_and_is_read() {
        for len in 0..32 {
            let msg = vec![b'x'; len];
            let encrypted = key().encrypt([b'r'; 16], &msg, &appid());
            assert_eq!(key().decrypt(&encrypted, &appid()), Ok(msg));
        }
    }

    #[test]
    fn layouts_that_lie_are_refused() {
        let good = |len: u32, rest: &[u8], pad: &[u8]| {
            let mut text = vec![b'r'; 16];
            text.extend(len.to_be_bytes());
            text.extend(rest);
            text.extend(pad);
            encrypt_raw(text)
        };
        let rest = b"hi!!wxb11529c136998cb6";
        let pads: [(&[u8], bool); 4] = [
            (&[6; 6], true),
            (&[6, 6, 6, 5, 6, 6], false),
            (&[0; 6], false),
            (&[6, 6, 6, 6, 6, 33], false),
        ];
        for (pad, is_good) in pads {
            let read = key().decrypt(&good(4, rest, pad), &appid());
            match is_good {
                true => assert_eq!(read, Ok(b"hi!!".to_vec())),
                false => assert_eq!(read.unwrap_err().code(), -40008, "{pad:?}"),
            }
        }
        for len in [27, u32::MAX, 1 << 31] {
            let read = key().decrypt(&good(len, rest, &[6; 6]), &appid());
            assert_eq!(read.unwrap_err().code(), -40008, "{len}");
        }
        for len in [0, 3, 5, 22] {
            let read = key().decrypt(&good(len, rest, &[6; 6]), &appid());
            assert_eq!(read, Err(CallbackError::AppId), "{len}");
        }
        // One block, all of it padding: nothing is left for head and appid.
        let read = key().decrypt(&encrypt_raw(vec![16; 16]), &appid());
        assert_eq!(read, Err(CallbackError::Buffer("it is too short")));
        let read = key().decrypt(&encrypt_raw(vec![32; 16]), &appid());
        assert_eq!(read.unwrap_err().code(), -40008);
    }

    #[test]
    fn texts_that_are_no_cipher_text_are_refused() {
        for (text, code) in [
            ("", -40007),
            ("AAAA", -40007),
            ("AAAAAAAAAAAAAAAAAAAAAA==AAAA", -40010),
            ("AAAAAAAAAAAAAAAAAAAAAA", -40010),
            (" AAAAAAAAAAAAAAAAAAAAAA==", -40010),
            ("*", -40010),
            ("AAAAAAAAAAAAAAAAAAAAAA==", -40008),
        ] {
            let read = key().decrypt(text, &appid());
            assert_eq!(read.unwrap_err().code(), code, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encrypted_is_read(random: [u8; 16], msg: Vec<u8>, id in "wx[0-9a-f]{1,40}") {
            let id = AppId::parse(id).unwrap();
            let encrypted = key().encrypt(random, &msg, &id);
            prop_assert_eq!(key().decrypt(&encrypted, &id), Ok(msg));
            prop_assert_eq!(
                key().decrypt(&encrypted, &AppId::parse("wxother").unwrap()),
                Err(CallbackError::AppId)
            );
        }

        #[test]
        fn no_bytes_make_it_panic(blocks in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = key().decrypt(&STANDARD.encode(&blocks), &appid());
            let mut text = blocks;
            text.resize(text.len() / 16 * 16, 0);
            let _ = key().decrypt(&encrypt_raw(text), &appid());
        }
    }
}
