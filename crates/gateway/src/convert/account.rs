//! Accounts: read from requests, shown without their secrets.

use hongyan_api as api;
use hongyan_domain::account::{
    Account, AccountKind, AccountName, AccountSettings, CallbackKeys, CallbackSettings,
    DEFAULT_MAX_IN_FLIGHT, Illness, LARGEST_MAX_IN_FLIGHT, TokenMode,
};
use hongyan_domain::port::RefreshCount;
use hongyan_domain::template::Violation;
use hongyan_engine::{CheckReport, StepState};
use hongyan_wechat::callback::EncodingAesKey;
use hongyan_wechat::{AppSecret, IdError};
use jiff::Timestamp;

use super::limits::bad_id;
use super::{diagnosis, message, options, timing};
use crate::extract::invalid;

/// Longest AppSecret, in bytes; WeChat's have 32.
const LONGEST_SECRET: usize = 128;

/// The settings that a request for a new account describes.
pub(crate) fn settings(request: &api::NewAccount) -> Result<AccountSettings, Vec<Violation>> {
    let mut wrong = Vec::new();
    let name = request.name.parse::<AccountName>().map_err(|error| {
        wrong.push(invalid(
            "/name",
            "form",
            error.to_string(),
            "账号名称由 1 到 64 个 a-z、0-9、-、_、. 组成，以字母或数字开头",
        ));
    });
    let appid = id("/appid", &request.appid, &mut wrong);
    let secret = secret("/secret", &request.secret, &mut wrong);
    let original_id = optional_id("/original_id", request.original_id.as_deref(), &mut wrong);
    let callback = request
        .callback
        .as_ref()
        .and_then(|set| callback(set, &mut wrong));
    let rate_per_second = rate(request.rate_per_second, &mut wrong);
    let max_in_flight = in_flight(request.max_in_flight, &mut wrong);
    let options = options::read(request, &mut wrong);
    options::check(&options, &mut wrong);
    match (name, appid) {
        (Ok(name), Some(appid)) if wrong.is_empty() => Ok(AccountSettings {
            name,
            kind: match request.kind {
                api::AccountKind::OfficialAccount => AccountKind::OfficialAccount,
                api::AccountKind::MiniProgram => AccountKind::MiniProgram,
            },
            appid,
            secret,
            original_id,
            token_mode: token_mode(request.token_mode.unwrap_or_default()),
            callback,
            rate_per_second,
            max_in_flight,
            disabled: request.disabled.unwrap_or(false),
            options,
        }),
        _ => Err(wrong),
    }
}

/// The settings `former` with what a request changes about them.
pub(crate) fn changed(
    former: &AccountSettings,
    request: &api::ChangeAccount,
) -> Result<AccountSettings, Vec<Violation>> {
    let mut wrong = Vec::new();
    let mut settings = former.clone();
    if let Some(text) = &request.appid
        && let Some(appid) = id("/appid", text, &mut wrong)
    {
        settings.appid = appid;
    }
    if let Some(given) = &request.secret {
        settings.secret = secret("/secret", given, &mut wrong);
    }
    if let Some(given) = &request.original_id {
        settings.original_id = optional_id("/original_id", given.as_deref(), &mut wrong);
    }
    if let Some(mode) = request.token_mode {
        settings.token_mode = token_mode(mode);
    }
    if let Some(given) = &request.callback {
        settings.callback = given.as_ref().and_then(|set| callback(set, &mut wrong));
    }
    if let Some(given) = request.rate_per_second {
        settings.rate_per_second = rate(given, &mut wrong);
    }
    if let Some(given) = request.max_in_flight {
        settings.max_in_flight = in_flight(given, &mut wrong);
    }
    if let Some(disabled) = request.disabled {
        settings.disabled = disabled;
    }
    options::change(&mut settings.options, request, &mut wrong);
    options::check(&settings.options, &mut wrong);
    if wrong.is_empty() {
        Ok(settings)
    } else {
        Err(wrong)
    }
}

fn id<T: std::str::FromStr<Err = IdError>>(
    pointer: &str,
    text: &str,
    wrong: &mut Vec<Violation>,
) -> Option<T> {
    text.parse()
        .map_err(|error| wrong.push(bad_id(pointer, &error)))
        .ok()
}

fn optional_id<T: std::str::FromStr<Err = IdError>>(
    pointer: &str,
    text: Option<&str>,
    wrong: &mut Vec<Violation>,
) -> Option<T> {
    text.and_then(|text| id(pointer, text, wrong))
}

fn secret(pointer: &str, secret: &api::Secret, wrong: &mut Vec<Violation>) -> AppSecret {
    let text = secret.expose();
    if text.is_empty() || text.len() > LONGEST_SECRET || !text.bytes().all(|b| b.is_ascii_graphic())
    {
        wrong.push(invalid(
            pointer,
            "form",
            "a secret has 1 to 128 visible ASCII characters; copy it without blanks",
            "密钥应为 1 到 128 个可见 ASCII 字符，复制时不要带空格",
        ));
    }
    AppSecret::new(text)
}

fn callback(
    request: &api::CallbackSettings,
    wrong: &mut Vec<Violation>,
) -> Option<CallbackSettings> {
    let key = request.encoding_aes_key.as_ref();
    callback_keys("/callback", &request.token, key, wrong);
    if let Some(former) = &request.previous {
        let key = former.encoding_aes_key.as_ref();
        callback_keys("/callback/previous", &former.token, key, wrong);
    }
    Some(CallbackSettings {
        token: AppSecret::new(request.token.expose()),
        encoding_aes_key: key.map(|key| AppSecret::new(key.expose())),
        previous: request.previous.as_ref().map(|former| CallbackKeys {
            token: AppSecret::new(former.token.expose()),
            encoding_aes_key: former
                .encoding_aes_key
                .as_ref()
                .map(|key| AppSecret::new(key.expose())),
        }),
    })
}

fn callback_keys(
    at: &str,
    token: &api::Secret,
    key: Option<&api::Secret>,
    wrong: &mut Vec<Violation>,
) {
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric());
    let token = token.expose();
    if !(3..=32).contains(&token.len()) || !is_plain(token) {
        wrong.push(invalid(
            format!("{at}/token"),
            "form",
            "the Token has 3 to 32 letters and digits",
            "Token 应为 3 到 32 个字母或数字",
        ));
    }
    if key.is_some_and(|key| key.expose().parse::<EncodingAesKey>().is_err()) {
        wrong.push(invalid(
            format!("{at}/encoding_aes_key"),
            "form",
            "the EncodingAESKey has 43 letters and digits",
            "EncodingAESKey 应为 43 个字母或数字",
        ));
    }
}

fn rate(rate: Option<u32>, wrong: &mut Vec<Violation>) -> Option<u32> {
    if rate == Some(0) {
        wrong.push(invalid(
            "/rate_per_second",
            "range",
            "rate_per_second must be at least 1; null = no limit, disabled = nothing",
            "rate_per_second 至少为 1；null 表示不限，停用请设 disabled",
        ));
    }
    rate
}

fn in_flight(given: Option<u32>, wrong: &mut Vec<Violation>) -> u32 {
    let given = given.unwrap_or(DEFAULT_MAX_IN_FLIGHT);
    if !(1..=LARGEST_MAX_IN_FLIGHT).contains(&given) {
        wrong.push(invalid(
            "/max_in_flight",
            "range",
            format!("max_in_flight must be from 1 to {LARGEST_MAX_IN_FLIGHT}"),
            format!("max_in_flight 应在 1 到 {LARGEST_MAX_IN_FLIGHT} 之间"),
        ));
    }
    given
}

fn token_mode(mode: api::TokenMode) -> TokenMode {
    match mode {
        api::TokenMode::Stable => TokenMode::Stable,
        api::TokenMode::Classic => TokenMode::Classic,
    }
}

/// An account as it is shown at `now`.
pub(crate) fn account(account: &Account, illness: Option<Illness>, now: Timestamp) -> api::Account {
    shown(
        &account.settings,
        health(account, illness, now),
        account.created_at,
        account.updated_at,
    )
}

/// An account as it will be shown once it is stored at about `now`.
pub(crate) fn new_account(settings: &AccountSettings, now: Timestamp) -> api::Account {
    let status = if settings.disabled {
        api::HealthStatus::Disabled
    } else {
        api::HealthStatus::Healthy
    };
    shown(settings, plain_health(status), now, now)
}

fn shown(
    settings: &AccountSettings,
    health: api::Health,
    created_at: Timestamp,
    updated_at: Timestamp,
) -> api::Account {
    api::Account {
        name: settings.name.to_string(),
        kind: match settings.kind {
            AccountKind::OfficialAccount => api::AccountKind::OfficialAccount,
            AccountKind::MiniProgram => api::AccountKind::MiniProgram,
        },
        appid: settings.appid.to_string(),
        original_id: settings.original_id.as_ref().map(ToString::to_string),
        token_mode: match settings.token_mode {
            TokenMode::Stable => api::TokenMode::Stable,
            TokenMode::Classic => api::TokenMode::Classic,
        },
        callback: settings
            .callback
            .as_ref()
            .map(|callback| api::CallbackState {
                has_token: !callback.token.expose().is_empty(),
                has_encoding_aes_key: callback.encoding_aes_key.is_some(),
                has_previous: callback.previous.is_some(),
            }),
        rate_per_second: settings.rate_per_second,
        max_in_flight: settings.max_in_flight,
        disabled: settings.disabled,
        backends: options::backends(&settings.options),
        reply_url: settings.options.reply_url.clone(),
        js_origins: settings.options.js_origins.clone(),
        redirects: settings.options.redirects.clone(),
        send_to_unfollowed: settings.options.send_to_unfollowed,
        quiet_hours: settings
            .options
            .quiet_hours
            .as_ref()
            .map(timing::shown_quiet_hours),
        frequency_caps: timing::shown_frequency_caps(&settings.options.frequency_caps),
        deduplicate_seconds: settings.options.deduplicate_seconds,
        reserve_for_high_percent: settings.options.reserve_for_high_percent,
        health,
        token_refreshes: None,
        created_at,
        updated_at,
    }
}

fn plain_health(status: api::HealthStatus) -> api::Health {
    api::Health {
        status,
        since: None,
        until: None,
        reason: None,
        errcode: None,
        diagnosis: None,
        seen_ip: None,
        next_try_at: None,
        kinds: Vec::new(),
    }
}

pub(crate) fn token_refreshes(count: RefreshCount) -> api::TokenRefreshes {
    api::TokenRefreshes {
        today: count.used,
        foreign_today: count.foreign,
    }
}

/// The gravest first: what is switched off needs no cure.
pub(crate) fn health(account: &Account, illness: Option<Illness>, now: Timestamp) -> api::Health {
    if account.settings.disabled {
        return plain_health(api::HealthStatus::Disabled);
    }
    if let Some(illness) = illness {
        return api::Health {
            since: Some(illness.since),
            reason: Some(illness.reason),
            errcode: illness.errcode,
            diagnosis: illness.errcode.and_then(diagnosis),
            seen_ip: illness.seen_ip,
            next_try_at: illness.next_try_at,
            ..plain_health(api::HealthStatus::Unhealthy)
        };
    }
    if let Some(breaker) = &account.state.breaker {
        return api::Health {
            since: Some(breaker.since),
            reason: Some(breaker.errmsg.clone()),
            errcode: Some(breaker.errcode),
            diagnosis: diagnosis(breaker.errcode),
            seen_ip: breaker.seen_ip.clone(),
            next_try_at: Some(breaker.next_try_at),
            kinds: breaker
                .kinds
                .iter()
                .map(|held| message::kind(*held))
                .collect(),
            ..plain_health(api::HealthStatus::Blocked)
        };
    }
    match account.parked(now) {
        Some(parked) => api::Health {
            until: Some(parked.until),
            reason: Some(parked.errmsg.clone()),
            errcode: Some(parked.errcode),
            diagnosis: diagnosis(parked.errcode),
            kinds: parked.kinds.iter().copied().map(message::kind).collect(),
            ..plain_health(api::HealthStatus::Parked)
        },
        None => plain_health(api::HealthStatus::Healthy),
    }
}

/// What a check found.
pub(crate) fn check_report(report: CheckReport) -> api::CheckReport {
    api::CheckReport {
        ok: report.ok,
        steps: report
            .steps
            .into_iter()
            .map(|step| {
                let fix = step.fix.map(|fix| (fix.en, fix.zh)).unzip();
                api::CheckStep {
                    name: step.name.to_owned(),
                    state: match step.state {
                        StepState::Ok => api::StepState::Ok,
                        StepState::Warning => api::StepState::Warning,
                        StepState::Failed => api::StepState::Failed,
                        StepState::Skipped => api::StepState::Skipped,
                    },
                    detail: step.detail.en,
                    detail_zh: step.detail.zh,
                    fix: fix.0,
                    fix_zh: fix.1,
                    errcode: step.errcode,
                    rid: step.rid,
                }
            })
            .collect(),
    }
}
