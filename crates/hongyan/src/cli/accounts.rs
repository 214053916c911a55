use std::io::Read;

use clap::{Args, Subcommand};
use hongyan_api::{
    Account, AccountKind, Backend, CallbackKeys, CallbackSettings, ChangeAccount, CheckReport,
    NewAccount, PageQuery, Secret, TokenMode,
};

use super::connection::{Connection, explained};
use super::output::{self, maybe, time, word};
use super::send::word as parse_word;
use super::timing::{Timing, cap_text, quiet_text};
use crate::failure::Failure;

/// The accounts a gateway sends with.
#[derive(Debug, Args)]
pub(super) struct Accounts {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// All accounts and how they are
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// One account
    Show(One),
    /// Add an account
    Add(Add),
    /// Change an account's settings
    Set(Set),
    /// Remove an account
    Remove {
        /// Its name
        name: String,
    },
    /// Prove step by step that an account works
    Check(One),
}

#[derive(Debug, Args)]
struct One {
    /// The account's name
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const SECRET_HELP: &str = "Where to read the AppSecret from: a file, or - for standard input. The environment variable HONGYAN_APP_SECRET works too; a secret on the command line would stay in the shell's history";

const TOKEN_HELP: &str = "Where to read the Token of the callback configuration from: a file, or - for standard input. The environment variable HONGYAN_CALLBACK_TOKEN works too";

const KEY_HELP: &str = "Where to read its EncodingAESKey from; without it only plaintext is taken. The environment variable HONGYAN_CALLBACK_KEY works too";

/// How callbacks are proved, and where they and people may go.
#[derive(Debug, Args)]
struct Options {
    #[arg(long, value_name = "FILE", help = TOKEN_HELP)]
    callback_token_file: Option<String>,
    #[arg(long, value_name = "FILE", help = KEY_HELP)]
    callback_key_file: Option<String>,
    /// The former Token, still taken while WeChat changes over
    #[arg(long, value_name = "FILE", requires = "callback_token_file")]
    previous_token_file: Option<String>,
    /// The former EncodingAESKey
    #[arg(long, value_name = "FILE", requires = "previous_token_file")]
    previous_key_file: Option<String>,
    /// A program that gets every callback as WeChat sent it; repeat it for several
    #[arg(long = "backend", value_name = "URL")]
    backends: Vec<String>,
    /// The same, and its answer is given to WeChat
    #[arg(long, value_name = "URL")]
    answering_backend: Option<String>,
    /// A program asked for an answer, in Hongyan's JSON, where no rule answers
    #[arg(long, value_name = "URL")]
    reply_url: Option<String>,
    /// An origin whose pages may have a signature for the JS-SDK; repeat it for several
    #[arg(long = "js-origin", value_name = "ORIGIN")]
    js_origins: Vec<String>,
    /// Where people's browsers may be sent on to: an origin or the beginning of a path; repeat it for several
    #[arg(long = "redirect", value_name = "URL")]
    redirects: Vec<String>,
    /// Send template messages to people who stopped following, too (true or false)
    #[arg(long, value_name = "BOOL")]
    send_to_unfollowed: Option<bool>,
    #[command(flatten)]
    timing: Timing,
}

impl Options {
    fn callback(&self) -> Result<Option<CallbackSettings>, Failure> {
        let token = secret(
            self.callback_token_file.as_deref(),
            "HONGYAN_CALLBACK_TOKEN",
        )?;
        let key = secret(self.callback_key_file.as_deref(), "HONGYAN_CALLBACK_KEY")?;
        let Some(token) = token else {
            return match key {
                None => Ok(None),
                Some(_) => Err(Failure::usage(
                    "an EncodingAESKey goes with a Token: give --callback-token-file, or set HONGYAN_CALLBACK_TOKEN",
                )),
            };
        };
        let file = |path: &Option<String>| path.as_deref().map(read_secret).transpose();
        let previous_key = file(&self.previous_key_file)?;
        let previous = file(&self.previous_token_file)?.map(|token| CallbackKeys {
            token,
            encoding_aes_key: previous_key,
        });
        Ok(Some(CallbackSettings {
            token,
            encoding_aes_key: key,
            previous,
        }))
    }

    fn all_backends(&self) -> Vec<Backend> {
        let backend = |answers| {
            move |url: &String| Backend {
                url: url.clone(),
                answers,
            }
        };
        let answering = self.answering_backend.iter().map(backend(true));
        answering
            .chain(self.backends.iter().map(backend(false)))
            .collect()
    }
}

#[derive(Debug, Args)]
struct Add {
    /// Its name with us
    name: String,
    /// official_account or mini_program
    #[arg(long, value_parser = parse_word::<AccountKind>)]
    kind: AccountKind,
    /// Its appid
    #[arg(long)]
    appid: String,
    #[arg(long, value_name = "FILE", help = SECRET_HELP)]
    secret_file: Option<String>,
    /// Its original id, gh_…
    #[arg(long, value_name = "ID")]
    original_id: Option<String>,
    /// stable or classic
    #[arg(long, value_parser = parse_word::<TokenMode>)]
    token_mode: Option<TokenMode>,
    /// Sends a second at most
    #[arg(long, value_name = "NUMBER")]
    rate_per_second: Option<u32>,
    /// Sends under way at once at most
    #[arg(long, value_name = "NUMBER")]
    max_in_flight: Option<u32>,
    #[command(flatten)]
    options: Options,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Set {
    /// The account's name
    name: String,
    /// Its appid
    #[arg(long)]
    appid: Option<String>,
    #[arg(long, value_name = "FILE", help = SECRET_HELP)]
    secret_file: Option<String>,
    /// stable or classic
    #[arg(long, value_parser = parse_word::<TokenMode>)]
    token_mode: Option<TokenMode>,
    /// Sends a second at most; 0 = no limit
    #[arg(long, value_name = "NUMBER")]
    rate_per_second: Option<u32>,
    /// Sends under way at once at most
    #[arg(long, value_name = "NUMBER")]
    max_in_flight: Option<u32>,
    /// Switch it off (true) or on (false)
    #[arg(long, value_name = "BOOL")]
    disabled: Option<bool>,
    /// Its original id, gh_…
    #[arg(long, value_name = "ID")]
    original_id: Option<String>,
    #[command(flatten)]
    options: Options,
    /// Take a setting away; repeat it for several
    #[arg(long = "clear", value_name = "SETTING", value_parser = ["callback", "backends", "reply-url", "js-origins", "redirects", "quiet-hours", "frequency-caps", "deduplicate-seconds"])]
    cleared: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Accounts {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        match self.verb {
            Verb::List { json } => list(&connection, json).await,
            Verb::Show(one) => {
                let account = connection
                    .account(&one.name)
                    .await
                    .map_err(|e| explained(&e))?;
                if one.json {
                    output::json(&account)
                } else {
                    show(&account)
                }
            }
            Verb::Add(add) => add.run(&connection).await,
            Verb::Set(set) => set.run(&connection).await,
            Verb::Remove { name } => {
                connection
                    .remove_account(&name)
                    .await
                    .map_err(|e| explained(&e))?;
                output::text(&format!("{name} is removed"))
            }
            Verb::Check(one) => {
                let report = connection
                    .check_account(&one.name)
                    .await
                    .map_err(|e| explained(&e))?;
                if one.json {
                    output::json(&report)?;
                } else {
                    show_report(&report)?;
                }
                if report.ok {
                    Ok(())
                } else {
                    Err(Failure::new(format!("{} does not work yet", one.name)))
                }
            }
        }
    }
}

impl Add {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let secret = secret(self.secret_file.as_deref(), SECRET_VARIABLE)?.ok_or_else(|| {
            Failure::usage(
                "the AppSecret is missing: give --secret-file, or set HONGYAN_APP_SECRET",
            )
        })?;
        let account = NewAccount {
            original_id: self.original_id,
            token_mode: self.token_mode,
            callback: self.options.callback()?,
            rate_per_second: self.rate_per_second,
            max_in_flight: self.max_in_flight,
            backends: self.options.all_backends(),
            reply_url: self.options.reply_url,
            js_origins: self.options.js_origins,
            redirects: self.options.redirects,
            send_to_unfollowed: self.options.send_to_unfollowed,
            quiet_hours: self.options.timing.quiet_hours,
            frequency_caps: self.options.timing.frequency_caps,
            deduplicate_seconds: self.options.timing.deduplicate_seconds,
            reserve_for_high_percent: self.options.timing.reserve_for_high,
            ..NewAccount::new(self.name, self.kind, self.appid, secret)
        };
        let account = connection
            .add_account(&account, None)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            output::json(&account)
        } else {
            show(&account)
        }
    }
}

impl Set {
    /// What is given replaces; what `--clear` names goes.
    fn change(&self) -> Result<ChangeAccount, Failure> {
        let is_cleared = |name: &str| self.cleared.iter().any(|cleared| cleared == name);
        let list = |name: &str, given: &Vec<String>| match given.is_empty() {
            true if is_cleared(name) => Some(None),
            true => None,
            false => Some(Some(given.clone())),
        };
        let backends = self.options.all_backends();
        let timing = &self.options.timing;
        Ok(ChangeAccount {
            appid: self.appid.clone(),
            secret: secret(self.secret_file.as_deref(), SECRET_VARIABLE)?,
            original_id: self.original_id.clone().map(Some),
            token_mode: self.token_mode,
            callback: match self.options.callback()? {
                None if is_cleared("callback") => Some(None),
                given => given.map(Some),
            },
            rate_per_second: self.rate_per_second.map(|rate| (rate > 0).then_some(rate)),
            max_in_flight: self.max_in_flight.map(Some),
            disabled: self.disabled,
            backends: match backends.is_empty() {
                true if is_cleared("backends") => Some(None),
                true => None,
                false => Some(Some(backends)),
            },
            reply_url: match &self.options.reply_url {
                None if is_cleared("reply-url") => Some(None),
                given => given.clone().map(Some),
            },
            js_origins: list("js-origins", &self.options.js_origins),
            redirects: list("redirects", &self.options.redirects),
            send_to_unfollowed: self.options.send_to_unfollowed,
            quiet_hours: match &timing.quiet_hours {
                None if is_cleared("quiet-hours") => Some(None),
                given => given.clone().map(Some),
            },
            frequency_caps: match timing.frequency_caps.is_empty() {
                true if is_cleared("frequency-caps") => Some(None),
                true => None,
                false => Some(Some(timing.frequency_caps.clone())),
            },
            deduplicate_seconds: match timing.deduplicate_seconds {
                None if is_cleared("deduplicate-seconds") => Some(None),
                given => given.map(Some),
            },
            reserve_for_high_percent: timing.reserve_for_high.map(Some),
        })
    }

    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let change = self.change()?;
        if change == ChangeAccount::default() {
            return Err(Failure::usage("nothing to change is given"));
        }
        let account = connection
            .change_account(&self.name, &change)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            output::json(&account)
        } else {
            show(&account)
        }
    }
}

/// The variable an AppSecret is read from.
const SECRET_VARIABLE: &str = "HONGYAN_APP_SECRET";

/// A secret from a file, standard input or the environment.
fn secret(file: Option<&str>, variable: &str) -> Result<Option<Secret>, Failure> {
    match file {
        Some(file) => read_secret(file).map(Some),
        None => Ok(std::env::var(variable)
            .ok()
            .map(|text| Secret::from(text.trim()))),
    }
}

/// A secret from a file or standard input.
fn read_secret(file: &str) -> Result<Secret, Failure> {
    let text = if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        text
    } else {
        std::fs::read_to_string(file)
            .map_err(|error| Failure::new(format!("cannot read {file}: {error}")))?
    };
    Ok(Secret::from(text.trim()))
}

async fn list(connection: &Connection, json: bool) -> Result<(), Failure> {
    let mut page = PageQuery::default();
    let mut accounts = Vec::new();
    loop {
        let part = connection
            .accounts(&page)
            .await
            .map_err(|error| explained(&error))?;
        accounts.extend(part.items);
        page.cursor = part.next_cursor;
        if page.cursor.is_none() {
            break;
        }
    }
    if json {
        return output::json(&accounts);
    }
    let rows = accounts
        .iter()
        .map(|account| {
            vec![
                account.name.clone(),
                word(&account.kind),
                account.appid.clone(),
                word(&account.health.status),
                account.health.reason.clone().unwrap_or_default(),
            ]
        })
        .collect();
    output::table(
        &["name", "kind", "appid", "health", "reason"],
        rows,
        "no account yet: add one with `hongyan accounts add`",
    )
}

fn show(account: &Account) -> Result<(), Failure> {
    let health = &account.health;
    output::facts(&[
        ("name", account.name.clone()),
        ("kind", word(&account.kind)),
        ("appid", account.appid.clone()),
        (
            "original id",
            account.original_id.clone().unwrap_or_default(),
        ),
        ("token mode", word(&account.token_mode)),
        ("callbacks", callbacks(account)),
        ("backends", backends(account)),
        ("reply url", maybe(account.reply_url.as_deref())),
        ("js origins", account.js_origins.join(" ")),
        ("redirects", account.redirects.join(" ")),
        ("rate a second", maybe(account.rate_per_second)),
        ("max in flight", account.max_in_flight.to_string()),
        (
            "quiet hours",
            account
                .quiet_hours
                .as_ref()
                .map(quiet_text)
                .unwrap_or_default(),
        ),
        (
            "frequency caps",
            account
                .frequency_caps
                .iter()
                .map(cap_text)
                .collect::<Vec<_>>()
                .join(" "),
        ),
        (
            "same content",
            account
                .deduplicate_seconds
                .map(|seconds| format!("once in {seconds} seconds"))
                .unwrap_or_default(),
        ),
        (
            "kept for high",
            format!("{} % of the day", account.reserve_for_high_percent),
        ),
        ("health", word(&health.status)),
        ("reason", health.reason.clone().unwrap_or_default()),
        ("seen ip", health.seen_ip.clone().unwrap_or_default()),
        ("next try", time(health.next_try_at)),
        (
            "what to do",
            health
                .diagnosis
                .as_ref()
                .map(|d| d.fix.clone())
                .unwrap_or_default(),
        ),
    ])
}

/// How callbacks are proved, without the secrets.
fn callbacks(account: &Account) -> String {
    let Some(set) = account.callback else {
        return String::new();
    };
    let mode = if set.has_encoding_aes_key {
        "ciphered"
    } else {
        "plaintext"
    };
    let previous = if set.has_previous {
        ", a former pair is still taken"
    } else {
        ""
    };
    format!("{mode}{previous}")
}

fn backends(account: &Account) -> String {
    let named = account.backends.iter().map(|backend| {
        let note = if backend.answers { " (answers)" } else { "" };
        format!("{}{note}", backend.url)
    });
    named.collect::<Vec<_>>().join(" ")
}

/// The steps of a check, as a table.
pub(super) fn show_report(report: &CheckReport) -> Result<(), Failure> {
    let rows = report
        .steps
        .iter()
        .map(|step| {
            vec![
                step.name.clone(),
                word(&step.state),
                step.detail.clone(),
                step.fix.clone().unwrap_or_default(),
            ]
        })
        .collect();
    output::table(&["step", "", "what was seen", "what to do"], rows, "")
}
