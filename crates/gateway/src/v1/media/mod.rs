//! Files shown in messages.

pub(crate) mod list;
pub(crate) mod remove;
pub(crate) mod show;
pub(crate) mod upload;

use hongyan_domain::MediaId;

use crate::problem::{Code, Problem};

/// The id in a path.
fn id(text: &str) -> Result<MediaId, Problem> {
    text.parse().map_err(|_| unknown())
}

fn unknown() -> Problem {
    Problem::new(Code::NotFound, "the account has no file of this id")
}
