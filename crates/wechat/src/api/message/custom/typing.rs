use http::Method;
use serde::Serialize;

use crate::{Body, Call, Done, OpenId, json};

/// Shows or hides "is typing" to a person who wrote to an official account ("客服输入状态").
///
/// Shown for 15 seconds. 45080 without an exchange in the last 30 seconds, 45081 while it is shown.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Typing<'a> {
    /// The person.
    pub touser: &'a OpenId,
    /// What to do.
    pub command: TypingCommand,
}

/// The same for mini programs, which have another path.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct BusinessTyping<'a> {
    /// The person.
    pub touser: &'a OpenId,
    /// What to do.
    pub command: TypingCommand,
}

/// Whether "is typing" is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum TypingCommand {
    /// Show it.
    Typing,
    /// Hide it.
    CancelTyping,
}

impl Call for Typing<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/message/custom/typing";

    fn body(&self) -> Body {
        json(self)
    }
}

impl Call for BusinessTyping<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/message/custom/business/typing";

    fn body(&self) -> Body {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{exchange, refusal};

    #[test]
    fn each_kind_of_account_has_its_path() {
        let touser = OpenId::parse("o1").unwrap();
        let official = Typing {
            touser: &touser,
            command: TypingCommand::Typing,
        };
        let (wire, reply) = exchange(&official, r#"{"errcode":0,"errmsg":"ok"}"#);
        assert_eq!(wire.method, Method::POST);
        assert_eq!(
            wire.target,
            "/cgi-bin/message/custom/typing?access_token=TOKEN"
        );
        assert_eq!(wire.json(), json!({"touser": "o1", "command": "Typing"}));
        reply.unwrap();

        let business = BusinessTyping {
            touser: &touser,
            command: TypingCommand::CancelTyping,
        };
        let (wire, _) = exchange(&business, "{}");
        assert_eq!(
            wire.target,
            "/cgi-bin/message/custom/business/typing?access_token=TOKEN"
        );
        assert_eq!(
            wire.json(),
            json!({"touser": "o1", "command": "CancelTyping"})
        );
    }

    #[test]
    fn reports_a_refusal() {
        let touser = OpenId::parse("o1").unwrap();
        let call = Typing {
            touser: &touser,
            command: TypingCommand::Typing,
        };
        let reply = r#"{"errcode":45080,"errmsg":"rid: 6-a-b"}"#;
        assert_eq!(refusal(&call, reply), 45080);
    }
}
