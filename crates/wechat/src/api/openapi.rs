//! Housekeeping of the API itself: quotas, and looking up a call by its rid.

mod clear_quota;
mod clear_quota_v2;
mod quota_get;
mod rid_get;

pub use self::{
    clear_quota::ClearQuota,
    clear_quota_v2::ClearQuotaV2,
    quota_get::{GetQuota, Quota, QuotaReply, RateLimit},
    rid_get::{GetRid, RidReply, RidRequest},
};
