//! From people to messages.

use std::collections::HashMap;
use std::sync::Arc;

use hongyan_domain::account::Account;
use hongyan_domain::broadcast::{Broadcast, Recipient, RecipientId, Skipped, WhySkipped};
use hongyan_domain::message::check::check;
use hongyan_domain::message::{Card, Content, Handling, LeftRoute, Message, Route, WhyLeft, card};
use hongyan_domain::port::StoreError;
use hongyan_domain::template::{Form, Overflow, Template, Violation};
use hongyan_domain::{AccountId, MessageId};
use hongyan_wechat::{OpenId, TemplateId};
use jiff::Timestamp;

use super::script::{Person, Script};
use crate::Engine;

/// The longest text kept about somebody who was skipped, in characters.
const LONGEST_DETAIL: usize = 500;

/// Makes messages of people, with everything looked up that is the same for all.
pub(super) struct Maker<'a> {
    engine: &'a Engine,
    script: &'a Script,
    overflow: Overflow,
    ways: Vec<Way>,
}

struct Way {
    account: Arc<Account>,
    template: Option<Arc<Template>>,
}

/// Why nothing can be made at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Halt {
    /// An account is gone.
    NoAccount,
    /// An account has no such template any more.
    NoTemplate {
        account: String,
        template_id: TemplateId,
    },
}

impl Halt {
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::NoAccount => "an account it is sent by was removed".to_owned(),
            Self::NoTemplate {
                account,
                template_id,
            } => format!(
                "{account:?} has no template {template_id} any more; once it has, resume the broadcast"
            ),
        }
    }

    pub(super) fn into_violation(self) -> Violation {
        let message_zh = match &self {
            Self::NoAccount => "发送账号已被删除".to_owned(),
            Self::NoTemplate {
                account,
                template_id,
            } => format!("账号“{account}”已没有模板 {template_id}"),
        };
        Violation {
            pointer: "/template_id".to_owned(),
            rule: "unknown_template",
            message: self.sentence(),
            message_zh,
        }
    }
}

/// What became of one person.
enum Made {
    Message(Box<Message>),
    Skipped(Skipped),
}

impl<'a> Maker<'a> {
    /// Looks up what all have in common.
    pub(super) async fn new(
        engine: &'a Engine,
        script: &'a Script,
        overflow: Overflow,
    ) -> Result<Result<Self, Halt>, StoreError> {
        let mut ways = Vec::with_capacity(script.ways().len());
        for (id, said) in script.ways() {
            let Some(account) = engine.registry.by_id(id) else {
                return Ok(Err(Halt::NoAccount));
            };
            let template = match said.template_id() {
                Some(template_id) if said.kind().fills_listed_template() => {
                    match engine.template(&account, template_id).await? {
                        (Some(template), _) => Some(template),
                        (None, None) => {
                            return Ok(Err(Halt::NoTemplate {
                                account: account.name().to_string(),
                                template_id: template_id.clone(),
                            }));
                        }
                        // Its list cannot be had at this moment.
                        (None, Some(failure)) => {
                            return Err(StoreError::Unavailable {
                                reason: failure.to_string(),
                            });
                        }
                    }
                }
                _ => None,
            };
            ways.push(Way { account, template });
        }
        Ok(Ok(Self {
            engine,
            script,
            overflow,
            ways,
        }))
    }

    /// What is said to a person by one of the ways, or every rule that breaks.
    fn said(&self, way: usize, person: &Person) -> Result<Content, Vec<Violation>> {
        match self.written(way, person) {
            (Some(said), violations) if violations.is_empty() => Ok(said),
            (_, violations) => Err(violations),
        }
    }

    /// What would be said to a person by one of the ways, and every rule that breaks;
    /// `None` = it cannot be written.
    fn written(&self, way: usize, person: &Person) -> (Option<Content>, Vec<Violation>) {
        let mut said = match self.script.fill(way, person) {
            Ok(said) => said,
            Err(found) => return (None, vec![found.into()]),
        };
        let Way { account, template } = &self.ways[way];
        let settings = &account.settings;
        let form = template.as_deref().map(|template| Form {
            template,
            names: settings.options.field_names.get(template.id.as_str()),
        });
        let mut violations = check(&mut said, settings.kind, form, self.overflow);
        if way > 0 {
            for one in &mut violations {
                one.pointer.insert_str(0, &format!("/fallback/{}", way - 1));
            }
        }
        (Some(said), violations)
    }

    /// What a person's phone would show by the first way, and every rule that breaks.
    pub(super) fn shown_to(&self, recipient: &Recipient) -> (Card, Vec<Violation>) {
        let person = Person::from(recipient);
        let (said, mut violations) = self.written(0, &person);
        let others = (1..self.ways.len()).filter_map(|way| self.said(way, &person).err());
        violations.extend(others.flatten());
        let template = self.ways[0].template.as_deref();
        let card = said.map_or_else(Card::default, |said| card(&said, template));
        (card, violations)
    }

    /// Every rule that breaks for a person.
    pub(super) fn wrong_with(&self, recipient: &Recipient) -> Vec<Violation> {
        let person = Person::from(recipient);
        (0..self.ways.len())
            .filter_map(|way| self.said(way, &person).err())
            .flatten()
            .collect()
    }

    /// Messages of people: those who can be told, and the others with the reason. The
    /// message of place n is sent at `slot(n)` at the earliest.
    pub(super) async fn make(
        &self,
        broadcast: &Broadcast,
        people: &[Recipient],
        slot: impl Fn(usize) -> Option<Timestamp>,
    ) -> Result<(Vec<Message>, Vec<Skipped>), StoreError> {
        let mut openids = Vec::with_capacity(self.ways.len());
        for way in &self.ways {
            openids.push(
                self.openids(way.account.id, broadcast.account, people)
                    .await?,
            );
        }
        let astray = self.astray(broadcast.account, people).await?;
        let (mut messages, mut skipped) = (Vec::with_capacity(people.len()), Vec::new());
        for (place, recipient) in people.iter().enumerate() {
            if let Some(owner) = astray.get(&place) {
                skipped.push(Skipped {
                    who: recipient.to.as_str().to_owned(),
                    why: WhySkipped::UnknownPerson,
                    detail: Some(format!("this openid belongs to the account {owner}")),
                });
                continue;
            }
            let ways = openids.iter_mut().map(|known| known[place].take());
            match self.one(broadcast, recipient, ways.collect(), slot(messages.len())) {
                Made::Message(message) => messages.push(*message),
                Made::Skipped(one) => skipped.push(one),
            }
        }
        Ok((messages, skipped))
    }

    /// Those named by an openid of other accounts: their places, and whose it is.
    async fn astray(
        &self,
        home: AccountId,
        people: &[Recipient],
    ) -> Result<HashMap<usize, String>, StoreError> {
        let named = people.iter().enumerate().filter_map(|(place, person)| {
            let RecipientId::Openid(openid) = &person.to else {
                return None;
            };
            Some((place, (home, openid.clone())))
        });
        let (places, asked): (Vec<_>, Vec<_>) = named.unzip();
        let found = self.engine.misdirected(&asked).await?;
        let found = places.into_iter().zip(found);
        Ok(found
            .filter(|(_, owners)| !owners.is_empty())
            .map(|(place, owners)| (place, owners.join(", ")))
            .collect())
    }

    /// Who these people are at an account.
    async fn openids(
        &self,
        account: AccountId,
        home: AccountId,
        people: &[Recipient],
    ) -> Result<Vec<Option<OpenId>>, StoreError> {
        let store = &self.engine.store;
        let mut found = Vec::with_capacity(people.len());
        let (mut asked, mut places) = (Vec::new(), Vec::new());
        for (place, person) in people.iter().enumerate() {
            let openid = match &person.to {
                RecipientId::Openid(openid) if account == home => Some(openid.clone()),
                // An openid says nothing at another account; what links them may.
                RecipientId::Openid(openid) => {
                    let known = store.contact(home, openid).await?;
                    if let Some(unionid) = known.and_then(|contact| contact.unionid) {
                        asked.push(RecipientId::Unionid(unionid));
                        places.push(place);
                    } else if let Some(user) = store.user_of(home, openid).await? {
                        asked.push(RecipientId::UserId(user));
                        places.push(place);
                    }
                    None
                }
                other => {
                    asked.push(other.clone());
                    places.push(place);
                    None
                }
            };
            found.push(openid);
        }
        if !asked.is_empty() {
            let answers = store.openids_of(account, &asked).await?;
            for (place, openid) in places.into_iter().zip(answers) {
                found[place] = openid;
            }
        }
        Ok(found)
    }

    fn one(
        &self,
        broadcast: &Broadcast,
        recipient: &Recipient,
        openids: Vec<Option<OpenId>>,
        send_at: Option<Timestamp>,
    ) -> Made {
        let who = recipient.to.as_str();
        let skipped = |why, detail: Option<String>| {
            Made::Skipped(Skipped {
                who: who.to_owned(),
                why,
                detail: detail.map(|text| text.chars().take(LONGEST_DETAIL).collect()),
            })
        };
        let person = Person::from(recipient);
        let now = self.engine.clock.now();
        let (mut open, mut left) = (Vec::new(), Vec::new());
        for (way, openid) in openids.into_iter().enumerate() {
            let position = u32::try_from(way).unwrap_or(u32::MAX);
            let account = self.ways[way].account.id;
            let said = match self.said(way, &person) {
                Ok(said) => said,
                Err(violations) => {
                    let sentences: Vec<_> = violations
                        .iter()
                        .map(|one| format!("{}: {}", one.pointer, one.message))
                        .collect();
                    return skipped(WhySkipped::Invalid, Some(sentences.join("; ")));
                }
            };
            match openid {
                Some(to) => open.push(Route {
                    position,
                    account,
                    to,
                    content: said,
                }),
                None => left.push(LeftRoute {
                    position,
                    account,
                    kind: said.kind(),
                    template_id: said.template_id().cloned(),
                    to: None,
                    at: now,
                    why: WhyLeft::UnknownPerson,
                }),
            }
        }
        if open.is_empty() {
            return skipped(WhySkipped::UnknownPerson, None);
        }
        let first = open.remove(0);
        let handling = (!open.is_empty() || !left.is_empty()).then(|| {
            Box::new(Handling {
                position: first.position,
                fallback: open,
                left,
                deferred_until: None,
            })
        });
        let spec = &broadcast.spec;
        Made::Message(Box::new(Message {
            id: MessageId::new(now, self.engine.chance.ten_bytes()),
            account: first.account,
            to: first.to,
            content: first.content,
            priority: spec.priority,
            on_unknown: spec.on_unknown,
            send_at,
            expires_at: spec.expires_at,
            // So that a report can name people as they were named here.
            reference: match &recipient.to {
                RecipientId::Openid(_) => None,
                RecipientId::Unionid(_) | RecipientId::UserId(_) => Some(who.to_owned()),
            },
            metadata: spec.metadata.clone(),
            created_at: now,
            created_by: broadcast.created_by,
            trace_context: None,
            broadcast: Some(broadcast.id),
            handling,
        }))
    }
}
