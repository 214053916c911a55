//! The control API under `/sandbox/v1`.

mod accounts;
mod actions;
mod deliveries;
mod faults;
mod live;
mod people;
pub(crate) mod problem;

use axum::Router;
use axum::body::Bytes;
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, patch, post, put};
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use crate::Sandbox;
use crate::api::query_pairs;
use problem::Problem;

/// All routes, relative to `/sandbox/v1`.
pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/accounts", get(accounts::list).post(accounts::create))
        .route(
            "/accounts/{appid}",
            get(accounts::show).patch(accounts::update),
        )
        .route(
            "/accounts/{appid}/templates",
            get(accounts::templates).post(accounts::add_template),
        )
        .route(
            "/accounts/{appid}/templates/{template_id}",
            patch(accounts::update_template).delete(accounts::delete_template),
        )
        .route(
            "/accounts/{appid}/quota",
            get(accounts::quotas).put(accounts::set_quota),
        )
        .route(
            "/accounts/{appid}/receipts",
            get(accounts::receipts).put(accounts::set_receipts),
        )
        .route(
            "/accounts/{appid}/console-menu",
            put(accounts::set_console_menu),
        )
        .route("/accounts/{appid}/qrcodes", get(accounts::codes))
        .route("/media/{media_id}", get(people::medium))
        .route("/people", get(people::list).post(people::create))
        .route("/people/{person}", get(people::show).patch(people::update))
        .route("/people/{person}/menu", get(people::menu))
        .route("/people/{person}/openid", post(people::openid))
        .route("/people/{person}/actions", post(actions::act))
        .route("/people/{person}/inbox", get(people::inbox))
        .route("/bulk/people", post(people::bulk))
        .route("/bulk/people/{appid}/openids", get(people::bulk_openids))
        .route("/events", get(live::events))
        .route("/deliveries", get(deliveries::list))
        .route("/requests", get(deliveries::requests))
        .route("/stats", get(deliveries::stats))
        .route(
            "/faults",
            get(faults::list).post(faults::create).delete(faults::clear),
        )
        .route("/faults/{fault_id}", delete(faults::remove))
        .route("/clock", get(faults::clock).post(faults::advance))
        .method_not_allowed_fallback(async || Problem::method())
        .fallback(async || Problem::route())
        .layer(map_response(as_problem))
}

/// Gives refusals of the framework itself (an over-long body, a path that is
/// no UTF-8) the form of all others.
async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let is_json = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/"));
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    Problem::framework(status).into_response()
}

/// Reads a JSON body; the problem names the place of what is wrong.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| misread(&error))?;
    json.end()
        .map_err(|error| Problem::malformed(format!("after the JSON body: {error}")))?;
    Ok(value)
}

/// Reads what [`read`] has made JSON of.
fn read_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| misread(&error))
}

fn misread(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let path = error.path().to_string();
    let place = if path == "." { "body".to_owned() } else { path };
    match error.inner().classify() {
        serde_json::error::Category::Data => {
            Problem::invalid(format!("{place}: {}", error.inner()))
        }
        serde_json::error::Category::Io
        | serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof => {
            Problem::malformed(format!("the body is not valid JSON: {}", error.inner()))
        }
    }
}

/// Query parameters by name; others than `known` are refused.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let pairs: Vec<_> = query_pairs(query.unwrap_or_default());
        match pairs
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()))
        {
            Some((name, _)) => Err(Problem::invalid(format!(
                "unknown parameter {name}; known are: {}",
                known.join(", ")
            ))),
            None => Ok(Self(pairs)),
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    fn parse<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        self.get(name)
            .map(str::parse)
            .transpose()
            .map_err(|_| Problem::invalid(format!("{name} must be a whole number")))
    }
}
