//! A file: the whole body, or a part of a form.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use hongyan_domain::template::Violation;
use http::header::CONTENT_TYPE;

use super::body::read_at_most;
use super::{Gateway, invalid};
use crate::problem::{Code, Problem};

/// The largest body: the largest file WeChat takes (10 MiB), and room for a form
/// around it.
const LARGEST: usize = 10 * 1024 * 1024 + 64 * 1024;

/// A file with what its sender says of it.
#[derive(Debug)]
pub(crate) struct Upload {
    /// The form's part `type`.
    pub(crate) type_: Option<String>,
    /// The name in the form.
    pub(crate) file_name: Option<String>,
    /// The file.
    pub(crate) bytes: Bytes,
}

impl FromRequest<Gateway> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, gateway: &Gateway) -> Result<Self, Problem> {
        let content_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let body = read_at_most(request, &gateway.0.settings, LARGEST).await?;
        if !content_type
            .to_ascii_lowercase()
            .starts_with("multipart/form-data")
        {
            return Ok(Self {
                type_: None,
                file_name: None,
                bytes: body,
            });
        }
        form(&content_type, body).await
    }
}

async fn form(content_type: &str, body: Bytes) -> Result<Upload, Problem> {
    let broken = |error: multer::Error| {
        Problem::new(
            Code::InvalidForm,
            format!("the body is not a form that can be read: {error}"),
        )
    };
    let boundary = multer::parse_boundary(content_type).map_err(broken)?;
    let whole = futures_util::stream::once(async { Ok::<_, std::convert::Infallible>(body) });
    let mut parts = multer::Multipart::new(whole, boundary);
    let (mut type_, mut file, mut wrong) = (None, None, Vec::new());
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        match part.name().unwrap_or_default() {
            "file" => {
                let name = part.file_name().map(str::to_owned);
                file = Some((name, part.bytes().await.map_err(broken)?));
            }
            "type" => type_ = Some(part.text().await.map_err(broken)?),
            other => wrong.push(unknown_part(other)),
        }
    }
    if file.is_none() {
        wrong.push(invalid(
            "/file",
            "missing",
            "the form needs a part named file with the file",
            "表单缺少名为 file 的文件部分",
        ));
    }
    match file {
        Some((file_name, bytes)) if wrong.is_empty() => Ok(Upload {
            type_,
            file_name,
            bytes,
        }),
        _ => Err(Problem::invalid(wrong)),
    }
}

fn unknown_part(name: &str) -> Violation {
    let shown: String = name.chars().take(64).collect();
    invalid(
        format!("/{shown}"),
        "unknown_field",
        format!("the form has no part {shown:?}; its parts are file and type"),
        format!("表单没有“{shown}”部分；可用：file、type"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=x";

    fn part(name: &str, more: &str, value: &str) -> String {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
    }

    async fn read(parts: &[String]) -> Result<Upload, Problem> {
        let body = format!("{}--x--\r\n", parts.concat());
        form(TYPE, Bytes::from(body)).await
    }

    #[tokio::test]
    async fn a_form_brings_the_file_its_name_and_its_type() {
        let file = part("file", "; filename=\"a.png\"", "bytes\r\n--y");
        let upload = read(&[part("type", "", "image"), file.clone()])
            .await
            .unwrap();
        assert_eq!(upload.bytes, "bytes\r\n--y");
        assert_eq!(upload.file_name.as_deref(), Some("a.png"));
        assert_eq!(upload.type_.as_deref(), Some("image"));
        let places = |problem: Problem| -> Vec<String> {
            let wrong = problem.into_violations().into_iter();
            wrong.map(|violation| violation.pointer).collect()
        };
        let problem = read(&[part("fiel", "", "x")]).await.unwrap_err();
        assert_eq!(places(problem), ["/fiel", "/file"]);
        let problem = form(TYPE, Bytes::from(file)).await.unwrap_err();
        assert_eq!(problem.code(), Code::InvalidForm);
        let problem = form("multipart/form-data", Bytes::new()).await.unwrap_err();
        assert_eq!(problem.code(), Code::InvalidForm);
    }
}
