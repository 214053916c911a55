//! What accounts used of their allowances today, in memory: counted at every call,
//! written down now and then.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::clock::{after, beijing_day};
use hongyan_domain::quota::{CallsMade, Quota, ReportedQuota};
use jiff::Timestamp;

use super::meter::Meter;

/// While an API is used WeChat is asked so often what is left.
const ASK_EVERY: Duration = Duration::from_secs(10 * 60);

/// The calls of all accounts, by API.
#[derive(Debug, Default)]
pub(crate) struct QuotaBook(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    apis: HashMap<AccountId, HashMap<String, Api>>,
    /// Calls of days that are over, not written yet.
    late: Vec<CallsMade>,
}

#[derive(Debug, Default)]
struct Api {
    day: i64,
    /// Calls of the day that are not written yet.
    unwritten: u64,
    /// Calls of the day that are written, of all nodes.
    written: u64,
    reported: Option<(ReportedQuota, u64)>,
    meter: Meter,
    /// Calls since WeChat was last asked.
    since_asked: u64,
    asked_at: Option<Timestamp>,
    /// Something happened that makes asking worth while at once.
    ask: bool,
}

impl Api {
    fn turn(&mut self, day: i64) -> Option<(i64, u64)> {
        if self.day == day {
            return None;
        }
        let late = (self.unwritten > 0).then_some((self.day, self.unwritten));
        self.day = day;
        (self.unwritten, self.written) = (0, 0);
        self.reported = None;
        late
    }

    fn quota(&self, path: &str) -> Quota {
        Quota {
            path: path.to_owned(),
            ours: self.written + self.unwritten,
            reported: self.reported,
        }
    }
}

impl Book {
    fn api(&mut self, account: AccountId, path: &str, day: i64) -> &mut Api {
        let apis = self.apis.entry(account).or_default();
        let api = apis.entry(path.to_owned()).or_insert_with(|| Api {
            day,
            ..Api::default()
        });
        if let Some((day, calls)) = api.turn(day) {
            self.late.push(CallsMade {
                account,
                path: path.to_owned(),
                day,
                calls,
            });
        }
        api
    }
}

impl QuotaBook {
    fn with<T>(&self, work: impl FnOnce(&mut Book) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a call.
    pub(crate) fn note(&self, account: AccountId, path: &str, now: Timestamp) {
        self.with(|book| {
            let api = book.api(account, path, beijing_day(now));
            api.unwritten += 1;
            api.since_asked += 1;
            api.meter.note(now);
        });
    }

    /// WeChat said that an allowance is used up, or it was cleared: what we know of
    /// it is wrong.
    pub(crate) fn ask_again(&self, account: AccountId, path: &str) {
        self.with(|book| {
            if let Some(api) = book
                .apis
                .get_mut(&account)
                .and_then(|all| all.get_mut(path))
            {
                api.ask = true;
            }
        });
    }

    /// What is known of one API today.
    pub(super) fn quota(&self, account: AccountId, path: &str, now: Timestamp) -> Option<Quota> {
        let day = beijing_day(now);
        self.with(|book| {
            let api = book.apis.get(&account)?.get(path)?;
            (api.day == day).then(|| api.quota(path))
        })
    }

    /// What is known of an account's APIs today with the calls of the last minute, by
    /// path.
    pub(crate) fn quotas(&self, account: AccountId, now: Timestamp) -> Vec<(Quota, u64)> {
        let day = beijing_day(now);
        let mut all: Vec<_> = self.with(|book| {
            let apis = book.apis.get_mut(&account);
            apis.into_iter()
                .flatten()
                .filter(|(_, api)| api.day == day)
                .map(|(path, api)| (api.quota(path), api.meter.per_minute(now)))
                .collect()
        });
        all.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        all
    }

    /// Takes out what is not written yet.
    pub(super) fn take_unwritten(&self) -> Vec<CallsMade> {
        self.with(|book| {
            let mut calls = std::mem::take(&mut book.late);
            for (account, apis) in &mut book.apis {
                for (path, api) in apis {
                    let unwritten = std::mem::take(&mut api.unwritten);
                    if unwritten > 0 {
                        // It counts while it is being written.
                        api.written += unwritten;
                        calls.push(CallsMade {
                            account: *account,
                            path: path.clone(),
                            day: api.day,
                            calls: unwritten,
                        });
                    }
                }
            }
            calls
        })
    }

    /// Puts back what could not be written.
    pub(super) fn put_back(&self, calls: Vec<CallsMade>) {
        self.with(|book| {
            for made in calls {
                let apis = book.apis.get_mut(&made.account);
                match apis.and_then(|apis| apis.get_mut(&made.path)) {
                    Some(api) if api.day == made.day => {
                        api.written = api.written.saturating_sub(made.calls);
                        api.unwritten += made.calls;
                    }
                    _ => book.late.push(made),
                }
            }
        });
    }

    /// Takes in what storage holds of an account's APIs on a day: the calls of all
    /// nodes, and what WeChat said last.
    pub(super) fn read(&self, account: AccountId, day: i64, stored: Vec<Quota>) {
        self.with(|book| {
            for quota in stored {
                let api = book.api(account, &quota.path, day);
                api.written = quota.ours;
                if let Some((reported, _)) = quota.reported {
                    api.asked_at = api.asked_at.max(Some(reported.at));
                }
                api.reported = quota.reported;
            }
        });
    }

    /// The APIs of an account WeChat is to be asked about: those in use, every ten
    /// minutes, and at once those with news.
    pub(super) fn worth_asking(&self, account: AccountId, now: Timestamp) -> Vec<String> {
        let day = beijing_day(now);
        self.with(|book| {
            let apis = book.apis.get_mut(&account);
            apis.into_iter()
                .flatten()
                .filter(|(_, api)| api.day == day)
                .filter(|(_, api)| {
                    let stale = api.asked_at.is_none_or(|at| after(at, ASK_EVERY) <= now);
                    api.ask || (stale && (api.since_asked > 0 || api.reported.is_none()))
                })
                .map(|(path, _)| path.clone())
                .collect()
        })
    }

    /// WeChat was asked about an API, and perhaps answered.
    pub(super) fn asked(&self, account: AccountId, path: &str, now: Timestamp) {
        self.with(|book| {
            let api = book.api(account, path, beijing_day(now));
            api.ask = false;
            api.since_asked = 0;
            api.asked_at = Some(now);
        });
    }

    pub(crate) fn forget(&self, account: AccountId) {
        self.with(|book| book.apis.remove(&account));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/cgi-bin/message/template/send";
    const ACCOUNT: AccountId = AccountId(1);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn noon() -> Timestamp {
        at("2026-11-21T04:00:00Z")
    }

    fn ours(book: &QuotaBook, now: Timestamp) -> u64 {
        book.quota(ACCOUNT, PATH, now).map_or(0, |quota| quota.ours)
    }

    #[test]
    fn a_call_is_written_once_and_counted_all_the_while() {
        let book = QuotaBook::default();
        book.note(ACCOUNT, PATH, noon());
        book.note(ACCOUNT, PATH, noon());
        let calls = book.take_unwritten();
        assert_eq!(calls.iter().map(|made| made.calls).sum::<u64>(), 2);
        assert_eq!(ours(&book, noon()), 2);
        assert!(book.take_unwritten().is_empty());
        book.put_back(calls);
        assert_eq!(ours(&book, noon()), 2);
        assert_eq!(book.take_unwritten()[0].calls, 2);
    }

    #[test]
    fn a_new_day_begins_at_nothing_and_the_old_one_is_still_written() {
        let book = QuotaBook::default();
        book.note(ACCOUNT, PATH, at("2026-11-21T15:59:59Z"));
        let midnight = at("2026-11-21T16:00:00Z");
        assert_eq!(ours(&book, midnight), 0);
        book.note(ACCOUNT, PATH, midnight);
        assert_eq!(ours(&book, midnight), 1);
        let calls = book.take_unwritten();
        let days: Vec<_> = calls.iter().map(|made| made.day).collect();
        let today = beijing_day(midnight);
        assert_eq!(days, [today - 1, today]);
    }

    #[test]
    fn wechat_is_asked_while_an_api_is_used_and_when_it_said_no() {
        let book = QuotaBook::default();
        assert!(book.worth_asking(ACCOUNT, noon()).is_empty());
        book.note(ACCOUNT, PATH, noon());
        assert_eq!(book.worth_asking(ACCOUNT, noon()), [PATH]);
        book.asked(ACCOUNT, PATH, noon());
        book.note(ACCOUNT, PATH, noon());
        assert!(book.worth_asking(ACCOUNT, noon()).is_empty());
        assert_eq!(book.worth_asking(ACCOUNT, after(noon(), ASK_EVERY)), [PATH]);
        book.ask_again(ACCOUNT, PATH);
        assert_eq!(book.worth_asking(ACCOUNT, noon()), [PATH]);
    }
}
