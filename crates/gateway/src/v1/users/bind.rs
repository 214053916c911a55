use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use hongyan_api::{BindUser, User};
use hongyan_domain::AccountId;
use hongyan_domain::contact::UserId;
use hongyan_domain::port::Binding;
use hongyan_domain::template::Violation;
use hongyan_wechat::{OpenId, UnionId};

use super::{shown, unknown};
use crate::convert::draft::bad_user_id;
use crate::convert::limits::bad_id;
use crate::convert::shape::child;
use crate::extract::{Caller, CanSend, Json, Query, invalid};
use crate::problem::{Code, Problem};
use crate::v1::ok;

/// Openids of one request at most.
const MOST: usize = 100;

/// Binds a user: an id of the caller's own to a unionid and to openids.
///
/// What is given replaces what was bound; what is left out stays. A person's
/// openid belongs to one user at most: `taken` says to whom, and `take_over` takes
/// it from them. From then on messages reach the person by `to.user_id`.
#[utoipa::path(
    put, path = "/v1/users/{id}", tag = "people", operation_id = "bind_user",
    params(("id" = String, Path, description = "The caller's own id of the person: 1 to 128 characters, none of them a control character.")),
    request_body = BindUser,
    responses((status = 200, description = "The user as it is now.", body = User)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn bind(
    caller: Caller<CanSend>,
    path: Result<Path<String>, PathRejection>,
    query: Query,
    Json(wanted): Json<BindUser>,
) -> Result<Response, Problem> {
    query.done()?;
    let mut wrong = Vec::new();
    let id = path
        .map_err(|error| error.to_string())
        .and_then(|Path(id)| id.parse::<UserId>().map_err(|error| error.to_string()))
        .map_err(|message| wrong.push(bad_user_id("/id", &message)));
    let unionid = unionid(&wanted, &mut wrong);
    let openids = openids(&caller, &wanted, &mut wrong)?;
    let Ok(id) = id else {
        return Err(Problem::invalid(wrong));
    };
    if !wrong.is_empty() {
        return Err(Problem::invalid(wrong));
    }
    if caller.is_restricted() && unionid.is_some() {
        return Err(Problem::new(
            Code::AccountNotAllowed,
            "this API key is restricted to accounts; a unionid reaches over all of them",
        ));
    }
    let bound = caller
        .engine()
        .bind_user(&id, unionid.as_ref(), &openids, wanted.take_over)
        .await?;
    match bound {
        Binding::Bound(user) => ok(&shown(&caller, user).ok_or_else(unknown)?),
        Binding::TakenBy { user, account } => Err(taken(&caller, &user, account)),
    }
}

fn unionid(wanted: &BindUser, wrong: &mut Vec<Violation>) -> Option<UnionId> {
    let text = wanted.unionid.as_deref()?;
    text.parse()
        .map_err(|error| wrong.push(bad_id("/unionid", &error)))
        .ok()
}

fn openids(
    caller: &Caller<CanSend>,
    wanted: &BindUser,
    wrong: &mut Vec<Violation>,
) -> Result<Vec<(AccountId, OpenId)>, Problem> {
    if wanted.openids.len() > MOST {
        let count = wanted.openids.len();
        wrong.push(invalid(
            "/openids",
            "count",
            format!("at most {MOST} openids at once, not {count}"),
            format!("一次最多 {MOST} 个 openid，现为 {count} 个"),
        ));
    }
    let mut read = Vec::with_capacity(wanted.openids.len());
    for (name, openid) in wanted.openids.iter().take(MOST) {
        let account = caller.account(name)?;
        match openid.parse() {
            Ok(openid) => read.push((account.id, openid)),
            Err(error) => wrong.push(bad_id(&child("/openids", name), &error)),
        }
    }
    Ok(read)
}

fn taken(caller: &Caller<CanSend>, user: &UserId, account: AccountId) -> Problem {
    let account = caller
        .engine()
        .account_by_id(account)
        .map_or_else(String::new, |account| account.name().to_string());
    let user = user.as_str();
    Problem::new(
        Code::Taken,
        format!(
            "the openid at {account} is bound to the user {user:?}; take_over takes it from them"
        ),
    )
    .with_violations(vec![invalid(
        child("/openids", &account),
        "taken",
        format!("bound to the user {user:?}"),
        format!("已绑定到用户“{user}”，可用 take_over 改绑"),
    )])
}
