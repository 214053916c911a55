//! Messages: asked for, answered for, searched.

mod answer;
mod calls;
mod request;
mod retired;
mod words;

pub use answer::{
    Accepted, Attempt, Message, Outcome, Receipt, Waiting, WaitingFor, Withheld, WithheldReason,
};
pub use calls::{
    BatchResult, BatchResults, MessageBatch, MessageFilter, PreviewLine, PreviewTarget, Validation,
};
pub use request::{Data, MiniProgramLink, NewMessage, Recipient, SlotValue, StyledValue};
pub use retired::RetiredKind;
pub use words::{Kind, Language, MiniProgramState, OnUnknown, Overflow, Priority, Status};
