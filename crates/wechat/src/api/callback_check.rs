//! Asking WeChat to try the way to our callback URL.

use http::Method;
use serde::{Deserialize, Serialize};

use crate::{Body, Call, json};

/// Has WeChat look up and ping the account's callback URL ("网络通信检测").
///
/// 40201 when the account has none.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CheckCallback {
    /// What to try.
    pub action: CheckAction,
    /// From which network.
    pub check_operator: CheckOperator,
}

/// What WeChat tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckAction {
    /// Name lookup.
    Dns,
    /// One ping.
    Ping,
    /// Both.
    All,
}

/// The network WeChat tries from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CheckOperator {
    /// China Telecom.
    ChinaNet,
    /// China Unicom.
    Unicom,
    /// Tencent's own exit.
    Cap,
    /// WeChat chooses.
    Default,
}

/// What WeChat found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CallbackCheck {
    /// Name lookups.
    #[serde(default)]
    pub dns: Vec<DnsCheck>,
    /// Pings.
    #[serde(default)]
    pub ping: Vec<PingCheck>,
}

/// An address the callback's name leads to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DnsCheck {
    /// The address.
    pub ip: String,
    /// The network it belongs to.
    #[serde(default)]
    pub real_operator: String,
}

/// One ping to an address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PingCheck {
    /// The address.
    pub ip: String,
    /// The network it was tried from.
    #[serde(default)]
    pub from_operator: String,
    /// `0%` or `100%`, since only one is sent.
    #[serde(default)]
    pub package_loss: String,
    /// How long it took, such as `23.079ms`.
    #[serde(default)]
    pub time: String,
}

impl Call for CheckCallback {
    type Reply = CallbackCheck;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/callback/check";

    fn body(&self) -> Body {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{exchange, refusal};

    const CALL: CheckCallback = CheckCallback {
        action: CheckAction::All,
        check_operator: CheckOperator::Default,
    };

    #[test]
    fn asks_and_reads_both_findings() {
        let reply = r#"{"dns":[{"ip":"111.161.64.40","real_operator":"UNICOM"}],
            "ping":[{"ip":"111.161.64.40","from_operator":"UNICOM","package_loss":"0%","time":"23.079ms"}]}"#;
        let (wire, reply) = exchange(&CALL, reply);
        assert_eq!(wire.method, Method::POST);
        assert_eq!(wire.target, "/cgi-bin/callback/check?access_token=TOKEN");
        assert_eq!(
            wire.json(),
            json!({"action": "all", "check_operator": "DEFAULT"})
        );
        let found = reply.unwrap();
        assert_eq!(found.dns[0].real_operator, "UNICOM");
        assert_eq!(found.ping[0].package_loss, "0%");
    }

    #[test]
    fn spells_the_operators_as_documented() {
        use CheckOperator as O;
        let spelled = serde_json::to_value([O::ChinaNet, O::Unicom, O::Cap, O::Default]).unwrap();
        assert_eq!(spelled, json!(["CHINANET", "UNICOM", "CAP", "DEFAULT"]));
    }

    #[test]
    fn reports_a_missing_callback() {
        assert_eq!(
            refusal(&CALL, r#"{"errcode":40201,"errmsg":"invalid url"}"#),
            40201
        );
    }
}
