//! Codes people scan, with a scene by which it is known where they came from.

use jiff::Timestamp;

use crate::ids::AccountId;

/// A code of an official account (生成带参数的二维码).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrCode {
    /// The account.
    pub account: AccountId,
    /// The scene: a number from 1 on as text, or 1 to 64 characters. One code for
    /// each scene of an account is kept, the newest.
    pub scene: String,
    /// What people call it, such as `shop 12`.
    pub name: Option<String>,
    /// WeChat's ticket, by which the picture is had.
    pub ticket: String,
    /// What the picture says.
    pub url: String,
    /// When it ends; absent = never.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// How often it was scanned.
    pub scans: u64,
    /// How many began to follow by it.
    pub follows: u64,
}
