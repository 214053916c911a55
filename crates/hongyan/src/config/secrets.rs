use std::path::PathBuf;

use serde::Deserialize;

/// `[secrets]`: how secrets are sealed at rest.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Secrets {
    /// The file with the key; made at the first start, readable by its owner
    /// alone. Without it the stored secrets are lost: back it up apart from the
    /// database.
    pub(crate) key_file: PathBuf,
}

impl Default for Secrets {
    fn default() -> Self {
        Self {
            key_file: PathBuf::from("hongyan.key"),
        }
    }
}
