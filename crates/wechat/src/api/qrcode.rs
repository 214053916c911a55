//! QR codes with a scene, so that a scan tells where it happened ("生成带参数的二维码"). Verified service
//! accounts.

mod create;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub use self::create::{CreateQrCode, CreatedQrCode, QrLife, QrScene};
use crate::BaseUrl;

/// Where the picture of a code is, at the host of [`Base::Mp`](crate::Base::Mp): a JPEG for everybody who
/// has the ticket, HTTP 404 for a wrong one ("通过ticket换取二维码").
#[must_use]
pub fn picture_url(mp: &BaseUrl, ticket: &str) -> String {
    format!(
        "{mp}/cgi-bin/showqrcode?ticket={}",
        utf8_percent_encode(ticket, NON_ALPHANUMERIC)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bases;

    #[test]
    fn the_ticket_is_escaped() {
        assert_eq!(
            picture_url(&Bases::default().mp, "gQ+h/47=="),
            "https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket=gQ%2Bh%2F47%3D%3D"
        );
    }
}
