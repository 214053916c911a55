//! The reply rules of accounts.

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::port::{RuleStore, StoreError};
use hongyan_domain::rule::RuleSet;
use rusqlite::{OptionalExtension, params};

use super::SqliteStore;
use super::fault::Fault;
use super::row::millis;

#[async_trait]
impl RuleStore for SqliteStore {
    async fn replace_rules(&self, account: AccountId, rules: &RuleSet) -> Result<(), StoreError> {
        let rules = serde_json::to_string(rules).map_err(Fault::from)?;
        let now = millis(self.clock.now());
        self.write(1, move |db| {
            let counted = db
                .prepare_cached(
                    "-- rules.count\nUPDATE account SET revision = revision + 1 WHERE id = ?1",
                )?
                .execute([account.0])?;
            if counted == 0 {
                return Err(Fault::missing("the account"));
            }
            db.prepare_cached(
                "-- rules.replace\n\
                 INSERT OR REPLACE INTO reply_rules (account, rules, updated_at) \
                 VALUES (?1, ?2, ?3)",
            )?
            .execute(params![account.0, rules, now])?;
            Ok(())
        })
        .await
    }

    async fn rules(&self, account: AccountId) -> Result<RuleSet, StoreError> {
        self.read(move |db| {
            let kept: Option<String> = db
                .prepare_cached("-- rules.of\nSELECT rules FROM reply_rules WHERE account = ?1")?
                .query_one([account.0], |row| row.get(0))
                .optional()?;
            Ok(match kept {
                Some(text) => serde_json::from_str(&text)?,
                None => RuleSet::default(),
            })
        })
        .await
    }
}
