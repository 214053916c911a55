//! The proof that an account works, step by step, each with what to do if not.

use hongyan_domain::AccountId;
use hongyan_domain::account::{Account, AccountKind, Breaker};
use hongyan_domain::message::Kind;
use hongyan_domain::port::StoreError;
use hongyan_wechat::{AccessToken, ErrCode, api};

use crate::Engine;
use crate::calls;
use crate::credentials::Credential;
use crate::credentials::CredentialError;
use crate::templates::WechatFailure;

/// How a step of a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// It works.
    Ok,
    /// It works, but somebody should look.
    Warning,
    /// It does not work.
    Failed,
    /// It could not be tried, because an earlier step failed or nothing is set.
    Skipped,
}

/// One step of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckStep {
    /// A stable word for the step.
    pub name: &'static str,
    /// How it ended.
    pub state: StepState,
    /// What was seen.
    pub detail: String,
    /// What to do.
    pub fix: Option<String>,
    /// WeChat's code, where it refused.
    pub errcode: Option<i64>,
    /// WeChat's request id, where it refused.
    pub rid: Option<String>,
}

/// What a check of an account found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// Whether no step failed.
    pub ok: bool,
    /// The steps, in the order they were tried.
    pub steps: Vec<CheckStep>,
}

impl CheckStep {
    fn new(name: &'static str, state: StepState, detail: impl Into<String>) -> Self {
        Self {
            name,
            state,
            detail: detail.into(),
            fix: None,
            errcode: None,
            rid: None,
        }
    }

    fn failed(name: &'static str, failure: &WechatFailure) -> Self {
        let mut step = Self::new(name, StepState::Failed, failure.to_string());
        match failure {
            WechatFailure::Refused(refusal) => {
                step.errcode = Some(refusal.errcode.0);
                step.rid = refusal.rid.clone();
                step.fix = refusal.errcode.info().map(|info| info.fix_en.to_owned());
            }
            WechatFailure::Unreachable { .. } => {
                step.fix = Some(
                    "check the network from this machine to WeChat and [wechat] api_base"
                        .to_owned(),
                );
            }
            WechatFailure::Credential(_) | WechatFailure::Store(_) | WechatFailure::Missing => {}
        }
        step
    }
}

impl Engine {
    /// Tries everything an account needs, from the token to today's allowance.
    /// Asks WeChat for a token even where an earlier refusal says to wait:
    /// somebody wants to know whether the cure worked.
    ///
    /// # Errors
    /// `Missing`; storage's.
    pub async fn check_account(&self, id: AccountId) -> Result<CheckReport, StoreError> {
        let missing = || StoreError::Missing {
            what: "the account".to_owned(),
        };
        self.forgive(id).await;
        let blocked = self.close_breaker(id).await;
        let account = self.registry.by_id(id).ok_or_else(missing)?;
        let mut steps = vec![enabled(&account)];
        match self.credential(&account).await {
            Ok(credential) => {
                let foreign = self.refreshes_today(account.id).await?.foreign;
                steps.push(at_hand(&account, &credential, foreign));
                steps.push(self.ip_allow_list(&account, &credential.token).await);
                steps.push(self.templates_step(&account).await);
                steps.push(self.quota_step(&account).await);
            }
            Err(error) => {
                steps.extend(no_credential(&error));
                for name in ["templates", "quota"] {
                    steps.push(CheckStep::new(
                        name,
                        StepState::Skipped,
                        "needs an access token",
                    ));
                }
            }
        }
        steps.push(sending(blocked));
        steps.push(callback(&account));
        let ok = steps.iter().all(|step| step.state != StepState::Failed);
        Ok(CheckReport { ok, steps })
    }

    /// Forgets that WeChat refused: the next need asks again.
    async fn forgive(&self, id: AccountId) {
        self.credentials.forgive(id).await;
        let now = self.clock.now();
        if let Some(account) = self.registry.by_id(id)
            && let Some(mut illness) = account.state.illness.clone()
        {
            illness.next_try_at = Some(now);
            self.note_health(&account, Some(crate::credentials::Health::Ill(illness)))
                .await;
        }
    }

    /// Lets the account's messages go again, because somebody may have cured what
    /// WeChat refused them for; the breaker that held them.
    async fn close_breaker(&self, id: AccountId) -> Option<Breaker> {
        let breaker = self.registry.by_id(id)?.state.breaker.clone()?;
        self.change_state(id, |account| account.state.breaker = None)
            .await;
        self.dispatcher.wake_account(id);
        Some(breaker)
    }

    /// A call that needs a token: one from storage may belong to another
    /// address, and only a call shows it.
    async fn ip_allow_list(&self, account: &Account, token: &AccessToken) -> CheckStep {
        const NAME: &str = "ip_allow_list";
        let mut result = self.call(account.id, token, &api::ip::GetApiDomainIp).await;
        if let Err(error) = &result
            && error.class() == hongyan_wechat::ErrClass::StaleCredential
            && let Some(current) = self.credentials.current(account.id)
        {
            match self.fresh_credential(account, &current).await {
                Ok(fresh) => {
                    result = self
                        .call(account.id, &fresh.token, &api::ip::GetApiDomainIp)
                        .await;
                }
                Err(error) => return CheckStep::failed(NAME, &error.into()),
            }
        }
        match result {
            Ok(_) => CheckStep::new(
                NAME,
                StepState::Ok,
                "WeChat answers calls from this address",
            ),
            Err(error) => CheckStep::failed(NAME, &error.into()),
        }
    }

    async fn templates_step(&self, account: &Account) -> CheckStep {
        const NAME: &str = "templates";
        match self.sync_templates(account.id).await {
            Ok(report) if report.total == 0 => {
                let mut step =
                    CheckStep::new(NAME, StepState::Warning, "the account has no template");
                step.fix =
                    Some("add a template in WeChat's console, then sync the templates".to_owned());
                step
            }
            Ok(report) => {
                CheckStep::new(NAME, StepState::Ok, format!("{} templates", report.total))
            }
            Err(failure) => CheckStep::failed(NAME, &failure),
        }
    }

    async fn quota_step(&self, account: &Account) -> CheckStep {
        const NAME: &str = "quota";
        let kind = match account.settings.kind {
            AccountKind::OfficialAccount => Kind::Template,
            AccountKind::MiniProgram => Kind::Subscribe,
        };
        let cgi_path = calls::path(kind);
        let Some(credential) = self.credentials.current(account.id) else {
            return CheckStep::new(NAME, StepState::Skipped, "needs an access token");
        };
        let call = api::openapi::GetQuota { cgi_path };
        match self.call(account.id, &credential.token, &call).await {
            Ok(reply) => {
                let quota = reply.quota;
                if quota.remain > 0 {
                    self.unpark(account.id, Some(kind)).await;
                }
                let state = if quota.remain > 0 {
                    StepState::Ok
                } else {
                    StepState::Warning
                };
                let detail = format!(
                    "{} of {} sends left today ({cgi_path})",
                    quota.remain, quota.daily_limit
                );
                CheckStep::new(NAME, state, detail)
            }
            Err(error) => CheckStep::failed(NAME, &error.into()),
        }
    }
}

/// A token is there; whether somebody else keeps ending it.
fn at_hand(account: &Account, credential: &Credential, foreign_refreshes: u32) -> CheckStep {
    let detail = format!(
        "an access token ({}) is at hand until {}",
        account.settings.token_mode.as_str(),
        credential.expires_at
    );
    if foreign_refreshes == 0 {
        return CheckStep::new("credential", StepState::Ok, detail);
    }
    let mut step = CheckStep::new(
        "credential",
        StepState::Warning,
        format!(
            "{detail}; another program with this account's secret made ours useless {foreign_refreshes} times today"
        ),
    );
    step.fix = Some(format!(
        "let that program take the token from GET /v1/accounts/{}/access_token, or let both use the token mode \"stable\" without force_refresh",
        account.name()
    ));
    step
}

fn enabled(account: &Account) -> CheckStep {
    if account.settings.disabled {
        let mut step = CheckStep::new("enabled", StepState::Warning, "the account is switched off");
        step.fix = Some("set disabled to false".to_owned());
        step
    } else {
        CheckStep::new("enabled", StepState::Ok, "the account is switched on")
    }
}

fn no_credential(error: &CredentialError) -> Vec<CheckStep> {
    let mut step = CheckStep::new("credential", StepState::Failed, error.to_string());
    let CredentialError::Refused { illness } = error else {
        step.fix =
            Some("check the network from this machine to WeChat and [wechat] api_base".to_owned());
        let skipped = CheckStep::new("ip_allow_list", StepState::Skipped, "needs an access token");
        return vec![step, skipped];
    };
    step.errcode = illness.errcode;
    step.rid.clone_from(&illness.rid);
    step.fix = illness
        .errcode
        .and_then(|code| ErrCode(code).info())
        .map(|info| info.fix_en.to_owned());
    let allow_list = match &illness.seen_ip {
        Some(ip) => {
            let detail = format!("WeChat saw a call from {ip}, which is not on the allow-list");
            let mut step = CheckStep::new("ip_allow_list", StepState::Failed, detail);
            step.errcode = illness.errcode;
            step.fix = Some(add_to_allow_list(ip));
            step
        }
        None => CheckStep::new("ip_allow_list", StepState::Skipped, "needs an access token"),
    };
    vec![step, allow_list]
}

fn sending(blocked: Option<Breaker>) -> CheckStep {
    const NAME: &str = "sending";
    let Some(breaker) = blocked else {
        return CheckStep::new(NAME, StepState::Ok, "nothing stands in the way of messages");
    };
    let detail = format!(
        "since {} WeChat has refused what the account sends: errcode {} {}; they are sent again now, and wait again if it still does",
        breaker.since, breaker.errcode, breaker.errmsg
    );
    let mut step = CheckStep::new(NAME, StepState::Warning, detail);
    step.errcode = Some(breaker.errcode);
    step.rid = breaker.rid;
    step.fix = match breaker.seen_ip {
        Some(ip) => Some(add_to_allow_list(&ip)),
        None => ErrCode(breaker.errcode)
            .info()
            .map(|info| info.fix_en.to_owned()),
    };
    step
}

fn add_to_allow_list(ip: &str) -> String {
    format!(
        "in WeChat's console add {ip} to the IP allow-list (IP白名单); sending goes on by itself"
    )
}

fn callback(account: &Account) -> CheckStep {
    match &account.settings.callback {
        Some(_) => CheckStep::new("callback", StepState::Ok, "a callback token is set"),
        None => CheckStep::new(
            "callback",
            StepState::Skipped,
            "no callback token is set: receipts cannot be verified",
        ),
    }
}
