//! The numbers by which both back-ends keep enumerations. A number is never
//! used again for something else.

use hongyan_domain::account::{AccountKind, TokenMode};
use hongyan_domain::broadcast::{BroadcastState, WhySkipped};
use hongyan_domain::callback::Mode;
use hongyan_domain::console::Role;
use hongyan_domain::contact::Follow;
use hongyan_domain::delivery::OutcomeKind;
use hongyan_domain::grant::WindowCause;
use hongyan_domain::media::MediaKind;
use hongyan_domain::message::{Kind, OnUnknown, Priority, State};
use hongyan_domain::template::Subscription;

/// A stored number that stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} is not the number of a {what}")]
pub(crate) struct UnknownCode {
    code: i64,
    what: &'static str,
}

type Read<T> = Result<T, UnknownCode>;

pub(crate) fn kind_code(kind: Kind) -> i16 {
    match kind {
        Kind::Template => 1,
        Kind::Subscribe => 2,
        Kind::Notification => 3,
        Kind::OneTime => 4,
        Kind::CustomerService => 5,
    }
}

pub(crate) fn kind(code: impl Into<i64>) -> Read<Kind> {
    read(Kind::ALL, kind_code, code, "kind of message")
}

pub(crate) fn account_kind_code(kind: AccountKind) -> i16 {
    match kind {
        AccountKind::OfficialAccount => 1,
        AccountKind::MiniProgram => 2,
    }
}

pub(crate) fn account_kind(code: impl Into<i64>) -> Read<AccountKind> {
    let all = [AccountKind::OfficialAccount, AccountKind::MiniProgram];
    read(all, account_kind_code, code, "kind of account")
}

pub(crate) fn role_code(role: Role) -> i16 {
    match role {
        Role::Admin => 1,
        Role::Operator => 2,
        Role::Viewer => 3,
    }
}

pub(crate) fn role(code: impl Into<i64>) -> Read<Role> {
    read(Role::ALL, role_code, code, "role")
}

pub(crate) fn token_mode_code(mode: TokenMode) -> i16 {
    match mode {
        TokenMode::Stable => 1,
        TokenMode::Classic => 2,
    }
}

pub(crate) fn token_mode(code: impl Into<i64>) -> Read<TokenMode> {
    let all = [TokenMode::Stable, TokenMode::Classic];
    read(all, token_mode_code, code, "token mode")
}

/// WeChat's own numbers.
pub(crate) fn subscription_code(subscription: Subscription) -> i16 {
    match subscription {
        Subscription::OneTime => 2,
        Subscription::LongTerm => 3,
    }
}

pub(crate) fn subscription(code: impl Into<i64>) -> Read<Subscription> {
    let all = [Subscription::OneTime, Subscription::LongTerm];
    read(all, subscription_code, code, "subscription")
}

pub(crate) fn on_unknown_code(choice: OnUnknown) -> i16 {
    match choice {
        OnUnknown::Keep => 0,
        OnUnknown::Resend => 1,
    }
}

pub(crate) fn on_unknown(code: impl Into<i64>) -> Read<OnUnknown> {
    let all = [OnUnknown::Keep, OnUnknown::Resend];
    read(all, on_unknown_code, code, "choice for unknown outcomes")
}

pub(crate) fn mode_code(mode: Mode) -> i16 {
    match mode {
        Mode::Plain => 0,
        Mode::Compatible => 1,
        Mode::Safe => 2,
    }
}

pub(crate) fn mode(code: impl Into<i64>) -> Read<Mode> {
    let all = [Mode::Plain, Mode::Compatible, Mode::Safe];
    read(all, mode_code, code, "mode of callbacks")
}

pub(crate) fn follow(code: impl Into<i64>) -> Read<Follow> {
    read(
        Follow::ALL,
        |one| one.code().into(),
        code,
        "state of following",
    )
}

pub(crate) fn window_cause(code: impl Into<i64>) -> Read<WindowCause> {
    read(
        WindowCause::ALL,
        |cause| cause.code().into(),
        code,
        "cause of a window",
    )
}

pub(crate) fn broadcast_state(code: impl Into<i64>) -> Read<BroadcastState> {
    read(
        BroadcastState::ALL,
        |state| state.code().into(),
        code,
        "state of a broadcast",
    )
}

pub(crate) fn why_skipped(code: impl Into<i64>) -> Read<WhySkipped> {
    read(
        WhySkipped::ALL,
        |why| why.code().into(),
        code,
        "reason to pass somebody over",
    )
}

pub(crate) fn media_kind(code: impl Into<i64>) -> Read<MediaKind> {
    read(
        MediaKind::ALL,
        |kind| kind.code().into(),
        code,
        "kind of file",
    )
}

/// A scene as its column holds it: -1 where there is none, so that it can be part
/// of a key.
pub(crate) fn scene_code(scene: Option<u16>) -> i32 {
    scene.map_or(-1, i32::from)
}

pub(crate) fn scene(code: impl Into<i64>) -> Option<u16> {
    u16::try_from(code.into()).ok()
}

pub(crate) fn priority(band: impl Into<i64>) -> Read<Priority> {
    read(
        Priority::ALL,
        |priority| priority.band().into(),
        band,
        "priority",
    )
}

pub(crate) fn state(code: impl Into<i64>) -> Read<State> {
    read(State::ALL, |state| state.code().into(), code, "state")
}

pub(crate) fn outcome_kind(code: impl Into<i64>) -> Read<OutcomeKind> {
    read(OutcomeKind::ALL, |kind| kind.code().into(), code, "outcome")
}

fn read<T: Copy>(
    all: impl IntoIterator<Item = T>,
    code_of: impl Fn(T) -> i16,
    code: impl Into<i64>,
    what: &'static str,
) -> Read<T> {
    let code = code.into();
    all.into_iter()
        .find(|&one| i64::from(code_of(one)) == code)
        .ok_or(UnknownCode { code, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_numbers_read_back() {
        for one in Kind::ALL {
            assert_eq!(kind(kind_code(one)), Ok(one));
        }
        for one in Priority::ALL {
            assert_eq!(priority(one.band()), Ok(one));
        }
        for one in State::ALL {
            assert_eq!(state(one.code()), Ok(one));
        }
        for one in OutcomeKind::ALL {
            assert_eq!(outcome_kind(one.code()), Ok(one));
        }
        assert_eq!(account_kind(2), Ok(AccountKind::MiniProgram));
        assert_eq!(token_mode(2), Ok(TokenMode::Classic));
        assert_eq!(subscription(3), Ok(Subscription::LongTerm));
        assert_eq!(on_unknown(1), Ok(OnUnknown::Resend));
        for one in [Mode::Plain, Mode::Compatible, Mode::Safe] {
            assert_eq!(mode(mode_code(one)), Ok(one));
        }
        for one in Follow::ALL {
            assert_eq!(follow(one.code()), Ok(one));
        }
        for one in WindowCause::ALL {
            assert_eq!(window_cause(one.code()), Ok(one));
        }
        for one in BroadcastState::ALL {
            assert_eq!(broadcast_state(one.code()), Ok(one));
        }
        for one in WhySkipped::ALL {
            assert_eq!(why_skipped(one.code()), Ok(one));
        }
        for one in MediaKind::ALL {
            assert_eq!(media_kind(one.code()), Ok(one));
        }
        for one in [None, Some(0), Some(10_000)] {
            assert_eq!(scene(scene_code(one)), one);
        }
        assert!(kind(0).is_err() && state(-1).is_err() && outcome_kind(99).is_err());
    }
}
