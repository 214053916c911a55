//! The ledger of consents: what each person allowed us to send, as far as we
//! know.
//!
//! WeChat keeps the real one and tells nobody its figures (no API returns the
//! counter). Ours is fed by the pop-up, change and sent events, by what the mini
//! program's own code reports, by the page of one-time subscriptions, and by
//! WeChat's answers to sends. It errs towards asking WeChat: a send is withheld
//! only where the ledger was fed by consents and they are used up or refused.

mod window;

pub use window::{Window, WindowCause, WindowUse, use_windows, window_clearance};

use std::time::Duration;

use hongyan_wechat::{OpenId, TemplateId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::after;
use crate::ids::AccountId;
use crate::template::Subscription;

/// How far apart WeChat's pop-up event and the mini program's own report of the
/// same tap may come and still count as one.
pub const PAIRING_WINDOW: Duration = Duration::from_secs(10 * 60);

/// What was said so much earlier than something else comes late; clocks and seconds
/// that differ by less are no order.
const OUT_OF_ORDER: Duration = Duration::from_secs(60);

/// Unpaired reports remembered at most: a person does not tap more often inside
/// [`PAIRING_WINDOW`].
const UNPAIRED_AT_MOST: usize = 32;

/// What a consent is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GrantKey {
    /// The account that may send.
    pub account: AccountId,
    /// The person at that account.
    pub openid: OpenId,
    /// The template consented to.
    pub template_id: TemplateId,
    /// One-time subscriptions through the web page (kind `one_time`): the scene,
    /// 0 to 10000. Consents under one scene do not add up.
    pub scene: Option<u16>,
}

/// What a person answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Yes; also WeChat's `acceptWithAudio`, `acceptWithAlert` and kin.
    Accept,
    /// No.
    Reject,
    /// WeChat blocks the template.
    Ban,
    /// Left out of the pop-up because of a like title; says nothing.
    Filter,
}

impl Answer {
    /// The answer WeChat's word stands for: everything that begins with `accept`
    /// is a yes (`wx.requestSubscribeMessage`, 订阅消息).
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "reject" => Some(Self::Reject),
            "ban" => Some(Self::Ban),
            "filter" => Some(Self::Filter),
            _ if word.starts_with("accept") => Some(Self::Accept),
            _ => None,
        }
    }

    /// The name in our API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::Ban => "ban",
            Self::Filter => "filter",
        }
    }
}

/// Who says what a person answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// WeChat's event of the pop-up (`subscribe_msg_popup_event`).
    Event,
    /// The mini program's code, through our API.
    Report,
    /// WeChat's event of a changed setting (`subscribe_msg_change_event`).
    Change,
    /// The return from the page of one-time subscriptions (`mp/subscribemsg`).
    Page,
}

/// One answer of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// What it is about.
    pub key: GrantKey,
    /// What the person answered.
    pub answer: Answer,
    /// Who says so.
    pub source: Source,
    /// How long a consent to this template lasts, where the template is known;
    /// otherwise it counts as one-time, which promises less.
    pub subscription: Option<Subscription>,
    /// When the person answered, as far as is known.
    pub at: Timestamp,
}

/// What is known of one consent. The numbers are never below zero, and
/// `held <= count` always.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// One-time: messages that may still be sent, those under way included.
    pub count: u32,
    /// Of those, how many are held by sends under way.
    pub held: u32,
    /// Consents that may have been used up: their sends ended unknown.
    pub in_doubt: u32,
    /// Long-term: allowed until refused.
    pub long_term: bool,
    /// The person's last word was no, or WeChat said so (43101).
    pub refused: bool,
    /// WeChat blocks the template for us.
    pub banned: bool,
    /// Whether a consent was ever reported. Before that only WeChat can say, and
    /// nothing is withheld.
    pub is_fed: bool,
    /// Accepts that WeChat's event told and the mini program's code has not
    /// (yet): milliseconds since 1970.
    pub unpaired_events: Vec<i64>,
    /// Accepts that the mini program's code told and WeChat's event has not
    /// (yet).
    pub unpaired_reports: Vec<i64>,
    /// When something last changed.
    pub changed_at: Option<Timestamp>,
}

/// Whether a message may be sent, by the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// A one-time consent is held for it.
    Held,
    /// It may go; nothing is counted (long-term, or not known).
    Free,
    /// It must not go.
    Withheld(Withheld),
}

/// Why the ledger withholds a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// Every one-time consent is used up or held by another message.
    NoConsentLeft,
    /// The person refused.
    Refused,
    /// WeChat blocks the template.
    Banned,
    /// The person does not follow the official account.
    NotFollowing,
    /// No customer-service window is open.
    WindowClosed,
    /// The window is open, its messages are used up.
    WindowUsedUp,
    /// The account's quiet hours, whose messages are dropped.
    QuietHours,
    /// The person had as many messages as the account allows in that time.
    TooOften,
    /// The same words went to the same person a short while ago.
    SameContent,
}

impl Withheld {
    /// Whether it means that this way does not lead to the person, so that another
    /// may be tried. Quiet hours, caps and repeats hold on every way.
    #[must_use]
    pub fn is_unreachable(self) -> bool {
        match self {
            Self::NoConsentLeft
            | Self::Refused
            | Self::Banned
            | Self::NotFollowing
            | Self::WindowClosed
            | Self::WindowUsedUp => true,
            Self::QuietHours | Self::TooOften | Self::SameContent => false,
        }
    }

    /// The name in API and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoConsentLeft => "no_consent_left",
            Self::Refused => "refused",
            Self::Banned => "banned",
            Self::NotFollowing => "not_following",
            Self::WindowClosed => "window_closed",
            Self::WindowUsedUp => "window_used_up",
            Self::QuietHours => "quiet_hours",
            Self::TooOften => "too_often",
            Self::SameContent => "same_content",
        }
    }

    /// What it means and what to do, in English.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoConsentLeft => {
                "every consent of this person to this template is used up; ask again in the mini program or page"
            }
            Self::Refused => {
                "the person refused messages of this template; only they can change that"
            }
            Self::Banned => "WeChat blocks this template",
            Self::NotFollowing => "the person does not follow the official account",
            Self::WindowClosed => {
                "no customer-service window is open: the person has to write first (48 hours)"
            }
            Self::WindowUsedUp => {
                "the messages of the open customer-service window are used up until the person writes again"
            }
            Self::QuietHours => {
                "it fell into the account's quiet hours, which drop messages (quiet_hours)"
            }
            Self::TooOften => {
                "the person had as many of these messages as the account allows in that time (frequency_caps)"
            }
            Self::SameContent => {
                "the same content went to the same person a short while ago (deduplicate_seconds)"
            }
        }
    }

    /// The same in Chinese.
    #[must_use]
    pub fn sentence_zh(self) -> &'static str {
        match self {
            Self::NoConsentLeft => {
                "该用户对此模板的授权次数已用完，需要在小程序或页面中再次请求授权"
            }
            Self::Refused => "该用户已拒收此模板的消息，只有用户本人可以重新开启",
            Self::Banned => "该模板已被微信封禁",
            Self::NotFollowing => "该用户没有关注此公众号",
            Self::WindowClosed => "客服消息窗口未开启：需要用户先发消息（48 小时内有效）",
            Self::WindowUsedUp => "当前客服消息窗口的条数已用完，需等用户再次发消息",
            Self::QuietHours => "正处于账号设置的免打扰时段，该时段内的消息会被丢弃（quiet_hours）",
            Self::TooOften => "该用户在此时间段内收到的消息已达账号设置的上限（frequency_caps）",
            Self::SameContent => "同样的内容刚刚发给过同一用户（deduplicate_seconds）",
        }
    }
}

/// What a send did to the consent it used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// WeChat took the message: one consent less.
    Consumed,
    /// It did not go out: the consent is still there.
    Returned,
    /// Nobody knows: neither promised nor denied.
    Doubtful,
    /// WeChat says that there is none (43101).
    DeniedByWechat,
    /// WeChat blocks the template (43107).
    BannedByWechat,
}

impl Grant {
    /// Takes in what a person answered. Returns whether it counted, which a
    /// second report of the same tap does not.
    pub fn answered(&mut self, consent: &Consent) -> bool {
        let at = consent.at.as_millisecond();
        match consent.answer {
            Answer::Filter => return false,
            Answer::Ban => {
                self.banned = true;
                self.is_fed = true;
            }
            Answer::Reject => {
                self.is_fed = true;
                // The report of an older tap does not undo a newer consent.
                let newer = after(consent.at, OUT_OF_ORDER);
                if self.changed_at.is_some_and(|last| last > newer) && self.can_send() {
                    return false;
                }
                self.refused = true;
                self.long_term = false;
                if consent.source == Source::Change {
                    // Switched off in the settings: what was saved up is gone.
                    self.count = self.held;
                    self.in_doubt = 0;
                }
            }
            Answer::Accept => {
                self.is_fed = true;
                if self.is_second_report(consent.source, at) {
                    self.touch(consent.at);
                    return false;
                }
                self.refused = false;
                self.banned = false;
                if consent.subscription == Some(Subscription::LongTerm) {
                    self.long_term = true;
                } else if consent.key.scene.is_some() {
                    self.count = self.count.max(self.held + 1);
                } else {
                    self.count = self.count.saturating_add(1);
                }
            }
        }
        self.touch(consent.at);
        true
    }

    /// Whether the other witness told of this tap before; if not, it is noted so
    /// that the other one is recognised.
    fn is_second_report(&mut self, source: Source, at: i64) -> bool {
        let (own, other) = match source {
            Source::Event => (&mut self.unpaired_events, &mut self.unpaired_reports),
            Source::Report => (&mut self.unpaired_reports, &mut self.unpaired_events),
            Source::Change | Source::Page => return false,
        };
        let window = i64::try_from(PAIRING_WINDOW.as_millis()).unwrap_or(i64::MAX);
        own.retain(|then| (at - then).abs() <= window);
        other.retain(|then| (at - then).abs() <= window);
        if other.is_empty() {
            if own.len() == UNPAIRED_AT_MOST {
                own.remove(0);
            }
            own.push(at);
            return false;
        }
        other.remove(0);
        true
    }

    /// Whether a send would be let through now.
    #[must_use]
    pub fn can_send(&self) -> bool {
        !matches!(self.clone().hold(), Hold::Withheld(_))
    }

    /// One-time messages that can be sent now: those not held.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.count - self.held
    }

    /// Holds a consent for a message that is about to be sent.
    pub fn hold(&mut self) -> Hold {
        if self.left() > 0 {
            self.held += 1;
            return Hold::Held;
        }
        if self.long_term || self.in_doubt > 0 || !self.is_fed {
            return Hold::Free;
        }
        Hold::Withheld(if self.banned {
            Withheld::Banned
        } else if self.refused && self.count == 0 {
            Withheld::Refused
        } else {
            Withheld::NoConsentLeft
        })
    }

    /// Takes in what became of a send, which held a consent or not.
    pub fn used(&mut self, was_held: bool, outcome: Use, at: Timestamp) {
        if was_held {
            self.held = self.held.saturating_sub(1);
        }
        match outcome {
            Use::Returned => {}
            Use::Consumed => {
                if was_held {
                    self.count = self.count.saturating_sub(1);
                } else {
                    self.in_doubt = self.in_doubt.saturating_sub(1);
                }
            }
            Use::Doubtful => {
                if was_held {
                    self.count = self.count.saturating_sub(1);
                    self.in_doubt = self.in_doubt.saturating_add(1);
                }
            }
            Use::DeniedByWechat => {
                self.count = self.held;
                self.in_doubt = 0;
                self.long_term = false;
                self.refused = true;
            }
            Use::BannedByWechat => self.banned = true,
        }
        self.count = self.count.max(self.held);
        self.touch(at);
    }

    fn touch(&mut self, at: Timestamp) {
        self.changed_at = Some(self.changed_at.map_or(at, |last| last.max(at)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).unwrap()
    }

    fn consent(answer: Answer, source: Source, second: i64) -> Consent {
        Consent {
            key: GrantKey {
                account: AccountId(1),
                openid: "oP4uB6jKx0QmTzR3yVdWc9LnEaSs".parse().unwrap(),
                template_id: "Zk3vQ7pXn2LwE9sTb5RhYc1UaJd8Mf0GiO6tKx4NqBo"
                    .parse()
                    .unwrap(),
                scene: None,
            },
            answer,
            source,
            subscription: Some(Subscription::OneTime),
            at: at(second),
        }
    }

    #[test]
    fn two_witnesses_of_one_tap_count_once() {
        for (first, second) in [
            (Source::Event, Source::Report),
            (Source::Report, Source::Event),
        ] {
            let mut grant = Grant::default();
            assert!(grant.answered(&consent(Answer::Accept, first, 0)));
            assert!(!grant.answered(&consent(Answer::Accept, second, 3)));
            assert_eq!(grant.count, 1);
            // The next tap counts again, whoever tells it first.
            assert!(grant.answered(&consent(Answer::Accept, second, 8)));
            assert!(!grant.answered(&consent(Answer::Accept, first, 9)));
            assert_eq!(grant.count, 2);
        }
    }

    #[test]
    fn witnesses_far_apart_tell_of_two_taps() {
        let mut grant = Grant::default();
        grant.answered(&consent(Answer::Accept, Source::Event, 0));
        assert!(grant.answered(&consent(Answer::Accept, Source::Report, 3_600)));
        assert_eq!(grant.count, 2);
    }

    #[test]
    fn two_consents_carry_two_messages_and_the_third_is_withheld() {
        let mut grant = Grant::default();
        grant.answered(&consent(Answer::Accept, Source::Event, 0));
        grant.answered(&consent(Answer::Accept, Source::Event, 60));
        assert_eq!(grant.hold(), Hold::Held);
        assert_eq!(grant.hold(), Hold::Held);
        assert_eq!(grant.hold(), Hold::Withheld(Withheld::NoConsentLeft));
        grant.used(true, Use::Consumed, at(100));
        grant.used(true, Use::Returned, at(100));
        assert_eq!((grant.count, grant.held), (1, 0));
        assert_eq!(grant.hold(), Hold::Held);
    }

    #[test]
    fn before_any_report_only_wechat_decides() {
        let mut grant = Grant::default();
        assert_eq!(grant.hold(), Hold::Free);
        grant.used(false, Use::DeniedByWechat, at(1));
        assert_eq!(grant.hold(), Hold::Free);
        grant.answered(&consent(Answer::Reject, Source::Event, 2));
        assert_eq!(grant.hold(), Hold::Withheld(Withheld::Refused));
    }

    #[test]
    fn a_consent_in_doubt_is_neither_promised_nor_denied() {
        let mut grant = Grant::default();
        grant.answered(&consent(Answer::Accept, Source::Event, 0));
        assert_eq!(grant.hold(), Hold::Held);
        grant.used(true, Use::Doubtful, at(1));
        assert_eq!((grant.count, grant.in_doubt), (0, 1));
        assert_eq!(grant.hold(), Hold::Free);
        grant.used(false, Use::DeniedByWechat, at(2));
        assert_eq!(grant.hold(), Hold::Withheld(Withheld::Refused));
    }

    #[test]
    fn scenes_do_not_add_up() {
        let mut grant = Grant::default();
        let mut again = consent(Answer::Accept, Source::Page, 0);
        again.key.scene = Some(1000);
        grant.answered(&again);
        grant.answered(&again);
        assert_eq!(grant.count, 1);
    }

    #[test]
    fn what_is_switched_off_in_the_settings_is_gone() {
        let mut grant = Grant::default();
        grant.answered(&consent(Answer::Accept, Source::Event, 0));
        grant.answered(&consent(Answer::Reject, Source::Change, 5));
        assert_eq!(grant.hold(), Hold::Withheld(Withheld::Refused));
    }

    #[test]
    fn every_word_of_consent_is_known() {
        for word in [
            "accept",
            "acceptWithAudio",
            "acceptWithAlert",
            "acceptWithForcePush",
        ] {
            assert_eq!(Answer::of(word), Some(Answer::Accept));
        }
        assert_eq!(Answer::of("reject"), Some(Answer::Reject));
        assert_eq!(Answer::of("whatever"), None);
    }

    proptest! {
        /// Random interleavings of taps (told by one witness or both), sends and
        /// their ends, restarts included (a hold that comes back), against the
        /// real figure that WeChat would keep.
        #[test]
        fn the_ledger_never_counts_twice_nor_below_zero(
            steps in proptest::collection::vec((0u8..7, 0u8..3), 1..200)
        ) {
            let (mut grant, mut real, mut held, mut clock) = (Grant::default(), 0u32, 0u32, 0i64);
            for (step, which) in steps {
                clock += 1_000;
                match step {
                    0 | 1 => {
                        real += 1;
                        if which != 1 {
                            grant.answered(&consent(Answer::Accept, Source::Event, clock));
                        }
                        if which != 0 {
                            grant.answered(&consent(Answer::Accept, Source::Report, clock + 2));
                        }
                    }
                    2 | 3 => match grant.hold() {
                        Hold::Held => held += 1,
                        Hold::Free => prop_assert!(!grant.is_fed || grant.in_doubt > 0),
                        Hold::Withheld(_) => prop_assert_eq!(grant.left(), 0),
                    },
                    4 if held > 0 => {
                        held -= 1;
                        // WeChat takes it while it has one left.
                        if real > 0 {
                            real -= 1;
                            grant.used(true, Use::Consumed, at(clock));
                        } else {
                            grant.used(true, Use::DeniedByWechat, at(clock));
                        }
                    }
                    5 if held > 0 => {
                        held -= 1;
                        grant.used(true, Use::Returned, at(clock));
                    }
                    6 if held > 0 => {
                        held -= 1;
                        if which == 0 { real = real.saturating_sub(1); }
                        grant.used(true, Use::Doubtful, at(clock));
                    }
                    _ => {}
                }
                prop_assert_eq!(grant.held, held);
                prop_assert!(grant.held <= grant.count);
                // Never more than WeChat would let through, and what is in doubt
                // covers what is missing.
                prop_assert!(grant.count <= real, "{} > {real}", grant.count);
                prop_assert!(real <= grant.count + grant.in_doubt);
            }
        }
    }
}
