//! What WeChat told us.

pub(crate) mod list;
pub(crate) mod replay;
pub(crate) mod show;

use hongyan_domain::CallbackId;

use crate::problem::{Code, Problem};

/// The id in a path.
fn id(text: &str) -> Result<CallbackId, Problem> {
    text.parse().map_err(|_| unknown())
}

fn unknown() -> Problem {
    Problem::new(
        Code::UnknownCallback,
        "the account has no callback of this id",
    )
}
