//! What the phone shows.

use super::{Template, cut, slots};
use crate::message::{Data, Kind};

/// One line of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The literal text before the value, without its colon.
    pub label: String,
    /// The value with what else stands on the line.
    pub value: String,
}

/// Characters of a `keyword` slot that phones show before an ellipsis; a run of
/// letters and digits counts as one (display rules of 2023-05-04, measured).
const SHOWN_OF_KEYWORD: usize = 20;

/// The lines of the card that `data` makes of the template, in order. Lines of
/// the form without a slot are kept, empty ones left out.
///
/// For template messages the display rules of 2023-05-04 are kept: `first` and
/// `remark` are not shown, `keyword` slots are cut, emoji become `□`.
#[must_use]
pub fn preview(template: &Template, data: &Data) -> Vec<Line> {
    let official = template.kind == Kind::Template;
    template
        .content
        .lines()
        .filter_map(|line| {
            let found = slots(line);
            let Some((label, _)) = found.first().copied() else {
                let text = line.trim();
                return (!text.is_empty()).then(|| Line {
                    label: String::new(),
                    value: text.to_owned(),
                });
            };
            if official && found.iter().all(|(_, key)| is_hidden(key)) {
                return None;
            }
            let mut value = line[label.len()..].to_owned();
            for (_, key) in found {
                let text = data.get(key).map_or("", |v| v.value.as_str());
                let text = match (official, is_keyword(key)) {
                    (true, true) => shown_of_keyword(text),
                    _ => text.to_owned(),
                };
                value = value.replacen(&format!("{{{{{key}.DATA}}}}"), &text, 1);
            }
            if official {
                value = without_emoji(&value);
            }
            let label = label.trim().trim_end_matches([':', '：']).trim_end();
            Some(Line {
                label: label.to_owned(),
                value: value.trim().to_owned(),
            })
        })
        .collect()
}

/// Whether phones no longer show the slot (since 2023-05-04).
pub(super) fn is_hidden(key: &str) -> bool {
    matches!(key, "first" | "remark")
}

/// Whether it is a free slot of an industry template.
pub(super) fn is_keyword(key: &str) -> bool {
    key.strip_prefix("keyword")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn shown_of_keyword(text: &str) -> String {
    let (mut count, mut in_run) = (0_usize, false);
    for (place, c) in text.chars().enumerate() {
        let runs = c.is_ascii_alphanumeric();
        if !(runs && in_run) {
            count += 1;
        }
        in_run = runs;
        if count > SHOWN_OF_KEYWORD {
            return cut(text, place);
        }
    }
    text.to_owned()
}

fn without_emoji(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '\u{fe0f}' | '\u{200d}'))
        .map(|c| if is_emoji(c) { '□' } else { c })
        .collect()
}

/// Pictographs: the blocks that hold what phones draw in colour.
pub(super) fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0x1f000..=0x1faff | 0x2600..=0x27bf | 0x2b50 | 0x2b55)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Value;
    use crate::template::fields_of;

    fn lines(kind: Kind, content: &str, data: &[(&str, &str)]) -> Vec<(String, String)> {
        let template = Template {
            id: "tpl".parse().unwrap(),
            kind,
            title: "t".to_owned(),
            content: content.to_owned(),
            example: String::new(),
            fields: fields_of(content),
            subscription: None,
            synced_at: "2026-11-21T00:00:00Z".parse().unwrap(),
        };
        let data = data
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Value::from(*value)))
            .collect();
        preview(&template, &data)
            .into_iter()
            .map(|line| (line.label, line.value))
            .collect()
    }

    #[test]
    fn official_accounts_show_what_is_left_since_2023() {
        let content =
            "{{first.DATA}}\n单号：{{keyword1.DATA}}\n备注：{{keyword2.DATA}}\n{{remark.DATA}}";
        let long = format!("SO20260101{}", "字".repeat(25));
        let data = [
            ("first", "hello"),
            ("keyword1", long.as_str()),
            ("keyword2", "好👍🏽"),
            ("remark", "bye"),
        ];
        let shown = lines(Kind::Template, content, &data);
        assert_eq!(shown.len(), 2);
        assert!(shown[0].1.ends_with('…'), "{}", shown[0].1);
        assert_eq!(shown[0].1.chars().filter(|c| *c == '字').count(), 18);
        assert_eq!(shown[1], ("备注".to_owned(), "好□□".to_owned()));
        assert_eq!(lines(Kind::Subscribe, content, &data).len(), 4);
    }
}
