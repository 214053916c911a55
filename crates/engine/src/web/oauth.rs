//! Who is this browser's owner? WeChat's page tells (网页授权).

use std::time::Duration;

use hongyan_domain::account::{Account, AccountKind};
use hongyan_domain::clock::after;
use hongyan_domain::contact::Sighting;
use hongyan_domain::port::{StoreError, TicketHolder};
use hongyan_wechat::CallError;
use hongyan_wechat::api::sns::{OAuth2AccessToken, UserInfo};
use hongyan_wechat::web::{Authorize, Scope, State};
use serde::{Deserialize, Serialize};

use super::{Leave, WebFailure, arrival, hex, redirect};
use crate::Engine;
use crate::calls::refusal;
use crate::chance::secret_bytes;
use crate::people::digest;

/// How long a ticket can be exchanged.
const TICKET: Duration = Duration::from_secs(5 * 60);

#[derive(Serialize, Deserialize)]
struct Purpose {
    userinfo: bool,
    next: String,
}

impl Engine {
    /// Sends a person to WeChat's page that tells who they are.
    ///
    /// # Errors
    /// Why not.
    pub async fn begin_oauth(
        &self,
        account: &str,
        scope: &str,
        next: &str,
    ) -> Result<Leave, WebFailure> {
        let account = self.web_account(account)?;
        if account.settings.kind != AccountKind::OfficialAccount {
            return Err(WebFailure::WrongKind);
        }
        let scope = match scope {
            "snsapi_base" => Scope::Base,
            "snsapi_userinfo" => Scope::UserInfo,
            _ => {
                return Err(WebFailure::BadParameter {
                    name: "scope",
                    what: "snsapi_base or snsapi_userinfo".to_owned(),
                });
            }
        };
        let own = self.public_url()?;
        let next = redirect::allowed(next, &account.settings.options.redirects, own)?;
        let purpose = Purpose {
            userinfo: scope == Scope::UserInfo,
            next: next.into(),
        };
        let (text, cookie) = self.begin_walk(&account, &purpose).await?;
        let state = State::parse(&text).map_err(|_| WebFailure::Lost)?;
        let back = format!("{own}/h5/{}/oauth/return", account.name());
        let location = Authorize {
            appid: &account.settings.appid,
            redirect_uri: &back,
            scope,
            state: Some(&state),
            force_popup: None,
        }
        .url(self.wechat.bases().get(hongyan_wechat::Base::Open));
        Ok(Leave { location, cookie })
    }

    /// Takes a person back from WeChat's page: where to go on to, with a one-use
    /// ticket in the query.
    ///
    /// # Errors
    /// Why not.
    pub async fn end_oauth(
        &self,
        account: &str,
        code: Option<&str>,
        state: Option<&str>,
        cookie: Option<&str>,
    ) -> Result<String, WebFailure> {
        let account = self.web_account(account)?;
        let state = state.ok_or_else(|| missing("state"))?;
        let key = arrival(state, cookie);
        let _alone = self.alone(&key).await;
        if let Some(location) = self.arrivals.find(&key, self.clock.now()) {
            return Ok(location);
        }
        let purpose: Purpose = self.end_walk(&account, state, cookie).await?;
        // Without a code the person said no (authorize page, snsapi_userinfo).
        let code = code.filter(|code| !code.is_empty());
        let code = code.ok_or(WebFailure::Declined)?;
        let ticket = self.ticket_for(&account, code, purpose.userinfo).await?;
        let mut next = url::Url::parse(&purpose.next).map_err(|_| WebFailure::Lost)?;
        next.query_pairs_mut().append_pair("ticket", &ticket);
        let location = String::from(next);
        self.arrivals.note(key, location.clone(), self.clock.now());
        Ok(location)
    }

    /// Exchanges a code for the person, and gives out a ticket that stands for
    /// them.
    async fn ticket_for(
        &self,
        account: &Account,
        code: &str,
        userinfo: bool,
    ) -> Result<String, WebFailure> {
        let call = OAuth2AccessToken {
            appid: &account.settings.appid,
            secret: &account.settings.secret,
            code,
        };
        let token = self.wechat.call(None, &call).await.map_err(failed)?;
        if token.is_snapshotuser {
            return Err(WebFailure::Snapshot);
        }
        let mut unionid = token.unionid;
        if userinfo && unionid.is_none() {
            let call = UserInfo {
                access_token: &token.access_token,
                openid: &token.openid,
                lang: None,
            };
            unionid = self.wechat.call(None, &call).await.map_err(failed)?.unionid;
        }
        let now = self.clock.now();
        let sighting = Sighting {
            unionid,
            ..Sighting::of(token.openid, now)
        };
        let (contact, _) = self.store.saw(account.id, &sighting, None).await?;
        let ticket = hex(&secret_bytes());
        let holder = TicketHolder {
            account: account.id,
            openid: contact.openid,
            unionid: contact.unionid,
            ends_at: after(now, TICKET),
        };
        self.store.issue_ticket(&digest(&ticket), &holder).await?;
        Ok(ticket)
    }

    /// Who a ticket stands for. It works once, at its own account.
    ///
    /// # Errors
    /// Storage's.
    pub async fn redeem_oauth_ticket(
        &self,
        account: &Account,
        ticket: &str,
    ) -> Result<Option<TicketHolder>, StoreError> {
        let holder = self.store.redeem_ticket(&digest(ticket)).await?;
        Ok(holder.filter(|holder| holder.account == account.id))
    }
}

fn missing(name: &'static str) -> WebFailure {
    WebFailure::BadParameter {
        name,
        what: "missing".to_owned(),
    }
}

fn failed(error: CallError) -> WebFailure {
    match refusal(&error) {
        Some(refused) => WebFailure::Refused(refused),
        None => WebFailure::Unreachable {
            reason: error.to_string(),
        },
    }
}
