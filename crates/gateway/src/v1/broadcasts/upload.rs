use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request};
use axum::response::Response;
use hongyan_api::Broadcast;
use hongyan_domain::template::Violation;
use hongyan_engine::{Steered, Upload, UploadRefusal};
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;

use super::steer::answer;
use crate::extract::{Caller, CanSend, Query, invalid};
use crate::people_file::{BadLine, Found, PeopleFile};
use crate::problem::{Code, Problem};

/// The longest file, in bytes.
const LONGEST: u64 = 4 * 1024 * 1024 * 1024;

/// Bad lines told.
const TOLD: usize = 100;

/// Sends people to a broadcast whose audience is uploaded: a file of any length, read
/// as it arrives.
///
/// `text/csv`: the first line names the columns; one is `openid`, `unionid` or
/// `user_id`, the others are the fields that templates may use. `application/x-ndjson`:
/// a person a line, `{"openid": "…", "fields": {…}}`. Several files may follow one
/// another; a person who is named twice is told once. A file is taken wholly or not
/// at all: its bad lines are all named (at most 100), and if some of it is stored by
/// then, or it breaks off, the broadcast fails and never starts.
#[utoipa::path(
    post, path = "/v1/broadcasts/{id}/recipients", tag = "broadcasts", operation_id = "add_recipients",
    params(
        ("id" = String, Path, description = "`bc_` and 32 hexadecimal digits."),
        ("complete" = Option<bool>, Query, description = "`true`: the audience is complete with this file."),
    ),
    request_body(content((String = "text/csv"), (String = "application/x-ndjson"))),
    responses((status = 200, description = "They are taken in.", body = Broadcast)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn upload(
    caller: Caller<CanSend>,
    id: Result<Path<String>, PathRejection>,
    mut query: Query,
    request: Request,
) -> Result<Response, Problem> {
    let complete = query.read::<bool>("complete", ("true or false", " true 或 false"));
    query.done()?;
    let id = id.map_or_else(|_| String::new(), |id| id.0);
    let (found, account) = caller.broadcast(&id).await?;
    let file = file_of(&request)?;
    let engine = caller.engine();
    let upload = engine.begin_upload(found.id).await.map_err(refused)?;
    let taken = Reading {
        upload,
        file,
        body: request.into_body(),
        patience: caller.settings().body_time,
    }
    .run()
    .await?;
    let steered = if complete == Some(true) {
        match engine.complete_broadcast(taken.id).await? {
            Steered::Unfit(found, _) => Steered::Done(found),
            other => other,
        }
    } else {
        Steered::Done(taken)
    };
    answer(&caller, steered, account.name().as_str(), "completed").await
}

fn file_of(request: &Request) -> Result<PeopleFile, Problem> {
    let media_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok()?.split(';').next())
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    PeopleFile::of(&media_type).ok_or_else(|| {
        Problem::new(
            Code::UnsupportedMediaType,
            "send the file with Content-Type: text/csv or application/x-ndjson",
        )
    })
}

fn refused(refusal: UploadRefusal) -> Problem {
    let sentence = refusal.to_string();
    match refusal {
        UploadRefusal::Missing => Problem::new(Code::UnknownBroadcast, sentence),
        UploadRefusal::NotOpen(_) => Problem::new(Code::BroadcastState, sentence),
        UploadRefusal::UnderWay => Problem::new(
            Code::BroadcastState,
            format!("{sentence}; wait for its end, or cancel the broadcast and make it anew"),
        ),
        UploadRefusal::TooMany => {
            Problem::invalid(vec![invalid("", "count", sentence, "一次群发的人数过多")])
        }
        UploadRefusal::Store(error) => error.into(),
    }
}

/// A file on its way in.
struct Reading {
    upload: Upload,
    file: PeopleFile,
    body: Body,
    patience: Duration,
}

impl Reading {
    async fn run(self) -> Result<hongyan_domain::broadcast::Broadcast, Problem> {
        let Self {
            mut upload,
            mut file,
            mut body,
            patience,
        } = self;
        let (mut bad, mut found, mut total) = (Vec::new(), Found::new(), 0_u64);
        let broken = loop {
            let frame = match tokio::time::timeout(patience, body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => break None,
                Ok(Some(Err(error))) => {
                    break Some(Problem::new(
                        Code::UploadBrokeOff,
                        format!("the file broke off after {total} bytes: {error}"),
                    ));
                }
                Err(_) => {
                    let seconds = patience.as_secs();
                    break Some(Problem::new(
                        Code::BodyTimeout,
                        format!("nothing more of the file came for {seconds} seconds"),
                    ));
                }
            };
            let Ok(piece) = frame.into_data() else {
                continue;
            };
            total += piece.len() as u64;
            if total > LONGEST {
                break Some(Problem::new(
                    Code::BodyTooLarge,
                    format!("a file may have at most {LONGEST} bytes; send several"),
                ));
            }
            // What is too bad to be told any further is read all the same: closing
            // earlier would lose the answer with the connection.
            if bad.len() < TOLD {
                file.feed(&piece, &mut found);
                if let Err(problem) = take(&mut upload, &mut found, &mut bad).await {
                    break Some(problem);
                }
            }
        };
        if let Some(problem) = broken {
            let why = "an upload of its audience broke off; nothing was sent, make it anew";
            return Err(give_up(upload, why, problem).await?);
        }
        if bad.len() < TOLD {
            file.end(&mut found);
            if let Err(problem) = take(&mut upload, &mut found, &mut bad).await {
                let why = "people could not be stored; nothing was sent, make it anew";
                return Err(give_up(upload, why, problem).await?);
            }
        }
        if bad.is_empty() {
            return upload.finish().await.map_err(refused);
        }
        bad.truncate(TOLD);
        let violations = bad.into_iter().map(Violation::from).collect();
        let why = "a file of its audience has bad lines; nothing was sent, make it anew";
        Err(give_up(upload, why, Problem::invalid(violations)).await?)
    }
}

/// Takes in the people found, as long as there was nothing bad among them.
async fn take(
    upload: &mut Upload,
    found: &mut Found,
    bad: &mut Vec<BadLine>,
) -> Result<(), Problem> {
    for one in found.drain(..) {
        match one {
            Ok(person) if bad.is_empty() => upload.push(person).await.map_err(refused)?,
            Ok(_) => {}
            Err(line) => bad.push(line),
        }
    }
    Ok(())
}

/// The problem, with what it means for the broadcast.
async fn give_up(upload: Upload, why: &str, problem: Problem) -> Result<Problem, Problem> {
    Ok(if upload.give_up(why).await? {
        problem.preceded_by("some of the file was stored already, so the broadcast failed; nothing was sent, make it anew")
    } else {
        problem.preceded_by("nothing of the file was kept; send it again")
    })
}
