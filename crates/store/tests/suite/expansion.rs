//! Making messages of broadcasts: each person once, whatever comes in between.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hongyan_domain::broadcast::{BroadcastState, Recipient, Skipped, WhySkipped};
use hongyan_domain::clock::after;
use hongyan_domain::message::{Message, State};
use hongyan_domain::port::{Expanded, Expansion, Intake, MessageFilter, Page, Store, StoreError};
use hongyan_domain::{AccountId, BroadcastId};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{Kit, cases, over};

cases! {
    enters_the_queue,
    counts_a_chunk_once,
    tells_everybody_once,
    rests_when_it_is_told_to,
    is_all_or_nothing,
    is_counted_by_state,
    names_who_was_skipped_in_pages,
    is_found_by_its_broadcast,
    is_forgotten_when_no_message_is_left,
    knows_people_over_many_chunks,
}

const RUNNING: [BroadcastState; 1] = [BroadcastState::Running];

impl Kit {
    /// A message of a broadcast to one person.
    fn message_of(&self, account: AccountId, broadcast: BroadcastId, openid: &str) -> Message {
        let mut message = self.message(account);
        message.broadcast = Some(broadcast);
        message.to = self.openid(openid);
        message
    }

    fn expansion(
        &self,
        account: AccountId,
        broadcast: BroadcastId,
        chunk: u32,
        openids: &[&str],
    ) -> Expansion {
        let message = |openid: &&str| self.message_of(account, broadcast, openid);
        Expansion {
            chunk,
            messages: openids.iter().map(message).collect(),
            skipped: Vec::new(),
        }
    }
}

fn made(messages: usize, duplicates: usize) -> Option<Expanded> {
    Some(Expanded {
        messages,
        duplicates,
    })
}

async fn skipped(store: &dyn Store, id: BroadcastId) -> Vec<Skipped> {
    let page = Page {
        limit: 1000,
        after: None,
    };
    let found = store.skipped(id, &page).await.unwrap();
    found.into_iter().map(|(_, one)| one).collect()
}

fn chunks(kit: &Kit, count: usize) -> Vec<Vec<Recipient>> {
    (0..count).map(|_| kit.people(&["oA"])).collect()
}

async fn enters_the_queue(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.running(store, account, chunks(kit, 2)).await;
    let mut expansion = kit.expansion(account, id, 0, &["oA", "oB"]);
    expansion.skipped.push(Skipped {
        who: "user-7".to_owned(),
        why: WhySkipped::UnknownPerson,
        detail: Some("nobody is bound to it".to_owned()),
    });
    let expected = made(2, 0);
    assert_eq!(store.expand(id, &expansion).await.unwrap(), expected);
    let stands = store.broadcast(id).await.unwrap().unwrap();
    assert_eq!(
        (stands.expanded, stands.messages, stands.skipped),
        (1, 2, 1)
    );
    assert!(store.recipients(id, 0).await.unwrap().is_empty());
    assert_eq!(store.recipients(id, 1).await.unwrap().len(), 1);
    assert_eq!(skipped(store, id).await, expansion.skipped);
    for message in expansion.messages {
        let delivery = kit.delivery(store, message.id).await;
        assert_eq!((delivery.state, delivery.message), (State::Open, message));
    }
}

async fn counts_a_chunk_once(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.running(store, account, chunks(kit, 2)).await;
    let late = kit.expansion(account, id, 1, &["oB"]);
    assert_eq!(store.expand(id, &late).await.unwrap(), None, "not its next");
    let first = kit.expansion(account, id, 0, &["oA"]);
    assert_eq!(store.expand(id, &first).await.unwrap(), made(1, 0));
    let again = kit.expansion(account, id, 0, &["oA"]);
    assert_eq!(store.expand(id, &again).await.unwrap(), None);
    assert_eq!(store.expand(id, &late).await.unwrap(), made(1, 0));
    let more = kit.expansion(account, id, 2, &["oC"]);
    assert_eq!(
        store.expand(id, &more).await.unwrap(),
        None,
        "no such chunk"
    );
    let all = kit.search(store, MessageFilter::default()).await;
    assert_eq!(all.len(), 2);
}

async fn tells_everybody_once(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.running(store, account, chunks(kit, 2)).await;
    let other = kit.running(store, account, chunks(kit, 1)).await;
    let first = kit.expansion(account, id, 0, &["oA", "oB", "oA"]);
    assert_eq!(store.expand(id, &first).await.unwrap(), made(2, 1));
    let second = kit.expansion(account, id, 1, &["oC", "oB"]);
    assert_eq!(store.expand(id, &second).await.unwrap(), made(1, 1));
    let elsewhere = kit.expansion(account, other, 0, &["oA"]);
    assert_eq!(store.expand(other, &elsewhere).await.unwrap(), made(1, 0));
    let stands = store.broadcast(id).await.unwrap().unwrap();
    assert_eq!((stands.messages, stands.skipped), (3, 2));
    let skipped = skipped(store, id).await;
    let who: Vec<_> = skipped.iter().map(|one| (&*one.who, one.why)).collect();
    let twice = WhySkipped::Duplicate;
    assert_eq!(who, [("oA", twice), ("oB", twice)]);
    assert_eq!(store.delivery(first.messages[2].id).await.unwrap(), None);
}

async fn rests_when_it_is_told_to(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.running(store, account, chunks(kit, 1)).await;
    kit.moved(store, id, &RUNNING, BroadcastState::Paused).await;
    let expansion = kit.expansion(account, id, 0, &["oA"]);
    assert_eq!(store.expand(id, &expansion).await.unwrap(), None);
    assert_eq!(store.recipients(id, 0).await.unwrap().len(), 1);
    let paused = [BroadcastState::Paused];
    kit.moved(store, id, &paused, BroadcastState::Running).await;
    assert_eq!(store.expand(id, &expansion).await.unwrap(), made(1, 0));
    kit.moved(store, id, &RUNNING, BroadcastState::Canceled)
        .await;
    let never = kit.broadcast(account).id;
    for gone in [id, never] {
        let expansion = kit.expansion(account, gone, 1, &["oB"]);
        assert_eq!(store.expand(gone, &expansion).await.unwrap(), None);
    }
}

async fn is_all_or_nothing(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.running(store, account, chunks(kit, 1)).await;
    let mut expansion = kit.expansion(account, id, 0, &["oA", "oB"]);
    expansion.messages[1].account = AccountId(404);
    let refused = store.expand(id, &expansion).await;
    assert!(
        matches!(refused, Err(StoreError::Missing { .. })),
        "{refused:?}"
    );
    let stands = store.broadcast(id).await.unwrap().unwrap();
    assert_eq!((stands.expanded, stands.messages), (0, 0));
    assert_eq!(store.recipients(id, 0).await.unwrap().len(), 1);
    let found = kit.search(store, MessageFilter::default()).await;
    assert!(found.is_empty());
    expansion.messages[1].account = account;
    assert_eq!(store.expand(id, &expansion).await.unwrap(), made(2, 0));
}

async fn is_counted_by_state(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.running(store, account, chunks(kit, 1)).await;
    assert!(store.broadcast_counts(id).await.unwrap().is_empty());
    kit.queue(store, account).await;
    let expansion = kit.expansion(account, id, 0, &["oA", "oB", "oC", "oD"]);
    store.expand(id, &expansion).await.unwrap();
    let counts = async || {
        let mut counts = store.broadcast_counts(id).await.unwrap();
        counts.sort_by_key(|(state, _)| state.code());
        counts
    };
    assert_eq!(counts().await, [(State::Open, 4)]);
    for (message, state) in expansion.messages.iter().zip([
        State::Accepted,
        State::Accepted,
        State::Failed,
        State::Open,
    ]) {
        if state == State::Open {
            continue;
        }
        let claimed = loop {
            let claimed = kit.claim_first(store, account).await;
            if claimed.message.id == message.id {
                break claimed;
            }
        };
        let end = kit.settlement(&claimed, vec![], over(state));
        store.settle([end].into()).await.unwrap();
    }
    let mut expected = vec![(State::Accepted, 2), (State::Failed, 1), (State::Open, 1)];
    expected.sort_by_key(|(state, _)| state.code());
    assert_eq!(counts().await, expected);
}

async fn names_who_was_skipped_in_pages(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.running(store, account, chunks(kit, 2)).await;
    let mut all = Vec::new();
    for chunk in 0..2 {
        let mut expansion = kit.expansion(account, id, chunk, &[]);
        for (n, why) in WhySkipped::ALL.into_iter().enumerate() {
            expansion.skipped.push(Skipped {
                who: format!("person-{chunk}-{n}"),
                why,
                detail: (n == 2).then(|| "field name is missing".to_owned()),
            });
        }
        all.extend(expansion.skipped.clone());
        assert_eq!(store.expand(id, &expansion).await.unwrap(), made(0, 0));
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = Page { limit: 4, after };
        let some = store.skipped(id, &page).await.unwrap();
        let Some((last, _)) = some.last() else { break };
        after = Some(*last);
        found.extend(some.into_iter().map(|(_, one)| one));
    }
    assert_eq!(found, all);
}

async fn is_found_by_its_broadcast(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let stray = kit.queue(store, account).await;
    let id = kit.running(store, account, chunks(kit, 2)).await;
    let other = kit.running(store, account, chunks(kit, 1)).await;
    let mut newest_first = Vec::new();
    for (chunk, people) in [(0, ["oA", "oB"]), (1, ["oC", "oD"])] {
        let expansion = kit.expansion(account, id, chunk, &people);
        store.expand(id, &expansion).await.unwrap();
        for message in expansion.messages {
            newest_first.insert(0, message.id);
        }
    }
    let elsewhere = kit.expansion(account, other, 0, &["oA"]);
    store.expand(other, &elsewhere).await.unwrap();
    let of = |broadcast| MessageFilter {
        broadcast: Some(broadcast),
        ..MessageFilter::default()
    };
    assert_eq!(kit.search(store, of(id)).await, newest_first);
    let one = [elsewhere.messages[0].id];
    assert_eq!(kit.search(store, of(other)).await, one);
    let mut both = of(other);
    both.openids = Some(vec![kit.openid("oB")]);
    assert!(kit.search(store, both.clone()).await.is_empty());
    both.openids = Some(vec![kit.openid("oA")]);
    assert_eq!(kit.search(store, both).await, one);
    let mut accounts = of(id);
    accounts.accounts = Some(vec![AccountId(404)]);
    assert!(kit.search(store, accounts).await.is_empty());
    let page = Page {
        limit: 2,
        after: Some(newest_first[0]),
    };
    let found = store.deliveries(&of(id), page).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|one| one.message.id).collect();
    assert_eq!(found, newest_first[1..3]);
    assert!(!newest_first.contains(&stray));
}

async fn is_forgotten_when_no_message_is_left(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.running(store, account, chunks(kit, 2)).await;
    let runs = kit.running(store, account, chunks(kit, 1)).await;
    let mut expansion = kit.expansion(account, id, 0, &["oA"]);
    expansion.skipped.push(Skipped {
        who: "x".to_owned(),
        why: WhySkipped::Invalid,
        detail: None,
    });
    store.expand(id, &expansion).await.unwrap();
    let claimed = kit.claim_one(store, account).await;
    let end = kit.settlement(&claimed, vec![kit.took()], over(State::Accepted));
    store.settle([end].into()).await.unwrap();
    kit.moved(store, id, &RUNNING, BroadcastState::Canceled)
        .await;
    let forget = async |before| store.forget_broadcasts(before, 10).await.unwrap();
    let now = kit.now();
    let later = after(now, Duration::from_secs(1));
    assert_eq!(forget(later).await, 0, "it has a message");
    assert_eq!(store.forget_finished(later, 10).await.unwrap(), 1);
    assert_eq!(forget(now).await, 0, "it is too young");
    assert_eq!(forget(later).await, 1);
    assert_eq!(store.broadcast(id).await.unwrap(), None);
    assert!(skipped(store, id).await.is_empty());
    assert!(store.broadcast(runs).await.unwrap().is_some());
    assert_eq!(forget(later).await, 0);
}

/// Whatever a store does to remember so many, it must not forget the early ones.
async fn knows_people_over_many_chunks(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.running(store, account, chunks(kit, 40)).await;
    for chunk in 0..40 {
        let fresh = format!("o{chunk}");
        let seen = format!("o{}", chunk / 3);
        let expansion = kit.expansion(account, id, chunk, &[&fresh, &seen]);
        assert_eq!(store.expand(id, &expansion).await.unwrap(), made(1, 1));
    }
    let stands = store.broadcast(id).await.unwrap().unwrap();
    assert_eq!((stands.messages, stands.skipped), (40, 40));
}

/// One thing that happens to a broadcast.
#[derive(Debug, Clone)]
enum Step {
    /// Somebody makes messages of the chunk they believe is next: so many behind.
    Expand {
        behind: u32,
        skips: bool,
    },
    /// An answer was lost: the last expansion is tried again.
    Again,
    /// More people come, at a number that is right or not.
    Load {
        off: u32,
        people: Vec<u8>,
    },
    Pause,
    Resume,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..2_u32, any::<bool>()).prop_map(|(behind, skips)| Step::Expand { behind, skips }),
        2 => Just(Step::Again),
        4 => (0..2_u32, proptest::collection::vec(0..12_u8, 1..6))
            .prop_map(|(off, people)| Step::Load { off, people }),
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
    ]
}

/// A broadcast, and how it should stand.
pub(crate) struct Stage {
    account: AccountId,
    id: BroadcastId,
    chunks: Vec<Vec<u8>>,
    expanded: u32,
    told: BTreeSet<String>,
    skipped: u64,
    last: Option<Expansion>,
}

impl Stage {
    pub(crate) async fn begin(store: &dyn Store, kit: &Kit, account: AccountId) -> Self {
        let broadcast = kit.broadcast(account);
        store.add_broadcast(&broadcast, None).await.unwrap();
        Self {
            account,
            id: broadcast.id,
            chunks: Vec::new(),
            expanded: 0,
            told: BTreeSet::new(),
            skipped: 0,
            last: None,
        }
    }

    async fn take(&mut self, store: &dyn Store, kit: &Kit, step: Step) {
        let state = store.broadcast(self.id).await.unwrap().unwrap().state;
        match step {
            Step::Load { off, people } => {
                let first = u32::try_from(self.chunks.len()).unwrap() + off;
                let names: Vec<_> = people.iter().map(|n| format!("o{n}")).collect();
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                let intake = Intake {
                    first,
                    chunks: vec![kit.people(&names)],
                    load_cursor: None,
                };
                let done = store.add_recipients(self.id, &intake).await.unwrap();
                let counts = off == 0 && state == BroadcastState::Loading;
                assert_eq!(done.is_some(), counts);
                if counts {
                    self.chunks.push(people);
                }
            }
            Step::Expand { behind, skips } => {
                let chunk = self.expanded.saturating_sub(behind);
                let people = store.recipients(self.id, chunk).await.unwrap();
                let mut expansion = Expansion {
                    chunk,
                    messages: Vec::new(),
                    skipped: Vec::new(),
                };
                for (n, person) in people.iter().enumerate() {
                    if skips && n == 0 {
                        expansion.skipped.push(Skipped {
                            who: person.to.as_str().to_owned(),
                            why: WhySkipped::Invalid,
                            detail: None,
                        });
                    } else {
                        let to = person.to.as_str();
                        let message = kit.message_of(self.account, self.id, to);
                        expansion.messages.push(message);
                    }
                }
                self.expand(store, state, expansion).await;
            }
            Step::Again => {
                if let Some(last) = self.last.clone() {
                    self.expand(store, state, last).await;
                }
            }
            Step::Pause => {
                let to = BroadcastState::Paused;
                kit.moved(store, self.id, &RUNNING, to).await;
            }
            Step::Resume => {
                let from = [BroadcastState::Loading, BroadcastState::Paused];
                kit.moved(store, self.id, &from, BroadcastState::Running)
                    .await;
            }
        }
        self.look(store).await;
    }

    async fn expand(&mut self, store: &dyn Store, state: BroadcastState, expansion: Expansion) {
        let counts = state == BroadcastState::Running
            && expansion.chunk == self.expanded
            && (self.expanded as usize) < self.chunks.len();
        let expanded = store.expand(self.id, &expansion).await.unwrap();
        let mut expected = made(0, 0).filter(|_| counts);
        if let Some(expected) = &mut expected {
            for message in &expansion.messages {
                if self.told.insert(message.to.to_string()) {
                    expected.messages += 1;
                } else {
                    expected.duplicates += 1;
                }
            }
            self.expanded += 1;
            self.skipped += (expected.duplicates + expansion.skipped.len()) as u64;
            self.last = Some(expansion);
        }
        assert_eq!(expanded, expected);
    }

    /// Whether everybody told was told once, and nobody else.
    pub(crate) async fn look(&self, store: &dyn Store) {
        let stands = store.broadcast(self.id).await.unwrap().unwrap();
        let figures = (stands.expanded, stands.messages, stands.skipped);
        let expected = (self.expanded, self.told.len() as u64, self.skipped);
        assert_eq!(figures, expected);
        let filter = MessageFilter {
            broadcast: Some(self.id),
            ..MessageFilter::default()
        };
        let page = Page {
            limit: 1000,
            after: None,
        };
        let mut told = BTreeMap::<String, u32>::new();
        for delivery in store.deliveries(&filter, page).await.unwrap() {
            *told.entry(delivery.message.to.to_string()).or_default() += 1;
        }
        assert!(told.values().all(|&times| times == 1), "{told:?}");
        assert!(told.keys().eq(&self.told), "{told:?}");
    }
}

/// Takes random steps with one broadcast.
pub(crate) struct Walk(TestRunner);

impl Walk {
    pub(crate) fn new(seed: u8) -> Self {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        Self(TestRunner::new_with_rng(Config::default(), rng))
    }

    pub(crate) async fn take(&mut self, store: &dyn Store, kit: &Kit, stage: &mut Stage) {
        let strategy = proptest::collection::vec(step(), 1..25);
        for step in strategy.new_tree(&mut self.0).unwrap().current() {
            stage.take(store, kit, step).await;
        }
    }
}

async fn run(store: &dyn Store, kit: &Kit, cases: u32) {
    let account = kit.account(store, "oa").await;
    let mut walk = Walk::new(7);
    for _ in 0..cases {
        let mut stage = Stage::begin(store, kit, account).await;
        walk.take(store, kit, &mut stage).await;
    }
}

async fn many(store: &dyn Store, kit: &Kit) {
    run(store, kit, 64).await;
}

async fn some(store: &dyn Store, kit: &Kit) {
    run(store, kit, 16).await;
}

#[test]
fn sqlite() {
    crate::sqlite::run(many);
}

#[test]
fn postgres() {
    crate::postgres::run(some);
}
