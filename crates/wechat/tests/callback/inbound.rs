//! Every kind of push is read, and nothing of it is lost.

use std::collections::HashMap;

use hongyan_wechat::callback::{Fields, Inbound, Node};
use serde_json::json;

use crate::pushes::{CREATE_TIME, FROM, TO, samples};

#[test]
fn every_kind_of_push_is_read() {
    for sample in samples() {
        let name = &sample.name;
        let inbound =
            Inbound::parse(sample.body.as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(inbound.body, sample.says, "{name}");
        assert_eq!(
            (inbound.to.as_str(), inbound.from.as_str()),
            (TO, FROM),
            "{name}"
        );
        assert_eq!(inbound.create_time, CREATE_TIME, "{name}");
    }
}

#[test]
fn the_keys_of_different_pushes_differ_and_those_of_both_formats_agree() {
    let mut known: HashMap<String, Inbound> = HashMap::new();
    for sample in samples() {
        let inbound = Inbound::parse(sample.body.as_bytes()).unwrap();
        let key = inbound.dedupe_key();
        let again = Inbound::parse(inbound.fields.to_json().to_string().as_bytes()).unwrap();
        assert_eq!(again.dedupe_key(), key, "{}", sample.name);
        // All messages have the one id, and the results of one send the one MsgID.
        if let Some(other) = known.insert(key, inbound.clone()) {
            assert_eq!(other.is_event(), inbound.is_event(), "{}", sample.name);
            assert_eq!(other.event(), inbound.event(), "{}", sample.name);
        }
    }
    assert!(known.len() > 25, "{}", known.len());
}

#[test]
fn what_has_no_field_of_its_own_stays_readable() {
    let find = |name: &str| {
        let sample = samples()
            .into_iter()
            .find(|sample| sample.name == name)
            .unwrap();
        Inbound::parse(sample.body.as_bytes()).unwrap().fields
    };
    let pictures = find("xml pic_weixin");
    let list = pictures
        .map("SendPicsInfo")
        .and_then(|info| info.map("PicList"))
        .unwrap();
    let sums: Vec<_> = list
        .items("item")
        .filter_map(Node::as_map)
        .filter_map(|item| item.text("PicMd5Sum"))
        .collect();
    assert_eq!(sums.len(), 2);

    assert_eq!(
        find("xml location_select").to_json()["SendLocationInfo"]["Poiname"],
        "茶馆"
    );
    let mass = find("xml MASSSENDJOBFINISH").to_json();
    assert_eq!(
        mass["CopyrightCheckResult"]["ResultList"]["item"][1]["AuditState"],
        "1"
    );
    assert_eq!(
        mass["ArticleUrlResult"],
        json!({"Count": "0", "ResultList": ""})
    );
    assert_eq!(
        find("xml weapp_audit_fail").text("ScreenShot"),
        Some("m1|m2")
    );
    assert_eq!(
        find("json wxa_media_check").to_json()["detail"],
        json!([{"errcode": "0", "label": "100", "prob": "90.5"}])
    );
}

#[test]
fn indented_bodies_as_the_documents_print_them_are_read_too() {
    for sample in samples() {
        if !sample.body.starts_with('<') {
            continue;
        }
        let indented = sample
            .body
            .replace("><", ">\n  <")
            .replace("\n<", "\n    <")
            // A break between a tag and its section would belong to the text.
            .replace(">\n  <![", "><![")
            .replace("]]>\n  </", "]]></");
        let read = Inbound::parse(indented.as_bytes()).unwrap();
        assert_eq!(read.body, sample.says, "{indented}");
    }
}

#[test]
fn fields_in_another_order_say_the_same() {
    for sample in samples() {
        let inbound = Inbound::parse(sample.body.as_bytes()).unwrap();
        let mut fields: Vec<_> = inbound.fields.iter().collect();
        fields.reverse();
        let turned: serde_json::Map<_, _> = fields
            .into_iter()
            .map(|(name, node)| (name.to_owned(), serde_json::to_value(node).unwrap()))
            .collect();
        let body = serde_json::to_string(&turned).unwrap();
        assert!(Fields::from_json(body.as_bytes()).is_ok());
        assert_eq!(Inbound::parse(body.as_bytes()).unwrap().body, sample.says);
    }
}
