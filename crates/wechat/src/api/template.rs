//! Template messages of official accounts: verified service accounts and test accounts only (48001 for
//! others). [`SubscribeSend`] is the older one-time subscription message, which lives under the same path.

mod add;
mod delete;
mod get_industry;
mod list;
mod query_blocked;
mod send;
mod set_industry;
mod subscribe_send;

pub use self::{
    add::{AddTemplate, AddedTemplate},
    delete::DeleteTemplate,
    get_industry::{GetIndustry, Industries, Industry},
    list::{ListTemplates, Template, TemplateList},
    query_blocked::{BlockedMessage, BlockedMessages, QueryBlocked},
    send::{SendTemplateMessage, SentTemplateMessage},
    set_industry::SetIndustry,
    subscribe_send::SubscribeSend,
};
