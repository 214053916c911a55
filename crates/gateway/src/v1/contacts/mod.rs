//! The people at an account.

pub(crate) mod change;
pub(crate) mod forget;
pub(crate) mod list;
pub(crate) mod show;
pub(crate) mod sync;
pub(crate) mod sync_state;

use hongyan_wechat::OpenId;

use crate::problem::{Code, Problem};

/// The openid in a path.
fn openid(text: &str) -> Result<OpenId, Problem> {
    text.parse().map_err(|_| unknown())
}

fn unknown() -> Problem {
    Problem::new(
        Code::UnknownContact,
        "nobody with this openid is known at the account",
    )
}
