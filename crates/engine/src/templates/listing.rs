//! WeChat's lists of an account's templates.

use hongyan_domain::account::{Account, AccountKind};
use hongyan_domain::message::Kind;
use hongyan_domain::template::{Subscription, Template, fields_of};
use hongyan_wechat::api::subscribe::SubscriptionType;
use hongyan_wechat::{CallError, ErrClass, api};
use jiff::Timestamp;

use super::WechatFailure;
use crate::Engine;
use crate::calls::refusal;

/// The title WeChat gives the one-time subscription template that it slips into
/// the list; it cannot be used as a template message.
const ONE_TIME_TITLE: &str = "订阅模板消息";

/// The account has no subscription notices: no permission, or of the wrong type.
const NO_ABILITY: [i64; 2] = [48001, 200_100];

impl Engine {
    /// What WeChat lists; `former` is what was known before.
    pub(super) async fn list_templates(
        &self,
        account: &Account,
        former: &[Template],
    ) -> Result<Vec<Template>, WechatFailure> {
        let credential = self.credential(account).await?;
        match self.list_with(account, &credential.token, former).await {
            Err(error) if error.class() == ErrClass::StaleCredential => {
                let fresh = self.fresh_credential(account, &credential).await?;
                Ok(self.list_with(account, &fresh.token, former).await?)
            }
            other => Ok(other?),
        }
    }

    async fn list_with(
        &self,
        account: &Account,
        token: &hongyan_wechat::AccessToken,
        former: &[Template],
    ) -> Result<Vec<Template>, CallError> {
        let now = self.clock.now();
        match account.settings.kind {
            AccountKind::OfficialAccount => {
                let reply = self
                    .call(account.id, token, &api::template::ListTemplates)
                    .await?;
                let listed = reply.template_list.into_iter();
                let mut all: Vec<_> = listed
                    .filter(|t| t.title != ONE_TIME_TITLE)
                    .map(|t| Template {
                        fields: fields_of(&t.content),
                        id: t.template_id,
                        kind: Kind::Template,
                        title: t.title,
                        content: t.content,
                        example: t.example,
                        subscription: None,
                        synced_at: now,
                    })
                    .collect();
                all.extend(self.list_notifications(account, token, now, former).await?);
                Ok(all)
            }
            AccountKind::MiniProgram => {
                let reply = self
                    .call(account.id, token, &api::subscribe::ListSubscribeTemplates)
                    .await?;
                Ok(reply
                    .data
                    .into_iter()
                    .map(|t| subscribe_template(t, Kind::Subscribe, now))
                    .collect())
            }
        }
    }

    /// The templates of an official account's subscription notices. Few accounts
    /// have that ability; the others are refused, which is no failure. Where the
    /// refusal is of another sort, as when the day's few calls are used up, what was
    /// known stays.
    async fn list_notifications(
        &self,
        account: &Account,
        token: &hongyan_wechat::AccessToken,
        now: Timestamp,
        former: &[Template],
    ) -> Result<Vec<Template>, CallError> {
        let listed = self
            .call(account.id, token, &api::subscribe::ListSubscribeTemplates)
            .await;
        match listed {
            Ok(reply) => Ok(reply
                .data
                .into_iter()
                .map(|t| subscribe_template(t, Kind::Notification, now))
                .collect()),
            Err(error) if error.class() != ErrClass::StaleCredential => match refusal(&error) {
                Some(refusal) if NO_ABILITY.contains(&refusal.errcode.0) => {
                    tracing::debug!(account = %account.name(), %error, "the account has no subscription notices");
                    Ok(Vec::new())
                }
                Some(_) => {
                    tracing::warn!(account = %account.name(), %error, "the templates of subscription notices could not be listed; those known stay");
                    let known = former.iter().filter(|t| t.kind == Kind::Notification);
                    Ok(known.cloned().collect())
                }
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }
}

fn subscribe_template(
    listed: api::subscribe::SubscribeTemplate,
    kind: Kind,
    now: Timestamp,
) -> Template {
    let mut fields = fields_of(&listed.content);
    for values in listed.enum_values {
        // The code carries the suffix of the form, the key of a message does not.
        let key = values.keyword_code.trim_end_matches(".DATA");
        if let Some(field) = fields.iter_mut().find(|field| field.key == key) {
            field.allowed = values.values;
        }
    }
    Template {
        id: listed.template_id,
        kind,
        title: listed.title,
        content: listed.content,
        example: listed.example,
        fields,
        subscription: match listed.subscription {
            SubscriptionType::OneTime => Some(Subscription::OneTime),
            SubscriptionType::LongTerm => Some(Subscription::LongTerm),
            SubscriptionType::Other(_) => None,
        },
        synced_at: now,
    }
}
