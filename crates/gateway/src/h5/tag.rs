//! A page with the open tag `wx-open-subscribe` (订阅通知, 开放标签), for consents to
//! subscription notices. What the person answers reaches us as a callback.

use axum::extract::rejection::PathRejection;
use axum::extract::{OriginalUri, Path};
use axum::response::Response;
use hongyan_engine::{TagPage, WebFailure};
use hongyan_wechat::TemplateId;
use http::StatusCode;
use serde_json::json;

use super::tongue::Tongue;
use super::{html, origin_of, page};
use crate::extract::{Outsider, Query};

/// What the page does with WeChat's script. `CONFIG` and `WORDS` are constants
/// before it.
const SCRIPT: &str = "\
const say=t=>{document.getElementById('say').textContent=t};\
const tag=document.getElementById('subscribe');\
tag.addEventListener('success',e=>{\
let given=[];\
try{const all=JSON.parse(e.detail.subscribeDetails);\
given=Object.values(all).map(v=>JSON.parse(v).status)}catch(_){}\
say(given.some(s=>s.startsWith('accept'))?WORDS.yes:WORDS.no)});\
tag.addEventListener('error',e=>say(WORDS.error+' '+(e.detail.errCode||'')+' '+(e.detail.errMsg||'')));\
if(window.wx){wx.error(e=>say(WORDS.error+' '+(e.errMsg||'')));wx.config(CONFIG)}\
else{say(WORDS.outside)}";

/// The tag's own button: it is drawn apart from the page and has its own style.
const BUTTON_STYLE: &str = ".go{margin-top:24px;padding:12px 40px;border:0;border-radius:8px;\
background:#07c160;color:#fff;font-size:17px}";

/// `GET /h5/{account}/subscribe-tag?template_id=ID,ID`.
pub(super) async fn show(
    outsider: Outsider,
    tongue: Tongue,
    account: Result<Path<String>, PathRejection>,
    OriginalUri(uri): OriginalUri,
    mut query: Query,
) -> Response {
    let Ok(Path(account)) = account else {
        return page::failed(tongue, &WebFailure::UnknownAccount);
    };
    let ids = query.text("template_id").unwrap_or_default();
    let ids: Vec<&str> = ids.split(',').map(str::trim).collect();
    // The address is part of what is signed: as the browser asked for it.
    let address = uri.path_and_query().map_or(uri.path(), |all| all.as_str());
    match outsider.subscribe_tag_page(&account, address, &ids).await {
        Ok(found) => shown(tongue, &found),
        Err(failure) => page::failed(tongue, &failure),
    }
}

fn shown(tongue: Tongue, found: &TagPage) -> Response {
    // Random and made for this page alone, so it is a nonce for the policy, too.
    let nonce = page::escape(&found.config.nonce_str);
    let origin = origin_of(&found.script_url);
    // WeChat's script draws the button in a frame of its own and writes styles.
    let policy = format!(
        "{nothing}; script-src 'nonce-{nonce}' {origin}; connect-src {origin}; \
         style-src 'unsafe-inline'; img-src https: data:; frame-src https://*.qq.com webcompt:",
        nothing = page::NOTHING,
    );
    let config = in_script(&json!({
        "debug": false,
        "appId": found.config.app_id.as_str(),
        "timestamp": found.config.timestamp,
        "nonceStr": found.config.nonce_str,
        "signature": found.config.signature,
        // WeChat wants one at least.
        "jsApiList": ["checkJsApi"],
        "openTagList": ["wx-open-subscribe"],
    }));
    let words = in_script(&json!({
        "yes": tongue.of("Thank you. You can close this page.", "订阅成功，现在可以关闭此页面。"),
        "no": tongue.of("You did not subscribe. Tap again if you change your mind.", "您未订阅，如改变主意可再次点击。"),
        "error": tongue.of("WeChat could not ask you:", "微信未能弹出订阅窗口："),
        "outside": tongue.of("Please open this page inside WeChat.", "请在微信中打开此页面。"),
    }));
    let templates: Vec<&str> = found.templates.iter().map(TemplateId::as_str).collect();
    let html_page = format!(
        "<!doctype html><html lang=\"{lang}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{style}</style></head>\
         <body><main><div class=\"mark\" aria-hidden=\"true\">🔔</div><h1>{title}</h1>\
         <p id=\"say\" role=\"status\">{invitation}</p>\
         <wx-open-subscribe id=\"subscribe\" template=\"{templates}\">\
         <script type=\"text/wxtag-template\"><style>{BUTTON_STYLE}</style>\
         <button class=\"go\">{button}</button></script></wx-open-subscribe></main>\
         <script nonce=\"{nonce}\" src=\"{script}\"></script>\
         <script nonce=\"{nonce}\">const CONFIG={config},WORDS={words};{SCRIPT}</script>\
         </body></html>",
        lang = tongue.tag(),
        title = tongue.of("Subscribe to notices", "订阅通知"),
        style = page::STYLE,
        invitation = tongue.of(
            "Tap below and choose what you want to hear about.",
            "点击下方按钮，选择您想接收的通知。",
        ),
        templates = page::escape(&templates.join(",")),
        button = tongue.of("Subscribe", "订阅"),
        script = page::escape(&found.script_url),
    );
    html(StatusCode::OK, &policy, html_page)
}

/// JSON that cannot end the script it stands in.
fn in_script(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_SECURITY_POLICY;

    use super::*;

    #[tokio::test]
    async fn nothing_that_comes_from_outside_ends_a_script_or_an_attribute() {
        let found = TagPage {
            config: hongyan_engine::JsSignature {
                app_id: "wx</script>".parse().unwrap(),
                timestamp: 1,
                nonce_str: "n0nce".to_owned(),
                signature: "s".to_owned(),
            },
            templates: vec!["a\"><b".parse().unwrap(), "c".parse().unwrap()],
            script_url: "http://127.0.0.1:1/jweixin.js".to_owned(),
        };
        let response = shown(Tongue::Zh, &found);
        let policy = response.headers()[CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(
            policy.contains("script-src 'nonce-n0nce' http://127.0.0.1:1;"),
            "{policy}"
        );
        let body = axum::body::to_bytes(response.into_body(), 100_000)
            .await
            .unwrap();
        let page = std::str::from_utf8(&body).unwrap();
        assert_eq!(page.matches("</script>").count(), 3, "{page}");
        assert!(page.contains("template=\"a&quot;&gt;&lt;b,c\""), "{page}");
        assert!(page.contains("\"openTagList\":[\"wx-open-subscribe\"]"));
    }
}
