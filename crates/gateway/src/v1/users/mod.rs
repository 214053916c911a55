//! The caller's own ids of people.

pub(crate) mod bind;
pub(crate) mod list;
pub(crate) mod remove;
pub(crate) mod show;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use hongyan_domain::contact::{User, UserId};

use crate::convert::person;
use crate::extract::{Caller, Need};
use crate::problem::{Code, Problem};

/// The id in a path, for looking up.
fn id(path: Result<Path<String>, PathRejection>) -> Result<UserId, Problem> {
    path.map_err(|_| unknown())?.parse().map_err(|_| unknown())
}

fn unknown() -> Problem {
    Problem::new(Code::UnknownUser, "no user of this id is bound")
}

/// A user as the caller sees them, if they see anything.
fn shown<N: Need>(caller: &Caller<N>, user: User) -> Option<hongyan_api::User> {
    person::user(user, |account| {
        let account = caller.engine().account_by_id(account)?;
        caller
            .may_touch(account.name().as_str())
            .then(|| account.name().to_string())
    })
}
