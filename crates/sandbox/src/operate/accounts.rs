//! Accounts.

use std::sync::Arc;

use super::ControlError;
use crate::Sandbox;
use crate::event::Event;
use crate::model::{AccountPatch, AccountView, Callback, CallbackMode, NewAccount};
use crate::outcome::ReceiptRules;
use crate::state::account::{Account, Settings, ip_matches};

/// Longest name of an account, in characters.
const NAME_LIMIT: usize = 30;

impl Sandbox {
    /// Makes an account.
    ///
    /// # Errors
    /// [`ControlError::Exists`] for a known appid, [`ControlError::Invalid`]
    /// for ids, allow-list rules or callback settings that make no sense.
    pub fn add_account(&self, new: NewAccount) -> Result<AccountView, ControlError> {
        let _guard = self.world.control.lock();
        let ids = &self.world.ids;
        let appid = new.appid.unwrap_or_else(|| ids.appid());
        check_id("appid", &appid)?;
        if self.world.account(&appid).is_some() {
            return Err(ControlError::Exists(format!(
                "account {appid} exists; PATCH /sandbox/v1/accounts/{appid} changes it"
            )));
        }
        let settings = Settings {
            name: new.name,
            secret: new.secret.unwrap_or_else(|| ids.secret()),
            original_id: new.original_id.unwrap_or_else(|| ids.original_id()),
            open_platform: new.open_platform,
            ip_allowlist: new.ip_allowlist,
            callback: new.callback,
            reject_unicode_escapes: new.reject_unicode_escapes,
            duplicate_answer: new.duplicate_answer,
            web_domains: new.web_domains,
            receipts: ReceiptRules::default(),
        };
        check_settings(&settings)?;
        self.world.commit(&Event::Account {
            appid: appid.clone(),
            kind: new.kind,
            settings,
        })?;
        Ok(view(&*self.account(&appid)?))
    }

    /// Changes an account.
    ///
    /// # Errors
    /// As [`Sandbox::add_account`], and [`ControlError::NotFound`].
    pub fn update_account(
        &self,
        appid: &str,
        patch: AccountPatch,
    ) -> Result<AccountView, ControlError> {
        let _guard = self.world.control.lock();
        let account = self.account(appid)?;
        let mut settings = account.settings.read().clone();
        let AccountPatch {
            name,
            secret,
            original_id,
            open_platform,
            ip_allowlist,
            callback,
            reject_unicode_escapes,
            duplicate_answer,
            web_domains,
        } = patch;
        set(&mut settings.name, name);
        set(&mut settings.secret, secret);
        set(&mut settings.original_id, original_id);
        set(&mut settings.open_platform, open_platform);
        set(&mut settings.ip_allowlist, ip_allowlist);
        set(&mut settings.callback, callback);
        set(&mut settings.reject_unicode_escapes, reject_unicode_escapes);
        set(&mut settings.duplicate_answer, duplicate_answer);
        set(&mut settings.web_domains, web_domains);
        check_settings(&settings)?;
        let kind = account.kind;
        self.world.commit(&Event::Account {
            appid: appid.to_owned(),
            kind,
            settings,
        })?;
        Ok(view(&account))
    }

    /// All accounts in the order of their making.
    pub fn accounts(&self) -> Vec<AccountView> {
        self.world
            .accounts
            .read()
            .list
            .iter()
            .map(|account| view(account))
            .collect()
    }

    pub(crate) fn account(&self, appid: &str) -> Result<Arc<Account>, ControlError> {
        self.world
            .account(appid)
            .ok_or_else(|| ControlError::no_account(appid))
    }
}

pub(super) fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn view(account: &Account) -> AccountView {
    let settings = account.settings.read().clone();
    let book = account.book.lock();
    AccountView {
        appid: account.appid.to_string(),
        kind: account.kind,
        name: settings.name,
        secret: settings.secret,
        original_id: settings.original_id,
        open_platform: settings.open_platform,
        ip_allowlist: settings.ip_allowlist,
        callback: settings.callback,
        reject_unicode_escapes: settings.reject_unicode_escapes,
        duplicate_answer: settings.duplicate_answer,
        web_domains: settings.web_domains,
        receipts: settings.receipts,
        templates: book
            .living_templates()
            .map(|template| template.view())
            .collect(),
        followers: book.followers(),
    }
}

/// Ids travel in paths and query strings, so they must need no escaping there.
pub(super) fn check_id(name: &str, id: &str) -> Result<(), ControlError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if (1..=64).contains(&id.len()) && id.bytes().all(plain) {
        return Ok(());
    }
    Err(ControlError::Invalid(format!(
        "{name} must be 1 to 64 of A-Z, a-z, 0-9, _ and -"
    )))
}

fn check_settings(settings: &Settings) -> Result<(), ControlError> {
    let fits = |name: &String| (1..=NAME_LIMIT).contains(&name.chars().count());
    if !settings.name.as_ref().is_none_or(fits) {
        return Err(ControlError::Invalid(format!(
            "name must have 1 to {NAME_LIMIT} characters"
        )));
    }
    check_id("secret", &settings.secret)?;
    check_id("original_id", &settings.original_id)?;
    let nowhere = std::net::IpAddr::from([0, 0, 0, 0]);
    for rule in &settings.ip_allowlist {
        if ip_matches(rule, nowhere).is_none() {
            return Err(ControlError::Invalid(format!(
                "ip_allowlist: {rule:?} is neither an address nor a block such as 10.0.0.0/8"
            )));
        }
    }
    for domain in &settings.web_domains {
        if domain.is_empty() || domain.contains(['/', ':', ' ']) {
            return Err(ControlError::Invalid(format!(
                "web_domains: {domain:?} is no host; leave scheme and port out"
            )));
        }
    }
    settings.callback.as_ref().map_or(Ok(()), check_callback)
}

pub(super) fn check_callback(callback: &Callback) -> Result<(), ControlError> {
    let invalid = |text: &str| Err(ControlError::Invalid(text.to_owned()));
    let has_scheme = callback.url.starts_with("http://") || callback.url.starts_with("https://");
    let has_host = callback
        .url
        .parse::<http::Uri>()
        .is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()));
    if !has_scheme || !has_host {
        return invalid(
            "callback.url must be an address such as http://127.0.0.1:8600/callback/demo-oa",
        );
    }
    let token = &callback.token;
    if !(3..=32).contains(&token.len()) || !token.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return invalid("callback.token must be 3 to 32 letters and digits");
    }
    let key_fits = |key: &String| key.len() == 43 && key.bytes().all(|b| b.is_ascii_alphanumeric());
    match (callback.mode, &callback.encoding_aes_key) {
        (CallbackMode::Compatible | CallbackMode::Safe, None) => {
            invalid("callback.encoding_aes_key is needed in the modes compatible and safe")
        }
        (_, Some(key)) if !key_fits(key) => {
            invalid("callback.encoding_aes_key must be 43 letters and digits")
        }
        (_, _) => Ok(()),
    }
}
