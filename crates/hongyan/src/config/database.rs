use std::path::PathBuf;
use std::str::FromStr;

use secrecy::SecretString;
use serde::Deserialize;

/// `[database]`: where everything is kept.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Database {
    /// `sqlite:` and a path, or `postgres://` with a server's address.
    pub(crate) url: DatabaseUrl,
    /// PostgreSQL only: connections of this node at most, beside the two or three
    /// that take messages in and listen.
    pub(crate) pool_size: usize,
    /// PostgreSQL only: time to connect and to wait for a connection, in seconds.
    pub(crate) connect_timeout_s: u64,
    /// PostgreSQL only: time for one statement, in seconds.
    pub(crate) statement_timeout_s: u64,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: DatabaseUrl::default(),
            pool_size: 16,
            connect_timeout_s: 5,
            statement_timeout_s: 30,
        }
    }
}

impl Database {
    pub(super) fn validate(&self) -> Result<(), String> {
        for (name, value) in [
            ("pool_size", self.pool_size as u64),
            ("connect_timeout_s", self.connect_timeout_s),
            ("statement_timeout_s", self.statement_timeout_s),
        ] {
            if value == 0 {
                return Err(format!("[database] {name} must be at least 1"));
            }
        }
        Ok(())
    }
}

/// Which database.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum DatabaseUrl {
    /// An embedded SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server; the address may hold a password.
    Postgres(SecretString),
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
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.into()));
        }
        // The text is not repeated: it may hold a password.
        Err(
            "expected sqlite: and a path, such as sqlite:hongyan.db, or postgres://user:password@host:port/database"
                .to_owned(),
        )
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
        for (text, path) in [("sqlite:a.db", "a.db"), ("sqlite:///var/a.db", "/var/a.db")] {
            let read: DatabaseUrl = text.parse().unwrap();
            assert!(
                matches!(&read, DatabaseUrl::Sqlite(file) if file.as_os_str() == path),
                "{read:?}"
            );
        }
        let url: DatabaseUrl = "postgres://u:secret@h/d".parse().unwrap();
        assert!(matches!(url, DatabaseUrl::Postgres(_)));
        assert!(!format!("{url:?}").contains("secret"));
        let error = "mysql://u:secret@h/d".parse::<DatabaseUrl>().unwrap_err();
        assert!(!error.contains("secret"));
        assert!("a.db".parse::<DatabaseUrl>().is_err());
    }
}
