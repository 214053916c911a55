//! WeChat's public library: looked through, and templates taken from it. The calls
//! have small daily allowances (some hundred), so answers are kept for a day.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::account::{Account, AccountKind};
use hongyan_domain::clock::after;
use hongyan_domain::message::Kind;
use hongyan_domain::template::{Template, Violation};
use hongyan_wechat::TemplateId;
use hongyan_wechat::api::subscribe::{
    AddSubscribeTemplate, Category, DeleteSubscribeTemplate, GetCategories, GetLibraryKeywords,
    GetLibraryTitles, LibraryKeyword, LibraryTitle,
};
use hongyan_wechat::api::template::{AddTemplate, DeleteTemplate};
use jiff::Timestamp;

use super::WechatFailure;
use crate::{Engine, ManageError};

/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Answers of one sort kept at most.
const KEPT: usize = 1000;

/// Titles of one page: WeChat's most.
const PAGE: u32 = 30;

/// Pages read of one category: 600 titles.
const PAGES: u32 = 20;

/// Keywords of one template (200020 otherwise).
const KEYWORDS: std::ops::RangeInclusive<usize> = 2..=5;

/// Longest word for what a template is for, in characters (200021 beyond).
const LONGEST_SCENE: usize = 15;

/// What was learned of the library.
#[derive(Debug, Default)]
pub(super) struct Library {
    categories: Answers<AccountId, Arc<[Category]>>,
    titles: Answers<(AccountId, u32), Arc<LibraryFinding>>,
    keywords: Answers<(AccountId, String), Arc<[LibraryKeyword]>>,
}

#[derive(Debug)]
struct Answers<K, V>(Mutex<HashMap<K, (Timestamp, V)>>);

impl<K, V> Default for Answers<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Answers<K, V> {
    fn get(&self, key: &K, now: Timestamp) -> Option<V> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, value) = kept.get(key)?;
        (after(*at, KEPT_FOR) > now).then(|| value.clone())
    }

    fn put(&self, key: K, now: Timestamp, value: V) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, (now, value));
    }
}

/// Titles of the library.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LibraryFinding {
    /// Those found.
    pub titles: Vec<LibraryTitle>,
    /// Whether there may be more: only the first 600 of a category are read.
    pub more: bool,
}

/// A template to be taken from the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewTemplate {
    /// A subscribe template (mini program), or one of a subscription notice (official
    /// account).
    Subscription {
        /// The library's id of the title.
        tid: String,
        /// Two to five keywords, in the order shown.
        keyword_ids: Vec<u32>,
        /// What it is for, at most 15 characters.
        scene: Option<String>,
    },
    /// A template of template messages (official account).
    Template {
        /// The library's id, a number for category templates.
        short_id: String,
        /// The keywords by their words, in the order shown.
        keyword_names: Vec<String>,
    },
}

impl Engine {
    /// The account's service categories, from which templates can be taken.
    ///
    /// # Errors
    /// WeChat's.
    pub async fn template_categories(
        &self,
        account: &Account,
    ) -> Result<Arc<[Category]>, WechatFailure> {
        let (kept, now) = (&self.catalogue.library.categories, self.clock.now());
        if let Some(known) = kept.get(&account.id, now) {
            return Ok(known);
        }
        let found = self.ask_wechat(account, &GetCategories).await?;
        let found: Arc<[Category]> = found.data.into();
        kept.put(account.id, now, Arc::clone(&found));
        Ok(found)
    }

    /// Titles of the library in one category or all of the account's; those whose
    /// title contains `keyword`, in any letter case.
    ///
    /// # Errors
    /// WeChat's.
    pub async fn search_library(
        &self,
        account: &Account,
        category: Option<u32>,
        keyword: Option<&str>,
    ) -> Result<LibraryFinding, WechatFailure> {
        let categories = match category {
            Some(category) => vec![category],
            None => {
                let all = self.template_categories(account).await?;
                all.iter().map(|category| category.id).collect()
            }
        };
        let wanted = keyword.map(str::to_lowercase).unwrap_or_default();
        let mut finding = LibraryFinding::default();
        for category in categories {
            let found = self.titles_of(account, category).await?;
            finding.more |= found.more;
            let fits = |title: &&LibraryTitle| title.title.to_lowercase().contains(&wanted);
            let fitting = found.titles.iter().filter(fits).cloned();
            finding.titles.extend(fitting);
        }
        Ok(finding)
    }

    async fn titles_of(
        &self,
        account: &Account,
        category: u32,
    ) -> Result<Arc<LibraryFinding>, WechatFailure> {
        let (kept, now) = (&self.catalogue.library.titles, self.clock.now());
        let key = (account.id, category);
        if let Some(known) = kept.get(&key, now) {
            return Ok(known);
        }
        let mut titles = Vec::new();
        let mut more = true;
        for page in 0..PAGES {
            let call = GetLibraryTitles {
                ids: &[category],
                start: page * PAGE,
                limit: PAGE,
            };
            let found = self.ask_wechat(account, &call).await?;
            let last = found.data.len() < PAGE as usize;
            titles.extend(found.data);
            if last || titles.len() >= found.count as usize {
                more = false;
                break;
            }
        }
        let found = Arc::new(LibraryFinding { titles, more });
        kept.put(key, now, Arc::clone(&found));
        Ok(found)
    }

    /// The keywords that a title of the library offers.
    ///
    /// # Errors
    /// WeChat's.
    pub async fn library_keywords(
        &self,
        account: &Account,
        tid: &str,
    ) -> Result<Arc<[LibraryKeyword]>, WechatFailure> {
        let (kept, now) = (&self.catalogue.library.keywords, self.clock.now());
        let key = (account.id, tid.to_owned());
        if let Some(known) = kept.get(&key, now) {
            return Ok(known);
        }
        let found = self
            .ask_wechat(account, &GetLibraryKeywords { tid })
            .await?;
        let found: Arc<[LibraryKeyword]> = found.data.into();
        kept.put(key, now, Arc::clone(&found));
        Ok(found)
    }

    /// Takes a template from the library into the account and lists the account's
    /// templates anew; its id, and the template where WeChat lists it already.
    ///
    /// # Errors
    /// `Invalid`; WeChat's.
    pub async fn add_template(
        &self,
        account: &Account,
        new: &NewTemplate,
    ) -> Result<(TemplateId, Option<Template>), ManageError> {
        let wrong = check(new, account.settings.kind);
        if !wrong.is_empty() {
            return Err(ManageError::Invalid(wrong));
        }
        let id = match new {
            NewTemplate::Subscription {
                tid,
                keyword_ids,
                scene,
            } => {
                let call = AddSubscribeTemplate {
                    tid,
                    kid_list: keyword_ids,
                    scene_desc: scene.as_deref(),
                };
                self.ask_wechat(account, &call).await?.template_id
            }
            NewTemplate::Template {
                short_id,
                keyword_names,
            } => {
                let names: Vec<_> = keyword_names.iter().map(String::as_str).collect();
                let call = AddTemplate {
                    template_id_short: short_id,
                    keyword_name_list: &names,
                };
                self.ask_wechat(account, &call).await?.template_id
            }
        };
        tracing::info!(account = %account.name(), template = %id, "template added");
        // It is the account's now, listed or not.
        if let Err(failure) = self.sync_templates(account.id).await {
            tracing::warn!(account = %account.name(), %failure, "a template was added and could not be listed yet");
        }
        let template = self.store.template(account.id, &id).await?;
        Ok((id, template))
    }

    /// Removes a template from the account. Messages that wait to fill it will be
    /// refused by WeChat (40037).
    ///
    /// # Errors
    /// `Unknown`; WeChat's.
    pub async fn remove_template(
        &self,
        account: &Account,
        id: &TemplateId,
    ) -> Result<(), ManageError> {
        let known = self.store.template(account.id, id).await?;
        let template = known.ok_or_else(|| ManageError::Unknown {
            what: format!("template {id}"),
        })?;
        match template.kind {
            Kind::Subscribe | Kind::Notification => {
                let call = DeleteSubscribeTemplate { template_id: id };
                self.ask_wechat(account, &call).await?;
            }
            Kind::Template | Kind::OneTime | Kind::CustomerService => {
                let call = DeleteTemplate { template_id: id };
                self.ask_wechat(account, &call).await?;
            }
        }
        tracing::info!(account = %account.name(), template = %id, "template removed");
        self.sync_templates(account.id).await?;
        Ok(())
    }
}

fn check(new: &NewTemplate, kind: AccountKind) -> Vec<Violation> {
    let mut wrong = Vec::new();
    let mut say = |pointer, rule, en: String, zh: String| {
        wrong.push(Violation::new(pointer, rule, en, zh));
    };
    match new {
        NewTemplate::Subscription {
            tid,
            keyword_ids,
            scene,
        } => {
            if tid.is_empty() || tid.len() > 32 || !tid.bytes().all(|b| b.is_ascii_alphanumeric()) {
                say(
                    "/tid",
                    "form",
                    "tid is the library's number of a title, such as 99".to_owned(),
                    "tid 是模板库标题的编号，如 99".to_owned(),
                );
            }
            let count = keyword_ids.len();
            if !KEYWORDS.contains(&count) {
                say(
                    "/keyword_ids",
                    "count",
                    format!("a template has 2 to 5 keywords, not {count}"),
                    format!("模板应有 2 到 5 个关键词，现为 {count} 个"),
                );
            }
            let length = scene.as_deref().unwrap_or_default().chars().count();
            if length > LONGEST_SCENE {
                say(
                    "/scene",
                    "too_long",
                    format!("scene has {length} characters, allowed are {LONGEST_SCENE}"),
                    format!("scene 有 {length} 个字符，最多 {LONGEST_SCENE} 个"),
                );
            }
        }
        NewTemplate::Template {
            short_id,
            keyword_names,
        } => {
            if kind == AccountKind::MiniProgram {
                say(
                    "/short_id",
                    "not_for_account",
                    "mini programs have subscribe templates: give tid and keyword_ids".to_owned(),
                    "小程序只有订阅消息模板：请给出 tid 和 keyword_ids".to_owned(),
                );
            }
            if short_id.is_empty() || short_id.len() > 64 {
                say(
                    "/short_id",
                    "form",
                    "short_id is the library's number of a category template".to_owned(),
                    "short_id 是模板库中类目模板的编号".to_owned(),
                );
            }
            if keyword_names.is_empty() {
                say(
                    "/keyword_names",
                    "count",
                    "name the keywords to show, in their order (40246 otherwise)".to_owned(),
                    "请按顺序给出要显示的关键词（否则微信返回 40246）".to_owned(),
                );
            }
        }
    }
    wrong
}
