//! What a push looks like on the wire, byte by byte.
//!
//! Layout as in captures: every closing tag is followed by a line feed except
//! the last, an opening tag by nothing; envelopes indent by four blanks.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::model::{CallbackFormat, CallbackMode};

/// A field of a push. The order of fields is the order on the wire.
pub(crate) type Named = (&'static str, Field);

/// What a field holds, and thereby how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    /// CDATA; a JSON string.
    Text(String),
    /// Bare digits; a JSON number.
    Whole(u64),
    /// Bare text, although a JSON string.
    Bare(String),
    /// Elements inside; a JSON object.
    Group(Vec<Named>),
}

/// The entries of a subscription event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entries {
    /// Element around them; JSON has none.
    pub(crate) wrapper: &'static str,
    pub(crate) list: Vec<Vec<Named>>,
}

/// One message or event on its way to an account's server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Push {
    /// Who it is from: an openid.
    pub(crate) openid: String,
    /// Seconds since 1970.
    pub(crate) created: i64,
    pub(crate) msg_type: &'static str,
    pub(crate) fields: Vec<Named>,
    pub(crate) entries: Option<Entries>,
}

impl Push {
    pub(crate) fn event(openid: &str, created: i64, event: &str, fields: Vec<Named>) -> Self {
        let mut all = vec![("Event", Field::Text(event.to_owned()))];
        all.extend(fields);
        Self {
            openid: openid.to_owned(),
            created,
            msg_type: "event",
            fields: all,
            entries: None,
        }
    }

    /// Whether a person did it and may be shown an answer.
    pub(crate) fn is_answerable(&self) -> bool {
        const SILENT: [&str; 6] = [
            "unsubscribe",
            "VIEW",
            "view_miniprogram",
            "TEMPLATESENDJOBFINISH",
            "user_enter_tempsession",
            "subscribe_msg_",
        ];
        match self.fields.first() {
            Some(("Event", Field::Text(event))) => {
                !SILENT.iter().any(|silent| event.starts_with(silent))
            }
            Some(_) | None => true,
        }
    }

    fn common(&self, original_id: &str) -> [Named; 4] {
        [
            ("ToUserName", Field::Text(original_id.to_owned())),
            ("FromUserName", Field::Text(self.openid.clone())),
            ("CreateTime", Field::Whole(self.created.unsigned_abs())),
            ("MsgType", Field::Text(self.msg_type.to_owned())),
        ]
    }

    /// Each child of the root with its line feed.
    fn children(&self, original_id: &str) -> Vec<String> {
        let mut children: Vec<String> = self.common(original_id).iter().map(element).collect();
        children.extend(self.fields.iter().map(element));
        if let Some(Entries { wrapper, list }) = &self.entries {
            let mut group = format!("<{wrapper}>");
            for entry in list {
                group.push_str("<List>");
                group.extend(entry.iter().map(element));
                group.push_str("</List>\n");
            }
            let _ = writeln!(group, "</{wrapper}>");
            children.push(group);
        }
        children
    }

    fn xml(&self, original_id: &str) -> String {
        format!("<xml>{}</xml>", self.children(original_id).concat())
    }

    /// Entries stand without a wrapper, as an object where there is one; their
    /// keys are in alphabetical order and all values strings.
    fn json(&self, original_id: &str) -> Map<String, Value> {
        let mut object = Map::new();
        for (name, field) in self.common(original_id).iter().chain(&self.fields) {
            object.insert((*name).to_owned(), field.json());
        }
        if let Some(Entries { list, .. }) = &self.entries {
            let mut list: Vec<Value> = list
                .iter()
                .map(|entry| {
                    let mut entry: Vec<_> = entry
                        .iter()
                        .map(|(name, field)| ((*name).to_owned(), field.text().into()))
                        .collect();
                    entry.sort_unstable_by(|(a, _): &(String, Value), (b, _)| a.cmp(b));
                    Value::Object(entry.into_iter().collect())
                })
                .collect();
            let value = if list.len() == 1 {
                list.remove(0)
            } else {
                Value::Array(list)
            };
            object.insert("List".to_owned(), value);
        }
        object
    }

    /// The text that is sent in plain mode and encrypted in the others.
    pub(crate) fn plain(&self, original_id: &str, format: CallbackFormat) -> String {
        match format {
            CallbackFormat::Xml => self.xml(original_id),
            CallbackFormat::Json => Value::Object(self.json(original_id)).to_string(),
        }
    }

    /// The body with an `Encrypt` in it.
    pub(crate) fn sealed(
        &self,
        original_id: &str,
        format: CallbackFormat,
        mode: CallbackMode,
        encrypt: &str,
    ) -> String {
        let receiver = ("ToUserName", Field::Text(original_id.to_owned()));
        let sealed = ("Encrypt", Field::Text(encrypt.to_owned()));
        match format {
            CallbackFormat::Xml => {
                let mut children = match mode {
                    CallbackMode::Compatible => self.children(original_id),
                    CallbackMode::Safe | CallbackMode::Plain => vec![element(&receiver)],
                };
                children.push(element(&sealed));
                let indented: String = children
                    .iter()
                    .map(|child| format!("    {child}"))
                    .collect();
                format!("<xml>\n{indented}</xml>\n")
            }
            CallbackFormat::Json => {
                let mut object = match mode {
                    CallbackMode::Compatible => self.json(original_id),
                    CallbackMode::Safe | CallbackMode::Plain => {
                        Map::from_iter([(receiver.0.to_owned(), receiver.1.json())])
                    }
                };
                object.insert(sealed.0.to_owned(), sealed.1.json());
                Value::Object(object).to_string()
            }
        }
    }
}

impl Field {
    fn text(&self) -> String {
        match self {
            Self::Text(text) | Self::Bare(text) => text.clone(),
            Self::Whole(number) => number.to_string(),
            Self::Group(fields) => fields.iter().map(element).collect(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Text(text) | Self::Bare(text) => text.as_str().into(),
            Self::Whole(number) => (*number).into(),
            Self::Group(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(name, field)| ((*name).to_owned(), field.json()));
                Value::Object(fields.collect())
            }
        }
    }
}

fn element((name, field): &Named) -> String {
    match field {
        // CDATA ends at its first end mark, so text that holds one is cut there.
        Field::Text(text) => {
            let text = text.replace("]]>", "]]]]><![CDATA[>");
            format!("<{name}><![CDATA[{text}]]></{name}>\n")
        }
        Field::Whole(_) | Field::Bare(_) | Field::Group(_) => {
            format!("<{name}>{}</{name}>\n", field.text())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GH: &str = "gh_3c1f0e5a77b2";
    const OPENID: &str = "oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg";

    fn text(content: &str) -> Push {
        Push {
            openid: OPENID.into(),
            created: 1_767_225_800,
            msg_type: "text",
            fields: vec![
                ("Content", Field::Text(content.into())),
                ("MsgId", Field::Whole(24_983_716_520_483_999)),
            ],
            entries: None,
        }
    }

    fn popup(answers: &[&str]) -> Push {
        let mut push = Push::event("oP", 1_767_226_000, "subscribe_msg_popup_event", Vec::new());
        let entry = |answer: &&str| {
            vec![
                ("TemplateId", Field::Text("T".into())),
                ("SubscribeStatusString", Field::Text((*answer).into())),
                ("PopupScene", Field::Bare("0".into())),
            ]
        };
        push.entries = Some(Entries {
            wrapper: "SubscribeMsgPopupEvent",
            list: answers.iter().map(entry).collect(),
        });
        push
    }

    #[test]
    fn plain_xml_has_a_line_feed_behind_every_closing_tag_but_the_last() {
        assert_eq!(
            text("你好").plain(GH, CallbackFormat::Xml),
            "<xml><ToUserName><![CDATA[gh_3c1f0e5a77b2]]></ToUserName>\n\
             <FromUserName><![CDATA[oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg]]></FromUserName>\n\
             <CreateTime>1767225800</CreateTime>\n\
             <MsgType><![CDATA[text]]></MsgType>\n\
             <Content><![CDATA[你好]]></Content>\n\
             <MsgId>24983716520483999</MsgId>\n\
             </xml>"
        );
        let tricky = text("a]]>b").plain(GH, CallbackFormat::Xml);
        assert!(tricky.contains("<![CDATA[a]]]]><![CDATA[>b]]>"));
    }

    #[test]
    fn envelopes_are_indented_and_end_in_a_line_feed() {
        let seal = |mode| text("x").sealed(GH, CallbackFormat::Xml, mode, "RW5j");
        assert_eq!(
            seal(CallbackMode::Safe),
            "<xml>\n    <ToUserName><![CDATA[gh_3c1f0e5a77b2]]></ToUserName>\n    \
             <Encrypt><![CDATA[RW5j]]></Encrypt>\n</xml>\n"
        );
        let both = seal(CallbackMode::Compatible);
        assert!(both.contains("\n    <MsgId>24983716520483999</MsgId>\n    <Encrypt>"));
        assert!(both.ends_with("</Encrypt>\n</xml>\n"));
    }

    #[test]
    fn json_is_compact_and_lists_one_entry_as_an_object() {
        assert_eq!(
            text("在吗 🙂").plain("gh_1", CallbackFormat::Json),
            "{\"ToUserName\":\"gh_1\",\"FromUserName\":\"oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg\",\"CreateTime\":1767225800,\
             \"MsgType\":\"text\",\"Content\":\"在吗 🙂\",\"MsgId\":24983716520483999}"
        );
        let one = popup(&["accept"]).plain("gh_1", CallbackFormat::Json);
        assert!(one.ends_with(
            r#""List":{"PopupScene":"0","SubscribeStatusString":"accept","TemplateId":"T"}}"#
        ));
        let two = popup(&["accept", "reject"]).plain("gh_1", CallbackFormat::Json);
        assert!(two.contains(r#""List":[{"PopupScene":"0""#), "{two}");
    }

    #[test]
    fn xml_entries_stand_in_a_wrapper() {
        let xml = popup(&["accept", "reject"]).plain(GH, CallbackFormat::Xml);
        assert!(xml.contains(
            "<SubscribeMsgPopupEvent><List><TemplateId><![CDATA[T]]></TemplateId>\n\
             <SubscribeStatusString><![CDATA[accept]]></SubscribeStatusString>\n\
             <PopupScene>0</PopupScene>\n</List>\n<List>"
        ));
        assert!(xml.ends_with("</List>\n</SubscribeMsgPopupEvent>\n</xml>"));
    }

    /// Vectors whose cipher text other implementations have opened; the
    /// signature covers every byte of it.
    #[test]
    fn known_pushes_are_signed_as_known() {
        use super::super::crypto::{Cipher, signature};
        let sign = |key: &str, parts: [&str; 5], plain: &str| {
            let [token, timestamp, nonce, random, appid] = parts;
            let random: [u8; 16] = random.as_bytes().try_into().unwrap();
            let encrypt = Cipher::new(key).unwrap().encrypt(&random, plain, appid);
            signature([token, timestamp, nonce, &encrypt])
        };
        let plain = text("compat 模式").plain(GH, CallbackFormat::Xml);
        let parts = [
            "Hz4Gateway2026",
            "1767225801",
            "1988003145",
            "e65c378d499c2021",
            "wx5a1d0c94e7b38f26",
        ];
        assert_eq!(
            sign("t2T6e5TcTYoctjJPZWLbpjJKQ1APxNeWR9rXHWx78y8", parts, &plain),
            "7a66e9e87aa604036e80b02f0399d1074e7b7d1c"
        );
        let mut push = popup(&["accept", "reject"]);
        push.openid = "oP4uB6jKx0QmTzR3yVdWc9LnEaSs".into();
        let ids = [
            "Zk3vQ7pXn2LwE9sTb5RhYc1UaJd8Mf0GiO6tKx4NqBo",
            "Hs8yW1dRf6VuC0mPe3KjZq9XbTn5Lg2AoI7xUv4SrEk",
        ];
        let entries = push.entries.as_mut().unwrap();
        for (entry, id) in entries.list.iter_mut().zip(ids) {
            entry[0].1 = Field::Text(id.into());
        }
        let plain = push.plain("gh_9e02d7b1c4f8", CallbackFormat::Json);
        let parts = [
            "m1niProgPush9",
            "1767226000",
            "1630077421",
            "036a6b3fa279ffa9",
            "wx8b6f12d0a95e37c4",
        ];
        assert_eq!(
            sign("y12LVlQWVM46N8ajIcekCldaO8NtYKp8UHVckKA6YPF", parts, &plain),
            "bc814f5503ba1de90185743c375703f5f5cfc73e"
        );
    }

    #[test]
    fn nobody_is_shown_an_answer_to_a_receipt() {
        let event = |name| Push::event("o", 0, name, Vec::new());
        assert!(event("CLICK").is_answerable() && text("a").is_answerable());
        assert!(!event("subscribe_msg_sent_event").is_answerable());
        assert!(event("subscribe").is_answerable() && !event("unsubscribe").is_answerable());
    }
}
