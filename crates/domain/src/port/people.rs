use async_trait::async_trait;
use hongyan_wechat::{OpenId, SessionKey, UnionId};
use jiff::Timestamp;

use super::{Page, StoreError};
use crate::broadcast::RecipientId;
use crate::contact::{Contact, Described, Follow, FollowerSync, Sighting, SyncStep, User, UserId};
use crate::ids::AccountId;

/// What to search contacts for. Empty = everybody at the account.
#[derive(Debug, Clone, Default)]
pub struct ContactFilter {
    /// Only these.
    pub follow: Option<Follow>,
    /// Only who has this unionid.
    pub unionid: Option<UnionId>,
}

/// What became of a wish to bind a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// Done; the user as it now stands.
    Bound(User),
    /// An openid belongs to another user and was not to be taken away.
    TakenBy {
        /// That user.
        user: UserId,
        /// At this account.
        account: AccountId,
    },
}

/// The people: contacts, what links them, the caller's own ids.
#[async_trait]
pub trait PeopleStore: Send + Sync {
    /// Takes in what was learned about a person outside of a callback (login,
    /// OAuth). A session key that comes with it is sealed and replaces the former.
    /// Returns the contact and whether it is new. `Missing` when the account is
    /// gone.
    async fn saw(
        &self,
        account: AccountId,
        sighting: &Sighting,
        session_key: Option<&SessionKey>,
    ) -> Result<(Contact, bool), StoreError>;

    /// One person at an account.
    async fn contact(
        &self,
        account: AccountId,
        openid: &OpenId,
    ) -> Result<Option<Contact>, StoreError>;

    /// People at an account, by openid.
    async fn contacts(
        &self,
        account: AccountId,
        filter: &ContactFilter,
        page: &Page<OpenId>,
    ) -> Result<Vec<Contact>, StoreError>;

    /// The person of this unionid at every account that knows them.
    async fn contacts_of(&self, unionid: &UnionId) -> Result<Vec<Contact>, StoreError>;

    /// The session key of a person at a mini program, and since when it is held.
    async fn session_key(
        &self,
        account: AccountId,
        openid: &OpenId,
    ) -> Result<Option<(SessionKey, Timestamp)>, StoreError>;

    /// Removes a person at an account: contact, session key, consents, windows and
    /// bindings. Whether there was one.
    async fn forget_contact(&self, account: AccountId, openid: &OpenId)
    -> Result<bool, StoreError>;

    /// Binds a user: replaces the unionid where one is given, and the openid at
    /// each account given. With `takes_over` openids of other users are taken from
    /// them, otherwise nothing changes.
    async fn bind_user(
        &self,
        id: &UserId,
        unionid: Option<&UnionId>,
        openids: &[(AccountId, OpenId)],
        takes_over: bool,
    ) -> Result<Binding, StoreError>;

    /// One user.
    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError>;

    /// The users, by id.
    async fn users(&self, page: &Page<UserId>) -> Result<Vec<User>, StoreError>;

    /// The user an openid is bound to, by itself or by its unionid.
    async fn user_of(
        &self,
        account: AccountId,
        openid: &OpenId,
    ) -> Result<Option<UserId>, StoreError>;

    /// Removes a user's bindings. `Missing`.
    async fn remove_user(&self, id: &UserId) -> Result<(), StoreError>;

    /// The accounts at which each of these openids is known, in the order asked for and
    /// each by account; empty where none knows it. An openid belongs to one account
    /// only, so another than the expected one tells of a mistake.
    async fn accounts_of(&self, openids: &[OpenId]) -> Result<Vec<Vec<AccountId>>, StoreError>;

    /// The openids of users and unionids at one account, in the order asked for; for a
    /// user by the openid bound there, or by the unionid bound.
    async fn openids_of(
        &self,
        account: AccountId,
        who: &[RecipientId],
    ) -> Result<Vec<Option<OpenId>>, StoreError>;

    /// How far an account's newest follower sync has come.
    async fn follower_sync(&self, account: AccountId) -> Result<Option<FollowerSync>, StoreError>;

    /// Takes one step of a follower sync: what it brought and how far it then is, in
    /// one step, if it still was at `from` (`None` = there was none, or an older run that
    /// is over). Whether it was; otherwise nothing is done. At
    /// [`SyncStep::ListEnded`] the store puts the number of those it found gone into
    /// what it keeps, whatever `to.gone` says. `Missing`.
    async fn step_follower_sync(
        &self,
        account: AccountId,
        from: Option<&FollowerSync>,
        step: &SyncStep,
        to: &FollowerSync,
    ) -> Result<bool, StoreError>;

    /// Takes in what WeChat tells of people outside of a sync, as
    /// [`SyncStep::Described`] does in one. Those never heard of are left out.
    /// `Missing`.
    async fn describe(&self, account: AccountId, people: &[Described]) -> Result<(), StoreError>;

    /// Followers of an account without details, by openid: at most `limit` after
    /// `after`.
    async fn undescribed(
        &self,
        account: AccountId,
        after: Option<&OpenId>,
        limit: usize,
    ) -> Result<Vec<OpenId>, StoreError>;

    /// How many contacts of an account follow, and how many there are; counted
    /// exactly, so it costs more the more there are.
    async fn count_contacts(&self, account: AccountId) -> Result<(u64, u64), StoreError>;
}
