use axum::response::Response;
use hongyan_api::{Media, MediaForm, MediaQuery};
use hongyan_domain::media::MediaKind;
use hongyan_engine::NewMedia;
use http::StatusCode;

use crate::convert::manage::media;
use crate::extract::{AtAccount, CanSend, Query, Upload, invalid};
use crate::problem::Problem;
use crate::v1::{body_of, respond};

/// Keeps a file, to be named by its id wherever a customer-service message wants a
/// `media_id`.
///
/// The body is a form with the parts `file` and, if wanted, `type`; or the file itself,
/// with `?type=` and `?file_name=`. WeChat keeps files for three days; the gateway hands
/// them over when a message needs them, and anew when that time is over. The same file
/// again is the same id.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/media", tag = "media", operation_id = "upload_media",
    params(("account" = String, Path, description = "The account's name."), MediaQuery),
    request_body(content(
        (MediaForm = "multipart/form-data"),
        (Vec<u8> = "application/octet-stream"),
    )),
    responses((status = 201, description = "The file.", body = Media)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn upload(
    at: AtAccount<CanSend>,
    mut query: Query,
    file: Upload,
) -> Result<Response, Problem> {
    const TYPES: (&str, &str) = (
        "image, voice, video or thumb",
        " image、voice、video 或 thumb",
    );
    let kind = query.read_with("type", TYPES, kind_of);
    let file_name = query.text("file_name");
    query.done()?;
    let kind = match file.type_.as_deref() {
        Some(text) => Some(kind_of(text).ok_or_else(|| {
            let (wanted, wanted_zh) = TYPES;
            Problem::invalid(vec![invalid(
                "/type",
                "form",
                format!("type must be {wanted}"),
                format!("type 应为{wanted_zh}"),
            )])
        })?),
        None => kind,
    };
    let new = NewMedia {
        kind,
        file_name: file_name.or(file.file_name),
        bytes: file.bytes,
    };
    let kept = at.caller.engine().add_media(&at.account, new).await?;
    Ok(respond(StatusCode::CREATED, body_of(&media(kept))?))
}

fn kind_of(text: &str) -> Option<MediaKind> {
    MediaKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == text)
}
