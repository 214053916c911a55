//! The server's address: the URL taken apart, without ever showing its password.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::error::{Endpoint, OpenError};

/// How the server proves who it is. The words are those of PostgreSQL's own
/// client library (PostgreSQL documentation, 34.19.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// Not at all: the connection is ciphered, if at all, for whoever answers.
    None,
    /// By a certificate of one of these authorities.
    Authority(Roots),
    /// By a certificate of one of these authorities for the host's name.
    Host(Roots),
}

/// Which authorities are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Roots {
    /// Those of the system and of the web.
    Public,
    /// Those in a PEM file.
    File(PathBuf),
}

/// Where to connect to and how.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) proof: Proof,
    pub(super) endpoint: Endpoint,
}

impl Address {
    pub(super) fn parse(url: &SecretString, connect_timeout: Duration) -> Result<Self, OpenError> {
        let url = url.expose_secret();
        let bad = |reason: &str| OpenError::BadUrl {
            reason: reason.to_owned(),
        };
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(bad("it does not begin with postgres://"));
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        if query.contains('@') {
            return Err(bad("a question mark stands before its last @"));
        }
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => {
                    roots = Some(decode(value).ok_or_else(|| {
                        bad("sslrootcert is not the name of a file, percent-encoded")
                    })?);
                }
                _ => rest.push(pair),
            }
        }
        // The parser's own words may hold a piece of a password that was not
        // percent-encoded, so they are not repeated.
        let mut config: Config = format!("{base}?{}", rest.join("&"))
            .parse()
            .map_err(|_| bad("it is not well-formed, or has a parameter that is not known"))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(bad("it names no host"));
        }
        let roots = match roots.as_deref() {
            None | Some("system") => Roots::Public,
            Some(file) => Roots::File(file.into()),
        };
        let (mode, proof) = match mode.unwrap_or("prefer") {
            "disable" => (SslMode::Disable, Proof::None),
            "prefer" => (SslMode::Prefer, Proof::None),
            // As PostgreSQL's own clients do: whoever names authorities wants
            // them to be asked.
            "require" if roots == Roots::Public => (SslMode::Require, Proof::None),
            "require" | "verify-ca" => (SslMode::Require, Proof::Authority(roots)),
            "verify-full" => (SslMode::Require, Proof::Host(roots)),
            other => {
                return Err(bad(&format!(
                    "sslmode is {other:?} instead of disable, prefer, require, verify-ca or verify-full"
                )));
            }
        };
        config.ssl_mode(mode);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(connect_timeout);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        config.keepalives_idle(KEEPALIVE);
        if config.get_application_name().is_none() {
            config.application_name("hongyan");
        }
        let endpoint = endpoint(&config);
        Ok(Self {
            config,
            proof,
            endpoint,
        })
    }
}

/// How long sent bytes may stay unconfirmed, and how long a connection may be
/// silent, before the other side is asked whether it is still there.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(20);
const KEEPALIVE: Duration = Duration::from_secs(20);

fn endpoint(config: &Config) -> Endpoint {
    let ports = config.get_ports();
    let named = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let hosts: Vec<String> = if config.get_hosts().is_empty() {
        config
            .get_hostaddrs()
            .iter()
            .map(ToString::to_string)
            .collect()
    } else {
        named.collect()
    };
    let hosts: Vec<String> = (0..)
        .zip(hosts)
        .map(|(i, host): (usize, _)| {
            let port = ports.get(i).or(ports.first()).copied().unwrap_or(5432);
            format!("{host}:{port}")
        })
        .collect();
    let user = config.get_user().unwrap_or_default().to_owned();
    Endpoint {
        hosts: hosts.join(","),
        database: config.get_dbname().unwrap_or(&user).to_owned(),
        user,
    }
}

/// Undoes percent-encoding (RFC 3986, 2.1).
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let (digits, tail) = tail.split_at_checked(2)?;
            let mut byte = [0];
            hex::decode_to_slice(digits, &mut byte).ok()?;
            bytes.push(byte[0]);
            rest = tail;
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, OpenError> {
        Address::parse(&url.into(), Duration::from_secs(5))
    }

    #[test]
    fn an_address_shows_everything_but_the_password() {
        let address = parse("postgres://ann:s%40cret@db1:6000,db2:6001/push?sslmode=disable");
        let address = address.unwrap();
        assert_eq!(address.config.get_password(), Some("s@cret".as_bytes()));
        assert_eq!(address.config.get_ssl_mode(), SslMode::Disable);
        let shown = format!("{} {address:?}", address.endpoint);
        assert!(shown.contains("\"push\" on db1:6000,db2:6001 (as user \"ann\")"));
        assert!(!shown.contains("cret"), "{shown}");
        let plain = parse("postgresql://ann@db/").unwrap();
        assert_eq!(plain.endpoint.database, "ann");
        assert_eq!(plain.endpoint.hosts, "db:5432");
        assert_eq!(plain.config.get_ssl_mode(), SslMode::Prefer);
    }

    #[test]
    fn sslmode_says_what_is_proved() {
        let proof = |query: &str| parse(&format!("postgres://a@h/d?{query}")).map(|a| a.proof);
        let file = Roots::File("/etc/db ca.pem".into());
        let named = "sslrootcert=/etc/db%20ca.pem";
        assert_eq!(proof("sslmode=require").unwrap(), Proof::None);
        assert_eq!(
            proof(&format!("sslmode=require&{named}")).unwrap(),
            Proof::Authority(file.clone())
        );
        assert_eq!(
            proof("sslmode=verify-ca").unwrap(),
            Proof::Authority(Roots::Public)
        );
        assert_eq!(
            proof(&format!("{named}&sslmode=verify-full&connect_timeout=3")).unwrap(),
            Proof::Host(file)
        );
        let error = proof("sslmode=verify").unwrap_err().to_string();
        assert!(error.contains("verify-full"), "{error}");
    }

    #[test]
    fn what_cannot_be_understood_is_not_repeated() {
        for url in [
            "mysql://ann:secret@h/d",
            "postgres://ann:se?secret@h/d",
            "postgres://ann:secret@h:port/d",
            "postgres://ann:secret@h/d?secret=1",
            "postgres:///secret",
            "postgres://ann@h/d?sslrootcert=%secret",
        ] {
            let error = parse(url).expect_err(url);
            assert!(matches!(error, OpenError::BadUrl { .. }), "{error}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }
}
