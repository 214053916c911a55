//! Signing pages for WeChat's script in the browser ("JS-SDK使用权限签名算法").

use sha1::{Digest, Sha1};

use crate::JsTicket;

/// The signature that a page hands to `wx.config` beside the same nonce and timestamp (in seconds).
///
/// `url` is the page's full address as the browser shows it, encoded as it is there; what follows a `#` is
/// no part of it and is cut off. The page writes the nonce as `nonceStr`. A signature that does not fit
/// makes the page report `invalid signature`.
#[must_use]
pub fn page_signature(ticket: &JsTicket, nonce_str: &str, timestamp: i64, url: &str) -> String {
    let mut hash = Sha1::new();
    for part in [
        "jsapi_ticket=",
        ticket.expose(),
        "&noncestr=",
        nonce_str,
        "&timestamp=",
        &timestamp.to_string(),
        "&url=",
        without_fragment(url),
    ] {
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// An address up to its `#`, which the browser never sends and WeChat does not sign.
#[must_use]
pub fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(url, _)| url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(url: &str) -> String {
        let ticket = JsTicket::new(
            "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg",
        );
        page_signature(&ticket, "Wm3WZYTPz0wzccnW", 1_414_587_457, url)
    }

    #[test]
    fn signs_the_page_as_documented() {
        let expected = "0f9de62fce790f9a083d5c99e95740ceb90c27ed";
        assert_eq!(sign("http://mp.weixin.qq.com?params=value"), expected);
        assert_eq!(sign("http://mp.weixin.qq.com?params=value#/a#b"), expected);
        assert_ne!(sign("http://mp.weixin.qq.com/?params=value"), expected);
    }

    #[test]
    fn only_the_fragment_is_cut() {
        assert_eq!(
            without_fragment("https://a/b?c=%23d#e#f"),
            "https://a/b?c=%23d"
        );
        assert_eq!(without_fragment("https://a/b"), "https://a/b");
        assert_eq!(without_fragment("#a"), "");
    }
}
