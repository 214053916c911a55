//! `/cgi-bin/showqrcode`: the picture of a QR code. WeChat sends a JPEG; this is
//! a drawing that every browser shows as well.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use qrcode::QrCode;
use qrcode::render::svg;

use crate::Sandbox;
use crate::api::query_pairs;

pub(super) const PATH: &str = "/cgi-bin/showqrcode";
/// Width and height of the picture, pixels.
const SIZE: u32 = 430;

/// A ticket that is unknown or has expired is 404, as on WeChat.
pub(super) async fn show(State(sandbox): State<Sandbox>, RawQuery(query): RawQuery) -> Response {
    let pairs = query_pairs(query.as_deref().unwrap_or_default());
    let ticket = pairs.iter().find(|(name, _)| name == "ticket");
    let url = ticket.and_then(|(_, ticket)| sandbox.qr_url(ticket));
    let Some(code) = url.and_then(|url| QrCode::new(url.as_bytes()).ok()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let picture = code
        .render::<svg::Color<'_>>()
        .min_dimensions(SIZE, SIZE)
        .build();
    ([(CONTENT_TYPE, "image/svg+xml")], picture).into_response()
}
