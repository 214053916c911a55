//! People and their openids.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::model::Platform;

/// One person with a phone.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) id: Arc<str>,
    pub(crate) nickname: Box<str>,
    pub(crate) unionid: Box<str>,
    pub(crate) platform: Platform,
    /// Openid by appid.
    pub(crate) openids: IndexMap<Box<str>, Box<str>>,
}

/// All people that were made one by one.
#[derive(Debug, Default)]
pub(crate) struct People {
    pub(crate) list: Vec<Person>,
    by_id: HashMap<Arc<str>, usize>,
}

impl People {
    pub(crate) fn add(&mut self, id: &str, nickname: &str, unionid: &str) {
        if self.by_id.contains_key(id) {
            return;
        }
        let id: Arc<str> = id.into();
        self.by_id.insert(Arc::clone(&id), self.list.len());
        self.list.push(Person {
            id,
            nickname: nickname.into(),
            unionid: unionid.into(),
            platform: Platform::default(),
            openids: IndexMap::new(),
        });
    }

    pub(crate) fn set_platform(&mut self, id: &str, platform: Platform) {
        let at = self.by_id.get(id).copied();
        if let Some(person) = at.and_then(|at| self.list.get_mut(at)) {
            person.platform = platform;
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Person> {
        self.list.get(*self.by_id.get(id)?)
    }

    /// Notes an openid; gives the shared id of the person if there is one.
    pub(crate) fn add_openid(&mut self, id: &str, appid: &str, openid: &str) -> Option<Arc<str>> {
        let person = self.list.get_mut(*self.by_id.get(id)?)?;
        person
            .openids
            .entry(appid.into())
            .or_insert_with(|| openid.into());
        Some(Arc::clone(&person.id))
    }
}
