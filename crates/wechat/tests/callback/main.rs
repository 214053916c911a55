//! WeChat calling us, through the public interface: published and own vectors, every kind of push, and
//! input made to do harm.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail it")]

mod fuzz;
mod hostile;
mod inbound;
mod pushes;
mod vectors;
