//! The gateway a command talks to.

use hongyan_api::{ApiError, Client};

use crate::failure::Failure;

/// Where the gateway listens when nothing else is said.
const DEFAULT_URL: &str = "http://127.0.0.1:8600";

/// A gateway, and the key for it.
pub(crate) struct Connection(Client);

impl Connection {
    /// From `HONGYAN_URL` and `HONGYAN_API_KEY`.
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        let url = std::env::var("HONGYAN_URL").unwrap_or_else(|_| DEFAULT_URL.to_owned());
        let key = std::env::var("HONGYAN_API_KEY").map_err(|_| {
            Failure::usage(
                "HONGYAN_API_KEY is not set: export the key that `hongyan keys create` printed (for the demo: api_key in demo.json)",
            )
        })?;
        Ok(Self(
            Client::new(&url, &key).map_err(|error| Failure::usage(error.to_string()))?,
        ))
    }
}

impl std::ops::Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

/// What the gateway said, for people: with WeChat's cause and cure where it is
/// WeChat's refusal.
pub(crate) fn explained(error: &ApiError) -> Failure {
    let mut sentence = error.to_string();
    if let Some(diagnosis) = error.problem.as_deref().and_then(|p| p.diagnosis.as_ref()) {
        sentence = format!(
            "{sentence}\n  {}\n  What to do: {}",
            diagnosis.meaning, diagnosis.fix
        );
    }
    Failure::new(sentence)
}
