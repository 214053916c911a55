//! What the phone shows.

use super::{Template, slots};
use crate::message::Data;

/// One line of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The literal text before the value, without its colon.
    pub label: String,
    /// The value with what else stands on the line.
    pub value: String,
}

/// The lines of the card that `data` makes of the template, in order. Lines of
/// the form without a slot are kept, empty ones left out.
#[must_use]
pub fn preview(template: &Template, data: &Data) -> Vec<Line> {
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
            let mut value = line[label.len()..].to_owned();
            for (_, key) in found {
                let text = data.get(key).map_or("", |v| v.value.as_str());
                value = value.replacen(&format!("{{{{{key}.DATA}}}}"), text, 1);
            }
            let label = label.trim().trim_end_matches([':', '：']).trim_end();
            Some(Line {
                label: label.to_owned(),
                value: value.trim().to_owned(),
            })
        })
        .collect()
}
