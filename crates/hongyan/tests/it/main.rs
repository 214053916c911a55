//! The binary as people use it: commands, files, signals.

mod cli;
mod demo;
mod refusals;
mod support;
