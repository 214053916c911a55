//! WeChat's own addresses, for firewalls. They change: ask once a day.

mod get_api_domain_ip;
mod get_callback_ip;

use serde::Deserialize;

pub use self::{get_api_domain_ip::GetApiDomainIp, get_callback_ip::GetCallbackIp};

/// A list of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct IpList {
    /// Single addresses and ranges such as `101.226.103.0/25`.
    pub ip_list: Vec<String>,
}
