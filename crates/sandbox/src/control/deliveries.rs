//! What happened: deliveries, requests, counters.

use axum::Json;
use axum::extract::{RawQuery, State};

use super::Parameters;
use super::accounts::Items;
use super::problem::Problem;
use crate::{DeliveryPage, DeliveryQuery, RequestView, Sandbox, Stats};

/// Calls shown where no limit is given; the log itself is bounded.
const REQUESTS_DEFAULT: usize = 100;

pub(super) async fn list(
    State(sandbox): State<Sandbox>,
    RawQuery(query): RawQuery,
) -> Result<Json<DeliveryPage>, Problem> {
    let parameters = Parameters::read(query.as_deref(), &["appid", "since", "limit"])?;
    let since = parameters
        .get("since")
        .map(str::parse)
        .transpose()
        .map_err(Problem::invalid)?;
    let query = DeliveryQuery {
        appid: parameters.get("appid").map(str::to_owned),
        since,
        limit: parameters.parse("limit")?,
    };
    Ok(Json(sandbox.deliveries(&query)?))
}

pub(super) async fn requests(
    State(sandbox): State<Sandbox>,
    RawQuery(query): RawQuery,
) -> Result<Json<Items<RequestView>>, Problem> {
    let parameters = Parameters::read(query.as_deref(), &["path", "direction", "limit"])?;
    let limit = parameters.parse("limit")?.unwrap_or(REQUESTS_DEFAULT);
    let direction = parameters
        .get("direction")
        .map(str::parse)
        .transpose()
        .map_err(Problem::invalid)?;
    let path = parameters.get("path");
    Ok(Json(Items {
        items: match direction {
            Some(direction) => sandbox.requests_in(direction, path, limit),
            None => sandbox.requests(path, limit),
        },
    }))
}

pub(super) async fn stats(State(sandbox): State<Sandbox>) -> Json<Stats> {
    Json(sandbox.stats())
}
