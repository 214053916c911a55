//! Files that people write: TOML, or JSON if their name ends so.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// Reads a file; `what` says in a failure what it should hold, such as `reply rules`.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("cannot read the {what} {shown}: {error}")))?;
    let is_json = path
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("json"));
    if is_json {
        serde_json::from_str(&text).map_err(|error| Failure::new(format!("{shown}: {error}")))
    } else {
        toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            Failure::new(format!("{shown} line {line}: {}", error.message()))
        })
    }
}
