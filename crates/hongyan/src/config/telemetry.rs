use std::fmt;
use std::net::SocketAddr;

use percent_encoding::percent_decode_str;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

/// `[telemetry]`: metrics for Prometheus, traces for OpenTelemetry.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Telemetry {
    /// Whether `/metrics` answers.
    pub(crate) metrics: bool,
    /// Where it answers instead of among the other routes.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Where traces go: an OTLP receiver that takes HTTP, such as a collector on
    /// port 4318; absent = nothing is traced.
    pub(crate) otlp_endpoint: Option<Endpoint>,
    /// Headers for the receiver, as `name=value,name=value` with the values
    /// percent-encoded (OpenTelemetry, OTEL_EXPORTER_OTLP_HEADERS).
    pub(crate) otlp_headers: Headers,
    /// The name by which traces know this gateway.
    pub(crate) service_name: String,
    /// The share of traces to record that begin here; those a caller records are
    /// always recorded.
    pub(crate) sample_ratio: Ratio,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            metrics: true,
            metrics_listen: None,
            otlp_endpoint: None,
            otlp_headers: Headers::default(),
            service_name: "hongyan".to_owned(),
            sample_ratio: Ratio(1.0),
        }
    }
}

/// The address traces are posted to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Endpoint(pub(crate) Url);

impl TryFrom<String> for Endpoint {
    type Error = &'static str;

    /// Makes `…/v1/traces` of a base address, as the OTLP specification says of
    /// OTEL_EXPORTER_OTLP_ENDPOINT; one that ends so is left as it is.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        const PATH: &str = "/v1/traces";
        let mut url = Url::parse(&text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or("an OTLP endpoint is a URL such as http://127.0.0.1:4318")?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an OTLP endpoint has no user name: put it into otlp_headers");
        }
        if !url.path().ends_with(PATH) {
            let path = format!("{}{PATH}", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        Ok(Self(url))
    }
}

/// Headers that may hold a secret: never printed.
#[derive(Clone, Default, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Headers(pub(crate) HeaderMap);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl TryFrom<String> for Headers {
    /// Without the text: it may be a secret.
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut headers = HeaderMap::new();
        for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
            let (name, value) = pair
                .split_once('=')
                .ok_or("otlp_headers are name=value, with commas between them")?;
            let name: HeaderName = name
                .trim()
                .parse()
                .map_err(|_| "a name in otlp_headers cannot be a header's")?;
            let value: Vec<u8> = percent_decode_str(value.trim()).collect();
            let mut value = HeaderValue::from_bytes(&value)
                .map_err(|_| "a value in otlp_headers cannot stand in a header")?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        Ok(Self(headers))
    }
}

/// A share, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Ratio(pub(crate) f64);

impl TryFrom<f64> for Ratio {
    type Error = &'static str;

    fn try_from(ratio: f64) -> Result<Self, Self::Error> {
        if (0.0..=1.0).contains(&ratio) {
            Ok(Self(ratio))
        } else {
            Err("sample_ratio lies between 0 and 1")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_added_where_it_is_missing() {
        for (given, used) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            (
                "https://x.example/otlp/",
                "https://x.example/otlp/v1/traces",
            ),
            ("http://x.example/v1/traces", "http://x.example/v1/traces"),
        ] {
            let endpoint = Endpoint::try_from(given.to_owned()).unwrap();
            assert_eq!(endpoint.0.as_str(), used);
        }
        for bad in ["", "127.0.0.1:4318", "grpc://x:4317", "http://a:b@x"] {
            assert!(Endpoint::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn headers_are_read_and_never_shown() {
        let headers =
            Headers::try_from("authorization=Bearer%20hush, x-tenant=a,".to_owned()).unwrap();
        assert_eq!(headers.0["authorization"], "Bearer hush");
        assert_eq!(headers.0["x-tenant"], "a");
        assert!(!format!("{headers:?} {:?}", headers.0).contains("hush"));
        for bad in ["hush", "na me=hush", "a=hush%0a"] {
            let refused = Headers::try_from(bad.to_owned()).unwrap_err();
            assert!(!refused.contains("hush"), "{refused}");
        }
    }
}
