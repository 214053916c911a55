//! What goes to standard output: tables for people, JSON for programs.

use std::io::{self, Write};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use crate::failure::Failure;

/// Prints a text and makes sure that it ends its line. A reader that went away
/// (`| head`) is no failure.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out
        .write_all(text.as_bytes())
        .and_then(|()| {
            if text.ends_with('\n') {
                Ok(())
            } else {
                out.write_all(b"\n")
            }
        })
        .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(format!(
            "cannot write to standard output: {error}"
        ))),
        _ => Ok(()),
    }
}

/// Prints JSON, indented.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    text(&serde_json::to_string_pretty(value)?)
}

/// Prints a table, or a sentence where there is nothing to show.
pub(crate) fn table(head: &[&str], rows: Vec<Vec<String>>, empty: &str) -> Result<(), Failure> {
    if rows.is_empty() {
        return text(empty);
    }
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(head.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    text(&table.to_string())
}

/// Prints names with their values, one a line; values that are empty are left
/// out.
pub(crate) fn facts(facts: &[(&str, String)]) -> Result<(), Failure> {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: String = facts
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name:width$}  {value}\n"))
        .collect();
    text(&lines)
}

/// Says on standard error why a command failed.
#[expect(
    clippy::print_stderr,
    reason = "this is where the command line speaks of failures"
)]
pub(crate) fn complain(failure: &Failure) {
    eprintln!("hongyan: {failure}");
}

/// Says something on standard error that is no failure.
#[expect(
    clippy::print_stderr,
    reason = "standard output holds the result alone"
)]
pub(crate) fn remark(remark: &str) {
    eprintln!("{remark}");
}

/// Says on standard error how to go on where a list ended.
pub(crate) fn more(next_cursor: Option<&str>) {
    if let Some(cursor) = next_cursor {
        remark(&format!("more: --cursor {cursor}"));
    }
}

/// A time or nothing.
pub(crate) fn time(at: Option<jiff::Timestamp>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}

/// Anything or nothing.
pub(crate) fn maybe(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A wire enum's word.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
