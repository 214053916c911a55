use axum::response::Response;
use hongyan_api::rule as api;
use hongyan_domain::rule::RuleSet;
use hongyan_engine::RulesRejection;

use crate::extract::{AtAccount, CanAdmin, Query, Typed};
use crate::problem::Problem;
use crate::v1::ok;

/// Replaces an account's reply rules, all of them at once.
///
/// The body is JSON, or TOML with `Content-Type: application/toml`. Rules are tried
/// in order and the first that fits answers; in mini programs WeChat takes only
/// `transfer_customer_service`.
#[utoipa::path(
    put, path = "/v1/accounts/{account}/reply-rules", tag = "callbacks", operation_id = "replace_reply_rules",
    params(("account" = String, Path, description = "The account's name.")),
    request_body(content(
        (api::RuleSet = "application/json"),
        (String = "application/toml"),
    )),
    responses((status = 200, description = "The rules as they are now.", body = api::RuleSet)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn replace(
    at: AtAccount<CanAdmin>,
    query: Query,
    request: Typed,
) -> Result<Response, Problem> {
    query.done()?;
    let rules: RuleSet = request.decode()?;
    match at.caller.engine().replace_rules(&at.account, rules).await {
        Ok(rules) => ok(&*rules),
        Err(RulesRejection::Invalid(violations)) => Err(Problem::invalid(violations)),
        Err(RulesRejection::Store(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::decode;

    fn from_toml(body: &[u8]) -> Result<RuleSet, Problem> {
        let typed = Typed {
            media_type: "application/toml".to_owned(),
            body: bytes::Bytes::copy_from_slice(body),
        };
        typed.decode()
    }

    /// What the description says is what is read and written.
    #[test]
    fn rules_have_one_shape_in_the_description_and_inside() {
        let text = r#"{"rules":[
            {"name":"a","when":{"msg_type":"text","text":{"exact":["x","y"]},"between":{"from":"22:00","until":"08:00","days":["mon"],"time_zone":"Asia/Shanghai"}},"reply":{"type":"text","content":"{{text}}"}},
            {"name":"b","when":{"text":{"contains":"z"}},"reply":{"type":"image","media_id":"m"}},
            {"name":"c","when":{"text":{"regex":"^x$"}},"reply":{"type":"voice","media_id":"m"}},
            {"name":"d","when":{"event":"subscribe","key":"k"},"reply":{"type":"video","media_id":"m","title":"t","description":"d"}},
            {"name":"e","when":{},"reply":{"type":"music","title":"t","description":"d","music_url":"u","hq_music_url":"h","thumb_media_id":"m"}},
            {"name":"f","when":{},"reply":{"type":"news","articles":[{"title":"t","description":"d","pic_url":"p","url":"u"}]}},
            {"name":"g","when":{},"reply":{"type":"transfer_customer_service","kf_account":"a@b"}}],
            "default":{"type":"nothing"}}"#;
        let inside: RuleSet = decode(text.as_bytes()).ok().unwrap();
        let outside: api::RuleSet = decode(text.as_bytes()).ok().unwrap();
        let given: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&inside).unwrap(), given);
        assert_eq!(serde_json::to_value(&outside).unwrap(), given);
    }

    #[test]
    fn toml_is_read_and_its_faults_have_a_line() {
        let good = "[[rules]]\nname = \"welcome\"\nwhen = { event = \"subscribe\" }\nreply = { type = \"text\", content = \"hi\" }\n";
        assert_eq!(from_toml(good.as_bytes()).ok().unwrap().rules.len(), 1);
        let problem = from_toml(good.replace("when", "wen").as_bytes()).unwrap_err();
        let detail = problem.into_document().detail;
        assert!(
            detail.starts_with("line 3: ") && detail.contains("wen"),
            "{detail}"
        );
        assert!(from_toml(b"\xff").is_err());
    }
}
