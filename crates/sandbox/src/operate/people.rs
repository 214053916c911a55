//! People and what accounts know of them.

use std::sync::Arc;

use super::ControlError;
use crate::Sandbox;
use crate::api::users::unionid;
use crate::event::Event;
use crate::ids::other_unionid;
use crate::model::{GrantView, MembershipView, PersonView, Platform, SceneView};
use crate::state::account::{Account, Recipient};
use crate::state::logins::{Code, Purpose};
use crate::state::people::Person;

/// Longest nickname, in bytes.
const NICKNAME_LIMIT: usize = 256;

impl Sandbox {
    /// Makes a person who follows nobody yet.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] for an empty or over-long nickname.
    pub fn add_person(&self, nickname: &str) -> Result<PersonView, ControlError> {
        let _guard = self.world.control.lock();
        if nickname.is_empty() || nickname.len() > NICKNAME_LIMIT {
            return Err(ControlError::Invalid(format!(
                "nickname must have 1 to {NICKNAME_LIMIT} bytes"
            )));
        }
        let person_id = self.world.ids.person_id();
        self.world.commit(&Event::Person {
            person_id: person_id.clone(),
            nickname: nickname.to_owned(),
            unionid: self.world.ids.unionid(),
        })?;
        self.person(&person_id)
    }

    /// All people made one by one; bulk people are not listed.
    pub fn people(&self) -> Vec<PersonView> {
        let ids: Vec<Arc<str>> = self
            .world
            .people
            .lock()
            .list
            .iter()
            .map(|person| Arc::clone(&person.id))
            .collect();
        ids.iter().filter_map(|id| self.person(id).ok()).collect()
    }

    /// One person.
    ///
    /// # Errors
    /// [`ControlError::NotFound`].
    pub fn person(&self, person_id: &str) -> Result<PersonView, ControlError> {
        let people = self.world.people.lock();
        let person = people
            .get(person_id)
            .ok_or_else(|| ControlError::no_person(person_id))?;
        let mut view = outline(person);
        drop(people);
        let memberships = view.openids.iter().filter_map(|(appid, openid)| {
            self.world
                .account(appid)
                .map(|account| self.membership(&account, openid, person_id))
        });
        view.accounts = memberships.collect();
        Ok(view)
    }

    /// Gives a person another phone.
    ///
    /// # Errors
    /// [`ControlError::NotFound`].
    pub fn set_platform(
        &self,
        person_id: &str,
        platform: Platform,
    ) -> Result<PersonView, ControlError> {
        let _guard = self.world.control.lock();
        self.person(person_id)?;
        self.world.commit(&Event::Phone {
            person_id: person_id.to_owned(),
            platform,
        })?;
        self.person(person_id)
    }

    /// The person's openid at an account; made if they never met.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown person or account.
    pub fn openid(&self, person: &str, appid: &str) -> Result<String, ControlError> {
        let _guard = self.world.control.lock();
        let account = self.account(appid)?;
        self.openid_at(person, &account)
    }

    /// A code of the authorize page for the person.
    pub(crate) fn authorize(
        &self,
        person: &str,
        appid: &str,
        purpose: Purpose,
    ) -> Result<String, ControlError> {
        let _guard = self.world.control.lock();
        let account = self.account(appid)?;
        let mut openid = self.openid_at(person, &account)?;
        if purpose == Purpose::Snapshot {
            // A made-up person, the same one each time.
            openid = other_unionid(&openid, "snapshot");
        }
        self.issue_code(&account, &openid, purpose)
    }

    /// Issues a code that may be exchanged once.
    pub(super) fn issue_code(
        &self,
        account: &Account,
        openid: &str,
        purpose: Purpose,
    ) -> Result<String, ControlError> {
        let code = self.world.ids.code();
        self.world.commit(&Event::Code(Code {
            code: code.clone(),
            appid: account.appid.to_string(),
            openid: openid.to_owned(),
            purpose,
            at: self.world.clock.now_ms(),
            used: false,
        }))?;
        Ok(code)
    }

    fn membership(&self, account: &Account, openid: &str, person_id: &str) -> MembershipView {
        let unionid = unionid(&self.world, account, person_id);
        let book = account.book.lock();
        let member = book.member(openid);
        let grants = member
            .into_iter()
            .flat_map(|member| &member.grants)
            .map(|(id, grant)| {
                let subscription = book.templates.get(id).map(|one| one.subscription());
                GrantView {
                    template_id: id.to_string(),
                    subscription: subscription.unwrap_or_default(),
                    count: grant.count,
                    open: grant.open,
                }
            });
        MembershipView {
            appid: account.appid.to_string(),
            openid: openid.to_owned(),
            unionid,
            following: member.is_some_and(|member| member.following),
            blocked: member.is_some_and(|member| member.blocked),
            grants: grants.collect(),
            scenes: member
                .into_iter()
                .flat_map(|member| &member.talk.scenes)
                .map(|one| SceneView {
                    template_id: one.template_id.to_string(),
                    scene: one.scene,
                })
                .collect(),
        }
    }

    /// The openid of a person at the account, made if need be; or the openid
    /// itself, with its bulk person promoted to a member.
    pub(super) fn openid_at(
        &self,
        person: &str,
        account: &Account,
    ) -> Result<String, ControlError> {
        let known = self
            .world
            .people
            .lock()
            .get(person)
            .map(|person| person.openids.get(&*account.appid).map(ToString::to_string));
        let appid = account.appid.to_string();
        match known {
            Some(Some(openid)) => Ok(openid),
            Some(None) => {
                let openid = self.world.ids.openid(&appid);
                let person_id = Some(person.to_owned());
                self.world.commit(&Event::Member {
                    appid,
                    openid: openid.clone(),
                    person_id,
                })?;
                Ok(openid)
            }
            None => {
                let mut book = account.book.lock();
                let recipient = account.recipient(&book, person);
                let openid = person.to_owned();
                match recipient.ok_or_else(|| ControlError::no_person(person))? {
                    Recipient::Member(_) => {}
                    Recipient::Bulk(_) => {
                        let event = Event::Member {
                            appid,
                            openid: openid.clone(),
                            person_id: None,
                        };
                        self.world.commit_in(account, &mut book, &event)?;
                    }
                }
                Ok(openid)
            }
        }
    }
}

fn outline(person: &Person) -> PersonView {
    PersonView {
        person_id: person.id.to_string(),
        nickname: person.nickname.to_string(),
        unionid: person.unionid.to_string(),
        platform: person.platform,
        openids: person
            .openids
            .iter()
            .map(|(appid, openid)| (appid.to_string(), openid.to_string()))
            .collect(),
        accounts: Vec::new(),
    }
}
