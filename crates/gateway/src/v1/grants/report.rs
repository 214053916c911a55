use axum::response::Response;
use hongyan_api::{ConsentReport, ReportConsents};
use hongyan_domain::grant::Answer;
use hongyan_domain::template::Violation;
use hongyan_wechat::{OpenId, TemplateId};
use http::StatusCode;

use crate::convert::limits::bad_id;
use crate::convert::person::grants;
use crate::convert::shape::child;
use crate::extract::{AtAccount, CanSend, Creation, Query, invalid};
use crate::problem::Problem;
use crate::v1::{body_of, replay, respond};

/// Templates of one report at most; one question of WeChat's has 3 to 5.
const MOST: usize = 20;

/// Takes in what a person answered when the mini program asked for consent.
///
/// Send the result of `wx.requestSubscribeMessage` as it is. WeChat's own event
/// tells the same; whichever comes first counts, the other does not, so neither is
/// harmful.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/grants", tag = "people", operation_id = "report_consents",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters."),
    ),
    request_body = ReportConsents,
    responses((status = 200, description = "What counted.", body = ConsentReport)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn report(
    at: AtAccount<CanSend>,
    query: Query,
    request: Creation,
) -> Result<Response, Problem> {
    query.done()?;
    if let Some(earlier) = request.earlier(&at.caller).await? {
        return Ok(replay(earlier));
    }
    let wanted: ReportConsents = request.json()?;
    let (openid, answers) = read(&wanted).map_err(Problem::invalid)?;
    let engine = at.caller.engine();
    let counted = engine
        .report_consents(&at.account, &openid, answers)
        .await?;
    let answer = ConsentReport {
        counted: wanted.results.into_keys().zip(counted).collect(),
        grants: grants(engine.grants(&at.account, &openid).await?),
    };
    let body = body_of(&answer)?;
    request
        .remember(&at.caller, StatusCode::OK.as_u16(), &body)
        .await?;
    Ok(respond(StatusCode::OK, body))
}

type Answers = Vec<(TemplateId, Answer)>;

fn read(wanted: &ReportConsents) -> Result<(OpenId, Answers), Vec<Violation>> {
    let mut wrong = Vec::new();
    let openid = wanted
        .openid
        .parse()
        .map_err(|error| wrong.push(bad_id("/openid", &error)));
    let count = wanted.results.len();
    if !(1..=MOST).contains(&count) {
        wrong.push(invalid(
            "/results",
            "count",
            format!("give 1 to {MOST} results, not {count}"),
            format!("results 应有 1 到 {MOST} 项，现为 {count} 项"),
        ));
    }
    let mut answers = Vec::with_capacity(count);
    for (template_id, word) in wanted.results.iter().take(MOST) {
        let at = child("/results", template_id);
        let answer = Answer::of(word);
        if answer.is_none() {
            wrong.push(invalid(
                at.clone(),
                "not_listed",
                "must be accept, reject, ban or filter, as WeChat said it",
                "应为微信返回的 accept、reject、ban 或 filter",
            ));
        }
        match template_id.parse() {
            Ok(id) => answers.extend(answer.map(|answer| (id, answer))),
            Err(error) => wrong.push(bad_id(&at, &error)),
        }
    }
    match openid {
        Ok(openid) if wrong.is_empty() => Ok((openid, answers)),
        _ => Err(wrong),
    }
}
