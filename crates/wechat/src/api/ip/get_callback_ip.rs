use http::Method;

use super::IpList;
use crate::Call;

/// The addresses from which WeChat pushes ("获取微信推送服务器IP").
#[derive(Debug, Clone, Copy)]
pub struct GetCallbackIp;

impl Call for GetCallbackIp {
    type Reply = IpList;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/cgi-bin/getcallbackip";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{exchange, refusal};

    #[test]
    fn reads_addresses_and_ranges() {
        let (wire, reply) = exchange(
            &GetCallbackIp,
            r#"{"ip_list":["101.226.103.0/25","127.0.0.1"]}"#,
        );
        assert_eq!(wire.method, Method::GET);
        assert_eq!(wire.target, "/cgi-bin/getcallbackip?access_token=TOKEN");
        assert_eq!(reply.unwrap().ip_list, ["101.226.103.0/25", "127.0.0.1"]);
    }

    #[test]
    fn reports_a_refusal() {
        assert_eq!(
            refusal(
                &GetCallbackIp,
                r#"{"errcode":40013,"errmsg":"invalid appid"}"#
            ),
            40013
        );
    }
}
