//! The check of what a message says, by its kind: every rule that WeChat would
//! refuse it for, all at once. The same for a check alone, for messages taken in
//! and for those of a broadcast.

mod customer_service;
mod links;
mod one_time;

use super::{Content, Data};
use crate::account::AccountKind;
use crate::pointer::child;
use crate::template::{self, Form, Overflow, Violation};

pub use links::{LONGEST_LINK, check_url};

/// Checks `content`, which an account of this kind is to send, and cuts what is too
/// long where `overflow` says so. `form` is the template of the kinds that fill one
/// WeChat lists; the caller's own names are replaced by WeChat's keys. Pointers begin
/// where the fields of a message stand (`/data/thing1/value`, `/content/text`).
#[must_use]
pub fn check(
    content: &mut Content,
    account: AccountKind,
    form: Option<Form<'_>>,
    overflow: Overflow,
) -> Vec<Violation> {
    let mut wrong = Vec::new();
    links::check(content, &mut wrong);
    if let Some(data) = content.data() {
        colors(data, &mut wrong);
    }
    match content {
        Content::OneTime(said) => one_time::check(said, overflow, &mut wrong),
        Content::CustomerService(said) => {
            customer_service::check(&mut said.body, account, overflow, &mut wrong);
        }
        Content::Template(_) | Content::Subscribe(_) | Content::Notification(_) => {
            if let (Some(form), Some(data)) = (form, content.data_mut()) {
                wrong.extend(template::check(form, data, overflow));
            }
        }
    }
    wrong
}

fn colors(data: &Data, wrong: &mut Vec<Violation>) {
    for (key, value) in data {
        if value.color.as_deref().is_some_and(|color| !is_color(color)) {
            wrong.push(Violation::new(
                format!("{}/color", child("/data", key)),
                "form",
                "a color is # and six hexadecimal digits, such as #173177",
                "颜色应为 # 加六位十六进制数字，如 #173177",
            ));
        }
    }
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{TemplateContent, Value};

    #[test]
    fn colors_are_checked_where_they_stand() {
        let value = |color: &str| Value {
            value: "x".to_owned(),
            color: Some(color.to_owned()),
        };
        let mut content = Content::Template(TemplateContent {
            template_id: "t".parse().unwrap(),
            data: [
                ("a/b".to_owned(), value("red")),
                ("c".to_owned(), value("#173177")),
            ]
            .into_iter()
            .collect(),
            url: None,
            miniprogram: None,
        });
        let found = check(
            &mut content,
            AccountKind::OfficialAccount,
            None,
            Overflow::Reject,
        );
        let seen: Vec<_> = found.iter().map(|v| (v.pointer.as_str(), v.rule)).collect();
        assert_eq!(seen, [("/data/a~1b/color", "form")]);
    }
}
