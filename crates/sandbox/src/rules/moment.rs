//! Dates and times of day as WeChat's keyword types `time` and `date` take them.

/// `time`: a 24-hour time, a date may precede it, or a period joined by `~`.
pub(super) fn is_time(value: &str) -> bool {
    one_or_period(value, |part| {
        is_clock(part) || split_day(part).is_some_and(is_clock)
    })
}

/// `date`: a date, a 24-hour time may follow it, or a period joined by `~`.
pub(super) fn is_date(value: &str) -> bool {
    one_or_period(value, |part| {
        is_day(part) || split_day(part).is_some_and(is_clock)
    })
}

fn one_or_period(value: &str, accepts: impl Fn(&str) -> bool) -> bool {
    match value.split_once('~') {
        Some((from, to)) => accepts(from.trim_end()) && accepts(to.trim_start()),
        None => accepts(value),
    }
}

/// What follows the day and its blanks, where the text starts with a day.
fn split_day(text: &str) -> Option<&str> {
    let (day, rest) = text.split_once(' ')?;
    is_day(day).then(|| rest.trim_start_matches(' '))
}

/// `HH:MM` or `HH:MM:SS` of a 24-hour clock.
fn is_clock(text: &str) -> bool {
    let mut parts = text.split(':');
    let hour = parts.next().is_some_and(|part| within(part, 1..=2, 0, 23));
    let minute = parts.next().is_some_and(|part| within(part, 2..=2, 0, 59));
    let second = parts.next().is_none_or(|part| within(part, 2..=2, 0, 59));
    hour && minute && second && parts.next().is_none()
}

/// `2026年1月1日`, `2026年1月`, `1月1日`, or the same joined by `-`, `/` or `.`.
fn is_day(text: &str) -> bool {
    if text.contains('月') {
        let (year, rest) = match text.split_once('年') {
            Some((year, rest)) => (Some(year), rest),
            None => (None, text),
        };
        let Some((month, day)) = rest.split_once('月') else {
            return false;
        };
        let day_fits = match day.strip_suffix('日') {
            Some(day) => is_day_number(day),
            None => day.is_empty() && year.is_some(),
        };
        return year.is_none_or(is_year) && is_month(month) && day_fits;
    }
    ['-', '/', '.'].into_iter().any(|joint| {
        let parts: Vec<&str> = text.split(joint).collect();
        match parts[..] {
            [year, month, day] => is_year(year) && is_month(month) && is_day_number(day),
            [first, second] => {
                (is_year(first) && is_month(second)) || (is_month(first) && is_day_number(second))
            }
            _ => false,
        }
    })
}

fn is_year(text: &str) -> bool {
    within(text, 4..=4, 0, 9999)
}

fn is_month(text: &str) -> bool {
    within(text, 1..=2, 1, 12)
}

fn is_day_number(text: &str) -> bool {
    within(text, 1..=2, 1, 31)
}

/// A decimal number of so many digits between the two bounds.
fn within(text: &str, length: std::ops::RangeInclusive<usize>, low: u32, high: u32) -> bool {
    length.contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit())
        && text
            .parse()
            .is_ok_and(|number: u32| (low..=high).contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for fine in [
            "15:01",
            "5:01",
            "15:01:59",
            "2026年1月1日 15:01",
            "2026-01-01 15:01",
            "09:00~10:30",
            "2026年1月1日 09:00~2026年1月1日 10:30",
        ] {
            assert!(is_time(fine), "{fine}");
        }
        for wrong in [
            "3pm",
            "24:00",
            "15:60",
            "15",
            "2026-01-01",
            "15:1",
            "15:01:",
            "9:00~",
        ] {
            assert!(!is_time(wrong), "{wrong}");
        }
    }

    #[test]
    fn dates() {
        for fine in [
            "2019年10月1日",
            "2019年10月",
            "10月1日",
            "2018-01-01",
            "2018/01/01",
            "2018.01.01",
            "2018-01",
            "01-01",
            "2026-01-01 08:01",
            "2019年10月1日 15:01:02",
            "2018-01-01~2018-01-03",
        ] {
            assert!(is_date(fine), "{fine}");
        }
        for wrong in [
            "tomorrow",
            "2018-13-01",
            "2018-01-32",
            "2018-01/01",
            "10月",
            "15:01",
            "2018",
        ] {
            assert!(!is_date(wrong), "{wrong}");
        }
    }
}
