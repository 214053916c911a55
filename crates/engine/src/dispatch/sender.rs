//! One claimed message: sent, or settled without sending.

use std::time::{Duration, Instant};

use hongyan_domain::account::{Account, Parked};
use hongyan_domain::clock::after;
use hongyan_domain::delivery::{Attempt, Claimed, Decision, Outcome, Settlement};
use hongyan_domain::grant::Hold;
use hongyan_domain::message::Content;
use hongyan_domain::retry::{RATE_LIMIT_REST, before_sending, decide};
use hongyan_wechat::ErrClass;

use crate::Engine;
use crate::calls;
use crate::credentials::CredentialError;
use crate::dispatch::{ledger, tallies};
use crate::media::NO_SUCH_MEDIA;

/// How long a message rests whose account has no token at the moment.
const REST: Duration = Duration::from_secs(1);

impl Engine {
    /// Sends a claimed message, once, or twice where the token turned out to be
    /// stale and a strictly newer one was had. `None` = it was given back.
    pub(super) async fn deliver(
        &self,
        account: &Account,
        claimed: Claimed,
        hold: Hold,
    ) -> Option<Settlement> {
        let Claimed {
            mut message,
            lease,
            history,
            interrupted_at,
        } = claimed;
        let settings = &self.dispatcher.settings;
        let now = self.clock.now();
        let mut attempts: Vec<Attempt> = interrupted_at
            .map(|at| Attempt::new(at, &Outcome::Interrupted, Duration::ZERO))
            .into_iter()
            .collect();
        let metrics = self.metrics.of(account.id);
        if interrupted_at.is_some() {
            metrics.note_interruption();
        }
        if let Some(handling) = &mut message.handling {
            self.keep_open_ways(&mut handling.fallback).await;
        }
        let (decision, history) = before_sending(&message, history, interrupted_at, now);
        let awaits_receipt = message.kind().has_receipt() && account.settings.callback.is_some();
        let settlement = |attempts, outcome: Option<&Outcome>, decision, history, at| Settlement {
            message: message.id,
            lease_token: lease.token,
            attempts,
            ledger: ledger::entry(&message, hold, outcome, &decision),
            decision,
            history,
            at,
            awaits_receipt,
            tallied: tallies::is_counted(account, &message),
        };
        if let Some(decision) = decision {
            return Some(settlement(attempts, None, decision, history, now));
        }
        if let Some(decision) = self.broadcast_verdict(&message, &history).await {
            return Some(settlement(attempts, None, decision, history, now));
        }
        if let Hold::Withheld(reason) = hold {
            let outcome = Outcome::Withheld(reason);
            tracing::info!(
                account = %account.name(), message_id = %message.id, reason = reason.as_str(),
                "message withheld: WeChat would refuse it"
            );
            metrics.note_withheld();
            attempts.push(Attempt::new(now, &outcome, Duration::ZERO));
            let policy = &settings.retry;
            let (decision, history) = decide(&message, history, &outcome, now, now, policy, 0.0);
            return Some(settlement(attempts, Some(&outcome), decision, history, now));
        }
        if let Some(at) = self.held_until(account, &message, now) {
            self.dispatcher.lane(account.id).give_back();
            let decision = Decision::RetryAt { at };
            return Some(settlement(attempts, None, decision, history, now));
        }
        // Nearly always at hand. What is rare lies in boxes: the future of a send
        // is moved about, and thousands of them exist at a time.
        let at_hand = match self.credentials.current(account.id) {
            Some(credential) => Ok(credential),
            None => Box::pin(self.credential(account)).await,
        };
        let mut credential = match at_hand {
            Ok(credential) => credential,
            Err(error) => {
                // The former claim's doubt must not be forgotten with the lease.
                if interrupted_at.is_some() {
                    let at = after(self.clock.now(), REST);
                    let decision = Decision::RetryAt { at };
                    return Some(settlement(attempts, None, decision, history, now));
                }
                Box::pin(self.give_back(account, message.id, lease.token, &error)).await;
                return None;
            }
        };
        let mut renewed = false;
        // Before the lease is looked at: handing files over takes time too.
        let mut showing = match message.content {
            Content::CustomerService(_) => Box::pin(self.show_files(account, &message)).await,
            _ => Ok(None),
        };
        let mut shown_anew = false;
        loop {
            let began = self.clock.now();
            // Whoever claims after us must not overlap with our call.
            if after(began, settings.request_timeout) >= lease.until {
                let decision = Decision::RetryAt { at: began };
                return Some(settlement(attempts, None, decision, history, began));
            }
            let mut span = self.send_span(message.trace_context.as_ref(), account, &message);
            let stopwatch = Instant::now();
            let outcome = match &showing {
                Ok(shown) => {
                    let message = shown.as_deref().unwrap_or(&message);
                    calls::send(&self.wechat, &credential.token, message).await
                }
                Err(outcome) => outcome.clone(),
            };
            let (now, elapsed) = (self.clock.now(), stopwatch.elapsed());
            metrics.note_call(&outcome, elapsed);
            // Where a file could not be shown, the message was not sent.
            if showing.is_ok() {
                self.note_answer(account, message.kind(), &outcome, began)
                    .await;
            }
            if let Some(span) = &mut span {
                span.note_outcome(&outcome);
            }
            drop(span);
            attempts.push(Attempt::new(began, &outcome, elapsed));
            let class = match &outcome {
                Outcome::Refused(refusal) => {
                    tracing::info!(
                        account = %account.name(), message_id = %message.id,
                        errcode = refusal.errcode.0, errmsg = %refusal.errmsg, rid = refusal.rid,
                        "WeChat refused a message"
                    );
                    Some(refusal.errcode.class())
                }
                Outcome::Accepted { .. } => {
                    tracing::debug!(account = %account.name(), message_id = %message.id, "message accepted");
                    None
                }
                Outcome::NotSent { reason } | Outcome::Uncertain { reason } => {
                    tracing::warn!(
                        account = %account.name(), message_id = %message.id, %reason,
                        outcome = attempts.last().map(|a| a.outcome.as_str()),
                        "no answer from WeChat"
                    );
                    None
                }
                Outcome::Interrupted | Outcome::Withheld(_) => None,
            };
            if class == Some(ErrClass::StaleCredential) && !renewed {
                renewed = true;
                if let Ok(fresh) = Box::pin(self.fresh_credential(account, &credential)).await {
                    credential = fresh;
                    continue;
                }
            }
            if matches!(&outcome, Outcome::Refused(refusal) if refusal.errcode == NO_SUCH_MEDIA)
                && matches!(&showing, Ok(Some(_)))
                && !shown_anew
            {
                shown_anew = true;
                Box::pin(self.forget_handed_over(account, &message)).await;
                showing = Box::pin(self.show_files(account, &message)).await;
                continue;
            }
            let chance = self.chance.unit();
            let (decision, history) = decide(
                &message,
                history,
                &outcome,
                began,
                now,
                &settings.retry,
                chance,
            );
            if class == Some(ErrClass::QuotaExhausted)
                && let Outcome::Refused(refusal) = &outcome
            {
                let parked = Parked {
                    kinds: vec![message.kind()],
                    until: hongyan_domain::clock::after_quota_reset(now),
                    errcode: refusal.errcode.0,
                    errmsg: refusal.errmsg.clone(),
                };
                self.quotas
                    .ask_again(account.id, calls::path(message.kind()));
                Box::pin(self.park(account.id, parked)).await;
            }
            if class == Some(ErrClass::RateLimited) {
                let lane = self.dispatcher.lane(account.id);
                lane.rest_until(after(now, RATE_LIMIT_REST), now);
            }
            return Some(settlement(attempts, Some(&outcome), decision, history, now));
        }
    }

    /// Gives claimed messages back as they were.
    pub(super) async fn give_back_all(&self, claimed: &[Claimed]) {
        let held: Vec<_> = claimed
            .iter()
            .map(|item| (item.message.id, item.lease.token))
            .collect();
        if let Err(error) = self.store.release(&held).await {
            // Their leases end by themselves; they then count as interrupted.
            tracing::warn!(messages = held.len(), %error, "messages could not be given back");
        }
    }

    /// Without a token nothing was sent: the message goes back as it was, and
    /// its lane rests until a token can be had.
    async fn give_back(
        &self,
        account: &Account,
        message: hongyan_domain::MessageId,
        lease_token: i64,
        error: &CredentialError,
    ) {
        let now = self.clock.now();
        let rest_until = match error {
            CredentialError::Unavailable { retry_at, .. } => *retry_at,
            CredentialError::Refused { illness } => {
                illness.next_try_at.unwrap_or_else(|| after(now, REST))
            }
            CredentialError::Store(_) | CredentialError::Missing => after(now, REST),
        };
        self.dispatcher
            .lane(account.id)
            .look_again_at(rest_until.max(after(now, REST)));
        if let Err(error) = self.store.release(&[(message, lease_token)]).await {
            // Its lease ends by itself; it then counts as interrupted.
            tracing::warn!(message_id = %message, %error, "a message could not be given back");
        }
    }
}
