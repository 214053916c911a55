//! Where WeChat's hosts are: configurable, so that a client can talk to another region or to an emulator.

use std::{fmt, str::FromStr};

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};

/// Which of WeChat's hosts a request belongs to ("接口域名说明").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Base {
    /// The server API, `api.weixin.qq.com`.
    Api,
    /// The admin host, which also serves QR pictures and the consent page, `mp.weixin.qq.com`.
    Mp,
    /// The page where people authorise a login, `open.weixin.qq.com`.
    Open,
}

/// The base addresses of WeChat's three hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bases {
    /// See [`Base::Api`].
    pub api: BaseUrl,
    /// See [`Base::Mp`].
    pub mp: BaseUrl,
    /// See [`Base::Open`].
    pub open: BaseUrl,
}

impl Bases {
    /// One address for all three, as an emulator offers it.
    #[must_use]
    pub fn all_at(base: &BaseUrl) -> Self {
        Self {
            api: base.clone(),
            mp: base.clone(),
            open: base.clone(),
        }
    }

    /// The address of one host.
    #[must_use]
    pub fn get(&self, base: Base) -> &BaseUrl {
        match base {
            Base::Api => &self.api,
            Base::Mp => &self.mp,
            Base::Open => &self.open,
        }
    }
}

impl Default for Bases {
    /// WeChat's own hosts.
    fn default() -> Self {
        let https = |host| BaseUrl {
            scheme: Scheme::HTTPS,
            authority: Authority::from_static(host),
            prefix: Box::default(),
        };
        Self {
            api: https("api.weixin.qq.com"),
            mp: https("mp.weixin.qq.com"),
            open: https("open.weixin.qq.com"),
        }
    }
}

/// An `http://` or `https://` address with an optional path prefix, taken apart once.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    /// Empty, or a path that begins with a slash and does not end with one.
    prefix: Box<str>,
}

/// Why a text is not a usable base address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a base address: {0}")]
pub struct BaseUrlError(&'static str);

impl BaseUrl {
    /// Parses an address such as `https://api.weixin.qq.com` or `http://127.0.0.1:8700`.
    ///
    /// # Errors
    /// When the scheme is neither http nor https, the host is missing, or there is a user name, a query
    /// or a fragment.
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        if text.contains('#') {
            return Err(BaseUrlError("it has a fragment"));
        }
        let uri: Uri = text.parse().map_err(|_| BaseUrlError("it is not a URL"))?;
        let parts = uri.into_parts();
        let scheme = parts
            .scheme
            .filter(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS)
            .ok_or(BaseUrlError("it must begin with http:// or https://"))?;
        let authority = parts
            .authority
            .filter(|authority| !authority.host().is_empty())
            .ok_or(BaseUrlError("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(BaseUrlError("it must not carry a user name"));
        }
        let path = parts
            .path_and_query
            .unwrap_or(PathAndQuery::from_static("/"));
        if path.query().is_some() {
            return Err(BaseUrlError("it has a query"));
        }
        Ok(Self {
            scheme,
            authority,
            prefix: path.path().trim_end_matches('/').into(),
        })
    }

    /// The path every request to this base begins with, without a slash at the end.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The address of a request; `path_and_query` includes the prefix already.
    pub(crate) fn uri(&self, path_and_query: String) -> Result<Uri, http::Error> {
        let path_and_query = PathAndQuery::from_maybe_shared(Bytes::from(path_and_query))?;
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path_and_query);
        Ok(Uri::from_parts(parts)?)
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        Self::parse(text)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.prefix)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_scheme_host_port_and_prefix() {
        for (text, shown) in [
            ("https://api.weixin.qq.com", "https://api.weixin.qq.com"),
            ("http://127.0.0.1:8700/", "http://127.0.0.1:8700"),
            ("http://[::1]:8700/wechat/", "http://[::1]:8700/wechat"),
        ] {
            assert_eq!(BaseUrl::parse(text).unwrap().to_string(), shown);
        }
        assert_eq!(
            Bases::default().get(Base::Mp).to_string(),
            "https://mp.weixin.qq.com"
        );
    }

    #[test]
    fn refuses_what_would_not_work_or_would_leak() {
        for bad in [
            "",
            "api.weixin.qq.com",
            "/cgi-bin",
            "ftp://host",
            "http://",
            "https://user:pass@host",
            "https://host/?a=b",
            "https://host/#x",
        ] {
            assert!(BaseUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
