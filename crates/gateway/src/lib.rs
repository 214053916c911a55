//! Everything that answers HTTP: our API under `/v1`, WeChat's callbacks, the pages
//! under `/h5`, health, metrics, the API's description and its documentation.
//!
//! Invariants
//! - No rule of the product and no SQL: a handler converts, asks the engine and
//!   converts back.
//! - The engine can be reached only through an [`extract::Caller`], so a handler
//!   that does not ask who calls does not compile. WeChat and people's browsers,
//!   who have no key, get what [`extract::Outsider`] lets through.
//! - Every refusal is a problem document of the one table in [`problem`]. Bad
//!   input never ends in a 500, and a 500 says nothing about the inside.
//! - Another caller's account is a missing account.
//! - Bodies, lists and waits are bounded ([`GatewaySettings`]).

mod app;
mod callback;
mod console;
mod convert;
mod docs;
#[path = "../../../web/embed/serve.rs"]
mod embedded;
mod extract;
mod h5;
mod health;
mod metrics;
mod openapi;
mod people_file;
mod problem;
mod server;
mod v1;

pub use app::{GatewaySettings, Routers, router, routers};
pub use openapi::openapi_json;
pub use problem::page_markdown as problems_markdown;
pub use server::{DRAIN_TIME, serve};
