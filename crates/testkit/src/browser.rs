//! A person's browser, as far as walks over several sites need one: cookies and
//! redirects, no scripts.

use reqwest::Url;
use reqwest::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, SET_COOKIE};

use crate::http;

/// Redirects followed at most.
const HOPS: usize = 10;

/// A browser with its cookies.
#[derive(Debug, Clone)]
pub struct Browser {
    http: reqwest::Client,
    cookies: Vec<Cookie>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cookie {
    name: String,
    value: String,
    path: String,
}

/// What an address answered.
#[derive(Debug, Clone)]
pub struct Page {
    /// The address.
    pub url: String,
    /// The HTTP status.
    pub status: u16,
    /// Where it leads on to, as a whole address.
    pub location: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Page {
    /// The first value of a parameter of the address this leads on to.
    #[must_use]
    pub fn carried(&self, name: &str) -> Option<String> {
        let url = Url::parse(self.location.as_deref()?).ok()?;
        let found = url.query_pairs().find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    }
}

impl Default for Browser {
    fn default() -> Self {
        Self {
            http: http(),
            cookies: Vec::new(),
        }
    }
}

impl Browser {
    /// Asks for an address and follows nothing.
    pub async fn get(&mut self, url: &str) -> Page {
        self.ask(url, None).await
    }

    /// Submits a form to an address and follows nothing.
    pub async fn post(&mut self, url: &str, form: &str) -> Page {
        self.ask(url, Some(form)).await
    }

    /// Asks for an address and follows redirects as long as they lead to this
    /// machine; the last answer.
    pub async fn walk(&mut self, url: &str) -> Page {
        let mut page = self.get(url).await;
        for _ in 0..HOPS {
            match &page.location {
                Some(next) if next.starts_with("http://127.0.0.1") => {
                    let next = next.clone();
                    page = self.get(&next).await;
                }
                _ => break,
            }
        }
        page
    }

    async fn ask(&mut self, url: &str, form: Option<&str>) -> Page {
        let parsed = Url::parse(url).expect("an address");
        let mut request = match form {
            None => self.http.get(parsed.clone()),
            Some(form) => self
                .http
                .post(parsed.clone())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.to_owned()),
        };
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .filter(|cookie| parsed.path().starts_with(&cookie.path))
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        let response = request
            .header(ACCEPT_LANGUAGE, "en")
            .send()
            .await
            .expect("an answer");
        let headers = response.headers().clone();
        for set in headers.get_all(SET_COOKIE) {
            self.keep(set.to_str().expect("a cookie"));
        }
        let location = headers.get(LOCATION).and_then(|to| to.to_str().ok());
        Page {
            url: url.to_owned(),
            status: response.status().as_u16(),
            location: location
                .and_then(|to| parsed.join(to).ok())
                .map(String::from),
            headers,
            body: response.text().await.expect("text"),
        }
    }

    fn keep(&mut self, set: &str) {
        let mut parts = set.split(';').map(str::trim);
        let pair = parts.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').expect("a cookie");
        let mut path = "/".to_owned();
        let mut over = false;
        for part in parts {
            match part.split_once('=') {
                Some(("Path", at)) => path = at.to_owned(),
                Some(("Max-Age", life)) => over = life == "0",
                _ => {}
            }
        }
        self.cookies
            .retain(|cookie| cookie.name != name || cookie.path != path);
        if !over {
            self.cookies.push(Cookie {
                name: name.to_owned(),
                value: value.to_owned(),
                path,
            });
        }
    }
}
