//! Where a person's browser may be sent on to.

use url::Url;

use super::WebFailure;

/// The longest address.
const LONGEST: usize = 2048;

/// The address, if the account's list allows it: an entry that is an origin allows
/// all of it, one with a path what begins with that path. Compared after parsing,
/// so that no spelling of an address slips through.
pub(super) fn allowed(next: &str, list: &[String], own: &str) -> Result<Url, WebFailure> {
    let bad = |what: &str| WebFailure::BadParameter {
        name: "next",
        what: what.to_owned(),
    };
    if next.len() > LONGEST || next.chars().any(|c| c.is_control() || c == '\\') {
        return Err(bad("not an address"));
    }
    let url = Url::parse(next).map_err(|_| bad("not an absolute address"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("only http and https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("no user names in addresses"));
    }
    let listed = list.iter().map(String::as_str).chain(std::iter::once(own));
    for entry in listed.filter_map(|entry| Url::parse(entry).ok()) {
        let origin = url.origin();
        if origin.is_tuple() && origin == entry.origin() && is_below(url.path(), entry.path()) {
            return Ok(url);
        }
    }
    Err(WebFailure::RedirectNotAllowed {
        origin: url.origin().ascii_serialization(),
    })
}

/// Whether a path lies at or below another.
fn is_below(path: &str, above: &str) -> bool {
    let above = above.trim_end_matches('/');
    path.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "https://push.example.com";

    fn goes(next: &str) -> bool {
        let list = [
            "https://app.example.com".to_owned(),
            "https://shop.example.com/orders".to_owned(),
            "http://127.0.0.1:8080".to_owned(),
        ];
        allowed(next, &list, OWN).is_ok()
    }

    #[test]
    fn only_what_is_listed_is_gone_to() {
        for good in [
            "https://app.example.com",
            "https://app.example.com/a?b=c#d",
            "https://APP.example.com:443/x",
            "https://shop.example.com/orders",
            "https://shop.example.com/orders/42",
            "http://127.0.0.1:8080/done",
            "https://push.example.com/h5/x",
        ] {
            assert!(goes(good), "{good}");
        }
        for bad in [
            "https://app.example.com.evil.test/",
            "https://app.example.com@evil.test/",
            "https://user@app.example.com/",
            "http://app.example.com/",
            "https://app.example.com:8443/",
            "https://shop.example.com/orders-evil",
            "https://shop.example.com/orders/../account",
            "https://shop.example.com/",
            "//app.example.com/",
            "/local",
            "javascript:alert(1)",
            "data:text/html,x",
            "https:\\\\app.example.com/",
            "https://app.example.com/\r\nSet-Cookie: a=b",
        ] {
            assert!(!goes(bad), "{bad}");
        }
    }
}
