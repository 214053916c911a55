//! What is answered in WeChat to what people do.

pub(crate) mod attempt;
pub(crate) mod replace;
pub(crate) mod show;
