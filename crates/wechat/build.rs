//! Compiles `data/errcodes.csv` into a sorted static table.
//!
//! The table is checked here, so that a doubled, misplaced or incomplete line
//! stops the build instead of hiding a code at run time.

use std::fmt::Write as _;
use std::{env, error::Error, fs, path::Path};

const TABLE: &str = "data/errcodes.csv";
const COLUMNS: [&str; 7] = [
    "code",
    "advice",
    "errmsg",
    "meaning_zh",
    "fix_zh",
    "meaning_en",
    "fix_en",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={TABLE}");
    println!("cargo::rerun-if-changed=build.rs");

    let text = fs::read_to_string(TABLE)?;
    let mut lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    match lines.next() {
        Some((_, header)) if split(header)? == COLUMNS => {}
        other => return Err(format!("{TABLE}: unexpected header {other:?}").into()),
    }

    let mut rows = String::new();
    let mut last: Option<i64> = None;
    for (index, line) in lines {
        let at = index + 1;
        let row = row(line, &mut last).map_err(|error| format!("{TABLE}:{at}: {error}"))?;
        rows.push_str(&row);
    }
    let source = format!("static TABLE: &[ErrInfo] = &[\n{rows}];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("errcodes.rs"), source)?;
    Ok(())
}

/// One line of the table as the source of one `ErrInfo`.
fn row(line: &str, last: &mut Option<i64>) -> Result<String, Box<dyn Error>> {
    let fields = split(line)?;
    let [code, advice, errmsg, meaning_zh, fix_zh, meaning_en, fix_en] = fields.as_slice() else {
        return Err(format!("{} fields instead of {}", fields.len(), COLUMNS.len()).into());
    };
    let code: i64 = code.parse()?;
    if last.is_some_and(|before| before >= code) {
        return Err(format!("code {code} is doubled or out of order").into());
    }
    *last = Some(code);
    let retry = match advice.as_str() {
        "never" => "Never",
        "refresh_token" => "RefreshToken",
        "backoff" => "Backoff",
        "quota_reset" => "QuotaReset",
        "fix_input" => "FixInput",
        "fix_account" => "FixAccount",
        other => return Err(format!("unknown advice {other:?}").into()),
    };
    if [meaning_zh, fix_zh, meaning_en, fix_en]
        .iter()
        .any(|text| text.is_empty())
    {
        return Err("meaning and fix are needed in both languages".into());
    }
    let mut source = String::new();
    writeln!(
        source,
        "    ErrInfo {{ code: ErrCode({code}), errmsg: {errmsg:?}, meaning_en: {meaning_en:?}, \
         meaning_zh: {meaning_zh:?}, fix_en: {fix_en:?}, fix_zh: {fix_zh:?}, \
         retry: Retry::{retry} }},"
    )?;
    Ok(source)
}

/// Splits one line by the rules of RFC 4180; line breaks inside fields are not used here.
fn split(line: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    if quoted {
        return Err("quote not closed".into());
    }
    fields.push(field);
    Ok(fields)
}
