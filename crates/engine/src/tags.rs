//! Tags of followers and the blacklist: kept by WeChat, asked for there each time.

use hongyan_domain::AccountId;
use hongyan_domain::account::Account;
use hongyan_domain::contact::Described;
use hongyan_domain::port::StoreError;
use hongyan_domain::template::Violation;
use hongyan_wechat::api::tags::{
    Blacklist, CreateTag, DeleteTag, FailedOpenIds, GetBlacklist, GetTags, Tag, TagMembers,
    Unblacklist, UntagMembers, UpdateTag,
};
use hongyan_wechat::api::user::{GetTagged, OpenIdPage, UpdateRemark};
use hongyan_wechat::{CallError, OpenId};

use crate::Engine;
use crate::ask::{ManageError, official};
use crate::people::digest;
use crate::templates::WechatFailure;

/// "Some of these people" (45171): the others were tagged.
const SOME_FAILED: i64 = 45171;

/// The longest name of a tag, in characters (创建标签: 45158 beyond).
const LONGEST_NAME: usize = 30;

/// The longest note about a person, in bytes (设置用户备注名: under 30).
const LONGEST_REMARK: usize = 29;

/// What became of a wish for many people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForMany {
    /// How many it was done for.
    pub done: usize,
    /// Those WeChat named as failed.
    pub failed: Vec<OpenId>,
}

impl Engine {
    /// An account's tags (获取公众号已创建的标签).
    ///
    /// # Errors
    /// Why there are none to be told.
    pub async fn tags(&self, account: &Account) -> Result<Vec<Tag>, ManageError> {
        official(account)?;
        Ok(self.ask_wechat(account, &GetTags).await?.tags)
    }

    /// Adds a tag (创建标签).
    ///
    /// # Errors
    /// What is wrong with its name; WeChat's refusals.
    pub async fn add_tag(&self, account: &Account, name: &str) -> Result<Tag, ManageError> {
        official(account)?;
        let name = tag_name(name)?;
        let made = self.ask_wechat(account, &CreateTag { name }).await?.tag;
        tracing::info!(account = %account.name(), tag = made.id, "a tag was added");
        Ok(Tag {
            id: made.id,
            name: name.to_owned(),
            count: 0,
        })
    }

    /// Renames a tag (编辑标签).
    ///
    /// # Errors
    /// What is wrong with its name; WeChat's refusals.
    pub async fn rename_tag(
        &self,
        account: &Account,
        id: i64,
        name: &str,
    ) -> Result<(), ManageError> {
        official(account)?;
        let name = tag_name(name)?;
        self.ask_wechat(account, &UpdateTag { id, name }).await?;
        Ok(())
    }

    /// Removes a tag, and from its people (删除标签).
    ///
    /// # Errors
    /// WeChat's refusals.
    pub async fn remove_tag(&self, account: &Account, id: i64) -> Result<(), ManageError> {
        official(account)?;
        self.ask_wechat(account, &DeleteTag { id }).await?;
        tracing::info!(account = %account.name(), tag = id, "a tag was removed");
        Ok(())
    }

    /// Gives a tag to people, or takes it from them; WeChat takes fifty a call. Doing
    /// it again does no harm.
    ///
    /// # Errors
    /// WeChat's refusals; those asked before may be done.
    pub async fn tag_people(
        &self,
        account: &Account,
        tag_id: i64,
        people: &[OpenId],
        remove: bool,
    ) -> Result<ForMany, ManageError> {
        official(account)?;
        // WeChat refuses to work on one person twice at a time (45169).
        let _alone = self.alone(&digest(account.settings.appid.as_str())).await;
        let mut outcome = ForMany::default();
        for openid_list in people.chunks(TagMembers::MAX) {
            let answered = if remove {
                let call = UntagMembers {
                    openid_list,
                    tag_id,
                };
                self.ask_whole(account, &call).await?
            } else {
                let call = TagMembers {
                    openid_list,
                    tag_id,
                };
                self.ask_whole(account, &call).await?
            };
            let failed = match answered {
                Ok(_) => Vec::new(),
                Err(error) => some_failed(&error).ok_or_else(|| WechatFailure::from(error))?,
            };
            let done: Vec<_> = openid_list
                .iter()
                .filter(|openid| !failed.contains(openid))
                .collect();
            outcome.done += done.len();
            self.note_tag(account.id, &done, tag_id, remove).await?;
            outcome.failed.extend(failed);
        }
        Ok(outcome)
    }

    /// Changes the tags of those whose details are held, so that they need not be
    /// asked for again.
    async fn note_tag(
        &self,
        account: AccountId,
        people: &[&OpenId],
        tag_id: i64,
        remove: bool,
    ) -> Result<(), StoreError> {
        let mut changed = Vec::new();
        for openid in people {
            let Some(contact) = self.store.contact(account, openid).await? else {
                continue;
            };
            let Some(mut details) = contact.details else {
                continue;
            };
            details.tags.retain(|id| *id != tag_id);
            if !remove {
                details.tags.push(tag_id);
            }
            changed.push(Described {
                openid: contact.openid,
                follow: contact.follow,
                followed_at: contact.followed_at,
                unionid: contact.unionid,
                details: Some(details),
            });
        }
        if changed.is_empty() {
            return Ok(());
        }
        self.store.describe(account, &changed).await
    }

    /// The people with a tag, up to 10,000 a page (获取标签下粉丝列表).
    ///
    /// # Errors
    /// WeChat's refusals.
    pub async fn tagged(
        &self,
        account: &Account,
        tag_id: i64,
        next_openid: Option<&OpenId>,
    ) -> Result<OpenIdPage, ManageError> {
        official(account)?;
        let call = GetTagged {
            tag_id,
            next_openid,
        };
        Ok(self.ask_wechat(account, &call).await?)
    }

    /// The people on the blacklist, up to 1000 a page (获取公众号的黑名单列表).
    ///
    /// # Errors
    /// WeChat's refusals.
    pub async fn blacklist(
        &self,
        account: &Account,
        begin_openid: Option<&OpenId>,
    ) -> Result<OpenIdPage, ManageError> {
        official(account)?;
        Ok(self
            .ask_wechat(account, &GetBlacklist { begin_openid })
            .await?)
    }

    /// Puts people on the blacklist, or takes them off; WeChat takes twenty a call.
    ///
    /// # Errors
    /// WeChat's refusals; those asked before may be done.
    pub async fn change_blacklist(
        &self,
        account: &Account,
        people: &[OpenId],
        remove: bool,
    ) -> Result<usize, ManageError> {
        official(account)?;
        for openid_list in people.chunks(Blacklist::MAX) {
            if remove {
                self.ask_wechat(account, &Unblacklist { openid_list })
                    .await?;
            } else {
                self.ask_wechat(account, &Blacklist { openid_list }).await?;
            }
        }
        tracing::info!(account = %account.name(), people = people.len(), remove, "the blacklist was changed");
        Ok(people.len())
    }

    /// Sets the account's own note about a person (设置用户备注名); empty = none.
    ///
    /// # Errors
    /// What is wrong with the note; WeChat's refusals.
    pub async fn set_remark(
        &self,
        account: &Account,
        openid: &OpenId,
        remark: &str,
    ) -> Result<(), ManageError> {
        official(account)?;
        if remark.len() > LONGEST_REMARK || remark.chars().any(char::is_control) {
            return Err(ManageError::Invalid(vec![Violation {
                pointer: "/remark".to_owned(),
                rule: "too_long",
                message: format!(
                    "a remark has at most {LONGEST_REMARK} bytes and no control characters; this one has {} bytes (a Chinese character has 3)",
                    remark.len()
                ),
                message_zh: format!(
                    "备注名最多 {LONGEST_REMARK} 字节且不含控制字符，现为 {} 字节（一个汉字 3 字节）",
                    remark.len()
                ),
            }]));
        }
        self.ask_wechat(account, &UpdateRemark { openid, remark })
            .await?;
        self.ask_about(account, openid).await?;
        Ok(())
    }
}

/// Those whom 45171 names.
fn some_failed(error: &CallError) -> Option<Vec<OpenId>> {
    let refusal = error.refusal()?;
    if refusal.errcode.0 != SOME_FAILED {
        return None;
    }
    let failed: FailedOpenIds = refusal.decode()?;
    Some(failed.fail_openid_list)
}

fn tag_name(name: &str) -> Result<&str, ManageError> {
    let name = name.trim();
    let length = name.chars().count();
    if (1..=LONGEST_NAME).contains(&length) && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    Err(ManageError::Invalid(vec![Violation {
        pointer: "/name".to_owned(),
        rule: "length",
        message: format!(
            "a tag's name has 1 to {LONGEST_NAME} characters, none of them a control character; this one has {length}"
        ),
        message_zh: format!("标签名为 1 到 {LONGEST_NAME} 个字符且不含控制字符，现为 {length} 个"),
    }]))
}
