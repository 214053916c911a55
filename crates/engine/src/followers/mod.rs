//! The people who follow an official account: listed at WeChat step by step.
//!
//! A sync is a state in storage and steps that move it by compare and swap, so that it
//! survives a restart, two nodes do no harm, and memory holds one page. It lists the
//! openids (获取用户列表), notes who is gone, and asks for details of those who have
//! none (批量获取用户基本信息).

mod drive;

pub(crate) use drive::SyncDesk;

use hongyan_domain::account::Account;
use hongyan_domain::clock::{beijing_day, from_millisecond};
use hongyan_domain::contact::{
    ContactDetails, Described, Follow, FollowerSync, Sighting, SyncPhase, SyncStep,
};
use hongyan_domain::port::StoreError;
use hongyan_wechat::api::user::{BatchGet, GetFollowers, Info, UserDetail};
use hongyan_wechat::{Call, OpenId};
use jiff::Timestamp;

use crate::Engine;
use crate::ask::{ManageError, official};
use crate::templates::WechatFailure;

/// Where WeChat lists fewer than so many of those it counts, somebody is missing from
/// the list and nobody is taken for gone: 99 of 100, and 100 who may have left since.
fn is_whole(sync: &FollowerSync) -> bool {
    sync.listed + sync.total / 100 + 100 >= sync.total
}

/// What a step brought.
enum Stepped {
    /// There is more to do.
    On,
    /// It is over.
    Over,
    /// Another node took the step.
    Overtaken,
    /// Half of the day's allowance for details is used up; the rest is for others.
    Spared,
}

impl Engine {
    /// Begins a sync of an account's followers, or goes on with one that rests.
    ///
    /// # Errors
    /// `WrongKind`; storage's.
    pub async fn sync_followers(&self, account: &Account) -> Result<FollowerSync, ManageError> {
        official(account)?;
        let mut current = self.store.follower_sync(account.id).await?;
        if current.as_ref().is_none_or(is_over) {
            let fresh = FollowerSync {
                run: current.map_or(0, |former| former.run) + 1,
                phase: SyncPhase::Listing,
                cursor: None,
                total: 0,
                listed: 0,
                gone: 0,
                detailed: 0,
                started_at: self.clock.now(),
                finished_at: None,
                problem: None,
            };
            self.store
                .step_follower_sync(account.id, None, &SyncStep::Begin, &fresh)
                .await?;
            // Whoever was quicker began the same.
            current = self.store.follower_sync(account.id).await?;
            tracing::info!(account = %account.name(), "a sync of followers began");
        }
        self.follower_syncs.begin(account.id);
        current.ok_or(WechatFailure::Missing.into())
    }

    /// How far the newest sync of an account's followers has come.
    ///
    /// # Errors
    /// Storage's.
    pub async fn follower_sync(
        &self,
        account: &Account,
    ) -> Result<Option<FollowerSync>, StoreError> {
        self.store.follower_sync(account.id).await
    }

    /// Takes one step of a sync that is not over.
    async fn step_sync(
        &self,
        account: &Account,
        sync: &FollowerSync,
    ) -> Result<Stepped, WechatFailure> {
        match sync.phase {
            SyncPhase::Listing => self.list_page(account, sync).await,
            SyncPhase::Describing => self.describe_some(account, sync).await,
            SyncPhase::Over => Ok(Stepped::Over),
        }
    }

    async fn list_page(
        &self,
        account: &Account,
        sync: &FollowerSync,
    ) -> Result<Stepped, WechatFailure> {
        let call = GetFollowers {
            next_openid: sync.cursor.as_ref(),
        };
        let page = self.ask_wechat(account, &call).await?;
        let mut next = FollowerSync {
            total: page.total.unwrap_or(sync.total),
            problem: None,
            ..sync.clone()
        };
        // A page that leads back to itself would be read for ever.
        let goes_on = page.next_openid.is_some() && page.next_openid != sync.cursor;
        let is_last = page.openids.is_empty() || !goes_on;
        if !page.openids.is_empty() {
            next.listed += page.openids.len() as u64;
            next.cursor = page.next_openid.or_else(|| page.openids.last().cloned());
            let step = SyncStep::Listed(page.openids);
            if !self.swap(account, sync, &step, &next).await? {
                return Ok(Stepped::Overtaken);
            }
            if !is_last {
                return Ok(Stepped::On);
            }
        }
        let listed = if next.listed == sync.listed {
            sync
        } else {
            &next
        };
        let mut ended = FollowerSync {
            phase: SyncPhase::Describing,
            cursor: None,
            total: next.total,
            ..listed.clone()
        };
        if !is_whole(&ended) {
            ended.phase = SyncPhase::Over;
            ended.finished_at = Some(self.clock.now());
            ended.problem = Some(format!(
                "WeChat listed {} of the {} followers it counts, so nobody was taken for gone; sync again",
                ended.listed, ended.total
            ));
            return self
                .moved(account, listed, &SyncStep::Noted, &ended, Stepped::Over)
                .await;
        }
        self.moved(account, listed, &SyncStep::ListEnded, &ended, Stepped::On)
            .await
    }

    async fn describe_some(
        &self,
        account: &Account,
        sync: &FollowerSync,
    ) -> Result<Stepped, WechatFailure> {
        let openids = self
            .store
            .undescribed(account.id, sync.cursor.as_ref(), BatchGet::MAX)
            .await?;
        let Some(last) = openids.last().cloned() else {
            let over = FollowerSync {
                phase: SyncPhase::Over,
                cursor: None,
                finished_at: Some(self.clock.now()),
                problem: None,
                ..sync.clone()
            };
            return self
                .moved(account, sync, &SyncStep::Noted, &over, Stepped::Over)
                .await;
        };
        if !self.may_describe(account).await? {
            return Ok(Stepped::Spared);
        }
        let call = BatchGet {
            openids: &openids,
            lang: None,
        };
        let told = self.ask_wechat(account, &call).await?.user_info_list;
        let next = FollowerSync {
            cursor: Some(last),
            detailed: sync.detailed + told.len() as u64,
            problem: None,
            ..sync.clone()
        };
        let step = SyncStep::Described(told.into_iter().map(described).collect());
        self.moved(account, sync, &step, &next, Stepped::On).await
    }

    /// Whether at least half of the day's calls for details are left, as far as is
    /// known: others ask for people too.
    async fn may_describe(&self, account: &Account) -> Result<bool, StoreError> {
        let day = beijing_day(self.clock.now());
        let quotas = self.store.quotas(account.id, day).await?;
        Ok(quotas
            .iter()
            .filter(|quota| quota.path == BatchGet::PATH)
            .all(|quota| match (quota.left(), &quota.reported) {
                (Some(left), Some((reported, _))) => left >= reported.daily_limit / 2,
                _ => true,
            }))
    }

    async fn moved(
        &self,
        account: &Account,
        from: &FollowerSync,
        step: &SyncStep,
        to: &FollowerSync,
        then: Stepped,
    ) -> Result<Stepped, WechatFailure> {
        let moved = self.swap(account, from, step, to).await?;
        Ok(if moved { then } else { Stepped::Overtaken })
    }

    async fn swap(
        &self,
        account: &Account,
        from: &FollowerSync,
        step: &SyncStep,
        to: &FollowerSync,
    ) -> Result<bool, StoreError> {
        self.store
            .step_follower_sync(account.id, Some(from), step, to)
            .await
    }

    /// Asks WeChat about one person (获取用户基本信息) and keeps what it tells, at
    /// `at`. Whether they follow is left to events: by the time it is written down the
    /// answer may be old.
    pub(crate) async fn learn_about(
        &self,
        account: &Account,
        openid: &OpenId,
        at: Timestamp,
    ) -> Result<(), WechatFailure> {
        let told = self
            .ask_wechat(account, &Info { openid, lang: None })
            .await?;
        let sighting = Sighting {
            unionid: told.unionid.clone(),
            ..Sighting::of(openid.clone(), at)
        };
        let (contact, _) = self.store.saw(account.id, &sighting, None).await?;
        if told.subscribe && contact.follow != Follow::Unfollowed {
            let known = Described {
                followed_at: contact.followed_at.or(began(&told)),
                ..described(told)
            };
            self.store.describe(account.id, &[known]).await?;
        }
        Ok(())
    }

    /// The same now, for a caller who waits.
    pub(crate) async fn ask_about(
        &self,
        account: &Account,
        openid: &OpenId,
    ) -> Result<(), WechatFailure> {
        self.learn_about(account, openid, self.clock.now()).await
    }
}

fn is_over(sync: &FollowerSync) -> bool {
    sync.phase == SyncPhase::Over
}

fn began(told: &UserDetail) -> Option<Timestamp> {
    told.subscribe_time
        .filter(|_| told.subscribe)
        .map(|seconds| from_millisecond(seconds.saturating_mul(1000)))
}

fn described(told: UserDetail) -> Described {
    let text = |text: String| (!text.is_empty()).then_some(text);
    Described {
        follow: if told.subscribe {
            Follow::Following
        } else {
            Follow::Unfollowed
        },
        followed_at: began(&told),
        details: told.subscribe.then(|| ContactDetails {
            remark: told.remark,
            tags: told.tagid_list,
            subscribe_scene: text(told.subscribe_scene),
            qr_scene: text(told.qr_scene_str).or_else(|| {
                told.qr_scene
                    .filter(|number| *number != 0)
                    .map(|number| number.to_string())
            }),
            language: None,
        }),
        openid: told.openid,
        unionid: told.unionid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_stops_short_is_not_whole() {
        let sync = |listed, total| FollowerSync {
            run: 1,
            phase: SyncPhase::Listing,
            cursor: None,
            total,
            listed,
            gone: 0,
            detailed: 0,
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: None,
            problem: None,
        };
        assert!(is_whole(&sync(0, 0)) && is_whole(&sync(3, 2)) && is_whole(&sync(0, 100)));
        assert!(is_whole(&sync(98_900, 100_000)) && !is_whole(&sync(98_899, 100_000)));
        assert!(!is_whole(&sync(10_000, 25_000)));
    }

    #[test]
    fn the_scene_is_a_text_or_a_number() {
        let told = |json: &str| described(serde_json::from_str(json).unwrap());
        let scene = |json: &str| told(json).details.unwrap().qr_scene;
        assert_eq!(
            scene(r#"{"subscribe":1,"openid":"o","qr_scene":0,"qr_scene_str":"shop-7"}"#),
            Some("shop-7".to_owned())
        );
        assert_eq!(
            scene(r#"{"subscribe":1,"openid":"o","qr_scene":98765,"qr_scene_str":""}"#),
            Some("98765".to_owned())
        );
        assert_eq!(scene(r#"{"subscribe":1,"openid":"o","qr_scene":0}"#), None);
        let stranger = told(r#"{"subscribe":0,"openid":"o","subscribe_time":1}"#);
        assert_eq!(stranger.follow, Follow::Unfollowed);
        assert!(stranger.details.is_none() && stranger.followed_at.is_none());
    }
}
