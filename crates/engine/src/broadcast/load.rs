//! Taking in audiences that we know ourselves, a step at a time.

use std::time::Duration;

use hongyan_domain::broadcast::{Audience, Broadcast, CHUNK, Recipient, RecipientId};
use hongyan_domain::clock::after;
use hongyan_domain::contact::Follow;
use hongyan_domain::port::{ContactFilter, Intake, Page, StoreError};
use hongyan_wechat::OpenId;
use hongyan_wechat::api::user::{GetTagged, OpenIdPage};

use super::desk::Step;
use crate::Engine;
use crate::templates::WechatFailure;

/// A list in a request is taken in within this time, or never.
const LIST_WITHIN: Duration = Duration::from_secs(5 * 60);

impl Engine {
    /// One step of taking an audience in.
    pub(super) async fn load_step(&self, broadcast: &mut Broadcast) -> Result<Step, StoreError> {
        match broadcast.spec.audience {
            Audience::Upload => Ok(Step::Idle),
            Audience::List => {
                if after(broadcast.created_at, LIST_WITHIN) < self.clock.now() {
                    let why = "the gateway stopped while its list was taken in; nothing was sent, make it anew";
                    self.fail_broadcast(broadcast.id, why).await?;
                    return Ok(Step::Changed);
                }
                Ok(Step::Idle)
            }
            Audience::Followers => self.load_followers(broadcast).await,
            Audience::Tag { id } => self.load_tagged(broadcast, id).await,
        }
    }

    async fn load_followers(&self, broadcast: &mut Broadcast) -> Result<Step, StoreError> {
        let filter = ContactFilter {
            follow: Some(Follow::Following),
            ..ContactFilter::default()
        };
        let page = Page {
            limit: CHUNK,
            after: cursor(broadcast)?,
        };
        let found = self
            .store
            .contacts(broadcast.account, &filter, &page)
            .await?;
        let openids: Vec<_> = found.into_iter().map(|contact| contact.openid).collect();
        let Some(last) = openids.last().map(ToString::to_string) else {
            self.audience_is_complete(broadcast.id, false).await?;
            return Ok(Step::Changed);
        };
        self.take_people_in(broadcast, openids, last).await
    }

    async fn load_tagged(&self, broadcast: &mut Broadcast, tag: i64) -> Result<Step, StoreError> {
        let after = cursor(broadcast)?;
        let page = match self.people_tagged(broadcast, tag, after.as_ref()).await {
            Ok(page) => page,
            Err(WechatFailure::Refused(refusal)) => {
                let why = format!(
                    "WeChat does not tell who has the tag {tag}: errcode {} {}",
                    refusal.errcode, refusal.errmsg
                );
                self.fail_broadcast(broadcast.id, &why).await?;
                return Ok(Step::Changed);
            }
            Err(failure) => {
                // Nobody was told anything: there is time.
                tracing::warn!(broadcast_id = %broadcast.id, %failure, "the people of a tag cannot be had now");
                return Ok(Step::Idle);
            }
        };
        let next = page.next_openid.filter(|_| !page.openids.is_empty());
        let is_last = next.is_none();
        if !page.openids.is_empty() {
            let last = next.or_else(|| page.openids.last().cloned());
            let last = last.map(|openid| openid.to_string()).unwrap_or_default();
            let step = self.take_people_in(broadcast, page.openids, last).await?;
            if step == Step::Changed || !is_last {
                return Ok(step);
            }
        }
        self.audience_is_complete(broadcast.id, false).await?;
        Ok(Step::Changed)
    }

    async fn people_tagged(
        &self,
        broadcast: &Broadcast,
        tag_id: i64,
        next_openid: Option<&OpenId>,
    ) -> Result<OpenIdPage, WechatFailure> {
        let account = self
            .registry
            .by_id(broadcast.account)
            .ok_or(WechatFailure::Missing)?;
        let call = GetTagged {
            tag_id,
            next_openid,
        };
        self.ask_wechat(&account, &call).await
    }

    /// Takes in people of the account up to the cursor `last`.
    async fn take_people_in(
        &self,
        broadcast: &mut Broadcast,
        openids: Vec<OpenId>,
        last: String,
    ) -> Result<Step, StoreError> {
        let people: Vec<_> = openids
            .into_iter()
            .map(|openid| Recipient {
                to: RecipientId::Openid(openid),
                fields: serde_json::Map::new(),
            })
            .collect();
        let intake = Intake {
            first: broadcast.chunks,
            chunks: people.chunks(CHUNK).map(<[_]>::to_vec).collect(),
            load_cursor: Some(last),
        };
        match self.store.add_recipients(broadcast.id, &intake).await? {
            Some(taken) => {
                *broadcast = taken;
                Ok(Step::Busy)
            }
            None => Ok(Step::Changed),
        }
    }
}

/// The person up to whom an audience is taken in.
fn cursor(broadcast: &Broadcast) -> Result<Option<OpenId>, StoreError> {
    let cursor = broadcast.load_cursor.as_deref().map(str::parse);
    cursor.transpose().map_err(|_| StoreError::Corrupt {
        reason: "a broadcast's load cursor is no openid".to_owned(),
    })
}
