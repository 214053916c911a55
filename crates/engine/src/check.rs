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

/// A sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

impl Sentence {
    fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self {
            en: en.into(),
            zh: zh.into(),
        }
    }
}

/// One step of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckStep {
    /// A stable word for the step.
    pub name: &'static str,
    /// How it ended.
    pub state: StepState,
    /// What was seen.
    pub detail: Sentence,
    /// What to do.
    pub fix: Option<Sentence>,
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
    fn new(
        name: &'static str,
        state: StepState,
        en: impl Into<String>,
        zh: impl Into<String>,
    ) -> Self {
        Self {
            name,
            state,
            detail: Sentence::new(en, zh),
            fix: None,
            errcode: None,
            rid: None,
        }
    }

    fn skipped(name: &'static str) -> Self {
        let (en, zh) = ("needs an access token", "需要先有接口凭证");
        Self::new(name, StepState::Skipped, en, zh)
    }

    fn failed(name: &'static str, failure: &WechatFailure) -> Self {
        let zh = match failure {
            WechatFailure::Refused(refusal) => {
                format!("微信拒绝：错误码 {} {}", refusal.errcode, refusal.errmsg)
            }
            WechatFailure::Unreachable { reason } => format!("无法连接微信：{reason}"),
            WechatFailure::Credential(error) => no_token_zh(error),
            WechatFailure::Store(_) => "存储暂不可用，请稍后重试".to_owned(),
            WechatFailure::Missing => "账号已不存在".to_owned(),
        };
        let mut step = Self::new(name, StepState::Failed, failure.to_string(), zh);
        match failure {
            WechatFailure::Refused(refusal) => {
                step.errcode = Some(refusal.errcode.0);
                step.rid = refusal.rid.clone();
                step.fix = known_cure(refusal.errcode);
            }
            WechatFailure::Unreachable { .. } => step.fix = Some(check_network()),
            WechatFailure::Credential(_) | WechatFailure::Store(_) | WechatFailure::Missing => {}
        }
        step
    }
}

fn no_token_zh(error: &CredentialError) -> String {
    match error {
        CredentialError::Refused { illness } => {
            format!("微信不给此账号接口凭证：{}", illness.reason)
        }
        CredentialError::Unavailable { reason, .. } => format!("暂时没有接口凭证：{reason}"),
        CredentialError::Store(_) => "存储暂不可用，请稍后重试".to_owned(),
        CredentialError::Missing => "账号已不存在".to_owned(),
    }
}

fn known_cure(code: ErrCode) -> Option<Sentence> {
    code.info()
        .map(|info| Sentence::new(info.fix_en, info.fix_zh))
}

fn check_network() -> Sentence {
    Sentence::new(
        "check the network from this machine to WeChat and [wechat] api_base",
        "请检查本机到微信的网络，以及 [wechat] api_base",
    )
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
                    steps.push(CheckStep::skipped(name));
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
                "微信接受来自本机地址的调用",
            ),
            Err(error) => CheckStep::failed(NAME, &error.into()),
        }
    }

    async fn templates_step(&self, account: &Account) -> CheckStep {
        const NAME: &str = "templates";
        match self.sync_templates(account.id).await {
            Ok(report) if report.total == 0 => {
                let mut step = CheckStep::new(
                    NAME,
                    StepState::Warning,
                    "the account has no template",
                    "账号还没有模板",
                );
                step.fix = Some(Sentence::new(
                    "add a template in WeChat's console, then sync the templates",
                    "请在微信后台添加模板，然后同步",
                ));
                step
            }
            Ok(report) => CheckStep::new(
                NAME,
                StepState::Ok,
                format!("{} templates", report.total),
                format!("{} 个模板", report.total),
            ),
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
            return CheckStep::skipped(NAME);
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
                let (left, limit) = (quota.remain, quota.daily_limit);
                CheckStep::new(
                    NAME,
                    state,
                    format!("{left} of {limit} sends left today ({cgi_path})"),
                    format!("今日还可发送 {left} 条，共 {limit} 条（{cgi_path}）"),
                )
            }
            Err(error) => CheckStep::failed(NAME, &error.into()),
        }
    }
}

/// A token is there; whether somebody else keeps ending it.
fn at_hand(account: &Account, credential: &Credential, foreign_refreshes: u32) -> CheckStep {
    let (mode, end) = (account.settings.token_mode.as_str(), credential.expires_at);
    let detail = format!("an access token ({mode}) is at hand until {end}");
    let detail_zh = format!("已有接口凭证（{mode}），有效至 {end}");
    if foreign_refreshes == 0 {
        return CheckStep::new("credential", StepState::Ok, detail, detail_zh);
    }
    let mut step = CheckStep::new(
        "credential",
        StepState::Warning,
        format!(
            "{detail}; another program with this account's secret made ours useless {foreign_refreshes} times today"
        ),
        format!("{detail_zh}；今天另一个持有此账号 secret 的程序 {foreign_refreshes} 次使它失效"),
    );
    let name = account.name();
    step.fix = Some(Sentence::new(
        format!(
            "let that program take the token from GET /v1/accounts/{name}/access_token, or let both use the token mode \"stable\" without force_refresh"
        ),
        format!(
            "请让那个程序改从 GET /v1/accounts/{name}/access_token 取凭证，或双方都使用 stable 模式且不带 force_refresh"
        ),
    ));
    step
}

fn enabled(account: &Account) -> CheckStep {
    if account.settings.disabled {
        let mut step = CheckStep::new(
            "enabled",
            StepState::Warning,
            "the account is switched off",
            "账号已停用",
        );
        step.fix = Some(Sentence::new("set disabled to false", "请启用账号"));
        step
    } else {
        CheckStep::new(
            "enabled",
            StepState::Ok,
            "the account is switched on",
            "账号已启用",
        )
    }
}

fn no_credential(error: &CredentialError) -> Vec<CheckStep> {
    let mut step = CheckStep::new(
        "credential",
        StepState::Failed,
        error.to_string(),
        no_token_zh(error),
    );
    let CredentialError::Refused { illness } = error else {
        step.fix = Some(check_network());
        return vec![step, CheckStep::skipped("ip_allow_list")];
    };
    step.errcode = illness.errcode;
    step.rid.clone_from(&illness.rid);
    step.fix = illness.errcode.and_then(|code| known_cure(ErrCode(code)));
    let allow_list = match &illness.seen_ip {
        Some(ip) => {
            let mut step = CheckStep::new(
                "ip_allow_list",
                StepState::Failed,
                format!("WeChat saw a call from {ip}, which is not on the allow-list"),
                format!("微信看到来自 {ip} 的调用，该地址不在 IP 白名单中"),
            );
            step.errcode = illness.errcode;
            step.fix = Some(add_to_allow_list(ip));
            step
        }
        None => CheckStep::skipped("ip_allow_list"),
    };
    vec![step, allow_list]
}

fn sending(blocked: Option<Breaker>) -> CheckStep {
    const NAME: &str = "sending";
    let Some(breaker) = blocked else {
        return CheckStep::new(
            NAME,
            StepState::Ok,
            "nothing stands in the way of messages",
            "没有什么妨碍发送",
        );
    };
    let detail = format!(
        "since {} WeChat has refused what the account sends: errcode {} {}; they are sent again now, and wait again if it still does",
        breaker.since, breaker.errcode, breaker.errmsg
    );
    let detail_zh = format!(
        "自 {} 起微信拒绝此账号的发送：错误码 {} {}；现在重新发送，若仍被拒绝则继续等待",
        breaker.since, breaker.errcode, breaker.errmsg
    );
    let mut step = CheckStep::new(NAME, StepState::Warning, detail, detail_zh);
    step.errcode = Some(breaker.errcode);
    step.rid = breaker.rid;
    step.fix = match breaker.seen_ip {
        Some(ip) => Some(add_to_allow_list(&ip)),
        None => known_cure(ErrCode(breaker.errcode)),
    };
    step
}

fn add_to_allow_list(ip: &str) -> Sentence {
    Sentence::new(
        format!(
            "in WeChat's console add {ip} to the IP allow-list (IP白名单); sending goes on by itself"
        ),
        format!("请在微信后台把 {ip} 加入 IP 白名单，随后自动继续发送"),
    )
}

fn callback(account: &Account) -> CheckStep {
    match &account.settings.callback {
        Some(_) => CheckStep::new(
            "callback",
            StepState::Ok,
            "a callback token is set",
            "已设置回调 Token",
        ),
        None => CheckStep::new(
            "callback",
            StepState::Skipped,
            "no callback token is set: receipts cannot be verified",
            "没有设置回调 Token，无法校验回执",
        ),
    }
}
