//! Template messages of official accounts: verified service accounts and test accounts only (48001 for
//! others).

mod add;
mod delete;
mod get_industry;
mod list;
mod send;
mod set_industry;

pub use self::{
    add::{AddTemplate, AddedTemplate},
    delete::DeleteTemplate,
    get_industry::{GetIndustry, Industries, Industry},
    list::{ListTemplates, Template, TemplateList},
    send::{SendTemplateMessage, SentTemplateMessage},
    set_industry::SetIndustry,
};
