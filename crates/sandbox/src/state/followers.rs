//! What an account keeps about its followers: tags, remarks, the blacklist,
//! and the order in which they are listed (page "用户管理").

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::account::{Book, Recipient};
use crate::event::Event;
use crate::ids::bulk;

/// The tag every account has (星标组).
pub(crate) const STARRED: u32 = 2;
/// Where the ids of an account's own tags start.
const FIRST_OWN: u32 = 100;

/// What the account notes about one person.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    pub(crate) remark: String,
    /// In the order they were given.
    pub(crate) tags: Vec<u32>,
    pub(crate) blacklisted: bool,
    /// Scene of the code by which they followed.
    pub(crate) scene: Option<String>,
}

impl Profile {
    /// What somebody is shown as of whom nothing was noted.
    pub(crate) const BLANK: Self = Self {
        remark: String::new(),
        tags: Vec::new(),
        blacklisted: false,
        scene: None,
    };
}

/// One tag.
#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) name: String,
    /// Positions in the list of members.
    pub(crate) members: BTreeSet<u32>,
}

/// The tags of an account by id.
#[derive(Debug)]
pub(crate) struct Tags {
    pub(crate) list: IndexMap<u32, Tag>,
    /// Id of the next one; none is given twice.
    pub(crate) next: u32,
}

impl Default for Tags {
    fn default() -> Self {
        let starred = Tag {
            name: "星标组".to_owned(),
            members: BTreeSet::new(),
        };
        Self {
            list: IndexMap::from([(STARRED, starred)]),
            next: FIRST_OWN,
        }
    }
}

/// Behind whom a page of followers starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// At the bulk person of that number.
    Bulk(u32),
    /// At that position in the list of members.
    Member(usize),
}

impl Book {
    /// The place behind an openid, or `None` for a stranger.
    pub(crate) fn cursor_behind(&self, appid: &str, openid: &str) -> Option<Cursor> {
        if openid.is_empty() {
            return Some(Cursor::Bulk(0));
        }
        match bulk::index(appid, openid).filter(|number| *number < self.bulk.count()) {
            Some(number) => Some(Cursor::Bulk(number + 1)),
            None => Some(Cursor::Member(self.member_position(openid)? + 1)),
        }
    }

    /// Openids of followers from the cursor on. Bulk people come first by
    /// number, then the others in the order of their making, so nobody changes
    /// place while somebody pages; the cost depends on the page alone.
    pub(crate) fn followers_from(&self, appid: &str, cursor: Cursor, limit: usize) -> Vec<String> {
        let mut page = Vec::new();
        let mut first = 0;
        match cursor {
            Cursor::Member(position) => first = position,
            Cursor::Bulk(mut number) => {
                while page.len() < limit
                    && let Some(candidate) = self.bulk.next_candidate(number)
                {
                    number = candidate + 1;
                    let openid = bulk::openid(appid, candidate);
                    let left = self.bulk.is_promoted(candidate)
                        && !self.member(&openid).is_some_and(|one| one.following);
                    if !left {
                        page.push(openid);
                    }
                }
            }
        }
        let others = self.members.iter().skip(first);
        let others = others.filter(|member| member.following && !member.is_bulk);
        let room = limit - page.len();
        page.extend(others.take(room).map(|member| member.openid.to_string()));
        page
    }

    /// Openids of a set of members behind an openid: of a tag, of the blacklist.
    pub(crate) fn listed_behind(
        &self,
        set: &BTreeSet<u32>,
        openid: &str,
        limit: usize,
    ) -> Option<Vec<String>> {
        let from = if openid.is_empty() {
            0
        } else {
            self.member_position(openid)? as u32 + 1
        };
        let found = set.range(from..).take(limit);
        let found = found.filter_map(|at| self.members.get(*at as usize));
        Some(found.map(|member| member.openid.to_string()).collect())
    }

    /// What is noted about a member.
    pub(crate) fn profile(&self, position: usize) -> &Profile {
        const BLANK: &Profile = &Profile::BLANK;
        let member = self.members.get(position);
        member
            .and_then(|member| member.profile.as_deref())
            .unwrap_or(BLANK)
    }

    /// Whether the account has put the recipient on its blacklist.
    pub(crate) fn is_blacklisted(&self, recipient: Recipient) -> bool {
        match recipient {
            Recipient::Member(position) => self.profile(position).blacklisted,
            Recipient::Bulk(_) => false,
        }
    }

    fn profile_mut(&mut self, openid: &str) -> Option<&mut Profile> {
        let member = self.member_mut(openid)?;
        Some(&mut **member.profile.get_or_insert_default())
    }

    pub(super) fn set_scene(&mut self, openid: &str, scene: Option<&str>) {
        let known = self.member(openid).is_some_and(|one| one.profile.is_some());
        if (known || scene.is_some())
            && let Some(profile) = self.profile_mut(openid)
        {
            profile.scene = scene.map(str::to_owned);
        }
    }

    /// The part of `World::apply` that concerns these notes.
    pub(super) fn apply_note(&mut self, event: &Event) {
        match event {
            Event::Tag { id, name, .. } => match name {
                Some(name) => self.name_tag(*id, name),
                None => self.drop_tag(*id),
            },
            Event::Tagged {
                tag, openids, on, ..
            } => {
                for openid in openids {
                    self.tag(*tag, openid, *on);
                }
            }
            Event::Remark { openid, remark, .. } => {
                if let Some(profile) = self.profile_mut(openid) {
                    profile.remark.clone_from(remark);
                }
            }
            Event::Blacklist { openids, on, .. } => {
                for openid in openids {
                    let Some(position) = self.member_position(openid) else {
                        continue;
                    };
                    let position = position as u32;
                    if *on {
                        self.blacklist.insert(position);
                    } else {
                        self.blacklist.remove(&position);
                    }
                    if let Some(profile) = self.profile_mut(openid) {
                        profile.blacklisted = *on;
                    }
                }
            }
            _ => {}
        }
    }

    fn name_tag(&mut self, id: u32, name: &str) {
        self.tags.next = self.tags.next.max(id + 1);
        let tag = self.tags.list.entry(id).or_insert_with(|| Tag {
            name: String::new(),
            members: BTreeSet::new(),
        });
        tag.name = name.to_owned();
    }

    fn drop_tag(&mut self, id: u32) {
        let Some(tag) = self.tags.list.shift_remove(&id) else {
            return;
        };
        for position in tag.members {
            let member = self.members.get_mut(position as usize);
            if let Some(profile) = member.and_then(|one| one.profile.as_deref_mut()) {
                profile.tags.retain(|one| *one != id);
            }
        }
    }

    fn tag(&mut self, id: u32, openid: &str, on: bool) {
        let position = self.member_position(openid);
        let (Some(position), Some(tag)) = (position, self.tags.list.get_mut(&id)) else {
            return;
        };
        if on {
            tag.members.insert(position as u32);
        } else {
            tag.members.remove(&(position as u32));
        }
        if let Some(profile) = self.profile_mut(openid) {
            // The tag given last decides about conditional menus.
            profile.tags.retain(|one| *one != id);
            if on {
                profile.tags.push(id);
            }
        }
    }
}
