//! Identifiers in the shapes WeChat uses, and the `rid` of error texts.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Source of every random-looking value. Seeded from the operating system, or
/// from the configuration where a run must be repeatable. Not for real
/// secrets: nothing in a sandbox is one.
#[derive(Debug)]
pub(crate) struct Ids(AtomicU64);

/// Step of the Weyl sequence below (2^64 divided by the golden ratio).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Finaliser of SplitMix64: every input bit reaches every output bit.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A fixed hash of a text. It shapes ids that must be the same in every run,
/// which the standard library's hasher does not promise.
pub(crate) fn stable_hash(text: &str) -> u64 {
    let fnv = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(fnv)
}

impl Ids {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        // Without entropy the ids of this run are merely predictable.
        let seed = seed.unwrap_or_else(|| getrandom::u64().unwrap_or(STEP));
        Self(AtomicU64::new(seed))
    }

    pub(crate) fn next(&self) -> u64 {
        mix(self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP))
    }

    fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        out
    }

    fn hex<const N: usize>(&self) -> String {
        self.bytes::<N>()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// `wx` and 16 hex digits.
    pub(crate) fn appid(&self) -> String {
        format!("wx{}", self.hex::<8>())
    }

    /// 32 hex digits.
    pub(crate) fn secret(&self) -> String {
        self.hex::<16>()
    }

    /// `gh_` and 12 hex digits.
    pub(crate) fn original_id(&self) -> String {
        format!("gh_{}", self.hex::<6>())
    }

    /// 43 characters of base64url.
    pub(crate) fn template_id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }

    /// 28 characters starting with `o`; people of one account share the next five.
    pub(crate) fn openid(&self, appid: &str) -> String {
        join_openid(appid, self.next(), self.next())
    }

    /// 28 characters starting with `o`.
    pub(crate) fn unionid(&self) -> String {
        let mut text = URL_SAFE_NO_PAD.encode(self.bytes::<21>());
        text.truncate(27);
        format!("o{text}")
    }

    /// Two digits, `_`, then base64url, as real tokens look today.
    pub(crate) fn access_token(&self) -> String {
        format!(
            "{}_{}",
            60 + self.next() % 40,
            URL_SAFE_NO_PAD.encode(self.bytes::<102>())
        )
    }

    /// 1 to 10 digits, as the `nonce` of pushes.
    pub(crate) fn nonce(&self) -> String {
        (self.next() % 10_000_000_000).to_string()
    }

    /// 19 digits, as the `echostr` of an address check.
    pub(crate) fn echo(&self) -> String {
        (1_000_000_000_000_000_000 + self.next() % 8_000_000_000_000_000_000).to_string()
    }

    /// The random head of an encrypted push: 16 lower-case hex digits in every
    /// capture.
    pub(crate) fn random16(&self) -> [u8; 16] {
        let mut head = [0; 16];
        head.copy_from_slice(self.hex::<8>().as_bytes());
        head
    }

    /// 32 characters, as codes of logins and authorisations.
    pub(crate) fn code(&self) -> String {
        format!("0{}", &URL_SAFE_NO_PAD.encode(self.bytes::<24>())[..31])
    }

    /// 24 characters of base64 over 16 bytes.
    pub(crate) fn session_key(&self) -> String {
        STANDARD.encode(self.bytes::<16>())
    }

    /// 86 characters of base64url.
    pub(crate) fn ticket(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<64>())
    }

    /// 64 characters of base64url, as media ids and tickets of codes.
    pub(crate) fn media_id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<48>())
    }

    /// 96 characters of base64, as tickets of QR codes.
    pub(crate) fn qr_ticket(&self) -> String {
        format!("gQ{}", &STANDARD.encode(self.bytes::<70>())[2..])
    }

    /// So many characters of base64url, at most 64.
    pub(crate) fn word(&self, length: usize) -> String {
        let mut word = self.media_id();
        word.truncate(length);
        word
    }

    /// An even draw from 0 to 1.
    pub(crate) fn chance(&self) -> f64 {
        // 53 bits are what a float holds.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Our own id of a person.
    pub(crate) fn person_id(&self) -> String {
        format!("person_{}", self.hex::<6>())
    }

    /// Three groups of eight hex digits; the first is the time in seconds.
    pub(crate) fn rid(&self, now_ms: i64) -> String {
        let noise = self.next();
        let seconds = now_ms.div_euclid(1000) & 0xffff_ffff;
        format!(
            "{seconds:08x}-{:08x}-{:08x}",
            noise >> 32,
            noise & 0xffff_ffff
        )
    }
}

/// The unionid of a person under a further open-platform account.
pub(crate) fn other_unionid(unionid: &str, platform: &str) -> String {
    let (a, b) = (stable_hash(unionid), stable_hash(platform));
    let mut raw = [0; 24];
    raw[..8].copy_from_slice(&mix(a ^ b.rotate_left(1)).to_le_bytes());
    raw[8..16].copy_from_slice(&mix(a.wrapping_add(b)).to_le_bytes());
    raw[16..].copy_from_slice(&mix(b ^ a.rotate_left(7)).to_le_bytes());
    format!("o{}", &URL_SAFE_NO_PAD.encode(raw)[..27])
}

fn join_openid(appid: &str, high: u64, low: u64) -> String {
    let mut raw = [0; 16];
    raw[..8].copy_from_slice(&high.to_le_bytes());
    raw[8..].copy_from_slice(&low.to_le_bytes());
    format!("{}{}", openid_prefix(appid), URL_SAFE_NO_PAD.encode(raw))
}

fn openid_prefix(appid: &str) -> String {
    let tag = URL_SAFE_NO_PAD.encode(mix(stable_hash(appid)).to_le_bytes());
    format!("o{}", &tag[..5])
}

/// Openids of people made in bulk: computed from their number and computed
/// back, so that a million of them need no memory at all.
pub(crate) mod bulk {
    use super::*;

    /// The openid of bulk person `index` at the account.
    pub(crate) fn openid(appid: &str, index: u32) -> String {
        let seed = stable_hash(appid);
        let check = mix(seed ^ mix(u64::from(index).wrapping_add(STEP)));
        join_openid(appid, check, u64::from(index) ^ veil(seed, check))
    }

    /// The unionid of bulk person `index` under an open-platform account.
    pub(crate) fn unionid(platform: &str, index: u32) -> String {
        other_unionid(&format!("bulk {index}"), platform)
    }

    /// The number behind an openid, or `None` where it is not one of ours.
    pub(crate) fn index(appid: &str, openid: &str) -> Option<u32> {
        let raw: [u8; 16] = URL_SAFE_NO_PAD
            .decode(openid.get(6..)?)
            .ok()
            .and_then(|raw| raw.try_into().ok())?;
        let (high, low) = raw.split_at(8);
        let check = u64::from_le_bytes(high.try_into().ok()?);
        let seed = stable_hash(appid);
        let index = u64::from_le_bytes(low.try_into().ok()?) ^ veil(seed, check);
        let index = u32::try_from(index).ok()?;
        (self::openid(appid, index) == openid).then_some(index)
    }

    fn veil(seed: u64, check: u64) -> u64 {
        mix(check ^ seed.rotate_left(17))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let ids = Ids::new(Some(7));
        assert_eq!(ids.appid().len(), 18);
        assert_eq!(ids.secret().len(), 32);
        assert_eq!(ids.original_id().len(), 15);
        assert_eq!(ids.template_id().len(), 43);
        assert_eq!(ids.unionid().len(), 28);
        let openid = ids.openid("wx1");
        assert_eq!(openid.len(), 28);
        assert_eq!(openid[..6], ids.openid("wx1")[..6]);
        assert_ne!(openid, ids.openid("wx1"));
        let token = ids.access_token();
        assert!(token.as_bytes()[2] == b'_' && token.len() > 100 && token.len() <= 512);
        assert_eq!(ids.rid(1_635_156_704_000)[..9], *"617682e0-");
        assert_eq!(ids.rid(0).len(), 26);
    }

    #[test]
    fn bulk_openids_invert_and_refuse_strangers() {
        for index in [0, 1, 77_777, u32::MAX] {
            let openid = bulk::openid("wx1", index);
            assert_eq!(openid.len(), 28);
            assert_eq!(bulk::index("wx1", &openid), Some(index));
            assert_eq!(bulk::index("wx2", &openid), None);
        }
        assert_eq!(bulk::index("wx1", &Ids::new(Some(1)).openid("wx1")), None);
        assert_eq!(bulk::index("wx1", "短"), None);
    }

    #[test]
    fn another_platform_gives_another_unionid() {
        let main = Ids::new(Some(3)).unionid();
        let other = other_unionid(&main, "op2");
        assert_eq!(other.len(), 28);
        assert_ne!(other, main);
        assert_eq!(other, other_unionid(&main, "op2"));
        assert_ne!(other, other_unionid(&main, "op3"));
    }
}
