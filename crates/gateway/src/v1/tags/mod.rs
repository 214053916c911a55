//! Tags of an official account's followers.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod members;
pub(crate) mod remove;
pub(crate) mod rename;
pub(crate) mod tag_people;

use crate::problem::{Code, Problem};

/// The number of a tag in a path.
fn id(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| {
        Problem::new(
            Code::NotFound,
            "tags are named by WeChat's number; GET the list of tags shows it",
        )
    })
}
