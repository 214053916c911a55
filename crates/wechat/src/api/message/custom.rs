//! Customer-service messages, in answer to what a person did not long ago ("客服消息").
//!
//! Within 48 hours of a person's message and one minute of a tap, a scan or a follow; 45015 outside these
//! windows and 45047 once their number is used up. WeChat reports neither an id nor the delivery.

mod send;
mod typing;

pub use self::{
    send::Send,
    typing::{BusinessTyping, Typing, TypingCommand},
};
