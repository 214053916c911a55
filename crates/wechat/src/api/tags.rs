//! Tags of followers, and the blacklist, which WeChat keeps at the same place. Verified accounts.

mod blacklist;
mod create;
mod delete;
mod get;
mod id_list;
mod members;
mod update;

pub use self::{
    blacklist::{Blacklist, GetBlacklist, Unblacklist},
    create::{CreateTag, CreatedTag, NewTag},
    delete::DeleteTag,
    get::{GetTags, Tag, Tags},
    id_list::{GetIdList, TagIds},
    members::{FailedOpenIds, TagMembers, UntagMembers},
    update::UpdateTag,
};
