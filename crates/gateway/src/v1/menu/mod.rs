//! The menu below an official account's chat.

pub(crate) mod apply;
pub(crate) mod match_one;
pub(crate) mod plan;
pub(crate) mod remove;
pub(crate) mod roll_back;
pub(crate) mod show;
pub(crate) mod version;
pub(crate) mod versions;

use hongyan_engine::MenuChange;

use crate::extract::{AtAccount, Need, Query};

/// Who changes the menu, and their word for it.
fn change<N: Need>(at: &AtAccount<N>, query: &mut Query) -> MenuChange {
    MenuChange {
        note: query.text("note"),
        by: Some(at.caller.key_id()),
    }
}
