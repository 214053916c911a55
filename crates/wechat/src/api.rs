//! WeChat's calls, one file each, by family. Names of fields are WeChat's own.
//!
//! A request borrows what it carries and is meant to live as long as one call. Each page named in a
//! comment is a title in WeChat's developer documentation.

pub mod callback_check;
pub mod ip;
pub mod keywords;
pub mod media;
pub mod menu;
pub mod message;
pub mod openapi;
pub mod qrcode;
pub mod sns;
pub mod subscribe;
pub mod tags;
pub mod template;
pub mod ticket;
pub mod token;
pub mod user;
pub mod wxa;
