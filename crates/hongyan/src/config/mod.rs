//! The configuration file and the environment over it.
//!
//! Every key of `hongyan.toml` can also be given as an environment variable
//! `HONGYAN_SECTION__KEY`, which wins. Unknown keys are errors, with their line.
//! Relative paths count from the folder of the file, so that every command that
//! reads the same file means the same database.

mod accounts;
mod database;
mod dispatch;
mod log;
mod retention;
mod secrets;
mod server;
mod telemetry;
mod templates;
mod webhooks;
mod wechat;

pub(crate) use accounts::DeclaredAccount;
pub(crate) use database::{Database, DatabaseUrl};
pub(crate) use dispatch::Dispatch;
pub(crate) use log::{Format, Log};
pub(crate) use retention::Retention;
pub(crate) use secrets::Secrets;
pub(crate) use server::Server;
pub(crate) use telemetry::{Endpoint, Headers, Telemetry};
pub(crate) use templates::Templates;
pub(crate) use webhooks::Webhooks;
pub(crate) use wechat::Wechat;

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Everything that can be set.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) database: Database,
    pub(crate) wechat: Wechat,
    pub(crate) secrets: Secrets,
    pub(crate) dispatch: Dispatch,
    pub(crate) log: Log,
    pub(crate) retention: Retention,
    pub(crate) telemetry: Telemetry,
    pub(crate) templates: Templates,
    pub(crate) webhooks: Webhooks,
    /// Accounts that must exist; those of the same name are brought in line at
    /// every start.
    pub(crate) accounts: Vec<DeclaredAccount>,
    /// Where the phones of a sandbox are, for the console to say; only the demo has them.
    #[serde(skip)]
    pub(crate) phone_url: Option<String>,
    /// The folder relative paths count from.
    #[serde(skip)]
    base: PathBuf,
}

/// Why the configuration cannot be used, in one sentence.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        path: PathBuf,
        reason: std::io::Error,
    },
    #[error("{path} line {line}: {reason}")]
    Line {
        path: PathBuf,
        line: usize,
        reason: String,
    },
    #[error("{path}: {reason}")]
    File { path: PathBuf, reason: String },
    #[error("environment variable {name}: {reason}")]
    Variable { name: String, reason: String },
}

/// The file that is read when none is named and it exists.
const DEFAULT_FILE: &str = "hongyan.toml";

impl Config {
    /// Reads the file (the default one may be absent) and lays the environment
    /// over it.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                String::new()
            }
            Err(reason) => {
                return Err(ConfigError::Unreadable {
                    path: path.into(),
                    reason,
                });
            }
        };
        let mut config = Self::parse(path, &text)?;
        let variables: Vec<_> = environment.filter(|(name, _)| is_ours(name)).collect();
        if !variables.is_empty() {
            config = overlay(path, &text, &variables)?;
        }
        config.base = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .map_or_else(|| PathBuf::from("."), Path::to_path_buf);
        config.validate(path)?;
        Ok(config)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let reason = error.message().to_owned();
            match error.span() {
                Some(span) => ConfigError::Line {
                    path: path.into(),
                    line: text[..span.start.min(text.len())].matches('\n').count() + 1,
                    reason,
                },
                None => ConfigError::File {
                    path: path.into(),
                    reason,
                },
            }
        })
    }

    /// `path` as the commands should open it.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        if path.is_absolute() {
            path.to_path_buf()
        } else {
            self.base.join(path)
        }
    }

    fn validate(&self, path: &Path) -> Result<(), ConfigError> {
        self.dispatch
            .validate(&self.wechat)
            .and_then(|()| self.database.validate())
            .map_err(|reason| ConfigError::File {
                path: path.into(),
                reason,
            })
    }
}

/// Names such as `HONGYAN_SERVER__LISTEN`; `HONGYAN_URL` and other variables
/// without the double line mean something else.
fn is_ours(name: &str) -> bool {
    name.strip_prefix("HONGYAN_")
        .is_some_and(|rest| rest.contains("__"))
}

/// The file with the variables laid over it, one after the other, so that an
/// error names the variable that made it.
fn overlay(path: &Path, text: &str, variables: &[(String, String)]) -> Result<Config, ConfigError> {
    let file_error = |reason: toml::de::Error| ConfigError::File {
        path: path.into(),
        reason: reason.message().to_owned(),
    };
    let mut table: toml::Table = toml::from_str(text).map_err(file_error)?;
    for (name, value) in variables {
        let variable_error = |reason: String| ConfigError::Variable {
            name: name.clone(),
            reason,
        };
        let (section, key) = name
            .strip_prefix("HONGYAN_")
            .and_then(|rest| rest.split_once("__"))
            .ok_or_else(|| variable_error("expected HONGYAN_SECTION__KEY".to_owned()))?;
        let section = table
            .entry(section.to_lowercase())
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()
            .ok_or_else(|| variable_error("this section cannot be set by a variable".to_owned()))?;
        section.insert(key.to_lowercase(), typed(value));
        table
            .clone()
            .try_into::<Config>()
            .map_err(|error| variable_error(error.message().to_owned()))?;
    }
    table.try_into().map_err(file_error)
}

/// Numbers and truth values as such, everything else as text.
fn typed(value: &str) -> toml::Value {
    // Plain decimals alone: a text of digits with an `e` is hardly a number.
    let is_decimal = |(whole, part): (&str, &str)| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        digits(whole) && digits(part)
    };
    if let Ok(number) = value.parse::<i64>() {
        toml::Value::Integer(number)
    } else if value.split_once('.').is_some_and(is_decimal)
        && let Ok(number) = value.parse::<f64>()
    {
        toml::Value::Float(number)
    } else if let Ok(truth) = value.parse::<bool>() {
        toml::Value::Boolean(truth)
    } else {
        toml::Value::String(value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hongyan.toml");
        std::fs::write(&path, text).unwrap();
        let variables = variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::load(Some(&path), variables)
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_line() {
        let error = load(
            "[server]\nlisten = \"127.0.0.1:1\"\n\n[log]\nlevl = \"x\"\n",
            &[],
        )
        .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("hongyan.toml line 5: "), "{text}");
        assert!(text.contains("levl"), "{text}");
    }

    #[test]
    fn a_wrong_type_is_an_error_with_its_line() {
        let text = load("[dispatch]\nlease_s = \"long\"\n", &[])
            .unwrap_err()
            .to_string();
        assert!(text.contains("line 2"), "{text}");
    }

    #[test]
    fn the_environment_wins_and_its_mistakes_name_the_variable() {
        let config = load(
            "[server]\nlisten = \"127.0.0.1:1\"\n",
            &[
                ("HONGYAN_SERVER__LISTEN", "127.0.0.1:2"),
                ("HONGYAN_DISPATCH__LEASE_S", "90"),
                ("HONGYAN_URL", "x"),
            ],
        )
        .unwrap();
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:2");
        assert_eq!(config.dispatch.lease_s, 90);
        let error = load("", &[("HONGYAN_SERVER__LISTN", "x")])
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("environment variable HONGYAN_SERVER__LISTN"),
            "{error}"
        );
    }

    #[test]
    fn a_share_is_set_by_the_environment_and_kept_between_0_and_1() {
        let ratio = |value| load("", &[("HONGYAN_TELEMETRY__SAMPLE_RATIO", value)]);
        assert_eq!(ratio("0.25").unwrap().telemetry.sample_ratio.0, 0.25);
        assert_eq!(ratio("0").unwrap().telemetry.sample_ratio.0, 0.0);
        let refused = ratio("1.5").unwrap_err().to_string();
        assert!(
            refused.contains("SAMPLE_RATIO: sample_ratio lies"),
            "{refused}"
        );
    }

    #[test]
    fn a_secret_header_is_not_repeated_in_a_complaint() {
        let text = "[telemetry]\notlp_headers = \"hush\"\n";
        let refused = load(text, &[]).unwrap_err().to_string();
        assert!(
            refused.contains("line 2") && !refused.contains("hush"),
            "{refused}"
        );
    }

    #[test]
    fn relative_paths_count_from_the_files_folder() {
        let config = load("", &[]).unwrap();
        assert!(config.resolve(Path::new("hongyan.db")).is_absolute());
        assert_eq!(
            config.resolve(Path::new("/var/x.db")),
            Path::new("/var/x.db")
        );
    }

    #[test]
    fn a_lease_shorter_than_two_calls_is_refused() {
        let text = load("[dispatch]\nlease_s = 15\n", &[])
            .unwrap_err()
            .to_string();
        assert!(text.contains("lease_s"), "{text}");
    }

    #[test]
    fn the_sample_file_is_read() {
        let sample = include_str!("../../../../hongyan.example.toml");
        let config = load(sample, &[]).unwrap();
        assert_eq!(config.accounts.len(), 1);
        // Every line that is commented out must be right when it is not.
        let lively: String = sample
            .lines()
            .map(|line| {
                let bare = line.strip_prefix("# ").unwrap_or(line);
                let is_setting = bare.split_once(" = ").is_some_and(|(key, _)| {
                    key.bytes().all(|c| c.is_ascii_lowercase() || c == b'_')
                });
                format!("{}\n", if is_setting { bare } else { line })
            })
            .collect();
        load(&lively, &[]).unwrap();
    }
}
