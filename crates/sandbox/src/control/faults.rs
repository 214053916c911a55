//! Faults and time.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::accounts::Items;
use super::problem::Problem;
use super::read;
use crate::{ClockView, FaultView, Sandbox};

pub(super) async fn list(State(sandbox): State<Sandbox>) -> Json<Items<FaultView>> {
    Json(Items {
        items: sandbox.faults(),
    })
}

pub(super) async fn create(
    State(sandbox): State<Sandbox>,
    body: Bytes,
) -> Result<(StatusCode, Json<FaultView>), Problem> {
    Ok((StatusCode::CREATED, Json(sandbox.add_fault(read(&body)?)?)))
}

#[derive(Serialize)]
pub(super) struct Removed {
    removed: usize,
}

pub(super) async fn clear(State(sandbox): State<Sandbox>) -> Json<Removed> {
    Json(Removed {
        removed: sandbox.clear_faults(),
    })
}

pub(super) async fn remove(
    State(sandbox): State<Sandbox>,
    Path(fault_id): Path<String>,
) -> Result<Json<Removed>, Problem> {
    sandbox.remove_fault(&fault_id)?;
    Ok(Json(Removed { removed: 1 }))
}

pub(super) async fn clock(State(sandbox): State<Sandbox>) -> Json<ClockView> {
    Json(sandbox.clock())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdvanceBody {
    advance_ms: u64,
}

pub(super) async fn advance(
    State(sandbox): State<Sandbox>,
    body: Bytes,
) -> Result<Json<ClockView>, Problem> {
    let AdvanceBody { advance_ms } = read(&body)?;
    Ok(Json(sandbox.advance(Duration::from_millis(advance_ms))?))
}
