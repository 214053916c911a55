//! The JS-SDK: signatures for pages, from a ticket that is kept as tokens are.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::account::{Account, AccountKind};
use hongyan_domain::clock::after;
use hongyan_domain::port::StoreError;
use hongyan_wechat::api::ticket::{GetTicket, TicketKind};
use hongyan_wechat::jssdk::{page_signature, without_fragment};
use hongyan_wechat::{AppId, ErrClass, JsTicket, TemplateId};
use jiff::Timestamp;
use url::Url;

use super::{WebFailure, hex};
use crate::Engine;
use crate::chance::secret_bytes;
use crate::people::digest;
use crate::templates::WechatFailure;

/// A ticket that ends sooner is renewed.
const RENEWAL: Duration = Duration::from_secs(5 * 60);

/// WeChat's own address of the script (JS-SDK, 引入 JS 文件).
const SCRIPT: &str = "https://res.wx.qq.com/open/js/jweixin-1.6.0.js";

/// Templates one open tag may ask for.
const TEMPLATES: usize = 5;

/// What a page passes to `wx.config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsSignature {
    /// The account's appid.
    pub app_id: AppId,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// Random text.
    pub nonce_str: String,
    /// SHA-1, hexadecimal.
    pub signature: String,
}

/// Why a page gets no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsSignatureFailure {
    /// Only official accounts have the JS-SDK.
    #[error("only official accounts have the JS-SDK")]
    NotAnOfficialAccount,
    /// Not an address.
    #[error("not an http or https address")]
    BadUrl,
    /// Pages of this origin may not have one.
    #[error("{origin} is not among the account's js_origins")]
    OriginNotAllowed {
        /// The origin.
        origin: String,
    },
    /// WeChat gave no ticket.
    #[error(transparent)]
    Wechat(Box<WechatFailure>),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WechatFailure> for JsSignatureFailure {
    fn from(failure: WechatFailure) -> Self {
        Self::Wechat(Box::new(failure))
    }
}

impl JsSignatureFailure {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::NotAnOfficialAccount | Self::BadUrl => 400,
            Self::OriginNotAllowed { .. } => 403,
            Self::Wechat(_) => 502,
            Self::Store(_) => 503,
        }
    }
}

/// What the page with the open tag needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPage {
    /// For `wx.config`.
    pub config: JsSignature,
    /// The templates to ask for.
    pub templates: Vec<TemplateId>,
    /// The JS-SDK.
    pub script_url: String,
}

/// The tickets in memory.
#[derive(Debug, Default)]
pub(crate) struct JsTickets(Mutex<HashMap<AccountId, (JsTicket, Timestamp)>>);

impl JsTickets {
    pub(crate) fn forget(&self, id: AccountId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }

    fn get(&self, id: AccountId, good_until: Timestamp) -> Option<JsTicket> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(&id)
            .filter(|(_, ends_at)| *ends_at > good_until)
            .map(|(ticket, _)| ticket.clone())
    }

    fn put(&self, id: AccountId, ticket: JsTicket, ends_at: Timestamp) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, (ticket, ends_at));
    }
}

impl Engine {
    /// A signature for a page of an allowed origin. Whatever follows `#` is not
    /// part of it.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn js_signature(
        &self,
        account: &Account,
        url: &str,
    ) -> Result<JsSignature, JsSignatureFailure> {
        let origin = origin(url)?;
        let mut allowed = account.settings.options.js_origins.iter();
        if !allowed.any(|entry| self::origin(entry).is_ok_and(|entry| entry == origin)) {
            return Err(JsSignatureFailure::OriginNotAllowed {
                origin: origin.ascii_serialization(),
            });
        }
        self.sign_page(account, url).await
    }

    async fn sign_page(
        &self,
        account: &Account,
        url: &str,
    ) -> Result<JsSignature, JsSignatureFailure> {
        if account.settings.kind != AccountKind::OfficialAccount {
            return Err(JsSignatureFailure::NotAnOfficialAccount);
        }
        let ticket = self.js_ticket(account).await?;
        let timestamp = self.clock.now().as_second();
        let mut nonce_str = hex(&secret_bytes());
        nonce_str.truncate(16);
        let signature = page_signature(&ticket, &nonce_str, timestamp, without_fragment(url));
        Ok(JsSignature {
            app_id: account.settings.appid.clone(),
            timestamp,
            nonce_str,
            signature,
        })
    }

    async fn js_ticket(&self, account: &Account) -> Result<JsTicket, JsSignatureFailure> {
        let good_until = after(self.clock.now(), RENEWAL);
        if let Some(ticket) = self.js_tickets.get(account.id, good_until) {
            return Ok(ticket);
        }
        // One asks, the others of this node wait for what it learns.
        let _alone = self.alone(&digest(account.settings.appid.as_str())).await;
        if let Some(ticket) = self.js_tickets.get(account.id, good_until) {
            return Ok(ticket);
        }
        if let Some((ticket, ends_at)) = self.store.js_ticket(account.id).await?
            && ends_at > good_until
        {
            self.js_tickets.put(account.id, ticket.clone(), ends_at);
            return Ok(ticket);
        }
        let call = GetTicket {
            kind: TicketKind::JsApi,
        };
        let credential = self
            .credential(account)
            .await
            .map_err(WechatFailure::from)?;
        let mut asked = self.call(account.id, &credential.token, &call).await;
        let stale = asked.as_ref().is_err_and(|error| {
            error
                .refusal()
                .is_some_and(|refusal| refusal.errcode.class() == ErrClass::StaleCredential)
        });
        if stale && let Ok(fresh) = self.fresh_credential(account, &credential).await {
            asked = self.call(account.id, &fresh.token, &call).await;
        }
        let issued = asked.map_err(WechatFailure::from)?;
        let ends_at = after(
            self.clock.now(),
            Duration::from_secs(issued.expires_in.into()),
        );
        self.store
            .keep_js_ticket(account.id, &issued.ticket, ends_at)
            .await?;
        self.js_tickets
            .put(account.id, issued.ticket.clone(), ends_at);
        Ok(issued.ticket)
    }

    /// What our own page with the open tag `wx-open-subscribe` needs. `page_url` is
    /// its path and query as the browser asked for them.
    ///
    /// # Errors
    /// Why there is no page.
    pub async fn subscribe_tag_page(
        &self,
        account: &str,
        page_url: &str,
        template_ids: &[&str],
    ) -> Result<TagPage, WebFailure> {
        let account = self.web_account(account)?;
        let bad = |what: &str| WebFailure::BadParameter {
            name: "template_id",
            what: what.to_owned(),
        };
        if !(1..=TEMPLATES).contains(&template_ids.len()) {
            return Err(bad("give one to five, separated by commas"));
        }
        let templates = template_ids
            .iter()
            .map(|id| id.parse().map_err(|_| bad("not the id of a template")))
            .collect::<Result<Vec<TemplateId>, _>>()?;
        let url = format!("{}{page_url}", self.public_url()?);
        let config = self.sign_page(&account, &url).await?;
        let script_url = self.stand_in().map_or_else(
            || SCRIPT.to_owned(),
            |base| format!("{base}/open/js/jweixin-1.6.0.js"),
        );
        Ok(TagPage {
            config,
            templates,
            script_url,
        })
    }
}

fn origin(url: &str) -> Result<url::Origin, JsSignatureFailure> {
    let url = Url::parse(url).map_err(|_| JsSignatureFailure::BadUrl)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(JsSignatureFailure::BadUrl);
    }
    Ok(url.origin())
}
