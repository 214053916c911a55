use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

/// `[database]`: where everything is kept.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Database {
    /// `sqlite:` and a path.
    pub(crate) url: DatabaseUrl,
}

/// Which database.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum DatabaseUrl {
    /// An embedded SQLite file.
    Sqlite(PathBuf),
}

impl Default for DatabaseUrl {
    fn default() -> Self {
        Self::Sqlite(PathBuf::from("hongyan.db"))
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            // Both sqlite:file and sqlite://file are in use.
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err("the path is missing: write sqlite:hongyan.db".to_owned());
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            // The text is not repeated: it may hold a password.
            return Err(
                "PostgreSQL is not supported by this version yet; write sqlite:hongyan.db"
                    .to_owned(),
            );
        }
        Err("expected sqlite: and a path, such as sqlite:hongyan.db".to_owned())
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_passwords_not_repeated() {
        let sqlite = |path: &str| Ok(DatabaseUrl::Sqlite(PathBuf::from(path)));
        assert_eq!("sqlite:a.db".parse(), sqlite("a.db"));
        assert_eq!("sqlite:///var/a.db".parse(), sqlite("/var/a.db"));
        let error = "postgres://u:secret@h/d"
            .parse::<DatabaseUrl>()
            .unwrap_err();
        assert!(!error.contains("secret"));
        assert!("a.db".parse::<DatabaseUrl>().is_err());
    }
}
