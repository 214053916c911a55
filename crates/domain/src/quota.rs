//! What WeChat lets an account do in a day, as far as we know.

use jiff::Timestamp;

use crate::ids::AccountId;

/// Clearings of quotas WeChat allows an account in a month (重置API调用次数: both calls and
/// the console's button together).
pub const CLEARINGS_A_MONTH: u32 = 10;

/// Calls we made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallsMade {
    /// The account.
    pub account: AccountId,
    /// WeChat's API, such as `/cgi-bin/message/template/send`.
    pub path: String,
    /// The Beijing day ([`crate::clock::beijing_day`]).
    pub day: i64,
    /// So many more.
    pub calls: u64,
}

/// What WeChat says about one API of an account (查询API调用额度).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportedQuota {
    /// Calls a day.
    pub daily_limit: u64,
    /// Calls made today, by everybody with this account's token. About one percent
    /// may be missing.
    pub used: u64,
    /// When it was said.
    pub at: Timestamp,
}

/// One API of an account on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// WeChat's API.
    pub path: String,
    /// Calls of ours that day.
    pub ours: u64,
    /// What WeChat said last that day, and how many calls of ours there were then.
    pub reported: Option<(ReportedQuota, u64)>,
}

impl Quota {
    /// Calls made that day as far as we know: WeChat's figure and what we added
    /// since.
    #[must_use]
    pub fn used(&self) -> u64 {
        match &self.reported {
            Some((reported, ours_then)) => reported.used + self.ours.saturating_sub(*ours_then),
            None => self.ours,
        }
    }

    /// Calls left that day; `None` = the limit is not known.
    #[must_use]
    pub fn left(&self) -> Option<u64> {
        let (reported, _) = self.reported.as_ref()?;
        Some(reported.daily_limit.saturating_sub(self.used()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_add_after_a_report_counts() {
        let reported = ReportedQuota {
            daily_limit: 100,
            used: 60,
            at: Timestamp::UNIX_EPOCH,
        };
        let mut quota = Quota {
            path: "/x".to_owned(),
            ours: 30,
            reported: Some((reported, 20)),
        };
        assert_eq!((quota.used(), quota.left()), (70, Some(30)));
        quota.ours = 100;
        assert_eq!(quota.left(), Some(0));
        quota.reported = None;
        assert_eq!((quota.used(), quota.left()), (100, None));
    }
}
