//! Addresses that what callers name must not lead to: whoever may set a webhook must
//! not reach, through the gateway, what only the gateway's own network can reach.

use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Said where an address is refused.
pub(crate) const REFUSED: &str = "its address lies in a private network, which [webhooks] allow_private = true in the configuration would allow";

/// A client that connects to public addresses alone. It uses no proxy: a proxy would
/// look the name up by itself, out of our sight.
pub(crate) fn client() -> reqwest::Client {
    super::client()
        .no_proxy()
        .dns_resolver(Arc::new(PublicNames))
        .build()
        // Another client in its place would connect to anything.
        .expect("a client whose parts are all compiled in")
}

/// Whether an address can be seen, without looking its name up, to be refused.
pub(crate) fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => !is_public(address.into()),
        Some(Host::Ipv6(address)) => !is_public(address.into()),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        None => true,
    }
}

/// Whether a request failed because its address is refused.
pub(super) fn refused(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<PrivateAddress>() {
            return true;
        }
        // An I/O error shows what it holds, not its cause.
        let held = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|held| held as &(dyn Error + 'static));
        cause = held.or_else(|| error.source());
    }
    false
}

/// A name that leads into a private network.
#[derive(Debug, thiserror::Error)]
#[error("{REFUSED}")]
struct PrivateAddress;

/// Looks names up and leaves out what is not public. What is looked up is what is
/// connected to, so that a name cannot change its mind in between.
struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0))
                .await?
                .filter(|address| is_public(address.ip()))
                .collect();
            if found.is_empty() {
                return Err(PrivateAddress.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is reached over the open Internet (IANA's registries of special
/// addresses, RFC 6890; multicast, RFC 5771 and RFC 4291).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        // "This network".
        || a == 0
        // Shared by carriers (RFC 6598).
        || (a == 100 && (64..128).contains(&b))
        // Protocol assignments and the former 6to4 relays.
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        // Benchmarks (RFC 2544).
        || (a == 198 && (18..20).contains(&b))
        // Multicast, reserved, broadcast.
        || a >= 224;
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // Mapped and compatible forms, and NAT64 (RFC 6052), hold an IPv4 address.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] => v4(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        // 6to4 (RFC 3056) holds one, too.
        [0x2002, high, low, ..] => v4(high, low),
        // Protocol assignments with Teredo, and documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] => false,
        // Of the rest only global unicast is given out (RFC 4291).
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_seen_in_every_form() {
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.19.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "100.128.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2400:3200::1",
            "2606:4700::1111",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn what_an_address_hides_is_read_as_clients_read_it() {
        for private in [
            "http://localhost/x",
            "http://LOCALHOST./x",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::ffff:7f00:1]/",
        ] {
            assert!(is_private(&Url::parse(private).unwrap()), "{private}");
        }
        let public = Url::parse("https://example.com/hooks").unwrap();
        assert!(!is_private(&public));
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_refused_and_said_so() {
        let sent = client().post("http://localhost:9/").send().await;
        let error = super::super::PostError::from(sent.unwrap_err());
        assert_eq!(error.to_string(), REFUSED);
    }
}
