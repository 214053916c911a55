//! Reading replies as WeChat really writes them, which is not always as documented.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{ApiError, CallError, Download, ErrCode, redact};

/// The two fields every answer may begin with. Both are often missing from successful ones.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(default)]
    errcode: Option<ErrCode>,
    /// Unread until it is needed, so that an odd text cannot hide a good code.
    #[serde(borrow, default)]
    errmsg: Option<&'a RawValue>,
}

/// Turns a reply into the call's answer. `secret` is taken out of whatever an error shows.
///
/// The content type is not looked at: WeChat names JSON `text/plain` on some paths.
pub(crate) fn read<R: DeserializeOwned>(
    response: Response<Bytes>,
    secret: Option<&str>,
) -> Result<R, CallError> {
    let status = response.status();
    let body = response.into_body();
    if !status.is_success() {
        return Err(bad_status(status, body, secret));
    }
    let (head, body) = match head(&body) {
        Ok(head) => (head, body.clone()),
        Err(first) => {
            let Some(cleaned) = clean(&body).map(Bytes::from) else {
                return Err(unreadable(".", &first, &body, secret));
            };
            match head(&cleaned) {
                Ok(head) => (head, cleaned),
                Err(error) => return Err(unreadable(".", &error, &body, secret)),
            }
        }
    };
    if let Some((errcode, errmsg)) = head {
        return Err(refused(errcode, &errmsg, body, secret));
    }
    serde_json::from_slice(&body).map_err(|_| locate::<R>(&body, secret))
}

/// Turns a reply that may be a file into the call's answer. Only a successful reply whose type is neither
/// JSON nor text is a file: refusals are JSON, under either name.
pub(crate) fn read_file<R: DeserializeOwned>(
    response: Response<Bytes>,
    secret: Option<&str>,
) -> Result<Download<R>, CallError> {
    let content_type = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let is_file = response.status().is_success()
        && content_type.as_ref().is_some_and(|name| {
            let name = name.trim_start().to_ascii_lowercase();
            !name.starts_with("application/json") && !name.starts_with("text/")
        });
    if is_file {
        return Ok(Download::File {
            content_type,
            bytes: response.into_body(),
        });
    }
    read(response, secret).map(Download::Told)
}

fn refused(errcode: ErrCode, errmsg: &str, body: Bytes, secret: Option<&str>) -> CallError {
    let errmsg = redact::mask_with(errmsg, secret);
    CallError::Refused(Box::new(ApiError::new(errcode, &errmsg, body)))
}

/// An HTTP status is WeChat's own word only where an errcode stands beside it; a 5xx leaves the outcome
/// open whatever it says.
fn bad_status(status: StatusCode, body: Bytes, secret: Option<&str>) -> CallError {
    if status.is_client_error()
        && let Ok(Some((errcode, errmsg))) = head(&body)
    {
        return refused(errcode, &errmsg, body, secret);
    }
    CallError::HttpStatus {
        status,
        excerpt: redact::excerpt(&body, secret),
    }
}

/// The code and text of a refusal; `None` is success.
fn head(body: &[u8]) -> Result<Option<(ErrCode, String)>, serde_json::Error> {
    let head: Head<'_> = serde_json::from_slice(body)?;
    Ok(head
        .errcode
        .filter(|&errcode| errcode != ErrCode::OK)
        .map(|errcode| {
            let raw = head.errmsg.map_or("", RawValue::get);
            (
                errcode,
                serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned()),
            )
        }))
}

/// The error of a reply that does not have the expected form, with the place. A second pass, because
/// tracking the place costs time that good replies need not pay.
fn locate<R: DeserializeOwned>(body: &[u8], secret: Option<&str>) -> CallError {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, R>(&mut deserializer) {
        Err(error) => unreadable(&error.path().to_string(), error.inner(), body, secret),
        Ok(_) => match deserializer.end() {
            Err(error) => unreadable(".", &error, body, secret),
            Ok(()) => CallError::Decode {
                path: ".".to_owned(),
                reason: "the two readings of the reply differ".to_owned(),
                excerpt: redact::excerpt(body, secret),
            },
        },
    }
}

fn unreadable(
    path: &str,
    error: &serde_json::Error,
    body: &[u8],
    secret: Option<&str>,
) -> CallError {
    CallError::Decode {
        path: path.to_owned(),
        // serde quotes the offending value.
        reason: redact::mask_with(&error.to_string(), secret),
        excerpt: redact::excerpt(body, secret),
    }
}

/// The reply made into JSON where people's names brought raw control characters into strings, the bytes
/// are not UTF-8, or a byte order mark stands in front. `None` if nothing was to be changed.
fn clean(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let mut changed = matches!(text, Cow::Owned(_));
    let json = text.strip_prefix('\u{feff}').map_or(&*text, |rest| {
        changed = true;
        rest
    });

    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        if in_string && c < ' ' {
            changed = true;
            // After a lone backslash the control character itself is what was escaped.
            let escape = if escaped { "u" } else { "\\u" };
            out.push_str(&format!("{escape}{:04x}", u32::from(c)));
            escaped = false;
            continue;
        }
        match c {
            '"' if !escaped => in_string = !in_string,
            '\\' if in_string && !escaped => {
                escaped = true;
                out.push(c);
                continue;
            }
            _ => {}
        }
        escaped = false;
        out.push(c);
    }
    changed.then_some(out)
}

/// Cuts what WeChat appends to its texts: ` rid: …` since 2020, `, rid: …` on `sns` paths, and formerly
/// ` hint: […]` or ` hints: […]`. Answers the text and the rid.
pub(crate) fn split_errmsg(errmsg: &str) -> (&str, Option<&str>) {
    let mut text = errmsg.trim_end();
    let mut rid = None;
    loop {
        if let Some((before, found)) = rid_suffix(text) {
            rid = rid.or(Some(found));
            text = before;
        } else if let Some(before) = hint_suffix(text) {
            text = before;
        } else {
            return (text, rid);
        }
    }
}

fn rid_suffix(text: &str) -> Option<(&str, &str)> {
    let (before, rid) = text.rsplit_once("rid:")?;
    let rid = rid.trim_start();
    let is_rid = !rid.is_empty() && rid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    // A word that merely ends in "rid" is text.
    let is_own_word = before.is_empty() || before.ends_with([' ', ',']);
    (is_rid && is_own_word).then(|| (before.trim_end_matches([' ', ',']), rid))
}

fn hint_suffix(text: &str) -> Option<&str> {
    let inner = text.strip_suffix(']')?;
    let at = [" hint: [", " hints: ["]
        .iter()
        .filter_map(|mark| inner.rfind(mark))
        .max()?;
    Some(inner[..at].trim_end_matches([' ', ',']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::{Done, ErrClass, MsgId};

    #[derive(Debug, Deserialize)]
    struct Sent {
        msgid: MsgId,
    }

    fn of<R: DeserializeOwned>(status: u16, body: impl Into<Bytes>) -> Result<R, CallError> {
        let mut response = Response::new(body.into());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        read(response, Some("TOKEN123"))
    }

    #[test]
    fn success_is_zero_or_absent_in_any_form() {
        for body in [
            r#"{"errcode":0,"errmsg":"ok","msgid":200228332}"#,
            r#"{"errcode":"0","errmsg":"ok","msgid":"200228332"}"#,
            r#"{"msgid":200228332,"later_field":{"a":[1]}}"#,
            r#"{"errcode":null,"msgid":200228332}"#,
            "\u{feff}{\"errcode\":0,\"msgid\":200228332}",
        ] {
            assert_eq!(
                of::<Sent>(200, body).unwrap().msgid,
                MsgId(200_228_332),
                "{body}"
            );
        }
    }

    #[test]
    fn refusals_keep_code_text_rid_and_further_fields() {
        let body = r#"{"errcode":45065,"errmsg":"clientmsgid exist rid: 617682e0-09059ac5-34a8e2ea","msg_id":3}"#;
        let error = of::<Done>(200, body).unwrap_err();
        let refusal = error.refusal().unwrap();
        assert_eq!(refusal.errcode, ErrCode(45065));
        assert_eq!(refusal.errmsg, "clientmsgid exist");
        assert_eq!(refusal.rid.as_deref(), Some("617682e0-09059ac5-34a8e2ea"));
        assert_eq!(refusal.decode::<Value>().unwrap()["msg_id"], 3);
    }

    #[test]
    fn a_quoted_code_and_an_odd_text_are_still_a_refusal() {
        for body in [r#"{"errcode":"40003","errmsg":17}"#, r#"{"errcode":40003}"#] {
            assert_eq!(
                of::<Done>(200, body).unwrap_err().errcode(),
                Some(ErrCode(40003))
            );
        }
    }

    #[test]
    fn raw_control_characters_do_not_hide_the_answer() {
        let body = "{\"errcode\":0,\"name\":\"a\tb\nc\\\"\u{1}d\"}";
        let value: Value = of(200, body).unwrap();
        assert_eq!(value["name"], "a\tb\nc\"\u{1}d");
    }

    #[test]
    fn bytes_that_are_not_utf8_do_not_hide_the_answer() {
        let body = Bytes::from_static(b"{\"errcode\":43004,\"errmsg\":\"\xff\xfe\"}");
        assert_eq!(
            of::<Done>(200, body).unwrap_err().errcode(),
            Some(ErrCode(43004))
        );
    }

    #[test]
    fn an_unreadable_reply_names_the_place_and_leaves_the_outcome_open() {
        let error = of::<Sent>(200, r#"{"errcode":0,"msgid":{"n":1}}"#).unwrap_err();
        let CallError::Decode { path, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(path, "msgid");
        assert!(error.is_uncertain());

        for body in [
            "",
            "<html>502</html>",
            "{",
            r#"{"errcode":0,"msgid":1} x"#,
            "[]",
            "null",
        ] {
            let error = of::<Sent>(200, body).unwrap_err();
            assert!(matches!(error, CallError::Decode { .. }), "{body}: {error}");
        }
    }

    #[test]
    fn statuses_other_than_200_say_whether_the_request_was_taken() {
        assert_eq!(
            of::<Done>(412, "").unwrap_err().class(),
            ErrClass::Permanent
        );
        assert!(
            of::<Done>(502, r#"{"errcode":43004}"#)
                .unwrap_err()
                .is_uncertain()
        );
        let refused = of::<Done>(404, r#"{"errcode":40066,"errmsg":"invalid url"}"#).unwrap_err();
        assert_eq!(refused.errcode(), Some(ErrCode(40066)));
    }

    #[test]
    fn no_error_shows_a_secret() {
        for (status, body) in [
            (200, r#"{"access_token":"92_hidden","expires_in":[]}"#),
            (200, r#"no json: access_token=92_hidden TOKEN123"#),
            (500, r#"GET /x?access_token=92_hidden TOKEN123"#),
            (200, r#"{"errcode":0,"msgid":"TOKEN123"}"#),
            (
                200,
                r#"{"errcode":40014,"errmsg":"invalid access_token TOKEN123"}"#,
            ),
        ] {
            let error = of::<Sent>(status, body).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                !shown.contains("92_hidden") && !shown.contains("TOKEN123"),
                "{shown}"
            );
        }
    }

    #[test]
    fn suffixes_of_all_ages_are_cut() {
        for (errmsg, text, rid) in [
            ("ok", "ok", None),
            (
                "invalid openid rid: 66a1b2c3-0d4e5f60-718293a4",
                "invalid openid",
                Some("66a1b2c3-0d4e5f60-718293a4"),
            ),
            (
                "invalid code, rid: 66a1b2c3-0d4e5f60-718293a4",
                "invalid code",
                Some("66a1b2c3-0d4e5f60-718293a4"),
            ),
            (
                "require subscribe hint: [ZE1Uxa0498age8]",
                "require subscribe",
                None,
            ),
            (
                "api unauthorized hints: [ req_id: 1Sa ]",
                "api unauthorized",
                None,
            ),
            ("x hint: [a] rid: 6-a-b", "x", Some("6-a-b")),
            ("x rid: 6-a-b hint: [a]", "x", Some("6-a-b")),
            ("rid: 6-a-b", "", Some("6-a-b")),
            (
                "could not query this rid,no permission",
                "could not query this rid,no permission",
                None,
            ),
            ("get rid: of it", "get rid: of it", None),
            ("hybrid: yes", "hybrid: yes", None),
        ] {
            assert_eq!(split_errmsg(errmsg), (text, rid), "{errmsg}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(body: Vec<u8>, status in 100u16..600) {
            let _ = of::<Sent>(status, body);
        }

        #[test]
        fn cleaning_never_panics(text in "[{}\\[\\]\":,\\\\\\x00-\\x1fa鸿]{0,40}") {
            let _ = of::<Value>(200, text);
        }

        #[test]
        fn cleaning_keeps_every_string(text: String) {
            // Written by hand so that control characters stay raw.
            let raw = text.replace('\\', "\\\\").replace('"', "\\\"");
            let value: Value = of(200, format!("{{\"name\":\"{raw}\"}}")).unwrap();
            prop_assert_eq!(value["name"].as_str(), Some(text.as_str()));
        }

        #[test]
        fn splitting_never_panics(errmsg in "\\PC{0,20}( rid: ?| hints?: \\[|\\]|,){0,4}\\PC{0,20}") {
            let (text, _) = split_errmsg(&errmsg);
            prop_assert!(errmsg.starts_with(text));
        }

        #[test]
        fn a_rid_is_found_after_any_text(text in "[a-z!.,鸿 ]{0,30}[a-z]", rid in "[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}") {
            let errmsg = format!("{text} rid: {rid}");
            prop_assert_eq!(split_errmsg(&errmsg), (text.as_str(), Some(rid.as_str())));
        }

        #[test]
        fn any_errcode_but_zero_is_a_refusal(code: i64, errmsg: String) {
            prop_assume!(code != 0);
            let body = serde_json::json!({"errcode": code, "errmsg": errmsg}).to_string();
            prop_assert_eq!(of::<Done>(200, body).unwrap_err().errcode(), Some(ErrCode(code)));
        }
    }
}
