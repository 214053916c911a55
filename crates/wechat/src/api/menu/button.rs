use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::lenient;

/// A button, in WeChat's own form. Empty texts are not written; those of another kind are not checked here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// `click`, `view`, `miniprogram` and so on; empty for a button that opens others.
    #[serde(rename = "type", default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// What the phone shows.
    #[serde(default)]
    pub name: String,
    /// What the event tells, for the kinds that push one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The page to open; for mini programs the page for phones that cannot open them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// The mini program to open.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub appid: String,
    /// Its page.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pagepath: String,
    /// A permanent medium to send.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_id: String,
    /// A published article.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub article_id: String,
    /// What a button made in the console sends: a text, or a medium's id. Only WeChat writes it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// The articles that a button made in the console sends. Only WeChat writes it.
    #[serde(default, skip_serializing)]
    pub news_info: Option<NewsInfo>,
    /// The buttons under it, top to bottom.
    #[serde(
        default,
        deserialize_with = "below",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub sub_button: Vec<Button>,
}

/// WeChat writes the buttons below one as a list in `menu/get` and as `{"list": […]}` elsewhere.
fn below<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Button>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Plain(Vec<Button>),
        Wrapped {
            #[serde(default)]
            list: Vec<Button>,
        },
        None(()),
    }
    Ok(match Form::deserialize(deserializer)? {
        Form::Plain(list) | Form::Wrapped { list } => list,
        Form::None(()) => Vec::new(),
    })
}

/// The articles of a button made in the console.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct NewsInfo {
    /// In the order shown.
    #[serde(default)]
    pub list: Vec<NewsItem>,
}

/// An article of a button made in the console.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct NewsItem {
    /// Its title.
    #[serde(default)]
    pub title: String,
    /// Where it is.
    #[serde(default)]
    pub content_url: String,
}

/// Who sees a conditional menu: all that is set must hold, and something must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MatchRule {
    /// People with this tag.
    #[serde(
        default,
        alias = "group_id",
        deserialize_with = "if_told",
        serialize_with = "as_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub tag_id: Option<i64>,
    /// People with this phone: 1 iOS, 2 Android, 3 others.
    #[serde(
        default,
        deserialize_with = "if_told",
        serialize_with = "as_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub client_platform_type: Option<i64>,
}

/// An unset part of a rule is read back as an empty text.
fn if_told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text = lenient::text(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

fn as_text<S: Serializer>(number: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => serializer.collect_str(number),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_of_what_is_below_are_read() {
        for below in [
            json!([{"type": "view", "name": "官网", "url": "https://example.com"}]),
            json!({"list": [{"type": "view", "name": "官网", "url": "https://example.com"}]}),
        ] {
            let button: Button =
                serde_json::from_value(json!({"name": "更多", "sub_button": below})).unwrap();
            assert_eq!(button.sub_button[0].url, "https://example.com");
            assert_eq!(
                serde_json::to_value(&button).unwrap(),
                json!({"name": "更多", "sub_button": [
                    {"type": "view", "name": "官网", "url": "https://example.com"}]})
            );
        }
        let bare: Button = serde_json::from_str(r#"{"name":"a","sub_button":null}"#).unwrap();
        assert!(bare.sub_button.is_empty());
    }

    #[test]
    fn rules_are_read_in_either_form_and_written_as_text() {
        let rule: MatchRule =
            serde_json::from_str(r#"{"tag_id":134,"client_platform_type":"2","sex":""}"#).unwrap();
        assert_eq!(
            (rule.tag_id, rule.client_platform_type),
            (Some(134), Some(2))
        );
        assert_eq!(
            serde_json::to_value(rule).unwrap(),
            json!({"tag_id": "134", "client_platform_type": "2"})
        );
        let open: MatchRule =
            serde_json::from_str(r#"{"tag_id":"","client_platform_type":""}"#).unwrap();
        assert_eq!(open, MatchRule::default());
    }
}
