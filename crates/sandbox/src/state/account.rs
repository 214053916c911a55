//! One account: its settings, and the book of everything that changes often.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use indexmap::IndexMap;
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

use super::bulk::BulkPeople;
use super::dedupe::Dedupe;
use super::followers::{Profile, Tags};
use super::media::Media;
use super::menu::Menus;
use super::qr::QrCodes;
use super::quota::{DailyCell, MinuteCell};
use super::talk::Talk;
use super::template::Template;
use super::token::Keyring;
use crate::ids::bulk;
use crate::model::{AccountKind, Callback, DuplicateAnswer, Subscription};
use crate::outcome::ReceiptRules;

/// Private templates an account may have (page "选用模板").
pub(crate) const TEMPLATE_LIMIT: usize = 25;

/// What the control API may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    #[serde(default)]
    pub(crate) name: Option<String>,
    pub(crate) secret: String,
    pub(crate) original_id: String,
    pub(crate) open_platform: Option<String>,
    pub(crate) ip_allowlist: Vec<String>,
    pub(crate) callback: Option<Callback>,
    pub(crate) reject_unicode_escapes: bool,
    pub(crate) duplicate_answer: DuplicateAnswer,
    #[serde(default)]
    pub(crate) web_domains: Vec<String>,
    #[serde(default)]
    pub(crate) receipts: ReceiptRules,
}

/// One account.
#[derive(Debug)]
pub(crate) struct Account {
    /// Position in the list of accounts.
    pub(crate) index: u32,
    pub(crate) appid: Box<str>,
    pub(crate) kind: AccountKind,
    pub(crate) settings: RwLock<Settings>,
    pub(crate) book: Mutex<Book>,
}

/// Who a message goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recipient {
    /// Position in the list of members.
    Member(usize),
    /// A bulk person nobody has touched: refuses nothing.
    Bulk(u32),
}

/// A person at this account.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) openid: Arc<str>,
    pub(crate) person_id: Option<Arc<str>>,
    pub(crate) following: bool,
    pub(crate) blocked: bool,
    /// Was made in bulk.
    pub(crate) is_bulk: bool,
    /// Last time they followed, milliseconds.
    pub(crate) followed_at: i64,
    pub(crate) grants: IndexMap<Box<str>, Grant>,
    /// Newest delivery to them; 0 is none.
    pub(crate) newest: u32,
    /// What went on between them and the account.
    pub(crate) talk: Talk,
    /// What the account noted about them, if anything.
    pub(crate) profile: Option<Box<Profile>>,
}

/// Consent to one template.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Messages left of one-time consents.
    pub(crate) count: u32,
    /// A long-term consent stands.
    pub(crate) open: bool,
}

/// What changes with nearly every call.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) templates: IndexMap<Box<str>, Arc<Template>>,
    pub(crate) members: Vec<Member>,
    by_openid: HashMap<Arc<str>, u32>,
    pub(crate) bulk: BulkPeople,
    /// Members that follow; bulk people come on top.
    following: u64,
    pub(crate) tags: Tags,
    pub(crate) menus: Menus,
    pub(crate) media: Media,
    pub(crate) codes: QrCodes,
    /// Positions of the members on it.
    pub(crate) blacklist: BTreeSet<u32>,
    pub(crate) seen: Dedupe,
    /// By position of the endpoint in the table of endpoints.
    pub(crate) daily: Vec<DailyCell>,
    /// The same for the running minute.
    pub(crate) minutes: Vec<MinuteCell>,
    /// Month of the last `clear_quota` and how many there were in it.
    pub(crate) cleared: (i64, u32),
    pub(crate) industry: Option<Industry>,
    pub(crate) keyring: Keyring,
    /// Numbers of the account's deliveries in order.
    pub(crate) deliveries: Vec<u32>,
    /// The last two tickets of each kind, oldest first.
    pub(crate) tickets: Vec<Ticket>,
}

/// What a ticket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TicketKind {
    /// Signatures of the JS-SDK.
    Jsapi,
    /// Cards.
    WxCard,
}

/// One ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) kind: TicketKind,
    pub(crate) ticket: Box<str>,
    pub(crate) expires_at: i64,
}

/// The account's two industries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Industry {
    pub(crate) primary: u8,
    pub(crate) secondary: u8,
    /// Beijing month of the last change.
    pub(crate) month: i64,
}

impl Settings {
    /// Whether browsers may be sent to the host of that address.
    pub(crate) fn allows_host(&self, url: &str) -> bool {
        self.web_domains.is_empty()
            || host(url).is_some_and(|host| self.web_domains.iter().any(|known| known == host))
    }
}

/// The host of an address without its port.
fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => host.split(':').next(),
    }
}

impl Account {
    pub(crate) fn new(index: u32, appid: &str, kind: AccountKind, settings: Settings) -> Self {
        Self {
            index,
            appid: appid.into(),
            kind,
            settings: RwLock::new(settings),
            book: Mutex::new(Book::default()),
        }
    }

    /// What people call it; the appid where it has no name.
    pub(crate) fn shown_name(&self) -> String {
        let name = self.settings.read().name.clone();
        name.unwrap_or_else(|| self.appid.to_string())
    }

    /// Who the openid is, or `None` for a stranger.
    pub(crate) fn recipient(&self, book: &Book, openid: &str) -> Option<Recipient> {
        if let Some(index) = book.by_openid.get(openid) {
            return Some(Recipient::Member(*index as usize));
        }
        let count = book.bulk.count();
        if count == 0 {
            return None;
        }
        let index = bulk::index(&self.appid, openid)?;
        (index < count).then_some(Recipient::Bulk(index))
    }

    /// Whether the address may fetch tokens.
    pub(crate) fn allows(&self, peer: IpAddr) -> bool {
        let settings = self.settings.read();
        settings.ip_allowlist.is_empty()
            || settings
                .ip_allowlist
                .iter()
                .any(|rule| ip_matches(rule, peer) == Some(true))
    }
}

impl Book {
    /// A template that exists now.
    pub(crate) fn template(&self, id: &str) -> Option<&Arc<Template>> {
        self.templates
            .get(id)
            .filter(|template| !template.source.deleted)
    }

    pub(crate) fn living_templates(&self) -> impl Iterator<Item = &Arc<Template>> {
        self.templates
            .values()
            .filter(|template| !template.source.deleted)
    }

    /// Adds a person; a bulk person becomes a member of their own and keeps
    /// what they had.
    pub(crate) fn add_member(&mut self, appid: &str, openid: &str, person_id: Option<Arc<str>>) {
        if self.by_openid.contains_key(openid) {
            return;
        }
        let templates = &self.templates;
        let subscription = |id: &str| {
            templates
                .get(id)
                .map_or(Subscription::OneTime, |one| one.subscription())
        };
        let luggage = bulk::index(appid, openid)
            .filter(|number| *number < self.bulk.count())
            .and_then(|number| self.bulk.promote(number, subscription));
        let is_bulk = luggage.is_some();
        let luggage = luggage.unwrap_or_default();
        self.following += u64::from(luggage.follows);
        let openid: Arc<str> = openid.into();
        self.by_openid
            .insert(Arc::clone(&openid), self.members.len() as u32);
        self.members.push(Member {
            openid,
            person_id,
            following: luggage.follows,
            blocked: false,
            is_bulk,
            followed_at: luggage.at,
            grants: luggage.grants.into_iter().collect(),
            newest: luggage.newest,
            talk: Talk::default(),
            profile: None,
        });
    }

    pub(crate) fn member_mut(&mut self, openid: &str) -> Option<&mut Member> {
        let index = *self.by_openid.get(openid)?;
        self.members.get_mut(index as usize)
    }

    pub(crate) fn member(&self, openid: &str) -> Option<&Member> {
        self.members.get(*self.by_openid.get(openid)? as usize)
    }

    pub(crate) fn set_following(&mut self, openid: &str, following: bool, at: i64) {
        let Some(member) = self.member_mut(openid) else {
            return;
        };
        let before = std::mem::replace(&mut member.following, following);
        if following {
            member.followed_at = at;
        }
        match (before, following) {
            (false, true) => self.following += 1,
            (true, false) => self.following -= 1,
            (true, true) | (false, false) => {}
        }
    }

    /// Takes a new ticket in; the one before it stays good until it expires.
    pub(crate) fn add_ticket(&mut self, ticket: Ticket) {
        let same = |one: &Ticket| one.kind == ticket.kind;
        if self.tickets.iter().filter(|one| same(one)).count() > 1
            && let Some(oldest) = self.tickets.iter().position(same)
        {
            self.tickets.remove(oldest);
        }
        self.tickets.push(ticket);
    }

    /// Whether anybody may be sent the message at all: an openid that follows.
    pub(crate) fn follows(&self, recipient: Recipient) -> bool {
        match recipient {
            Recipient::Member(index) => self.members.get(index).is_some_and(|one| one.following),
            Recipient::Bulk(number) => self.bulk.follows(number),
        }
    }

    /// Whether the recipient refuses messages.
    pub(crate) fn blocks(&self, recipient: Recipient) -> bool {
        match recipient {
            Recipient::Member(index) => self.members.get(index).is_some_and(|one| one.blocked),
            Recipient::Bulk(_) => false,
        }
    }

    /// All followers, bulk people included.
    pub(crate) fn followers(&self) -> u64 {
        self.following + self.bulk.followers()
    }

    /// The recipient's consent to a template of that subscription.
    pub(crate) fn grant(
        &self,
        recipient: Recipient,
        template_id: &str,
        subscription: Subscription,
    ) -> Grant {
        let grant = match recipient {
            Recipient::Member(index) => self
                .members
                .get(index)
                .and_then(|member| member.grants.get(template_id))
                .copied(),
            Recipient::Bulk(number) => self.bulk.grant(number, template_id, subscription),
        };
        grant.unwrap_or_default()
    }

    /// Newest delivery to the recipient; 0 is none.
    pub(crate) fn newest(&self, recipient: Recipient) -> u32 {
        match recipient {
            Recipient::Member(index) => self.members.get(index).map_or(0, |member| member.newest),
            Recipient::Bulk(number) => self.bulk.newest(number),
        }
    }

    pub(crate) fn set_newest(&mut self, recipient: Recipient, seq: u32) {
        match recipient {
            Recipient::Member(index) => {
                if let Some(member) = self.members.get_mut(index) {
                    member.newest = seq;
                }
            }
            Recipient::Bulk(number) => self.bulk.set_newest(number, seq),
        }
    }

    pub(crate) fn member_position(&self, openid: &str) -> Option<usize> {
        self.by_openid.get(openid).map(|index| *index as usize)
    }

    /// The counter of an endpoint.
    pub(crate) fn daily(&mut self, endpoint: usize) -> &mut DailyCell {
        if self.daily.len() <= endpoint {
            self.daily.resize(endpoint + 1, DailyCell::default());
        }
        &mut self.daily[endpoint]
    }

    /// The counter of an endpoint for the running minute.
    pub(crate) fn minute(&mut self, endpoint: usize) -> &mut MinuteCell {
        if self.minutes.len() <= endpoint {
            self.minutes.resize(endpoint + 1, MinuteCell::default());
        }
        &mut self.minutes[endpoint]
    }
}

/// Whether an address lies in a rule such as `203.0.113.9` or `10.0.0.0/8`;
/// `None` where the rule is neither.
pub(crate) fn ip_matches(rule: &str, address: IpAddr) -> Option<bool> {
    let (base, prefix) = match rule.split_once('/') {
        Some((base, prefix)) => (base, Some(prefix.parse::<u32>().ok()?)),
        None => (rule, None),
    };
    let base: IpAddr = base.trim().parse().ok()?;
    let (base, address) = (base.to_canonical(), address.to_canonical());
    let width = if base.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(width);
    if prefix > width {
        return None;
    }
    if base.is_ipv4() != address.is_ipv4() {
        return Some(false);
    }
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    let shift = width - prefix;
    let cut = |ip: IpAddr| bits(ip).checked_shr(shift).unwrap_or(0);
    Some(cut(base) == cut(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::bulk::Batch;

    #[test]
    fn allow_list_rules() {
        let at = |rule: &str, ip: &str| ip_matches(rule, ip.parse().unwrap());
        assert_eq!(at("203.0.113.9", "203.0.113.9"), Some(true));
        assert_eq!(at("203.0.113.9", "::ffff:203.0.113.9"), Some(true));
        assert_eq!(at("10.0.0.0/8", "10.200.3.4"), Some(true));
        assert_eq!(at("10.0.0.0/8", "11.0.0.1"), Some(false));
        assert_eq!(at("0.0.0.0/0", "8.8.8.8"), Some(true));
        assert_eq!(at("::/0", "2001:db8::1"), Some(true));
        assert_eq!(at("2001:db8::/32", "2001:db9::1"), Some(false));
        assert_eq!(at("10.0.0.0/33", "10.0.0.1"), None);
        assert_eq!(at("office", "10.0.0.1"), None);
    }

    #[test]
    fn a_touched_bulk_person_is_counted_once() {
        let mut book = Book::default();
        book.bulk.add(Batch {
            numbers: 0..3,
            follows: true,
            at: 0,
            accepts: Vec::new(),
        });
        book.set_newest(Recipient::Bulk(1), 9);
        let openid = bulk::openid("wx1", 1);
        book.add_member("wx1", &openid, None);
        book.add_member("wx1", &openid, None);
        assert_eq!(book.followers(), 3);
        assert_eq!(book.newest(Recipient::Member(0)), 9);
        book.set_following(&openid, false, 1);
        book.set_following(&openid, false, 2);
        assert_eq!(book.followers(), 2);
    }
}
