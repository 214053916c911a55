//! The check of a message's data against its template: every violation at
//! once, each with its place, its rule and a sentence in both languages.

use std::collections::{BTreeMap, HashMap};

use super::violation::cut;
use super::{Field, FieldKind, Overflow, Rule, Template, Violation};
use crate::message::{Data, Kind};
use crate::pointer::child;
use crate::spelling::nearest;

/// The caller's own names for the keys of a template: own name to WeChat's key.
pub type FieldNames = BTreeMap<String, String>;

/// A template with the names its fields have for those who fill it.
#[derive(Debug, Clone, Copy)]
pub struct Form<'a> {
    /// The template.
    pub template: &'a Template,
    /// Own names; `None` where there are none.
    pub names: Option<&'a FieldNames>,
}

impl<'a> From<&'a Template> for Form<'a> {
    fn from(template: &'a Template) -> Self {
        Self {
            template,
            names: None,
        }
    }
}

/// What the caller calls each of WeChat's keys.
struct Shown<'a> {
    form: Form<'a>,
    given: HashMap<String, String>,
}

impl Shown<'_> {
    /// The name under which the caller gave the key, or would give it.
    fn name<'b>(&'b self, key: &'b str) -> &'b str {
        let own = || {
            let mut names = self.form.names?.iter();
            names.find_map(|(own, known)| (known == key).then_some(own))
        };
        self.given.get(key).or_else(own).map_or(key, String::as_str)
    }

    /// The field in a sentence: the caller's name, its label and WeChat's key where
    /// that is another.
    fn titles(&self, field: &Field) -> (String, String) {
        let (key, label, name) = (&field.key, &field.label, self.name(&field.key));
        if name == key {
            (format!("{key} ({label})"), format!("{key}（{label}）"))
        } else {
            (
                format!("{name} ({label}; {key} at WeChat)"),
                format!("{name}（{label}，微信字段 {key}）"),
            )
        }
    }
}

/// Checks `data` against a template: puts WeChat's keys in the place of the caller's
/// own names, cuts long values where `overflow` says so, and says all that is wrong.
/// Pointers begin with `/data` and name what the caller wrote.
#[must_use]
pub fn check(form: Form<'_>, data: &mut Data, overflow: Overflow) -> Vec<Violation> {
    let template = form.template;
    let mut violations = Vec::new();
    let shown = Shown {
        given: rename(form.names, data, &mut violations),
        form,
    };
    if overflow == Overflow::Truncate {
        cut_all(data);
    }
    for field in &template.fields {
        match data.get(&field.key) {
            Some(value) => {
                violations.extend(check_value(field, &value.value, template.kind, &shown));
            }
            None => violations.push(missing(field, data, &shown)),
        }
    }
    for key in data.keys().filter(|key| template.field(key).is_none()) {
        violations.push(unknown(key, data, &shown));
    }
    violations
}

/// Puts WeChat's keys in the place of own names; under which name each was given.
fn rename(
    names: Option<&FieldNames>,
    data: &mut Data,
    wrong: &mut Vec<Violation>,
) -> HashMap<String, String> {
    let Some(names) = names else {
        return HashMap::new();
    };
    let mut given: HashMap<String, String> = HashMap::new();
    for (name, value) in std::mem::take(data) {
        let key = names.get(&name).unwrap_or(&name);
        if let Some(former) = given.get(key) {
            wrong.push(Violation::new(
                child("/data", &name),
                "duplicate",
                format!("{name:?} and {former:?} are the same field, {key}; leave one out"),
                format!("“{name}”与“{former}”是同一个字段 {key}，请去掉一个"),
            ));
            continue;
        }
        data.insert(key.clone(), value);
        given.insert(key.clone(), name);
    }
    given
}

fn cut_all(data: &mut Data) {
    for (key, value) in data.iter_mut() {
        if let Some(most) = FieldKind::of_key(key).cut_to()
            && value.value.chars().count() > most
        {
            value.value = cut(&value.value, most);
        }
    }
}

fn check_value(field: &Field, value: &str, kind: Kind, shown: &Shown<'_>) -> Option<Violation> {
    let type_of = FieldKind::of_key(&field.key);
    let rule = type_of.check(value, kind, &field.allowed).err()?;
    let (sentence, sentence_zh) = type_of.sentence(kind);
    let (title, title_zh) = shown.titles(field);
    let length = value.chars().count();
    let pointer = format!("{}/value", child("/data", shown.name(&field.key)));
    Some(match rule {
        Rule::Required => Violation::new(
            pointer,
            "required",
            format!("{title} must not be empty"),
            format!("{title_zh}不能为空"),
        ),
        Rule::TooLong { most } => {
            let (hint, hint_zh) = if type_of.cut_to().is_some() {
                (
                    "; shorten it, or send overflow: truncate",
                    "；请缩短，或使用 overflow: truncate",
                )
            } else {
                ("", "")
            };
            Violation::new(
                pointer,
                "too_long",
                format!("{title} has {length} characters, allowed are {most}: {sentence}{hint}"),
                format!("{title_zh}有 {length} 个字符，最多 {most} 个：{sentence_zh}{hint_zh}"),
            )
        }
        Rule::ControlCharacter => Violation::new(
            pointer,
            "control_character",
            format!("{title} contains a line break or another control character: {sentence}"),
            format!("{title_zh}含有换行或其他控制字符：{sentence_zh}"),
        ),
        Rule::Form => Violation::new(
            pointer,
            "form",
            format!("{title} is not of the form WeChat asks for: {sentence}"),
            format!("{title_zh}不符合微信的格式要求：{sentence_zh}"),
        ),
        Rule::NotListed => Violation::new(
            pointer,
            "not_listed",
            format!("{title} must be one of {}", field.allowed.join(", ")),
            format!("{title_zh}只能是 {} 之一", field.allowed.join("、")),
        ),
    })
}

fn missing(field: &Field, data: &Data, shown: &Shown<'_>) -> Violation {
    let template = shown.form.template;
    let name = shown.name(&field.key);
    let strangers = data
        .keys()
        .filter(|key| template.field(key).is_none())
        .map(|key| shown.name(key));
    let (hint, hint_zh) = match nearest(name, strangers) {
        Some(other) => (
            format!("; did you mean it by {other:?}?"),
            format!("；“{other}”是不是它？"),
        ),
        None => (String::new(), String::new()),
    };
    let ((field_shown, field_shown_zh), title) = (shown.titles(field), &template.title);
    Violation::new(
        child("/data", name),
        "missing",
        format!("{field_shown} is missing: the template {title:?} needs it{hint}"),
        format!("缺少 {field_shown_zh}：模板“{title}”需要它{hint_zh}"),
    )
}

fn unknown(key: &str, data: &Data, shown: &Shown<'_>) -> Violation {
    let template = shown.form.template;
    let name = shown.name(key);
    let names = || template.fields.iter().map(|f| shown.name(&f.key));
    // A key that is not filled yet is the likelier one to have been meant.
    let open = template
        .fields
        .iter()
        .filter(|f| !data.contains_key(&f.key))
        .map(|f| shown.name(&f.key));
    let (hint, hint_zh) = match nearest(name, open).or_else(|| nearest(name, names())) {
        Some(other) => (
            format!("did you mean {other:?}?"),
            format!("是不是“{other}”？"),
        ),
        None => {
            let all: Vec<_> = names().collect();
            (
                format!("it has {}", all.join(", ")),
                format!("它的字段是 {}", all.join("、")),
            )
        }
    };
    let title = &template.title;
    if name != key {
        return Violation::new(
            child("/data", name),
            "unknown_key",
            format!(
                "{name:?} stands for WeChat's key {key:?}, which the template {title:?} has not (any more); change the account's field names; {hint}"
            ),
            format!(
                "“{name}”对应的微信字段“{key}”已不在模板“{title}”中；请修改账号的字段映射；{hint_zh}"
            ),
        );
    }
    Violation::new(
        child("/data", name),
        "unknown_key",
        format!("{name:?} is not a key of the template {title:?}; {hint}"),
        format!("模板“{title}”没有字段“{name}”；{hint_zh}"),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::Value;
    use crate::template::fields_of;

    fn template(content: &str) -> Template {
        Template {
            id: "tpl".parse().unwrap(),
            kind: Kind::Template,
            title: "订单发货通知".to_owned(),
            content: content.to_owned(),
            example: String::new(),
            fields: fields_of(content),
            subscription: None,
            synced_at: "2026-11-21T00:00:00Z".parse().unwrap(),
        }
    }

    fn shipped() -> Template {
        template(
            "订单号：{{character_string1.DATA}}\n商品：{{thing2.DATA}}\n时间：{{time3.DATA}}\n",
        )
    }

    fn data(pairs: &[(&str, &str)]) -> Data {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), Value::from(*v)))
            .collect()
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let mut data = data(&[
            ("character_string1", "订单42"),
            ("thnig2", "x"),
            ("extra", "y"),
        ]);
        let found = check((&shipped()).into(), &mut data, Overflow::Reject);
        let seen: Vec<_> = found.iter().map(|v| (v.pointer.as_str(), v.rule)).collect();
        assert_eq!(
            seen,
            [
                ("/data/character_string1/value", "form"),
                ("/data/thing2", "missing"),
                ("/data/time3", "missing"),
                ("/data/thnig2", "unknown_key"),
                ("/data/extra", "unknown_key"),
            ]
        );
        assert!(found[1].message.contains("thnig2"), "{}", found[1].message);
        assert!(
            found[3].message.contains("did you mean \"thing2\""),
            "{}",
            found[3].message
        );
        assert!(
            found[3].message_zh.contains("thing2"),
            "{}",
            found[3].message_zh
        );
        assert!(
            found[4]
                .message
                .contains("character_string1, thing2, time3"),
            "{}",
            found[4].message
        );
    }

    #[test]
    fn long_things_are_cut_and_numbers_are_not() {
        let template = template("{{thing1.DATA}}{{character_string2.DATA}}");
        let long = "一二三四五六七八九十一二三四五六七八九十一二三四五";
        let mut data = data(&[("thing1", long), ("character_string2", &"9".repeat(40))]);
        let found = check((&template).into(), &mut data, Overflow::Truncate);
        assert_eq!(data["thing1"].value.chars().count(), 20);
        assert!(data["thing1"].value.ends_with('…'));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].pointer, "/data/character_string2/value");
    }

    #[test]
    fn a_filled_form_is_shown_as_the_phone_does() {
        let data = data(&[
            ("character_string1", "SO-1"),
            ("thing2", "耳机"),
            ("time3", "15:01"),
        ]);
        let lines = crate::template::preview(&shipped(), &data);
        let seen: Vec<_> = lines
            .iter()
            .map(|l| (l.label.as_str(), l.value.as_str()))
            .collect();
        assert_eq!(
            seen,
            [("订单号", "SO-1"), ("商品", "耳机"), ("时间", "15:01")]
        );
    }

    #[test]
    fn own_names_stand_for_wechat_s_keys() {
        let names: FieldNames = [
            ("order_no", "character_string1"),
            ("goods", "thing2"),
            ("when", "time3"),
        ]
        .map(|(own, key)| (own.to_owned(), key.to_owned()))
        .into();
        let template = shipped();
        let form = Form {
            template: &template,
            names: Some(&names),
        };
        let mut good = data(&[("order_no", "SO-1"), ("thing2", "耳机"), ("when", "15:01")]);
        assert_eq!(check(form, &mut good, Overflow::Reject), []);
        let keys: Vec<_> = good.keys().map(String::as_str).collect();
        assert_eq!(keys, ["character_string1", "thing2", "time3"]);

        let mut bad = data(&[
            ("order_no", "订单"),
            ("gods", "x"),
            ("when", "15:01"),
            ("time3", "15:02"),
        ]);
        let found = check(form, &mut bad, Overflow::Reject);
        let seen: Vec<_> = found.iter().map(|v| (v.pointer.as_str(), v.rule)).collect();
        assert_eq!(
            seen,
            [
                ("/data/time3", "duplicate"),
                ("/data/order_no/value", "form"),
                ("/data/goods", "missing"),
                ("/data/gods", "unknown_key"),
            ]
        );
        assert!(
            found[1].message.contains("character_string1"),
            "{}",
            found[1].message
        );
        assert!(
            found[3].message.contains("did you mean \"goods\""),
            "{}",
            found[3].message
        );
    }

    #[test]
    fn a_name_whose_keyword_is_gone_says_so() {
        let names: FieldNames = [("when".to_owned(), "time9".to_owned())].into();
        let template = template("{{time3.DATA}}");
        let form = Form {
            template: &template,
            names: Some(&names),
        };
        let found = check(form, &mut data(&[("when", "15:01")]), Overflow::Reject);
        let gone = found.iter().find(|v| v.rule == "unknown_key").unwrap();
        assert_eq!(gone.pointer, "/data/when");
        assert!(gone.message.contains("field names"), "{}", gone.message);
    }

    proptest! {
        /// Whatever people put in, the check answers, and what it passes after
        /// cutting it passes again.
        #[test]
        fn any_data_is_answered(values in proptest::collection::vec(("[a-z_]{1,12}[0-9]{0,2}", ".{0,60}"), 0..6)) {
            let mut data: Data = values
                .into_iter()
                .map(|(key, value)| (key, Value { value, color: None }))
                .collect();
            let content: String = data.keys().map(|key| format!("x：{{{{{key}.DATA}}}}\n")).collect();
            let template = template(&content);
            let found = check((&template).into(), &mut data, Overflow::Truncate);
            let again = check((&template).into(), &mut data, Overflow::Reject);
            prop_assert_eq!(&found, &again);
            for violation in &found {
                prop_assert!(violation.pointer.starts_with("/data/"));
            }
        }
    }
}
