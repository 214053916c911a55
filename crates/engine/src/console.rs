//! The people of the console: let in once by a link printed at the start, then by
//! name and password.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hongyan_domain::KeyId;
use hongyan_domain::clock::{Clock, after};
use hongyan_domain::console::{LoginName, Operator, Role, SESSION_IDLE, SESSION_LIFE, Session};
use hongyan_domain::key::ApiKey;
use hongyan_domain::port::StoreError;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use crate::Engine;
use crate::chance::{Chance, secret_bytes};

/// How long a session that was found is believed without asking storage again.
const BELIEVED_FOR: Duration = Duration::from_secs(5);

/// A session is prolonged when so much of its idle time is over: not with every
/// request.
const PROLONG_AFTER: Duration = Duration::from_secs(60 * 60);

/// Failures of one name that are let pass in [`FAILURE_SPAN`].
const FAILURES_OF_A_NAME: u32 = 5;

/// Failures of one address: many people may share one, behind a proxy all of them.
const FAILURES_OF_AN_ADDRESS: u32 = 100;

/// In which span failures are counted.
const FAILURE_SPAN: Duration = Duration::from_secs(15 * 60);

/// Names and addresses whose failures are remembered at most; beyond that the
/// oldest are forgotten.
const FAILURES_REMEMBERED: usize = 10_000;

/// Passwords that are hashed at a time: each takes about 20 MiB and 20 ms of a core.
const HASHING_AT_ONCE: usize = 2;

/// The fewest and the most characters of a password.
const PASSWORD_CHARACTERS: std::ops::RangeInclusive<usize> = 10..=256;

/// Why nobody was let in, or nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsoleRefusal {
    /// The set-up link is not the one printed, or somebody was let in already.
    #[error(
        "the set-up link is not valid any more: somebody has used it, or the gateway was started again and printed another"
    )]
    NotTheLink,
    /// Name or password are wrong; which of them is not said.
    #[error("the name or the password is wrong")]
    Wrong,
    /// Too many failures.
    #[error("too many failed attempts; try again later")]
    TooManyFailures {
        /// When it is worth another try.
        retry_after: Duration,
    },
    /// The password is too short, too long, or the name itself.
    #[error("a password has 10 to 256 characters and is not the name")]
    WeakPassword,
    /// Storage's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Somebody signed in just now.
#[derive(Debug)]
pub struct SignedIn {
    /// The cookie's text; shown once.
    pub cookie: SecretString,
    /// When the session ends unless it is used.
    pub ends_at: Timestamp,
    /// Who.
    pub operator: Operator,
}

/// What is held of the console in memory.
#[derive(Debug)]
pub(crate) struct Console {
    /// The text of the set-up link, once asked for.
    setup: Mutex<Option<SecretString>>,
    sessions: RwLock<HashMap<[u8; 32], Believed>>,
    failures: Mutex<HashMap<Counted, Failures>>,
    hashing: Semaphore,
}

#[derive(Debug, Clone)]
struct Believed {
    who: Arc<ApiKey>,
    ends_at: Timestamp,
    until: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    since: Timestamp,
}

impl Default for Console {
    fn default() -> Self {
        Self {
            setup: Mutex::default(),
            sessions: RwLock::default(),
            failures: Mutex::default(),
            hashing: Semaphore::new(HASHING_AT_ONCE),
        }
    }
}

impl Console {
    fn forget_sessions(&self) {
        self.sessions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// How long this name or address must wait, if it must.
    fn barred_for(&self, keys: &[Counted], now: Timestamp) -> Option<Duration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter()
            .filter_map(|key| Some((key, failures.get(key)?)))
            .filter(|(key, seen)| seen.count >= key.at_most())
            .map(|(_, seen)| after(seen.since, FAILURE_SPAN))
            .filter_map(|until| Duration::try_from(until.duration_since(now)).ok())
            .filter(|left| !left.is_zero())
            .max()
    }

    fn note_failure(&self, keys: &[Counted], now: Timestamp) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= FAILURES_REMEMBERED {
            failures.retain(|_, seen| after(seen.since, FAILURE_SPAN) > now);
        }
        if failures.len() >= FAILURES_REMEMBERED {
            // Somebody tries from everywhere; the names still bar them.
            failures.clear();
        }
        for key in keys {
            let seen = failures.entry(key.clone()).or_insert(Failures {
                count: 0,
                since: now,
            });
            if after(seen.since, FAILURE_SPAN) <= now {
                *seen = Failures {
                    count: 0,
                    since: now,
                };
            }
            seen.count += 1;
        }
    }

    fn note_success(&self, keys: &[Counted]) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            failures.remove(key);
        }
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Whose failures are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Counted {
    /// Of this name, whether there is somebody of it or not.
    Name(String),
    /// Of this person, who is signed in.
    Person(KeyId),
    /// From this address.
    Address(IpAddr),
}

impl Counted {
    fn at_most(&self) -> u32 {
        match self {
            Self::Name(_) | Self::Person(_) => FAILURES_OF_A_NAME,
            Self::Address(_) => FAILURES_OF_AN_ADDRESS,
        }
    }
}

fn counted(name: &str, from: Option<IpAddr>) -> Vec<Counted> {
    let name = name.chars().take(64).collect();
    let mut keys = vec![Counted::Name(name)];
    keys.extend(from.map(Counted::Address));
    keys
}

fn unhashed() -> ConsoleRefusal {
    ConsoleRefusal::Store(StoreError::Unavailable {
        reason: "the password could not be hashed".to_owned(),
    })
}

/// The hash of somebody's password (argon2id, RFC 9106, with the parameters OWASP
/// names: 19 MiB, two passes). Takes some 20 ms.
///
/// # Errors
/// [`ConsoleRefusal::WeakPassword`].
pub fn hash_password(name: &str, password: &SecretString) -> Result<SecretString, ConsoleRefusal> {
    let text = password.expose_secret();
    if is_weak(name, text) {
        return Err(ConsoleRefusal::WeakPassword);
    }
    let salt = SaltString::encode_b64(&secret_bytes()[..16]).map_err(|_| unhashed())?;
    Argon2::default()
        .hash_password(text.as_bytes(), &salt)
        .map(|hash| SecretString::from(hash.to_string()))
        .map_err(|_| unhashed())
}

/// A password nobody can guess: 120 random bits as 20 letters and digits.
#[must_use]
pub fn make_password() -> SecretString {
    SecretString::from(URL_SAFE_NO_PAD.encode(&secret_bytes()[..15]))
}

/// Somebody who may use the console; nothing is stored yet.
///
/// # Errors
/// [`ConsoleRefusal::WeakPassword`].
pub fn make_operator(
    clock: &dyn Clock,
    chance: &Chance,
    name: LoginName,
    role: Role,
    password: &SecretString,
) -> Result<Operator, ConsoleRefusal> {
    let password = hash_password(name.as_str(), password)?;
    let now = clock.now();
    Ok(Operator {
        id: KeyId::new(now, chance.ten_bytes()),
        name,
        role,
        password,
        created_at: now,
        seen_at: None,
    })
}

fn is_weak(name: &str, password: &str) -> bool {
    !PASSWORD_CHARACTERS.contains(&password.chars().count()) || password == name
}

impl Engine {
    /// The secret of the set-up link; `None` = somebody uses the console already.
    ///
    /// # Errors
    /// Storage's.
    pub async fn setup_secret(&self) -> Result<Option<SecretString>, StoreError> {
        if !self.store.operators().await?.is_empty() {
            return Ok(None);
        }
        let mut setup = self
            .console
            .setup
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let secret =
            setup.get_or_insert_with(|| SecretString::from(URL_SAFE_NO_PAD.encode(secret_bytes())));
        Ok(Some(secret.clone()))
    }

    /// Whether nobody uses the console yet.
    ///
    /// # Errors
    /// Storage's.
    pub async fn needs_setup(&self) -> Result<bool, StoreError> {
        Ok(self.store.operators().await?.is_empty())
    }

    /// Lets the first person in, as admin, by the set-up link.
    ///
    /// # Errors
    /// Why not.
    pub async fn set_up(
        &self,
        secret: &str,
        name: LoginName,
        password: SecretString,
    ) -> Result<SignedIn, ConsoleRefusal> {
        let is_it = {
            let setup = self
                .console
                .setup
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            setup.as_ref().is_some_and(|known| {
                known
                    .expose_secret()
                    .as_bytes()
                    .ct_eq(secret.as_bytes())
                    .into()
            })
        };
        if !is_it {
            return Err(ConsoleRefusal::NotTheLink);
        }
        let operator = self.new_operator(name, Role::Admin, password).await?;
        match self.store.add_operator(&operator, true).await {
            Ok(()) => {}
            Err(StoreError::InUse { .. }) => return Err(ConsoleRefusal::NotTheLink),
            Err(error) => return Err(error.into()),
        }
        *self
            .console
            .setup
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
        tracing::info!(operator = %operator.name, "the first person was let into the console");
        self.begin_session(operator).await
    }

    /// Lets somebody in by name and password. `from` is the address they come from.
    ///
    /// # Errors
    /// Why not.
    pub async fn sign_in(
        &self,
        name: &str,
        password: SecretString,
        from: Option<IpAddr>,
    ) -> Result<SignedIn, ConsoleRefusal> {
        let now = self.clock.now();
        let keys = counted(name, from);
        if let Some(retry_after) = self.console.barred_for(&keys, now) {
            return Err(ConsoleRefusal::TooManyFailures { retry_after });
        }
        let operators = self.store.operators().await?;
        let operator = operators
            .into_iter()
            .find(|operator| operator.name.as_str() == name);
        // Names that do not exist take as long as those that do.
        let hash = match &operator {
            Some(operator) => operator.password.clone(),
            None => SecretString::from(NOBODY),
        };
        let fits = self.password_fits(password, hash).await;
        match operator {
            Some(operator) if fits => {
                self.console.note_success(&keys);
                self.begin_session(operator).await
            }
            _ => {
                self.console.note_failure(&keys, now);
                tracing::warn!(address = ?from, "somebody could not be let into the console");
                Err(ConsoleRefusal::Wrong)
            }
        }
    }

    async fn begin_session(&self, operator: Operator) -> Result<SignedIn, ConsoleRefusal> {
        let now = self.clock.now();
        let cookie = SecretString::from(URL_SAFE_NO_PAD.encode(secret_bytes()));
        let session = Session {
            digest: digest(cookie.expose_secret()),
            operator: operator.id,
            created_at: now,
            ends_at: after(now, SESSION_IDLE),
        };
        self.store.begin_session(&session).await?;
        Ok(SignedIn {
            cookie,
            ends_at: session.ends_at,
            operator,
        })
    }

    /// Who a cookie stands for, in the form of an API key: what they may do is decided
    /// as for every other caller. A session that is used lasts longer.
    ///
    /// # Errors
    /// Storage's.
    pub async fn session(&self, cookie: &str) -> Result<Option<Arc<ApiKey>>, StoreError> {
        let digest = digest(cookie);
        let now = self.clock.now();
        {
            let known = self
                .console
                .sessions
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = known.get(&digest).filter(|known| known.until > now) {
                return Ok((known.ends_at > now).then(|| Arc::clone(&known.who)));
            }
        }
        let Some((session, operator)) = self.store.session(&digest).await? else {
            return Ok(None);
        };
        if session.ends_at <= now {
            return Ok(None);
        }
        let wished = after(now, SESSION_IDLE).min(after(session.created_at, SESSION_LIFE));
        let ends_at = if wished > after(session.ends_at, PROLONG_AFTER) {
            self.store.prolong_session(&digest, wished).await?;
            wished
        } else {
            session.ends_at
        };
        let who = Arc::new(ApiKey {
            id: operator.id,
            name: operator.name.to_string(),
            digest,
            scopes: vec![operator.role.scope()],
            accounts: Vec::new(),
            created_at: operator.created_at,
            expires_at: None,
        });
        let mut known = self
            .console
            .sessions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // Only sessions that exist are remembered, and those of the last moments.
        known.retain(|_, one| one.until > now);
        known.insert(
            digest,
            Believed {
                who: Arc::clone(&who),
                ends_at,
                until: after(now, BELIEVED_FOR),
            },
        );
        Ok(Some(who))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// Storage's.
    pub async fn sign_out(&self, cookie: &str) -> Result<(), StoreError> {
        self.store.end_session(&digest(cookie)).await?;
        self.console.forget_sessions();
        Ok(())
    }

    /// Everybody who may use the console, by name.
    ///
    /// # Errors
    /// Storage's.
    pub async fn operators(&self) -> Result<Vec<Operator>, StoreError> {
        self.store.operators().await
    }

    /// Lets somebody use the console.
    ///
    /// # Errors
    /// Why not; `Taken` where the name is in use.
    pub async fn add_operator(
        &self,
        name: LoginName,
        role: Role,
        password: SecretString,
    ) -> Result<Operator, ConsoleRefusal> {
        let operator = self.new_operator(name, role, password).await?;
        self.store.add_operator(&operator, false).await?;
        Ok(operator)
    }

    /// Changes somebody's role or password, or both; whose password changes is signed
    /// out everywhere.
    ///
    /// # Errors
    /// Why not; `Missing`; `InUse` where nobody would be left with the role admin.
    pub async fn change_operator(
        &self,
        id: KeyId,
        role: Option<Role>,
        password: Option<SecretString>,
    ) -> Result<Operator, ConsoleRefusal> {
        let mut operator = self
            .store
            .operators()
            .await?
            .into_iter()
            .find(|operator| operator.id == id)
            .ok_or_else(|| StoreError::Missing {
                what: "this person of the console".to_owned(),
            })?;
        operator.role = role.unwrap_or(operator.role);
        let ends_sessions = password.is_some();
        if let Some(password) = password {
            operator.password = self.hash(operator.name.as_str(), password).await?;
        }
        self.store.change_operator(&operator, ends_sessions).await?;
        self.console.forget_sessions();
        Ok(operator)
    }

    /// Whether this is somebody's password.
    ///
    /// # Errors
    /// Why that is not said.
    pub async fn confirm_password(
        &self,
        id: KeyId,
        password: SecretString,
    ) -> Result<(), ConsoleRefusal> {
        let now = self.clock.now();
        let keys = vec![Counted::Person(id)];
        if let Some(retry_after) = self.console.barred_for(&keys, now) {
            return Err(ConsoleRefusal::TooManyFailures { retry_after });
        }
        let operators = self.store.operators().await?;
        let Some(operator) = operators.into_iter().find(|operator| operator.id == id) else {
            return Err(ConsoleRefusal::Wrong);
        };
        if self.password_fits(password, operator.password).await {
            self.console.note_success(&keys);
            Ok(())
        } else {
            self.console.note_failure(&keys, now);
            Err(ConsoleRefusal::Wrong)
        }
    }

    /// Removes somebody from the console; their sessions end.
    ///
    /// # Errors
    /// `Missing`; `InUse` where nobody would be left with the role admin.
    pub async fn remove_operator(&self, id: KeyId) -> Result<(), StoreError> {
        self.store.remove_operator(id).await?;
        self.console.forget_sessions();
        Ok(())
    }

    async fn new_operator(
        &self,
        name: LoginName,
        role: Role,
        password: SecretString,
    ) -> Result<Operator, ConsoleRefusal> {
        let password = self.hash(name.as_str(), password).await?;
        let now = self.clock.now();
        Ok(Operator {
            id: KeyId::new(now, self.chance.ten_bytes()),
            name,
            role,
            password,
            created_at: now,
            seen_at: None,
        })
    }

    async fn hash(
        &self,
        name: &str,
        password: SecretString,
    ) -> Result<SecretString, ConsoleRefusal> {
        let name = name.to_owned();
        let _place = self.console.hashing.acquire().await;
        tokio::task::spawn_blocking(move || hash_password(&name, &password))
            .await
            .unwrap_or_else(|_| Err(unhashed()))
    }

    async fn password_fits(&self, password: SecretString, hash: SecretString) -> bool {
        let _place = self.console.hashing.acquire().await;
        tokio::task::spawn_blocking(move || {
            PasswordHash::new(hash.expose_secret()).is_ok_and(|hash| {
                Argon2::default()
                    .verify_password(password.expose_secret().as_bytes(), &hash)
                    .is_ok()
            })
        })
        .await
        .unwrap_or(false)
    }
}

/// A hash no password fits, with the cost of a real one (argon2id, 19 MiB, 2 passes).
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    #[test]
    fn five_failures_bar_a_name_for_a_while() {
        let console = Console::default();
        let ann = counted("ann", Some("192.0.2.1".parse().unwrap()));
        for second in 0..5 {
            assert_eq!(console.barred_for(&ann, at(second)), None);
            console.note_failure(&ann, at(second));
        }
        let left = Duration::from_secs(15 * 60 - 5);
        assert_eq!(console.barred_for(&ann, at(5)), Some(left));
        let elsewhere = counted("ann", Some("192.0.2.9".parse().unwrap()));
        assert_eq!(console.barred_for(&elsewhere, at(5)), Some(left));
        let bob = counted("bob", Some("192.0.2.1".parse().unwrap()));
        assert_eq!(console.barred_for(&bob, at(5)), None);
        assert_eq!(console.barred_for(&ann, at(15 * 60)), None);
    }

    #[test]
    fn who_tries_many_names_is_barred_by_address() {
        let console = Console::default();
        let from = Some("192.0.2.1".parse().unwrap());
        for n in 0..FAILURES_OF_AN_ADDRESS {
            console.note_failure(&counted(&format!("n{n}"), from), at(0));
        }
        assert!(console.barred_for(&counted("fresh", from), at(1)).is_some());
        assert!(console.barred_for(&counted("fresh", None), at(1)).is_none());
    }

    #[test]
    fn who_gets_in_begins_anew() {
        let console = Console::default();
        let ann = counted("ann", None);
        for _ in 0..4 {
            console.note_failure(&ann, at(0));
        }
        console.note_success(&ann);
        console.note_failure(&ann, at(1));
        assert_eq!(console.barred_for(&ann, at(1)), None);
    }

    #[test]
    fn the_hash_of_nobody_costs_what_a_real_one_does() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let (cost, usual) = (
            argon2::Params::try_from(&nobody).unwrap(),
            argon2::Params::default(),
        );
        assert_eq!(
            (cost.m_cost(), cost.t_cost(), cost.p_cost()),
            (usual.m_cost(), usual.t_cost(), usual.p_cost())
        );
        assert!(Argon2::default().verify_password(b"", &nobody).is_err());
    }

    #[test]
    fn short_passwords_and_the_name_itself_are_weak() {
        assert!(is_weak("ann", "short"));
        assert!(is_weak("annannannann", "annannannann"));
        assert!(!is_weak("ann", "一只鸿雁飞过天山去了"));
        assert!(is_weak("ann", &"x".repeat(257)));
    }
}
