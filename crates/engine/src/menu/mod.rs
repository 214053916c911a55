//! Menus: what is live, what a change would do, the change itself, and the way back.

mod live;

pub use live::{LiveMenu, MenuSource};

use hongyan_domain::KeyId;
use hongyan_domain::account::Account;
use hongyan_domain::menu::{Button, Change, ConditionalMenu, Menu, MenuVersion, changes};
use hongyan_domain::port::{Page, StoreError};
use hongyan_wechat::OpenId;
use hongyan_wechat::api::menu::{
    AddConditionalMenu, CreateMenu, DeleteConditionalMenu, DeleteMenu, TryMatch,
};

use crate::Engine;
use crate::ask::{ManageError, official};
use crate::people::digest;

/// The longest word for a change, in characters.
const LONGEST_NOTE: usize = 200;

/// The notes of menus that were not applied by us.
const FOUND_AT_WECHAT: &str = "found at WeChat before the next change";

/// Who changes a menu, and what they say to it.
#[derive(Debug, Clone, Default)]
pub struct MenuChange {
    /// Their word for it, at most 200 characters; longer ones are cut.
    pub note: Option<String>,
    /// Their API key.
    pub by: Option<KeyId>,
}

/// What was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedMenu {
    /// The menu as it is kept.
    pub version: MenuVersion,
    /// What changed; nothing where it was so already.
    pub changes: Vec<Change>,
}

impl Engine {
    /// What applying a menu would change.
    ///
    /// # Errors
    /// What is wrong with it; WeChat's refusals.
    pub async fn plan_menu(
        &self,
        account: &Account,
        wanted: &Menu,
    ) -> Result<Vec<Change>, ManageError> {
        official(account)?;
        check(wanted)?;
        Ok(changes(&self.live_menu(account).await?.menu, wanted))
    }

    /// Makes a menu the account's. Where it breaks off, the next call goes on from what
    /// WeChat then has.
    ///
    /// # Errors
    /// What is wrong with it; WeChat's refusals.
    pub async fn apply_menu(
        &self,
        account: &Account,
        wanted: &Menu,
        change: &MenuChange,
    ) -> Result<AppliedMenu, ManageError> {
        official(account)?;
        check(wanted)?;
        let _alone = self.alone_at_menu(account).await;
        let live = self.live_menu(account).await?;
        let found = changes(&live.menu, wanted);
        if found.is_empty()
            && live.source == MenuSource::Api
            && let Some(version) = live.version.clone()
        {
            return Ok(AppliedMenu {
                version,
                changes: found,
            });
        }
        self.keep_found(account, &live).await?;
        // A menu made in the console is replaced even by its like: what is made over
        // the API is what WeChat lets us change later.
        if live.source != MenuSource::Api || live.menu.button != wanted.button {
            let button = live::to_wire(&wanted.button);
            self.ask_wechat(account, &CreateMenu { button: &button })
                .await?;
        }
        self.reconcile(account, &live, &wanted.conditional).await?;
        let version = self.keep(account, Some(wanted), change).await?;
        tracing::info!(account = %account.name(), version = version.version, changes = found.len(), "a menu was applied");
        Ok(AppliedMenu {
            version,
            changes: found,
        })
    }

    /// Removes the account's menus, conditional ones included.
    ///
    /// # Errors
    /// WeChat's refusals.
    pub async fn remove_menu(
        &self,
        account: &Account,
        change: &MenuChange,
    ) -> Result<MenuVersion, ManageError> {
        official(account)?;
        let _alone = self.alone_at_menu(account).await;
        self.remove_alone(account, change).await
    }

    async fn remove_alone(
        &self,
        account: &Account,
        change: &MenuChange,
    ) -> Result<MenuVersion, ManageError> {
        let live = self.live_menu(account).await?;
        self.keep_found(account, &live).await?;
        self.ask_wechat(account, &DeleteMenu).await?;
        let version = self.keep(account, None, change).await?;
        tracing::info!(account = %account.name(), version = version.version, "the menu was removed");
        Ok(version)
    }

    /// The menus an account had, the newest first.
    ///
    /// # Errors
    /// Storage's.
    pub async fn menu_versions(
        &self,
        account: &Account,
        page: &Page<u32>,
    ) -> Result<Vec<MenuVersion>, StoreError> {
        self.store.menu_versions(account.id, page).await
    }

    /// One of them.
    ///
    /// # Errors
    /// `Unknown`; storage's.
    pub async fn menu_version(
        &self,
        account: &Account,
        version: u32,
    ) -> Result<MenuVersion, ManageError> {
        self.store
            .menu_version(account.id, version)
            .await?
            .ok_or_else(|| ManageError::Unknown {
                what: format!("menu version {version} of {}", account.name()),
            })
    }

    /// Goes back to a menu the account had. That is a change like any other, and kept
    /// as a version of its own.
    ///
    /// # Errors
    /// `Unknown`; what WeChat would not take of it any more; WeChat's refusals.
    pub async fn roll_back_menu(
        &self,
        account: &Account,
        version: u32,
        change: &MenuChange,
    ) -> Result<AppliedMenu, ManageError> {
        let back_to = self.menu_version(account, version).await?;
        let change = MenuChange {
            note: change
                .note
                .clone()
                .or_else(|| Some(format!("back to version {version}"))),
            by: change.by,
        };
        match menu_of(&back_to)? {
            Some(menu) => self.apply_menu(account, &menu, &change).await,
            None => {
                let _alone = self.alone_at_menu(account).await;
                let live = self.live_menu(account).await?;
                let version = self.remove_alone(account, &change).await?;
                Ok(AppliedMenu {
                    version,
                    changes: changes(&live.menu, &Menu::default()),
                })
            }
        }
    }

    /// The menu one person sees (测试个性化菜单匹配结果).
    ///
    /// # Errors
    /// WeChat's refusals.
    pub async fn match_menu(
        &self,
        account: &Account,
        openid: &OpenId,
    ) -> Result<Vec<Button>, ManageError> {
        official(account)?;
        let call = TryMatch {
            user_id: openid.as_str(),
        };
        Ok(live::from_wire(
            self.ask_wechat(account, &call).await?.button,
        ))
    }

    /// Makes the conditional menus those wanted. WeChat shows the newest that fits, and
    /// has no way to change one: so the oldest that are right stay, the others go, and
    /// the missing ones are added, the last first. Those that go, go first: all
    /// together may lead to three domains only.
    async fn reconcile(
        &self,
        account: &Account,
        live: &LiveMenu,
        wanted: &[ConditionalMenu],
    ) -> Result<(), ManageError> {
        let stay = live
            .menu
            .conditional
            .iter()
            .rev()
            .zip(wanted.iter().rev())
            .take_while(|(now, wanted)| now == wanted)
            .count();
        let go = live.conditional_ids.len() - stay;
        for menuid in &live.conditional_ids[..go] {
            self.ask_wechat(account, &DeleteConditionalMenu { menuid })
                .await?;
        }
        for menu in wanted[..wanted.len() - stay].iter().rev() {
            let button = live::to_wire(&menu.button);
            let call = AddConditionalMenu {
                button: &button,
                matchrule: live::rule_to_wire(menu.matchrule),
            };
            self.ask_wechat(account, &call).await?;
        }
        Ok(())
    }

    /// Keeps a menu that is live and not the newest version: without it there would be
    /// no way back.
    async fn keep_found(&self, account: &Account, live: &LiveMenu) -> Result<(), ManageError> {
        if live.source == MenuSource::None || live.version.is_some() {
            return Ok(());
        }
        let found = MenuChange {
            note: Some(FOUND_AT_WECHAT.to_owned()),
            by: None,
        };
        self.keep(account, Some(&live.menu), &found).await?;
        Ok(())
    }

    async fn keep(
        &self,
        account: &Account,
        menu: Option<&Menu>,
        change: &MenuChange,
    ) -> Result<MenuVersion, StoreError> {
        let document = menu
            .map(serde_json::to_string)
            .transpose()
            .map_err(|error| corrupt(&error))?;
        let note: Option<String> = change
            .note
            .as_ref()
            .map(|note| note.chars().take(LONGEST_NOTE).collect());
        self.store
            .keep_menu(
                account.id,
                document.as_deref(),
                note.as_deref(),
                change.by,
                self.clock.now(),
            )
            .await
    }

    async fn alone_at_menu(&self, account: &Account) -> tokio::sync::MutexGuard<'_, ()> {
        let name = format!("menu {}", account.settings.appid);
        self.alone(&digest(&name)).await
    }
}

/// The menu of a version; `None` = it was removed.
///
/// # Errors
/// `Corrupt`.
pub fn menu_of(version: &MenuVersion) -> Result<Option<Menu>, StoreError> {
    version
        .document
        .as_deref()
        .map(serde_json::from_str)
        .transpose()
        .map_err(|error| corrupt(&error))
}

fn corrupt(error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt {
        reason: format!("a menu: {error}"),
    }
}

fn check(menu: &Menu) -> Result<(), ManageError> {
    let wrong = menu.violations();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(ManageError::Invalid(wrong))
    }
}
