use std::net::SocketAddr;

use serde::Deserialize;

/// `[server]`: where the gateway answers.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Server {
    /// Address and port to listen on.
    pub(crate) listen: SocketAddr,
    /// The address others reach us at, without a slash at the end; absent = made
    /// from `listen`.
    pub(crate) public_url: Option<String>,
    /// How long `/readyz` says no after SIGTERM before the gateway stops
    /// listening, in seconds: so that whoever spreads the load finds out first.
    pub(crate) unready_s: u64,
    /// How long sends under way may take after SIGTERM, in seconds.
    pub(crate) drain_s: u64,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8600)),
            public_url: None,
            unready_s: 1,
            drain_s: 25,
        }
    }
}
