use std::borrow::Cow;

use http::Method;

use crate::{Call, Done, OpenId, SessionKey, session};

/// Whether a session key is still the person's current one ("检验登录态").
///
/// 87009 if it is not.
#[derive(Debug, Clone, Copy)]
pub struct CheckSession<'a> {
    /// The person.
    pub openid: &'a OpenId,
    /// The key in question. Only a signature made with it is sent.
    pub session_key: &'a SessionKey,
}

impl Call for CheckSession<'_> {
    type Reply = Done;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/wxa/checksession";

    fn query(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        vec![
            ("openid", Cow::Borrowed(self.openid.as_str())),
            (
                "signature",
                Cow::Owned(session::check_session_signature(self.session_key)),
            ),
            ("sig_method", Cow::Borrowed("hmac_sha256")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{exchange, refusal};

    #[test]
    fn sends_a_signature_and_not_the_key() {
        let openid = OpenId::parse("oP4uB6jKx0QmTzR3yVdWc9LnEaSs").unwrap();
        let session_key = SessionKey::new("Pzrx7Ou9FBCrQX7A0nu/yw==");
        let call = CheckSession {
            openid: &openid,
            session_key: &session_key,
        };
        let (wire, reply) = exchange(&call, r#"{"errcode":0,"errmsg":"ok"}"#);
        assert_eq!(wire.method, Method::GET);
        assert_eq!(
            wire.target,
            "/wxa/checksession?access_token=TOKEN&openid=oP4uB6jKx0QmTzR3yVdWc9LnEaSs\
             &signature=89d553b50bc99386da14c1bb778a2a9700748dee0ce00c664272923c2cba18cb&sig_method=hmac_sha256"
        );
        reply.unwrap();
        assert!(!format!("{call:?}").contains("Pzrx"));
        let reply = r#"{"errcode":87009,"errmsg":"invalid signature rid: 6-a-b"}"#;
        assert_eq!(refusal(&call, reply), 87009);
    }
}
