//! What a keyword's value may look like.
//!
//! Source: the keyword tables of the pages "发送模板消息" (official account,
//! category templates) and "发送订阅消息" (subscription family). Characters are
//! counted as Unicode code points. Keys without a typed prefix and number
//! (`first`, `keyword1`, `remark` of industry templates, the free names of test
//! accounts) have no rule.

mod moment;

use moment::{is_date, is_time};

/// The two families differ in the digits of an amount and in how the refusal's
/// text is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Official-account template messages.
    Template,
    /// Mini-program subscribe messages and official-account notices.
    Subscription,
}

/// The type a key's prefix names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeywordType {
    Thing,
    ShortThing,
    Number,
    Letter,
    Symbol,
    CharacterString,
    Time,
    Date,
    Amount,
    PhoneNumber,
    CarNumber,
    Name,
    Phrase,
    Enumeration,
    Constant,
}

/// Verdict on one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fine,
    Empty,
    Invalid,
}

/// Where WeChat cuts the text of a subscription refusal, before ` rid:`.
const SUBSCRIPTION_TEXT_CHARS: usize = 48;

impl KeywordType {
    /// The type of `thing1`, `number01`, …; `None` for a free key.
    pub(crate) fn of(key: &str) -> Option<Self> {
        let name = key.trim_end_matches(|c: char| c.is_ascii_digit());
        if name.len() == key.len() {
            return None;
        }
        Some(match name {
            "thing" => Self::Thing,
            "short_thing" => Self::ShortThing,
            "number" => Self::Number,
            "letter" => Self::Letter,
            "symbol" => Self::Symbol,
            "character_string" => Self::CharacterString,
            "time" => Self::Time,
            "date" => Self::Date,
            "amount" => Self::Amount,
            "phone_number" => Self::PhoneNumber,
            "car_number" => Self::CarNumber,
            "name" => Self::Name,
            "phrase" => Self::Phrase,
            "enum" | "enum_string" => Self::Enumeration,
            "const" => Self::Constant,
            _ => return None,
        })
    }

    /// Judges a value. `allowed` are the values an enumeration lists; an empty
    /// list means that nothing is known about them.
    pub(crate) fn judge(self, value: &str, family: Family, allowed: &[String]) -> Verdict {
        if value.is_empty() {
            return if self == Self::Constant {
                Verdict::Fine
            } else {
                Verdict::Empty
            };
        }
        if self.accepts(value, family, allowed) {
            Verdict::Fine
        } else {
            Verdict::Invalid
        }
    }

    fn accepts(self, value: &str, family: Family, allowed: &[String]) -> bool {
        if value.chars().any(|c| c.is_ascii_control()) {
            return false;
        }
        let length = value.chars().count();
        match self {
            Self::Thing => length <= 20,
            Self::ShortThing => length <= 5,
            Self::Number => is_number(value),
            Self::Letter => length <= 32 && value.chars().all(|c| c.is_ascii_alphabetic()),
            Self::Symbol => length <= 5 && !value.chars().any(char::is_alphanumeric),
            Self::CharacterString => length <= 32 && !value.chars().any(is_han),
            Self::Time => is_time(value),
            Self::Date => is_date(value),
            Self::Amount => is_amount(value, if family == Family::Template { 12 } else { 10 }),
            Self::PhoneNumber => {
                length <= 17
                    && value
                        .chars()
                        .all(|c| c.is_ascii_digit() || "+-() #*".contains(c))
            }
            Self::CarNumber => is_car_number(value),
            Self::Name => is_name(value),
            Self::Phrase => length <= 5 && value.chars().all(is_han),
            Self::Enumeration => {
                length <= 20 && (allowed.is_empty() || allowed.iter().any(|one| one == value))
            }
            Self::Constant => {
                length <= 20 && (allowed.is_empty() || allowed.iter().any(|one| one == value))
            }
        }
    }
}

/// The refusal's text for a key, cut as its family does.
pub(crate) fn refusal_text(key: &str, verdict: Verdict, family: Family) -> String {
    let ending = if verdict == Verdict::Empty {
        "is empty"
    } else {
        "invalid"
    };
    let text = format!("argument invalid! data.{key}.value {ending}");
    match family {
        Family::Template => text,
        Family::Subscription => text.chars().take(SUBSCRIPTION_TEXT_CHARS).collect(),
    }
}

/// Chinese characters in the sense of the script property `Han`.
fn is_han(c: char) -> bool {
    matches!(u32::from(c),
        0x2e80..=0x2fd5 | 0x3005 | 0x3007 | 0x3021..=0x3029 | 0x3038..=0x303b
        | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfad9 | 0x20000..=0x323af)
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_number(value: &str) -> bool {
    let magnitude = value.strip_prefix('-').unwrap_or(value);
    let (whole, fraction) = match magnitude.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (magnitude, None),
    };
    value.len() <= 33 && whole.len() <= 32 && digits(whole) && fraction.is_none_or(digits)
}

fn is_amount(value: &str, max_digits: usize) -> bool {
    let mut chars = value.chars();
    let rest = match chars.next() {
        Some(sign) if !sign.is_alphanumeric() && !sign.is_whitespace() => chars.as_str(),
        _ => value,
    };
    let figure = rest.strip_suffix('元').unwrap_or(rest);
    let (whole, fraction) = match figure.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (figure, None),
    };
    whole.len() <= max_digits && digits(whole) && fraction.is_none_or(digits)
}

fn is_car_number(value: &str) -> bool {
    let chars: Vec<char> = value.chars().collect();
    if !(5..=8).contains(&chars.len()) {
        return false;
    }
    chars.iter().enumerate().all(|(place, c)| {
        let edge = place == 0 || place + 1 == chars.len();
        c.is_ascii_alphanumeric() || (edge && is_han(*c))
    })
}

fn is_name(value: &str) -> bool {
    let foreign = |c: char| c.is_ascii_alphabetic() || " .,'·-".contains(c);
    let length = value.chars().count();
    if value.chars().all(foreign) {
        return length <= 20;
    }
    length <= 10 && value.chars().all(|c| is_han(c) || foreign(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, fine: &[&str], invalid: &[&str]) {
        let keyword = KeywordType::of(key).unwrap();
        for value in fine {
            let verdict = keyword.judge(value, Family::Subscription, &[]);
            assert_eq!(verdict, Verdict::Fine, "{key}: {value}");
        }
        for value in invalid {
            let verdict = keyword.judge(value, Family::Subscription, &[]);
            assert_eq!(verdict, Verdict::Invalid, "{key}: {value}");
        }
        let empty = keyword.judge("", Family::Subscription, &[]);
        assert_eq!(
            empty,
            if key.starts_with("const") {
                Verdict::Fine
            } else {
                Verdict::Empty
            }
        );
    }

    #[test]
    fn every_type() {
        let twenty = "蓝".repeat(20);
        check(
            "thing1",
            &["蓝牙耳机等3件", &twenty],
            &[&format!("{twenty}牙"), "a\nb", "a\u{7f}"],
        );
        check("short_thing2", &["蓝牙耳机3"], &["蓝牙耳机33"]);
        check(
            "number01",
            &["128.5", "-3", &"9".repeat(32)],
            &["128元", "1.", &"9".repeat(33)],
        );
        check(
            "letter1",
            &["ABC", &"a".repeat(32)],
            &["A1", &"a".repeat(33), "é"],
        );
        check("symbol1", &["**", "！？"], &["a*", "******"]);
        check(
            "character_string1",
            &["SO20260101-0042", "a b", &"1".repeat(32)],
            &["订单42", &"1".repeat(33)],
        );
        check(
            "amount3",
            &["￥128.50元", "128元", "$1", "1234567890"],
            &["128 dollars", "12345678901", "￥", "1.2.3", "$$1"],
        );
        check(
            "phone_number1",
            &["+86-0766-66888866"],
            &["abc", &"1".repeat(18)],
        );
        check(
            "car_number1",
            &["粤A8Z888挂", "京A12345"],
            &["粤A8Z8888挂", "粤粤A8Z88", "A1"],
        );
        check(
            "name1",
            &["欧阳锋", "John O'Neil", &"张".repeat(10)],
            &[&"张".repeat(11), "张3", &"a".repeat(21)],
        );
        check("phrase1", &["配送中"], &["配送2", "一二三四五六"]);
        check("const1", &["任意值"], &[&"值".repeat(21)]);
        check("time1", &["15:01"], &["3pm"]);
        check("date1", &["2026-01-01"], &["tomorrow"]);
    }

    #[test]
    fn template_amounts_have_two_more_digits() {
        let verdict = |family| KeywordType::Amount.judge("123456789012", family, &[]);
        assert_eq!(verdict(Family::Template), Verdict::Fine);
        assert_eq!(verdict(Family::Subscription), Verdict::Invalid);
        let over = KeywordType::Amount.judge("1234567890123", Family::Template, &[]);
        assert_eq!(over, Verdict::Invalid);
    }

    #[test]
    fn enumerations_take_only_their_values() {
        let rooms = ["客厅".to_owned(), "厨房".to_owned()];
        let judge = |value| KeywordType::Enumeration.judge(value, Family::Subscription, &rooms);
        assert_eq!(judge("客厅"), Verdict::Fine);
        assert_eq!(judge("车库"), Verdict::Invalid);
    }

    #[test]
    fn free_keys_have_no_type() {
        for key in ["first", "keyword1", "remark", "thing", "orderNo2", ""] {
            assert_eq!(KeywordType::of(key), None, "{key}");
        }
    }

    #[test]
    fn only_the_subscription_family_cuts_its_text() {
        let key = "character_string1";
        let long = refusal_text(key, Verdict::Invalid, Family::Subscription);
        assert_eq!(long, "argument invalid! data.character_string1.value i");
        let whole = refusal_text(key, Verdict::Invalid, Family::Template);
        assert_eq!(
            whole,
            "argument invalid! data.character_string1.value invalid"
        );
        let empty = refusal_text("thing1", Verdict::Empty, Family::Subscription);
        assert_eq!(empty, "argument invalid! data.thing1.value is empty");
    }
}
