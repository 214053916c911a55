//! `POST /cgi-bin/callback/check` (page "网络通信检测").

use serde::Deserialize;
use serde_json::json;

use super::Call;
use super::admin::render;
use crate::refusal::{self, Outcome};
use crate::state::account::Account;

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    action: String,
    #[serde(default)]
    check_operator: String,
}

/// The sandbox resolves no names and pings nobody: an address that is none
/// shows as this machine.
pub(super) fn check(call: &Call<'_>, account: &Account) -> Outcome {
    let body: Body = call.json(Some(account))?;
    let (dns, ping) = match body.action.as_str() {
        "dns" => (true, false),
        "ping" => (false, true),
        "all" => (true, true),
        _ => return Err(refusal::CHECK_ACTION),
    };
    let operator = body.check_operator.as_str();
    if !["CHINANET", "UNICOM", "CAP", "DEFAULT"].contains(&operator) {
        return Err(refusal::CHECK_OPERATOR);
    }
    let url = account
        .settings
        .read()
        .callback
        .as_ref()
        .map(|one| one.url.clone());
    let url = url.ok_or(refusal::CHECK_NO_URL)?;
    let host = url.parse::<http::Uri>().ok().and_then(|uri| {
        let host = uri.host()?.trim_matches(['[', ']']);
        host.parse::<std::net::IpAddr>().ok()
    });
    let ip = host.map_or_else(|| "127.0.0.1".to_owned(), |ip| ip.to_string());
    let mut answer = json!({});
    if dns {
        answer["dns"] = json!([{ "ip": ip, "real_operator": operator }]);
    }
    if ping {
        answer["ping"] = json!([{
            "ip": ip,
            "from_operator": operator,
            "package_loss": "0%",
            "time": "0.100ms",
        }]);
    }
    render(&answer)
}
