//! The API's description, and pages for people.

use std::sync::LazyLock;

use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::extract::Gateway;
use crate::{openapi, problem};

static OPENAPI: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(openapi::openapi_json()));

/// `GET /openapi.json`.
pub(crate) async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], OPENAPI.clone()).into_response()
}

/// `GET /docs/errors`: where the `type` of problems leads.
pub(crate) async fn problems() -> Html<String> {
    Html(problem::page_html())
}

/// `GET /docs/`: the description, to be tried out. Its files are inside the
/// binary; nothing is fetched from elsewhere.
pub(crate) fn swagger() -> axum::Router<Gateway> {
    let config = Config::from("/openapi.json")
        .try_it_out_enabled(true)
        // The badge would ask a validator on the internet.
        .validator_url("none");
    SwaggerUi::new("/docs").config(config).into()
}
