//! People named on the command line or in a file.

use std::path::PathBuf;

use clap::Args;
use hongyan_api::{People, PeopleChanged};

use super::output;
use crate::failure::Failure;

/// People a request takes at a time; longer files are sent in several.
const AT_A_TIME: usize = 10_000;

/// People by openid.
#[derive(Debug, Args)]
pub(super) struct Named {
    /// Their openids
    #[arg(
        value_name = "OPENID",
        allow_hyphen_values = true,
        required_unless_present = "file"
    )]
    openids: Vec<String>,
    /// A file with an openid on each line
    #[arg(long)]
    file: Option<PathBuf>,
}

impl Named {
    /// Requests for all of them.
    pub(super) fn requests(self, remove: bool) -> Result<Vec<People>, Failure> {
        let mut openids = self.openids;
        if let Some(path) = &self.file {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::new(format!("cannot read {}: {error}", path.display()))
            })?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            openids.extend(lines.map(str::to_owned));
        }
        if openids.is_empty() {
            return Err(Failure::new("the file names nobody"));
        }
        Ok(openids
            .chunks(AT_A_TIME)
            .map(|part| People {
                openids: part.to_vec(),
                remove,
            })
            .collect())
    }
}

/// Says what became of it; a failure where it was not done for some.
pub(super) fn report(changes: Vec<PeopleChanged>, done: &str) -> Result<(), Failure> {
    let count: usize = changes.iter().map(|change| change.done).sum();
    output::text(&format!("{done} {count} people"))?;
    let failed: Vec<_> = changes.into_iter().flat_map(|one| one.failed).collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "WeChat did not do it for {}: {}",
        failed.len(),
        failed.join(" ")
    )))
}
