//! One-time subscriptions: to WeChat's page that asks the person, and back
//! (一次性订阅消息).

use hongyan_domain::account::AccountKind;
use hongyan_domain::contact::Sighting;
use hongyan_domain::grant::{Answer, Consent, GrantKey, Source};
use hongyan_domain::template::Subscription;
use hongyan_wechat::web::{Reserved, Scene, SubscribeMsg};
use hongyan_wechat::{OpenId, TemplateId};
use serde::{Deserialize, Serialize};

use super::{Leave, WebFailure, arrival, redirect};
use crate::Engine;

/// What WeChat's page brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeReturn {
    /// Only where the person agreed.
    pub openid: Option<String>,
    /// As it was asked for.
    pub template_id: String,
    /// `confirm` or `cancel`.
    pub action: String,
    /// As it was asked for.
    pub scene: String,
    /// The walk's text.
    pub reserved: String,
}

/// The end of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeEnd {
    /// Whether the person agreed.
    pub confirmed: bool,
    /// Where to go on to; `action` and `scene` are added to its query.
    pub next: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Purpose {
    template_id: TemplateId,
    scene: u16,
    next: Option<String>,
}

impl Engine {
    /// Sends a person to WeChat's page that asks for one message.
    ///
    /// # Errors
    /// Why not.
    pub async fn begin_subscribe(
        &self,
        account: &str,
        template_id: &str,
        scene: &str,
        next: Option<&str>,
    ) -> Result<Leave, WebFailure> {
        let account = self.web_account(account)?;
        if account.settings.kind != AccountKind::OfficialAccount {
            return Err(WebFailure::WrongKind);
        }
        let bad = |name, what: String| WebFailure::BadParameter { name, what };
        let template_id: TemplateId = template_id
            .parse()
            .map_err(|_| bad("template_id", "not the id of a template".to_owned()))?;
        let scene: Scene = scene
            .parse()
            .map_err(|_| bad("scene", "a whole number from 0 to 10000".to_owned()))?;
        let own = self.public_url()?;
        let next = next
            .map(|next| redirect::allowed(next, &account.settings.options.redirects, own))
            .transpose()?;
        let purpose = Purpose {
            template_id: template_id.clone(),
            scene: scene.get(),
            next: next.map(String::from),
        };
        let (text, cookie) = self.begin_walk(&account, &purpose).await?;
        let reserved = Reserved::parse(&text).map_err(|_| WebFailure::Lost)?;
        let back = format!("{own}/h5/{}/subscribe/return", account.name());
        let location = SubscribeMsg {
            appid: &account.settings.appid,
            scene,
            template_id: &template_id,
            redirect_url: &back,
            reserved: Some(&reserved),
        }
        .url(self.wechat.bases().get(hongyan_wechat::Base::Mp));
        Ok(Leave { location, cookie })
    }

    /// Takes a person back from WeChat's page; a yes is written into the ledger.
    ///
    /// # Errors
    /// Why not.
    pub async fn end_subscribe(
        &self,
        account: &str,
        back: SubscribeReturn,
        cookie: Option<&str>,
    ) -> Result<SubscribeEnd, WebFailure> {
        let account = self.web_account(account)?;
        let key = arrival(&back.reserved, cookie);
        let _alone = self.alone(&key).await;
        if let Some(end) = self.subscribed.find(&key, self.clock.now()) {
            return Ok(end);
        }
        let purpose: Purpose = self.end_walk(&account, &back.reserved, cookie).await?;
        let same = back.template_id == purpose.template_id.as_str()
            && back.scene == purpose.scene.to_string();
        if !same {
            return Err(WebFailure::Lost);
        }
        let confirmed = match back.action.as_str() {
            "confirm" => true,
            "cancel" => false,
            _ => {
                return Err(WebFailure::BadParameter {
                    name: "action",
                    what: "neither confirm nor cancel".to_owned(),
                });
            }
        };
        if confirmed {
            let openid: OpenId = back
                .openid
                .as_deref()
                .and_then(|openid| openid.parse().ok())
                .ok_or_else(|| WebFailure::BadParameter {
                    name: "openid",
                    what: "missing or not an openid".to_owned(),
                })?;
            let now = self.clock.now();
            self.store
                .saw(account.id, &Sighting::of(openid.clone(), now), None)
                .await?;
            let consent = Consent {
                key: GrantKey {
                    account: account.id,
                    openid,
                    template_id: purpose.template_id,
                    scene: Some(purpose.scene),
                },
                answer: Answer::Accept,
                source: Source::Page,
                subscription: Some(Subscription::OneTime),
                at: now,
            };
            self.store.answered(&[consent]).await?;
            self.dispatcher.wake_account(account.id);
        }
        let next = purpose.next.and_then(|next| {
            let mut next = url::Url::parse(&next).ok()?;
            next.query_pairs_mut()
                .append_pair("action", &back.action)
                .append_pair("scene", &back.scene);
            Some(next.into())
        });
        let end = SubscribeEnd { confirmed, next };
        self.subscribed.note(key, end.clone(), self.clock.now());
        Ok(end)
    }
}
