//! Menus of official accounts: the bar below the chat.

use jiff::Timestamp;

use crate::ids::{AccountId, KeyId};

/// A menu as it was applied, kept to go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuVersion {
    /// The account.
    pub account: AccountId,
    /// Its number, from 1 on, growing.
    pub version: u32,
    /// The whole menu, conditional ones included: JSON. Absent = the menu was
    /// removed.
    pub document: Option<String>,
    /// The caller's word for the change.
    pub note: Option<String>,
    /// The API key it came with.
    pub applied_by: Option<KeyId>,
    /// When it was applied.
    pub applied_at: Timestamp,
}
