//! The texts of a broadcast: templates over each person's fields, read once and
//! filled for everybody.

use std::collections::HashSet;

use hongyan_domain::AccountId;
use hongyan_domain::broadcast::{BroadcastSpec, Recipient, RecipientId};
use hongyan_domain::message::{Content, Data, MiniProgramLink};
use hongyan_domain::template::Violation;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};

/// Steps a template may take for one text. More than any honest text needs, and an
/// end for loops that have none.
const STEPS: u64 = 20_000;

/// What a broadcast says by each of its ways, with its templates read.
#[derive(Debug)]
pub(super) struct Script {
    environment: Environment<'static>,
    ways: Vec<Way>,
}

#[derive(Debug)]
struct Way {
    account: AccountId,
    content: Content,
    /// For each text in the order of [`texts`]: its template, where it is one.
    templates: Vec<Option<Form>>,
}

#[derive(Debug)]
struct Form {
    /// The name in the environment.
    name: String,
    /// Where the text stands in the request.
    pointer: String,
    /// The fields it may ask for.
    asks: HashSet<String>,
}

/// A text that cannot be made for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unwritable {
    /// Where it stands in the request.
    pub(super) pointer: String,
    /// Why.
    pub(super) message: String,
    /// Why, in Chinese.
    pub(super) message_zh: String,
}

impl From<Unwritable> for Violation {
    fn from(found: Unwritable) -> Self {
        Self {
            pointer: found.pointer,
            rule: "template",
            message: found.message,
            message_zh: found.message_zh,
        }
    }
}

impl Script {
    /// Reads all templates of a broadcast by `account`.
    ///
    /// # Errors
    /// Every template that cannot be read, with its place.
    pub(super) fn read(account: AccountId, spec: &BroadcastSpec) -> Result<Self, Vec<Violation>> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(STEPS));
        let (mut ways, mut wrong) = (Vec::new(), Vec::new());
        let first = std::iter::once((account, &spec.content));
        let others = spec.fallback.iter().map(|(account, said)| (*account, said));
        for (position, (account, said)) in first.chain(others).enumerate() {
            let mut content = said.clone();
            let mut templates = Vec::new();
            for (place, text) in texts(&mut content) {
                let pointer = match position {
                    0 => place,
                    _ => format!("/fallback/{}{place}", position - 1),
                };
                if !is_template(text) {
                    templates.push(None);
                    continue;
                }
                let name = format!("{position}{pointer}");
                match environment.add_template_owned(name.clone(), text.clone()) {
                    Ok(()) => {
                        let asks = environment
                            .get_template(&name)
                            .map(|template| template.undeclared_variables(false))
                            .unwrap_or_default();
                        templates.push(Some(Form {
                            name,
                            pointer,
                            asks,
                        }));
                    }
                    Err(error) => wrong.push(unreadable(pointer, &error)),
                }
            }
            ways.push(Way {
                account,
                content,
                templates,
            });
        }
        if wrong.is_empty() {
            Ok(Self { environment, ways })
        } else {
            Err(wrong)
        }
    }

    /// Whether there is a template at this place of the request.
    pub(super) fn is_template_at(&self, pointer: &str) -> bool {
        let forms = self.ways.iter().flat_map(|way| &way.templates).flatten();
        forms.into_iter().any(|form| form.pointer == pointer)
    }

    /// The ways in order: their accounts, and what would be said by them, with
    /// templates as they were given.
    pub(super) fn ways(&self) -> impl ExactSizeIterator<Item = (AccountId, &Content)> {
        self.ways.iter().map(|way| (way.account, &way.content))
    }

    /// What is said to a person by one of the ways.
    ///
    /// # Errors
    /// The first text that cannot be made.
    pub(super) fn fill(&self, way: usize, person: &Person) -> Result<Content, Unwritable> {
        let way = &self.ways[way];
        let mut content = way.content.clone();
        if way.templates.iter().all(Option::is_none) {
            return Ok(content);
        }
        for ((_, text), form) in texts(&mut content).into_iter().zip(&way.templates) {
            let Some(form) = form else { continue };
            let filled = self
                .environment
                .get_template(&form.name)
                .and_then(|template| template.render(&person.0));
            match filled {
                Ok(filled) => *text = filled,
                Err(error) => return Err(form.unwritable(person, &error)),
            }
        }
        Ok(content)
    }
}

/// What templates see of a person: their fields, and the id they were named by.
#[derive(Debug)]
pub(super) struct Person(minijinja::Value);

impl From<&Recipient> for Person {
    fn from(recipient: &Recipient) -> Self {
        let mut fields = recipient.fields.clone();
        let name = match recipient.to {
            RecipientId::Openid(_) => "openid",
            RecipientId::Unionid(_) => "unionid",
            RecipientId::UserId(_) => "user_id",
        };
        fields
            .entry(name)
            .or_insert_with(|| recipient.to.as_str().into());
        Self(minijinja::Value::from(minijinja::value::Serde(fields)))
    }
}

impl Form {
    fn unwritable(&self, person: &Person, error: &minijinja::Error) -> Unwritable {
        let mut missing: Vec<_> = self
            .asks
            .iter()
            .filter(|name| {
                person
                    .0
                    .get_attr(name)
                    .is_ok_and(|value| value.is_undefined())
            })
            .map(String::as_str)
            .collect();
        missing.sort_unstable();
        let (message, message_zh) =
            if error.kind() == ErrorKind::UndefinedError && !missing.is_empty() {
                let missing = missing.join(", ");
                (
                    format!("the template asks for {missing}, which this person does not have"),
                    format!("模板用到了 {missing}，但此人没有该字段"),
                )
            } else {
                (
                    format!("the template fails: {}", sentence(error)),
                    format!("模板渲染失败：{}", sentence(error)),
                )
            };
        Unwritable {
            pointer: self.pointer.clone(),
            message,
            message_zh,
        }
    }
}

/// Whether a text is more than it says.
pub(super) fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

fn unreadable(pointer: String, error: &minijinja::Error) -> Violation {
    let at = error.line().map_or(String::new(), |line| {
        if line > 1 {
            format!(" (line {line})")
        } else {
            String::new()
        }
    });
    Violation {
        pointer,
        rule: "template",
        message: format!("the template cannot be read: {}{at}", sentence(error)),
        message_zh: format!("模板无法解析：{}{at}", sentence(error)),
    }
}

fn sentence(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

/// Every text of a content that people see or tap, each with its place in a
/// request. The order is the same for contents of the same shape.
pub(super) fn texts(content: &mut Content) -> Vec<(String, &mut String)> {
    let mut found = Vec::new();
    match content {
        Content::Template(said) => {
            slots(&mut said.data, &mut found);
            option("/url", &mut said.url, &mut found);
            link(&mut said.miniprogram, &mut found);
        }
        Content::Subscribe(said) => {
            slots(&mut said.data, &mut found);
            option("/page", &mut said.page, &mut found);
        }
        Content::Notification(said) => {
            slots(&mut said.data, &mut found);
            option("/page", &mut said.page, &mut found);
            link(&mut said.miniprogram, &mut found);
        }
        Content::OneTime(said) => {
            found.push(("/title".to_owned(), &mut said.title));
            slots(&mut said.data, &mut found);
            option("/url", &mut said.url, &mut found);
            link(&mut said.miniprogram, &mut found);
        }
        Content::CustomerService(said) => {
            for (key, value) in &mut said.body {
                leaves(child("/content", key), value, &mut found);
            }
        }
    }
    found
}

type Found<'a> = Vec<(String, &'a mut String)>;

fn slots<'a>(data: &'a mut Data, found: &mut Found<'a>) {
    for (key, value) in data {
        found.push((child(&child("/data", key), "value"), &mut value.value));
    }
}

fn option<'a>(place: &str, text: &'a mut Option<String>, found: &mut Found<'a>) {
    if let Some(text) = text {
        found.push((place.to_owned(), text));
    }
}

fn link<'a>(link: &'a mut Option<MiniProgramLink>, found: &mut Found<'a>) {
    if let Some(link) = link {
        option("/miniprogram/pagepath", &mut link.pagepath, found);
    }
}

fn leaves<'a>(place: String, value: &'a mut serde_json::Value, found: &mut Found<'a>) {
    match value {
        serde_json::Value::String(text) => found.push((place, text)),
        serde_json::Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                leaves(child(&place, &index.to_string()), item, found);
            }
        }
        serde_json::Value::Object(fields) => {
            for (key, field) in fields {
                leaves(child(&place, key), field, found);
            }
        }
        _ => {}
    }
}

/// `parent` and one more step (RFC 6901).
fn child(parent: &str, name: &str) -> String {
    format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use hongyan_domain::broadcast::Audience;
    use hongyan_domain::message::{OnUnknown, Priority};
    use hongyan_domain::template::Overflow;
    use serde_json::json;

    use super::*;

    fn spec(content: serde_json::Value) -> BroadcastSpec {
        BroadcastSpec {
            content: serde_json::from_value(content).unwrap(),
            fallback: Vec::new(),
            audience: Audience::List,
            priority: Priority::Low,
            overflow: Overflow::Reject,
            on_unknown: OnUnknown::Keep,
            send_at: None,
            expires_at: None,
            rate_per_second: None,
            starts_by_itself: true,
            skips_invalid: false,
            metadata: None,
        }
    }

    fn template(slot: &str) -> BroadcastSpec {
        spec(
            json!({"kind": "template", "template_id": "t", "data": {"thing1": {"value": slot}},
            "url": "https://a.example/{{ user_id }}"}),
        )
    }

    fn person(fields: serde_json::Value) -> Person {
        let recipient: Recipient =
            serde_json::from_value(json!({"user_id": "42", "fields": fields})).unwrap();
        Person::from(&recipient)
    }

    #[test]
    fn everybody_is_told_what_is_theirs() {
        let script = Script::read(AccountId(1), &template("{{ name }}, {{ n + 1 }}")).unwrap();
        let said = script
            .fill(0, &person(json!({"name": "张<三>", "n": 1})))
            .unwrap();
        assert_eq!(said.data().unwrap()["thing1"].value, "张<三>, 2");
        assert!(
            serde_json::to_string(&said)
                .unwrap()
                .contains("a.example/42")
        );
    }

    #[test]
    fn fields_may_have_chinese_names() {
        let script = Script::read(AccountId(1), &template("{{ 姓名 }}")).unwrap();
        let said = script.fill(0, &person(json!({"姓名": "张三"}))).unwrap();
        assert_eq!(said.data().unwrap()["thing1"].value, "张三");
    }

    #[test]
    fn a_field_that_is_missing_is_named() {
        let script = Script::read(AccountId(1), &template("{{ name }} {{ town }}")).unwrap();
        let found = script.fill(0, &person(json!({"name": "a"}))).unwrap_err();
        assert_eq!(found.pointer, "/data/thing1/value");
        assert!(found.message.contains("asks for town"), "{}", found.message);
    }

    #[test]
    fn broken_templates_are_all_named_with_their_places() {
        let mut spec = template("{{ name ");
        let other = json!({"kind": "customer_service",
            "body": {"msgtype": "text", "text": {"content": "{% if x %}"}}});
        spec.fallback
            .push((AccountId(2), serde_json::from_value(other).unwrap()));
        let wrong = Script::read(AccountId(1), &spec).unwrap_err();
        let places: Vec<_> = wrong.iter().map(|one| one.pointer.as_str()).collect();
        assert_eq!(
            places,
            ["/data/thing1/value", "/fallback/0/content/text/content"]
        );
    }

    #[test]
    fn a_template_without_an_end_ends() {
        let script = Script::read(
            AccountId(1),
            &template(
                "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}",
            ),
        )
        .unwrap();
        assert!(script.fill(0, &person(json!({}))).is_err());
    }

    #[test]
    fn what_is_no_template_is_left_alone() {
        let script = Script::read(AccountId(1), &template("100 % } {")).unwrap();
        let said = script.fill(0, &person(json!({}))).unwrap();
        assert_eq!(said.data().unwrap()["thing1"].value, "100 % } {");
    }
}
