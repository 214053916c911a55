//! What accounts may call a day and a minute.

use serde::Serialize;

use super::ControlError;
use crate::Sandbox;
use crate::api::endpoints::{self, ENDPOINTS};
use crate::event::Event;
use crate::state::account::Book;

/// A path's allowance for an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuotaView {
    /// The path.
    pub path: String,
    /// Calls a day.
    pub limit: u64,
    /// Calls counted today (Beijing time).
    pub used: u64,
    /// Calls a minute; `None` where there is no such limit.
    pub per_minute: Option<u32>,
}

impl Sandbox {
    /// Sets a path's daily limit for an account; calls beyond it get 45009.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown account or a path that has no
    /// daily quota.
    pub fn set_quota(
        &self,
        appid: &str,
        path: &str,
        limit: u64,
    ) -> Result<QuotaView, ControlError> {
        self.limit(
            appid,
            path,
            &Event::QuotaLimit {
                appid: appid.to_owned(),
                path: path.to_owned(),
                limit,
            },
        )
    }

    /// Sets how often an account may call a path in a minute (of the sandbox's
    /// clock); calls beyond it get 45011. `None` brings WeChat's own limit back.
    ///
    /// # Errors
    /// As [`Sandbox::set_quota`].
    pub fn set_rate(
        &self,
        appid: &str,
        path: &str,
        per_minute: Option<u32>,
    ) -> Result<QuotaView, ControlError> {
        self.limit(
            appid,
            path,
            &Event::RateLimit {
                appid: appid.to_owned(),
                path: path.to_owned(),
                per_minute,
            },
        )
    }

    /// The allowances of an account: of every path it called today or that has
    /// a limit of its own.
    ///
    /// # Errors
    /// [`ControlError::NotFound`].
    pub fn quotas(&self, appid: &str) -> Result<Vec<QuotaView>, ControlError> {
        let account = self.account(appid)?;
        let now = self.world.clock.now_ms();
        let mut book = account.book.lock();
        let mut views = Vec::new();
        for endpoint in 0..ENDPOINTS.len() {
            let daily = *book.daily(endpoint);
            let is_limited = daily.limit.is_some() || book.minute(endpoint).limit.is_some();
            if daily.used_at(now) > 0 || is_limited {
                views.extend(view(&mut book, endpoint, now));
            }
        }
        Ok(views)
    }

    fn limit(&self, appid: &str, path: &str, event: &Event) -> Result<QuotaView, ControlError> {
        let _guard = self.world.control.lock();
        let account = self.account(appid)?;
        let unknown = || ControlError::NotFound {
            what: "path with a daily quota called",
            id: path.to_owned(),
        };
        let endpoint = endpoints::find(path).ok_or_else(unknown)?;
        let now = self.world.clock.now_ms();
        let mut book = account.book.lock();
        view(&mut book, endpoint, now).ok_or_else(unknown)?;
        self.world.commit_in(&account, &mut book, event)?;
        view(&mut book, endpoint, now).ok_or_else(unknown)
    }
}

/// `None` for a path without a daily quota.
fn view(book: &mut Book, endpoint: usize, now: i64) -> Option<QuotaView> {
    let known = &ENDPOINTS[endpoint];
    let default = endpoints::daily_limit(known, known.daily?, book);
    let daily = *book.daily(endpoint);
    Some(QuotaView {
        path: known.path.to_owned(),
        limit: daily.limit.unwrap_or(default),
        used: daily.used_at(now),
        per_minute: book.minute(endpoint).limit.or(known.per_minute()),
    })
}
