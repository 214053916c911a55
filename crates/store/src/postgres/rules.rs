//! The reply rules of accounts.

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::port::{RuleStore, StoreError};
use hongyan_domain::rule::RuleSet;

use super::PostgresStore;
use super::fault::Fault;
use super::hints::Topic;
use super::row::millis;

#[async_trait]
impl RuleStore for PostgresStore {
    async fn replace_rules(&self, account: AccountId, rules: &RuleSet) -> Result<(), StoreError> {
        // JSON escapes the one character that a text cannot hold.
        let rules = &serde_json::to_string(rules).map_err(Fault::from)?;
        let now = &millis(self.clock.now());
        self.link
            .run(|db, _| async move {
                let replace = db
                    .prepare_cached(
                        "-- rules.replace\n\
                         WITH a AS (\
                            UPDATE account SET revision = revision + 1 WHERE id = $1 RETURNING id) \
                         INSERT INTO reply_rules (account, rules, updated_at) \
                         SELECT id, $2, $3 FROM a \
                         ON CONFLICT (account) DO UPDATE SET rules = excluded.rules, \
                            updated_at = excluded.updated_at",
                    )
                    .await?;
                match db.execute(&replace, &[&account.0, rules, now]).await? {
                    0 => Err(Fault::missing("the account")),
                    _ => Ok(()),
                }
            })
            .await?;
        self.tell(Topic::Changed, account.0);
        Ok(())
    }

    async fn rules(&self, account: AccountId) -> Result<RuleSet, StoreError> {
        self.link
            .look(|db| async move {
                let find = db
                    .prepare_cached("-- rules.of\nSELECT rules FROM reply_rules WHERE account = $1")
                    .await?;
                Ok(match db.query_opt(&find, &[&account.0]).await? {
                    Some(row) => serde_json::from_str(row.try_get(0)?)?,
                    None => RuleSet::default(),
                })
            })
            .await
    }
}
