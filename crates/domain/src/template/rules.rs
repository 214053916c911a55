//! The rules of keyword types.
//!
//! Sources: the parameter table of 发送订阅消息 (mini program and 订阅通知) and
//! 类目模板消息 for official accounts; where they differ the kind of message
//! decides. Characters are counted, not bytes. Where WeChat's pages are silent
//! (signs before a number, digits in a name) the looser reading is taken: better
//! to let WeChat refuse than to refuse what WeChat would take.

use unicode_script::{Script, UnicodeScript};

use crate::message::Kind;

/// The type of a slot, which WeChat writes into the beginning of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// 事物: at most 20 characters of any sort.
    Thing,
    /// As `thing`, at most 5 characters (seen in use, not documented).
    ShortThing,
    /// 数字: at most 32 digits, decimals allowed.
    Number,
    /// 字母: at most 32 Latin letters.
    Letter,
    /// 符号: at most 5 symbols.
    Symbol,
    /// 字符串: at most 32 digits, letters or symbols; no Chinese.
    CharacterString,
    /// 时间: 24-hour time, a date may precede it, ranges with `~`.
    Time,
    /// 日期: a date, a 24-hour time may follow, ranges with `~`.
    Date,
    /// 金额: one currency sign and at most 10 digits (12 in template messages).
    Amount,
    /// 电话: at most 17 digits and symbols.
    PhoneNumber,
    /// 车牌: at most 8; first and last may be Chinese.
    CarNumber,
    /// 姓名: at most 10 Chinese characters, or 20 letters and symbols.
    Name,
    /// 汉字: at most 5 Chinese characters.
    Phrase,
    /// 枚举值: one of the values WeChat lists.
    Enum,
    /// 常量: at most 20 characters, approved beforehand, or empty.
    Const,
    /// A slot without a type (`first`, `keyword1`, `remark` and what else
    /// older templates name): any text.
    Free,
}

/// Why a value does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Must not be empty.
    Required,
    /// Too many characters.
    TooLong {
        /// How many are allowed.
        most: usize,
    },
    /// Line breaks and other control characters are not allowed.
    ControlCharacter,
    /// The characters or their order are not those of the type.
    Form,
    /// Not one of the values WeChat lists for it.
    NotListed,
}

impl FieldKind {
    /// The type of a key: its letters before the number, such as `thing` of
    /// `thing12`. A key without a number has none.
    #[must_use]
    pub fn of_key(key: &str) -> Self {
        let prefix = key.trim_end_matches(|c: char| c.is_ascii_digit());
        if prefix.len() == key.len() {
            return Self::Free;
        }
        match prefix {
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
            "enum" | "enum_string" => Self::Enum,
            "const" => Self::Const,
            _ => Self::Free,
        }
    }

    /// WeChat's word for the type; `text` for a slot without one.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Thing => "thing",
            Self::ShortThing => "short_thing",
            Self::Number => "number",
            Self::Letter => "letter",
            Self::Symbol => "symbol",
            Self::CharacterString => "character_string",
            Self::Time => "time",
            Self::Date => "date",
            Self::Amount => "amount",
            Self::PhoneNumber => "phone_number",
            Self::CarNumber => "car_number",
            Self::Name => "name",
            Self::Phrase => "phrase",
            Self::Enum => "enum",
            Self::Const => "const",
            Self::Free => "text",
        }
    }

    /// The rule in a sentence, English and Chinese.
    #[must_use]
    pub fn sentence(self, kind: Kind) -> (&'static str, &'static str) {
        match self {
            Self::Thing => (
                "at most 20 characters on one line",
                "最多 20 个字符，不能换行",
            ),
            Self::ShortThing => (
                "at most 5 characters on one line",
                "最多 5 个字符，不能换行",
            ),
            Self::Number => (
                "at most 32 digits, decimals allowed, nothing else",
                "最多 32 位数字，可带小数，不能有其他字符",
            ),
            Self::Letter => (
                "at most 32 Latin letters, nothing else",
                "最多 32 个字母，不能有其他字符",
            ),
            Self::Symbol => (
                "at most 5 symbols; no letters, digits or Chinese",
                "最多 5 个符号，不能有字母、数字或汉字",
            ),
            Self::CharacterString => (
                "at most 32 digits, letters or symbols; no Chinese characters",
                "最多 32 位数字、字母或符号，不能有汉字",
            ),
            Self::Time => (
                "a 24-hour time such as 15:01, a date may precede it (2026-01-01 15:01), ranges with ~",
                "24 小时制时间，如 15:01，前面可带日期（2026年1月1日 15:01），时间段用 ~ 连接",
            ),
            Self::Date => (
                "a date such as 2026-01-01 or 2026年1月1日, a 24-hour time may follow, ranges with ~",
                "日期，如 2026-01-01 或 2026年1月1日，后面可带 24 小时制时间，时间段用 ~ 连接",
            ),
            Self::Amount => match kind {
                Kind::Template => (
                    "one currency sign and at most 12 digits, decimals allowed, may end in 元",
                    "1 个币种符号加最多 12 位数字，可带小数，结尾可带“元”",
                ),
                Kind::Subscribe | Kind::Notification | Kind::OneTime | Kind::CustomerService => (
                    "one currency sign and at most 10 digits, decimals allowed, may end in 元",
                    "1 个币种符号加最多 10 位数字，可带小数，结尾可带“元”",
                ),
            },
            Self::PhoneNumber => (
                "at most 17 digits and the symbols + - ( ) # * and blank",
                "最多 17 位数字或 + - ( ) # * 及空格",
            ),
            Self::CarNumber => (
                "at most 8 characters; the first and the last may be Chinese, the others letters or digits",
                "最多 8 位，首位和末位可为汉字，其余为字母或数字",
            ),
            Self::Name => (
                "at most 10 Chinese characters, or 20 letters and symbols",
                "最多 10 个汉字，或 20 个字母和符号",
            ),
            Self::Phrase => (
                "at most 5 Chinese characters, nothing else",
                "最多 5 个汉字，不能有其他字符",
            ),
            Self::Enum => (
                "one of the values WeChat lists for this field",
                "只能取微信列出的枚举值",
            ),
            Self::Const => (
                "at most 20 characters, approved by WeChat beforehand, or empty",
                "最多 20 个字符，须事先经微信审核通过，可为空",
            ),
            Self::Free => ("any text", "任意文本"),
        }
    }

    /// How many characters a value may have; `None` where the type says nothing of
    /// them as a whole (times, amounts, listed values, slots without a type).
    #[must_use]
    pub fn longest(self) -> Option<usize> {
        match self {
            Self::Thing | Self::Const | Self::Name => Some(20),
            Self::ShortThing | Self::Symbol | Self::Phrase => Some(5),
            Self::Number | Self::Letter | Self::CharacterString => Some(32),
            Self::PhoneNumber => Some(17),
            Self::CarNumber => Some(8),
            Self::Time | Self::Date | Self::Amount | Self::Enum | Self::Free => None,
        }
    }

    /// Checks a value; `allowed` are the values of an enum or constant as far as known.
    ///
    /// # Errors
    /// The first rule the value breaks.
    pub fn check(self, value: &str, kind: Kind, allowed: &[String]) -> Result<(), Rule> {
        if value.is_empty() {
            // Older templates take empty slots, and a constant may be left out.
            return match self {
                Self::Const | Self::Free => Ok(()),
                _ => Err(Rule::Required),
            };
        }
        if self == Self::Free {
            return Ok(());
        }
        if value.chars().any(|c| c.is_ascii_control()) {
            return Err(Rule::ControlCharacter);
        }
        match self {
            Self::Thing => at_most(value, 20),
            Self::Const => {
                at_most(value, 20)?;
                listed(value, allowed)
            }
            Self::ShortThing => at_most(value, 5),
            Self::Number => {
                form(is_decimal(value.strip_prefix('-').unwrap_or(value)))?;
                at_most(value, 33)?;
                let whole = value
                    .trim_start_matches('-')
                    .split('.')
                    .next()
                    .unwrap_or("");
                if whole.len() > 32 {
                    Err(Rule::TooLong { most: 32 })
                } else {
                    Ok(())
                }
            }
            Self::Letter => {
                form(value.chars().all(|c| c.is_ascii_alphabetic()))?;
                at_most(value, 32)
            }
            Self::Symbol => {
                form(value.chars().all(|c| !c.is_alphabetic() && !c.is_numeric()))?;
                at_most(value, 5)
            }
            Self::CharacterString => {
                form(!value.chars().any(is_han))?;
                at_most(value, 32)
            }
            Self::Time => form(is_range_of(value, is_time)),
            Self::Date => form(is_range_of(value, is_date)),
            Self::Amount => amount(value, kind),
            Self::PhoneNumber => {
                form(
                    value
                        .chars()
                        .all(|c| c.is_ascii_digit() || "+-() #*".contains(c)),
                )?;
                at_most(value, 17)
            }
            Self::CarNumber => car_number(value),
            Self::Name => name(value),
            Self::Phrase => {
                form(value.chars().all(is_han))?;
                at_most(value, 5)
            }
            Self::Enum => listed(value, allowed),
            Self::Free => Ok(()),
        }
    }

    /// How many characters a value that is too long may be cut to with an
    /// ellipsis at its end; `None` where a cut value would say something else
    /// (ids, telephone numbers, amounts, names).
    #[must_use]
    pub fn cut_to(self) -> Option<usize> {
        match self {
            Self::Thing => Some(20),
            Self::ShortThing => Some(5),
            _ => None,
        }
    }
}

fn at_most(value: &str, most: usize) -> Result<(), Rule> {
    if value.chars().count() > most {
        Err(Rule::TooLong { most })
    } else {
        Ok(())
    }
}

fn listed(value: &str, allowed: &[String]) -> Result<(), Rule> {
    if allowed.is_empty() || allowed.iter().any(|one| one == value) {
        Ok(())
    } else {
        Err(Rule::NotListed)
    }
}

fn form(fits: bool) -> Result<(), Rule> {
    if fits { Ok(()) } else { Err(Rule::Form) }
}

pub(super) fn is_han(c: char) -> bool {
    c.script() == Script::Han
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_decimal(text: &str) -> bool {
    match text.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part),
        None => digits(text),
    }
}

fn amount(value: &str, kind: Kind) -> Result<(), Rule> {
    let most = match kind {
        Kind::Template => 12,
        Kind::Subscribe | Kind::Notification | Kind::OneTime | Kind::CustomerService => 10,
    };
    let mut rest = value;
    if let Some(first) = rest.chars().next()
        && !first.is_alphanumeric()
        && !first.is_whitespace()
    {
        rest = &rest[first.len_utf8()..];
    }
    let rest = rest.strip_suffix('元').unwrap_or(rest);
    form(is_decimal(rest))?;
    let whole = rest.split('.').next().unwrap_or("");
    if whole.len() > most {
        Err(Rule::TooLong { most })
    } else {
        Ok(())
    }
}

fn car_number(value: &str) -> Result<(), Rule> {
    at_most(value, 8)?;
    let letters: Vec<char> = value.chars().collect();
    let last = letters.len() - 1;
    form(letters.len() >= 5)?;
    form(
        letters
            .iter()
            .enumerate()
            .all(|(at, &c)| c.is_ascii_alphanumeric() || ((at == 0 || at == last) && is_han(c))),
    )
}

fn name(value: &str) -> Result<(), Rule> {
    let chinese = |c: char| is_han(c) || c == '·';
    let latin = |c: char| c.is_ascii_alphabetic() || " .,'·-".contains(c);
    form(value.chars().all(|c| chinese(c) || latin(c)))?;
    at_most(value, if value.chars().all(latin) { 20 } else { 10 })
}

fn is_range_of(value: &str, is_one: fn(&str) -> bool) -> bool {
    match value.split_once('~') {
        Some((from, to)) => is_one(from.trim_end()) && is_one(to.trim_start()),
        None => is_one(value),
    }
}

/// `HH:MM` or `HH:MM:SS`, 24 hours.
fn is_clock(text: &str) -> bool {
    let mut parts = text.split(':');
    let hour = parts.next().is_some_and(|h| h.len() <= 2 && below(h, 24));
    let minute = parts.next().is_some_and(|m| m.len() == 2 && below(m, 60));
    let second = parts.next().is_none_or(|s| s.len() == 2 && below(s, 60));
    hour && minute && second && parts.next().is_none()
}

fn below(text: &str, end: u32) -> bool {
    digits(text) && text.parse::<u32>().is_ok_and(|n| n < end)
}

/// `2026年1月1日`, `2026年1月`, `1月1日`, or the same joined by `-`, `/` or `.`.
fn is_day(text: &str) -> bool {
    if text.contains(['年', '月']) {
        let (year, rest) = match text.split_once('年') {
            Some((year, rest)) => (Some(year), rest),
            None => (None, text),
        };
        let Some((month, day)) = rest.split_once('月') else {
            return false;
        };
        let year_fits = year.is_none_or(is_year);
        return match day.strip_suffix('日') {
            Some(day) => year_fits && is_month(month) && is_day_of_month(day),
            None => year.is_some() && year_fits && is_month(month) && day.is_empty(),
        };
    }
    ['-', '/', '.'].into_iter().any(|joint| {
        let parts: Vec<&str> = text.split(joint).collect();
        match parts[..] {
            [year, month, day] => is_year(year) && is_month(month) && is_day_of_month(day),
            [year, month] if year.len() == 4 => is_year(year) && is_month(month),
            [month, day] => is_month(month) && is_day_of_month(day),
            _ => false,
        }
    })
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && digits(text)
}

fn is_month(text: &str) -> bool {
    text.len() <= 2 && below(text, 13) && text.parse() != Ok(0)
}

fn is_day_of_month(text: &str) -> bool {
    text.len() <= 2 && below(text, 32) && text.parse() != Ok(0)
}

fn is_time(text: &str) -> bool {
    is_clock(text)
        || text
            .rsplit_once(' ')
            .is_some_and(|(day, clock)| is_day(day.trim_end_matches(' ')) && is_clock(clock))
}

fn is_date(text: &str) -> bool {
    is_day(text) || (is_time(text) && !is_clock(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(key: &str, value: &str) -> Result<(), Rule> {
        FieldKind::of_key(key).check(value, Kind::Subscribe, &[])
    }

    #[test]
    fn documented_examples_fit() {
        for (key, value) in [
            ("thing1", "蓝牙耳机等3件"),
            ("number2", "128.5"),
            ("letter1", "ABC"),
            ("symbol1", "**"),
            ("character_string1", "SO20260101-0042"),
            ("time1", "15:01"),
            ("time1", "2026年1月1日 15:01"),
            ("time1", "09:00~10:30"),
            ("time1", "2026-11-20 10:00"),
            ("date1", "2026年1月1日"),
            ("date1", "2026-01-01 08:01"),
            ("date1", "2018/01/01"),
            ("date1", "2018.01"),
            ("date1", "01-01"),
            ("date1", "2026-01-01~2026-01-02"),
            ("amount1", "￥128.50"),
            ("amount1", "128元"),
            ("amount1", "$1234567890"),
            ("phone_number1", "+86-0766-66888866"),
            ("car_number1", "粤A8Z888挂"),
            ("name1", "欧阳锋"),
            ("name1", "Jean-Luc Picard"),
            ("phrase1", "配送中"),
            ("const1", ""),
            ("first", ""),
            ("keyword1", "two\nlines"),
        ] {
            assert_eq!(fits(key, value), Ok(()), "{key} = {value}");
        }
    }

    #[test]
    fn documented_mistakes_do_not() {
        for (key, value, rule) in [
            (
                "thing1",
                "一二三四五六七八九十一二三四五六七八九十一",
                Rule::TooLong { most: 20 },
            ),
            ("thing1", "a\nb", Rule::ControlCharacter),
            ("thing1", "", Rule::Required),
            ("number1", "128元", Rule::Form),
            ("number1", "1.2.3", Rule::Form),
            ("letter1", "A1", Rule::Form),
            ("symbol1", "a*", Rule::Form),
            ("character_string1", "订单42", Rule::Form),
            ("time1", "3pm", Rule::Form),
            ("time1", "24:00", Rule::Form),
            ("time1", "2026-01-01", Rule::Form),
            ("date1", "tomorrow", Rule::Form),
            ("date1", "15:01", Rule::Form),
            ("date1", "2026-13-01", Rule::Form),
            ("amount1", "128 dollars", Rule::Form),
            ("amount1", "￥12345678901", Rule::TooLong { most: 10 }),
            ("phone_number1", "call me", Rule::Form),
            ("car_number1", "粤A8Z888挂挂", Rule::TooLong { most: 8 }),
            ("car_number1", "粤A中Z888", Rule::Form),
            (
                "name1",
                "一二三四五六七八九十一",
                Rule::TooLong { most: 10 },
            ),
            ("phrase1", "配送2", Rule::Form),
            ("phrase1", "一二三四五六", Rule::TooLong { most: 5 }),
        ] {
            assert_eq!(fits(key, value), Err(rule), "{key} = {value}");
        }
    }

    #[test]
    fn template_messages_take_larger_amounts() {
        let amount = "￥123456789012";
        assert_eq!(FieldKind::Amount.check(amount, Kind::Template, &[]), Ok(()));
        assert!(
            FieldKind::Amount
                .check(amount, Kind::Subscribe, &[])
                .is_err()
        );
    }

    #[test]
    fn enums_take_what_is_listed() {
        let allowed = ["客厅".to_owned(), "厨房".to_owned()];
        assert_eq!(
            FieldKind::Enum.check("客厅", Kind::Subscribe, &allowed),
            Ok(())
        );
        assert_eq!(
            FieldKind::Enum.check("阳台", Kind::Subscribe, &allowed),
            Err(Rule::NotListed)
        );
        assert_eq!(FieldKind::Enum.check("阳台", Kind::Subscribe, &[]), Ok(()));
    }

    #[test]
    fn the_key_tells_the_type() {
        assert_eq!(FieldKind::of_key("thing12"), FieldKind::Thing);
        assert_eq!(FieldKind::of_key("number01"), FieldKind::Number);
        assert_eq!(FieldKind::of_key("enum_string2"), FieldKind::Enum);
        assert_eq!(FieldKind::of_key("keyword1"), FieldKind::Free);
        assert_eq!(FieldKind::of_key("things1"), FieldKind::Free);
        assert_eq!(FieldKind::of_key("thing"), FieldKind::Free);
    }
}
