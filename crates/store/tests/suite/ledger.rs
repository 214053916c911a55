use hongyan_domain::callback::Effect;
use hongyan_domain::clock::after;
use hongyan_domain::contact::{Follow, Sighting};
use hongyan_domain::delivery::{Claimed, Decision, Settlement};
use hongyan_domain::grant::{
    Answer, Consent, Grant, GrantKey, Hold, Source, Use, WindowCause, WindowUse, Withheld,
};
use hongyan_domain::message::{Message, Priority, State};
use hongyan_domain::port::{
    Ask, Cancellation, LedgerEntry, Need, Requeue, Settled, Store, StoreError,
};
use hongyan_domain::template::Subscription;
use hongyan_domain::{AccountId, MessageId};

use super::{Kit, LEASE, cases, over};

cases! {
    counts_two_witnesses_once,
    keeps_all_it_knows,
    lets_two_of_three_through,
    knows_nothing_at_first,
    takes_back_what_was_not_sent,
    takes_wechats_word,
    holds_for_as_long_as_nobody_settles,
    returns_what_is_canceled_or_expires,
    writes_under_a_held_lease_only,
    holds_nothing_for_what_is_over,
    survives_that_a_person_is_forgotten,
    keeps_scenes_apart,
    withholds_from_who_unfollowed,
    spends_windows,
    opens_windows_anew,
    needs_its_account,
}

impl Kit {
    fn grant_key(&self, account: AccountId, openid: &str) -> GrantKey {
        GrantKey {
            account,
            openid: self.openid(openid),
            template_id: "tpl".parse().unwrap(),
            scene: None,
        }
    }

    /// A one-time yes of a person to the template `tpl`, told by WeChat just now.
    pub(crate) fn consent(&self, account: AccountId, openid: &str) -> Consent {
        Consent {
            key: self.grant_key(account, openid),
            answer: Answer::Accept,
            source: Source::Event,
            subscription: Some(Subscription::OneTime),
            at: self.now(),
        }
    }

    pub(super) fn asks(&self, claimed: &[Claimed]) -> Vec<Ask> {
        claimed
            .iter()
            .map(|one| Ask {
                message: one.message.id,
                openid: one.message.to.clone(),
                need: Some(Need::Grant {
                    template_id: "tpl".parse().unwrap(),
                    scene: None,
                }),
                tallies: Vec::new(),
            })
            .collect()
    }

    pub(super) fn used(
        &self,
        claimed: &Claimed,
        outcome: Option<Use>,
        decision: Decision,
    ) -> Settlement {
        let mut settlement = self.settlement(claimed, vec![self.took()], decision);
        let key = self.grant_key(claimed.message.account, claimed.message.to.as_str());
        settlement.ledger = outcome.map(|outcome| LedgerEntry::Grant { key, outcome });
        settlement
    }

    /// The one grant of a person.
    pub(super) async fn grant(&self, store: &dyn Store, account: AccountId) -> Grant {
        let person = self.openid("oPerson");
        let mut grants = store.grants(account, &person).await.unwrap();
        assert!(grants.len() <= 1, "{grants:?}");
        grants.pop().map_or_else(Grant::default, |(_, grant)| grant)
    }

    async fn figures(&self, store: &dyn Store, account: AccountId) -> (u32, u32, u32) {
        let grant = self.grant(store, account).await;
        (grant.count, grant.held, grant.in_doubt)
    }

    /// Queues and claims messages of an account whose person consented so often.
    async fn claim_with(
        &self,
        store: &dyn Store,
        account: AccountId,
        consents: usize,
        messages: usize,
    ) -> Vec<Claimed> {
        for _ in 0..consents {
            let consent = self.consent(account, "oPerson");
            assert_eq!(store.answered(&[consent]).await.unwrap(), [true]);
        }
        for _ in 0..messages {
            self.queue(store, account).await;
        }
        let claimed = store
            .claim(account, 100, LEASE, Priority::Low)
            .await
            .unwrap()
            .claimed;
        assert_eq!(claimed.len(), messages);
        claimed
    }
}

const DRY: Hold = Hold::Withheld(Withheld::NoConsentLeft);

async fn settle(store: &dyn Store, settlement: Settlement) -> Settled {
    store.settle([settlement].into()).await.unwrap()[0]
}

async fn counts_two_witnesses_once(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "mp").await;
    let event = kit.consent(account, "oPerson");
    kit.told(store, account, &[Effect::Answered(event.clone())])
        .await;
    kit.advance(2);
    let mut report = kit.consent(account, "oPerson");
    report.source = Source::Report;
    let both = [report.clone(), report];
    assert_eq!(store.answered(&both).await.unwrap(), [false, true]);
    kit.told(store, account, &[Effect::Answered(event)]).await;
    assert_eq!(kit.grant(store, account).await.count, 2);
}

async fn keeps_all_it_knows(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "mp").await;
    let mut expected = Grant::default();
    let mut consent = kit.consent(account, "oPerson");
    for (answer, source, subscription) in [
        (Answer::Filter, Source::Event, Subscription::OneTime),
        (Answer::Accept, Source::Event, Subscription::OneTime),
        (Answer::Accept, Source::Event, Subscription::LongTerm),
        (Answer::Ban, Source::Event, Subscription::OneTime),
        (Answer::Reject, Source::Change, Subscription::OneTime),
        (Answer::Accept, Source::Report, Subscription::OneTime),
    ] {
        kit.advance(700);
        consent.answer = answer;
        consent.source = source;
        consent.subscription = Some(subscription);
        consent.at = kit.now();
        let counts = expected.answered(&consent);
        assert_eq!(store.answered(&[consent.clone()]).await.unwrap(), [counts]);
        assert_eq!(kit.grant(store, account).await, expected);
    }
    assert!(store.answered(&[]).await.unwrap().is_empty());
}

async fn lets_two_of_three_through(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "mp").await;
    let claimed = kit.claim_with(store, account, 2, 3).await;
    let asks = kit.asks(&claimed);
    let answers = [Hold::Held, Hold::Held, DRY];
    // To ask again holds nothing more.
    for _ in 0..2 {
        assert_eq!(store.clear(account, &asks).await.unwrap(), answers);
        assert_eq!(kit.figures(store, account).await, (2, 2, 0));
    }
    let settlements: Vec<_> = claimed[..2]
        .iter()
        .map(|one| kit.used(one, Some(Use::Consumed), over(State::Accepted)))
        .collect();
    for _ in 0..2 {
        let settled = store.settle(settlements.clone().into()).await.unwrap();
        assert_eq!(settled, [Settled::Written; 2]);
        assert_eq!(kit.figures(store, account).await, (0, 0, 0));
    }
    assert_eq!(store.clear(account, &asks[2..]).await.unwrap(), [DRY]);
    assert!(store.clear(account, &[]).await.unwrap().is_empty());
}

async fn knows_nothing_at_first(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "mp").await;
    let claimed = kit.claim_with(store, account, 0, 1).await;
    let asks = kit.asks(&claimed);
    assert_eq!(store.clear(account, &asks).await.unwrap(), [Hold::Free]);
    let taken = kit.used(&claimed[0], Some(Use::Consumed), over(State::Accepted));
    settle(store, taken).await;
    let person = kit.openid("oPerson");
    assert!(store.grants(account, &person).await.unwrap().is_empty());
}

async fn takes_back_what_was_not_sent(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "mp").await;
    let mut claimed = kit.claim_with(store, account, 1, 1).await;
    let again = Decision::RetryAt { at: kit.now() };
    let park = Decision::Park { until: kit.now() };
    for (outcome, decision, figures) in [
        (Some(Use::Returned), again.clone(), (1, 0, 0)),
        // Nothing said means the same.
        (None, again, (1, 0, 0)),
        (None, park, (1, 0, 0)),
        (Some(Use::Returned), over(State::Failed), (1, 0, 0)),
    ] {
        let asks = kit.asks(&claimed);
        assert_eq!(store.clear(account, &asks).await.unwrap(), [Hold::Held]);
        assert_eq!(kit.figures(store, account).await, (1, 1, 0));
        let one = claimed.pop().unwrap();
        settle(store, kit.used(&one, outcome, decision)).await;
        assert_eq!(kit.figures(store, account).await, figures);
        claimed = store
            .claim(account, 9, LEASE, Priority::Low)
            .await
            .unwrap()
            .claimed;
    }
    assert!(claimed.is_empty());
    // Given back by hand.
    let claimed = kit.claim_with(store, account, 0, 1).await;
    store.clear(account, &kit.asks(&claimed)).await.unwrap();
    let held = [(claimed[0].message.id, claimed[0].lease.token)];
    store.release(&held).await.unwrap();
    assert_eq!(kit.figures(store, account).await, (1, 0, 0));
}

async fn takes_wechats_word(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "mp").await;
    let claimed = kit.claim_with(store, account, 2, 3).await;
    store
        .clear(account, &kit.asks(&claimed[..2]))
        .await
        .unwrap();
    let unknown = kit.used(&claimed[0], None, over(State::Unknown));
    settle(store, unknown).await;
    assert_eq!(kit.figures(store, account).await, (1, 1, 1));
    let denied = kit.used(&claimed[1], Some(Use::DeniedByWechat), over(State::Failed));
    settle(store, denied).await;
    let grant = kit.grant(store, account).await;
    assert_eq!((grant.count, grant.held, grant.in_doubt), (0, 0, 0));
    assert!(grant.refused);
    let asks = kit.asks(&claimed[2..]);
    let refused = Hold::Withheld(Withheld::Refused);
    assert_eq!(store.clear(account, &asks).await.unwrap(), [refused]);
    let banned = kit.used(&claimed[2], Some(Use::BannedByWechat), over(State::Failed));
    settle(store, banned).await;
    assert!(kit.grant(store, account).await.banned);

    // Also where nothing was known.
    let other = kit.account(store, "other").await;
    let claimed = kit.claim_with(store, other, 0, 1).await;
    let denied = kit.used(&claimed[0], Some(Use::DeniedByWechat), over(State::Failed));
    settle(store, denied).await;
    assert!(kit.grant(store, other).await.refused);
}

/// Whoever held it is gone; who claims it next sends under the same hold.
async fn holds_for_as_long_as_nobody_settles(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "mp").await;
    let first = kit.claim_with(store, account, 1, 1).await;
    store.clear(account, &kit.asks(&first)).await.unwrap();
    kit.clock.advance(LEASE);
    let second = store
        .claim(account, 9, LEASE, Priority::Low)
        .await
        .unwrap()
        .claimed;
    assert_eq!(kit.figures(store, account).await, (1, 1, 0));
    let asks = kit.asks(&second);
    assert_eq!(store.clear(account, &asks).await.unwrap(), [Hold::Held]);
    assert_eq!(kit.figures(store, account).await, (1, 1, 0));
    let late = kit.used(&first[0], Some(Use::Returned), over(State::Failed));
    assert_eq!(settle(store, late).await, Settled::LeaseLost);
    assert_eq!(kit.figures(store, account).await, (1, 1, 0));
    let taken = kit.used(&second[0], Some(Use::Consumed), over(State::Accepted));
    assert_eq!(settle(store, taken).await, Settled::Written);
    assert_eq!(kit.figures(store, account).await, (0, 0, 0));
}

async fn returns_what_is_canceled_or_expires(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "mp").await;
    let consent = kit.consent(account, "oPerson");
    store.answered(&[consent]).await.unwrap();
    let expires = |message: &mut Message, at| message.expires_at = Some(at);
    let end = after(kit.now(), LEASE * 3);
    let id = kit.queue_with(store, account, |m| expires(m, end)).await;
    let claimed = kit.claim_one(store, account).await;
    store.clear(account, &kit.asks(&[claimed])).await.unwrap();
    // It was claimed, so it may have gone out.
    kit.clock.advance(LEASE * 3);
    assert_eq!(store.expire(10).await.unwrap(), [id]);
    assert_eq!(kit.delivery(store, id).await.state, State::Unknown);
    assert_eq!(kit.figures(store, account).await, (0, 0, 1));

    // A hold that is left over from an earlier claim.
    let account = kit.account(store, "other").await;
    let claimed = kit.claim_with(store, account, 2, 2).await;
    let asks = kit.asks(&claimed);
    for decision in [over(State::Expired), over(State::Canceled)] {
        kit.clock.advance(LEASE);
        let again = store
            .claim(account, 1, LEASE, Priority::Low)
            .await
            .unwrap()
            .claimed;
        store.clear(account, &kit.asks(&again)).await.unwrap();
        settle(store, kit.used(&again[0], None, decision)).await;
    }
    assert_eq!(kit.figures(store, account).await, (2, 0, 0));
    assert_eq!(store.clear(account, &asks).await.unwrap(), [DRY; 2]);

    let id = kit.queue(store, account).await;
    let canceled = store.cancel(id, kit.now()).await.unwrap();
    assert_eq!(canceled, Cancellation::Canceled);
    assert_eq!(kit.figures(store, account).await, (2, 0, 0));
}

async fn writes_under_a_held_lease_only(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "mp").await;
    let claimed = kit.claim_with(store, account, 2, 1).await;
    store.clear(account, &kit.asks(&claimed)).await.unwrap();
    let mut stranger = kit.used(&claimed[0], Some(Use::Consumed), over(State::Accepted));
    stranger.lease_token += 1;
    assert_eq!(settle(store, stranger).await, Settled::LeaseLost);
    assert_eq!(kit.figures(store, account).await, (2, 1, 0));
}

async fn holds_nothing_for_what_is_over(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "mp").await;
    let claimed = kit.claim_with(store, account, 1, 1).await;
    settle(store, kit.used(&claimed[0], None, over(State::Failed))).await;
    let asks = kit.asks(&claimed);
    assert_eq!(store.clear(account, &asks).await.unwrap(), [DRY]);
    assert_eq!(kit.figures(store, account).await, (1, 0, 0));
    // Queued again it is like any other.
    let id = claimed[0].message.id;
    assert_eq!(store.requeue(id, kit.now()).await.unwrap(), Requeue::Queued);
    let claimed = [kit.claim_one(store, account).await];
    let asks = kit.asks(&claimed);
    assert_eq!(store.clear(account, &asks).await.unwrap(), [Hold::Held]);
}

async fn survives_that_a_person_is_forgotten(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "mp").await;
    let claimed = kit.claim_with(store, account, 2, 2).await;
    store.clear(account, &kit.asks(&claimed)).await.unwrap();
    let forgotten = Effect::Forgotten {
        openid: kit.openid("oPerson"),
    };
    kit.told(store, account, &[forgotten]).await;
    for (one, outcome) in claimed.iter().zip([Use::Consumed, Use::Returned]) {
        let end = kit.used(one, Some(outcome), over(State::Failed));
        assert_eq!(settle(store, end).await, Settled::Written);
    }
    let person = kit.openid("oPerson");
    assert!(store.grants(account, &person).await.unwrap().is_empty());
}

async fn keeps_scenes_apart(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut consent = kit.consent(account, "oPerson");
    consent.source = Source::Page;
    let scenes = [None, Some(0), Some(10_000)];
    for scene in scenes {
        consent.key.scene = scene;
        store.answered(&[consent.clone()]).await.unwrap();
    }
    let claimed = kit.claim_with(store, account, 0, 4).await;
    let mut asks = kit.asks(&claimed);
    for (ask, scene) in asks.iter_mut().zip([Some(0), Some(0), None, Some(5)]) {
        ask.need = Some(Need::Grant {
            template_id: "tpl".parse().unwrap(),
            scene,
        });
    }
    let answers = store.clear(account, &asks).await.unwrap();
    assert_eq!(answers, [Hold::Held, DRY, Hold::Held, Hold::Free]);
    let grants = store.grants(account, &kit.openid("oPerson")).await.unwrap();
    let kept: Vec<_> = grants.iter().map(|(key, g)| (key.scene, g.held)).collect();
    assert_eq!(kept, [(None, 1), (Some(0), 1), (Some(10_000), 0)]);
}

fn followers(kit: &Kit, openids: &[&str]) -> Vec<Ask> {
    openids
        .iter()
        .map(|openid| Ask {
            message: MessageId::new(kit.now(), [0; 10]),
            openid: kit.openid(openid),
            need: Some(Need::Follower),
            tallies: Vec::new(),
        })
        .collect()
}

async fn withholds_from_who_unfollowed(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let asks = followers(kit, &["oGone", "oHere", "oStranger"]);
    let nobody = [Hold::Free; 3];
    assert_eq!(store.clear(account, &asks).await.unwrap(), nobody);
    for (openid, follow) in [("oGone", Follow::Unfollowed), ("oHere", Follow::Following)] {
        let mut sighting = Sighting::of(kit.openid(openid), kit.now());
        sighting.follow = Some(follow);
        kit.told(store, account, &[Effect::Seen(sighting)]).await;
    }
    let gone = Hold::Withheld(Withheld::NotFollowing);
    let answers = [gone, Hold::Free, Hold::Free];
    assert_eq!(store.clear(account, &asks).await.unwrap(), answers);
    let elsewhere = kit.account(store, "other").await;
    assert_eq!(store.clear(elsewhere, &asks).await.unwrap(), nobody);
}

fn opened(kit: &Kit, cause: WindowCause) -> Effect {
    Effect::Opened {
        openid: kit.openid("oPerson"),
        cause,
        at: kit.now(),
    }
}

async fn spends_windows(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let person = kit.openid("oPerson");
    let causes = [WindowCause::Message, WindowCause::MenuTap].map(|cause| opened(kit, cause));
    let mut asks = followers(kit, &["oPerson"]);
    asks[0].need = Some(Need::Window);
    assert_eq!(store.clear(account, &asks).await.unwrap(), [Hold::Free]);
    kit.told(store, account, &causes).await;
    for sent in 1..=8 {
        assert_eq!(store.clear(account, &asks).await.unwrap(), [Hold::Free]);
        kit.queue(store, account).await;
        let claimed = kit.claim_one(store, account).await;
        let mut taken = kit.settlement(&claimed, vec![kit.took()], over(State::Accepted));
        taken.ledger = Some(LedgerEntry::Window {
            openid: person.clone(),
            outcome: WindowUse::Spent,
        });
        for _ in 0..2 {
            settle(store, taken.clone()).await;
        }
        let windows = store.windows(account, &person).await.unwrap();
        let used: u32 = windows.iter().map(|window| window.used).sum();
        assert_eq!(used, sent);
    }
    let used_up = Hold::Withheld(Withheld::WindowUsedUp);
    assert_eq!(store.clear(account, &asks).await.unwrap(), [used_up]);
    kit.advance(48 * 60 * 60);
    let closed = Hold::Withheld(Withheld::WindowClosed);
    assert_eq!(store.clear(account, &asks).await.unwrap(), [closed]);
}

async fn opens_windows_anew(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let person = kit.openid("oPerson");
    let first = opened(kit, WindowCause::Message);
    kit.told(store, account, std::slice::from_ref(&first)).await;
    kit.queue(store, account).await;
    let claimed = kit.claim_one(store, account).await;
    let mut closed = kit.settlement(&claimed, vec![kit.refused(45015)], over(State::Failed));
    closed.ledger = Some(LedgerEntry::Window {
        openid: person.clone(),
        outcome: WindowUse::Closed,
    });
    settle(store, closed).await;
    let windows = store.windows(account, &person).await.unwrap();
    assert_eq!(windows[0].closes_at, kit.now());
    kit.advance(5);
    kit.told(store, account, &[opened(kit, WindowCause::Message)])
        .await;
    let windows = store.windows(account, &person).await.unwrap();
    assert_eq!((windows.len(), windows[0].opened_at), (1, kit.now()));
    assert_eq!(windows[0].left(kit.now()), 5);
    // What was late on its way.
    kit.told(store, account, &[first]).await;
    assert_eq!(store.windows(account, &person).await.unwrap(), windows);
}

async fn needs_its_account(store: &dyn Store, kit: &Kit) {
    let consent = kit.consent(AccountId(i64::MAX), "oPerson");
    let refused = store.answered(&[consent]).await;
    assert!(
        matches!(refused, Err(StoreError::Missing { .. })),
        "{refused:?}"
    );
}
