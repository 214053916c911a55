//! Menus of official accounts: the one everybody sees, and those for some people ("自定义菜单").
//!
//! Phones look for a new menu when the account is opened, at most every five minutes.

mod button;
mod conditional;
mod create;
mod current;
mod delete;
mod get;

pub use self::{
    button::{Button, MatchRule, NewsInfo, NewsItem},
    conditional::{
        AddConditionalMenu, AddedConditionalMenu, DeleteConditionalMenu, MatchedMenu, TryMatch,
    },
    create::CreateMenu,
    current::{CurrentMenu, GetCurrentMenu, SelfMenu},
    delete::DeleteMenu,
    get::{ConditionalMenu, DefaultMenu, GetMenu, Menus},
};
