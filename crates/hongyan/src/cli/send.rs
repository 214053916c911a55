use clap::Args;
use hongyan_api::{
    Data, Fallback, Kind, Message, MiniProgramLink, NewMessage, OnUnknown, Overflow, PreviewTarget,
    Priority, Recipient, RetiredKind, SendOptions, Sent, SlotValue, Status, StyledValue,
    Validation,
};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::connection::{Connection, explained};
use super::output;
use crate::failure::Failure;

/// Sends a message; exit code 0 only if it was accepted.
#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("recipient").required(true).args(["to", "to_user", "to_unionid", "login_code"]),
    after_help = "Examples: hongyan send --account demo-oa --kind template --to OPENID \\\n    --template ID --data thing1=Parcel --data time2='2026-11-20 10:00' --wait\n  hongyan send --account demo-oa --kind customer_service --to-user 42 \\\n    --content '{\"msgtype\": \"text\", \"text\": {\"content\": \"On its way\"}}' --wait\n\nExit code 0 = accepted (with --wait: by WeChat), 1 = not."
)]
pub(super) struct Send {
    /// The account that sends it
    #[arg(long, value_name = "NAME")]
    account: String,
    /// template, subscribe, notification, one_time or customer_service
    #[arg(long, value_parser = kind)]
    kind: Kind,
    /// The recipient's openid at the account
    #[arg(long, allow_hyphen_values = true, value_name = "OPENID")]
    to: Option<String>,
    /// Your own id of the recipient, bound with `hongyan users bind`
    #[arg(long, allow_hyphen_values = true, value_name = "ID")]
    to_user: Option<String>,
    /// The recipient over linked accounts
    #[arg(long, allow_hyphen_values = true, value_name = "UNIONID")]
    to_unionid: Option<String>,
    /// The recipient by a fresh wx.login code of the mini program
    #[arg(long, allow_hyphen_values = true, value_name = "CODE")]
    login_code: Option<String>,
    /// The template's id; for every kind but customer_service
    #[arg(long, allow_hyphen_values = true, value_name = "ID")]
    template: Option<String>,
    /// The heading (one_time)
    #[arg(long, allow_hyphen_values = true)]
    title: Option<String>,
    /// The scene the person consented under (one_time)
    #[arg(long, value_name = "NUMBER")]
    scene: Option<u32>,
    /// WeChat's own body from msgtype on (customer_service)
    #[arg(long, value_name = "JSON", value_parser = object, conflicts_with_all = ["template", "data"])]
    content: Option<serde_json::Map<String, serde_json::Value>>,
    /// A slot's value; repeat it for every slot. KEY=VALUE, or KEY=VALUE#RRGGBB is not split: use --color
    #[arg(long = "data", value_name = "KEY=VALUE", value_parser = pair)]
    data: Vec<(String, String)>,
    /// A further way to the person, tried when the one before cannot reach them: JSON such as '{"account": "demo-oa", "kind": "template", "template_id": "…", "data": {…}}'; repeat it for several
    #[arg(long = "fallback", value_name = "JSON", value_parser = way)]
    fallback: Vec<Fallback>,
    /// A slot's colour, such as thing1=#173177
    #[arg(long = "color", value_name = "KEY=#RRGGBB", value_parser = pair)]
    colors: Vec<(String, String)>,
    /// Web page opened on tap (template, one_time)
    #[arg(long)]
    url: Option<String>,
    /// Mini program opened on tap (template, notification, one_time): its appid
    #[arg(long, value_name = "APPID")]
    miniprogram: Option<String>,
    /// Page of that mini program
    #[arg(long, value_name = "PATH", requires = "miniprogram")]
    pagepath: Option<String>,
    /// Page of the mini program (subscribe), web page (notification)
    #[arg(long, allow_hyphen_values = true)]
    page: Option<String>,
    /// Not before this time, such as 2026-11-20T10:00:00Z
    #[arg(long, value_name = "TIME")]
    send_at: Option<Timestamp>,
    /// Not after this time
    #[arg(long, value_name = "TIME")]
    expires_at: Option<Timestamp>,
    /// high, normal or low
    #[arg(long, value_parser = word::<Priority>)]
    priority: Option<Priority>,
    /// reject or truncate values that are too long
    #[arg(long, value_parser = word::<Overflow>)]
    overflow: Option<Overflow>,
    /// keep or resend when nobody can say whether it went out
    #[arg(long, value_parser = word::<OnUnknown>)]
    on_unknown: Option<OnUnknown>,
    /// Your own word for it, to search by
    #[arg(long, allow_hyphen_values = true)]
    reference: Option<String>,
    /// Makes a repeat of this command harmless for 24 hours
    #[arg(long, allow_hyphen_values = true, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Wait for WeChat's answer, at most so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "30")]
    wait: Option<u32>,
    /// Check it and show the card; send nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Send {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        let message = self.message()?;
        if self.dry_run {
            return self.check(&connection, &message).await;
        }
        let options = SendOptions {
            wait: self.wait,
            idempotency_key: self.idempotency_key.clone(),
        };
        let sent = connection
            .send(&message, &options)
            .await
            .map_err(|error| explained(&error))?;
        match sent {
            Sent::Queued(accepted) => {
                if self.json {
                    output::json(&accepted)?;
                } else {
                    output::text(&format!("{}  {}", accepted.id, accepted.status))?;
                }
                if self.wait.is_some() {
                    return Err(Failure::new(format!(
                        "{} is still {}: see `hongyan messages show {}`",
                        accepted.id, accepted.status, accepted.id
                    )));
                }
                Ok(())
            }
            Sent::Known(message) => {
                if self.json {
                    output::json(&message)?;
                } else {
                    output::text(&format!("{}  {}", message.id, message.status))?;
                }
                verdict(&message)
            }
        }
    }

    async fn check(&self, connection: &Connection, message: &NewMessage) -> Result<(), Failure> {
        let found = connection
            .validate(message)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            output::json(&found)?;
        } else {
            output::text(&card(&found))?;
        }
        if found.valid {
            return Ok(());
        }
        let lines: String = found
            .violations
            .iter()
            .map(|violation| format!("\n  {}: {}", violation.pointer, violation.message))
            .collect();
        Err(Failure::new(format!("the message would be refused{lines}")))
    }

    fn message(&self) -> Result<NewMessage, Failure> {
        let mut data = Data::new();
        for (key, value) in &self.data {
            let color = self
                .colors
                .iter()
                .find(|(k, _)| k == key)
                .map(|(_, color)| color.clone());
            let value = match color {
                Some(color) => SlotValue::Styled(StyledValue {
                    value: value.clone(),
                    color: Some(color),
                }),
                None => SlotValue::Text(value.clone()),
            };
            if data.insert(key.clone(), value).is_some() {
                return Err(Failure::usage(format!("--data {key}= is given twice")));
            }
        }
        if let Some((key, _)) = self.colors.iter().find(|(key, _)| !data.contains_key(key)) {
            return Err(Failure::usage(format!(
                "--color {key}= has no --data {key}="
            )));
        }
        let to = Recipient {
            openid: self.to.clone(),
            unionid: self.to_unionid.clone(),
            user_id: self.to_user.clone(),
            login_code: self.login_code.clone(),
        };
        let mut message = NewMessage::new(self.account.clone(), self.kind, to, "", Data::new());
        message.template_id.clone_from(&self.template);
        message.data = (self.content.is_none() || !data.is_empty()).then_some(data);
        message.title.clone_from(&self.title);
        message.scene = self.scene;
        message.content.clone_from(&self.content);
        message.url.clone_from(&self.url);
        message.miniprogram = self.miniprogram.clone().map(|appid| MiniProgramLink {
            appid,
            pagepath: self.pagepath.clone(),
        });
        message.page.clone_from(&self.page);
        message.fallback = (!self.fallback.is_empty()).then(|| self.fallback.clone());
        message.send_at = self.send_at;
        message.expires_at = self.expires_at;
        message.priority = self.priority;
        message.overflow = self.overflow;
        message.on_unknown = self.on_unknown;
        message.reference.clone_from(&self.reference);
        Ok(message)
    }
}

/// The card as the phone would show it, with what a tap opens.
fn card(found: &Validation) -> String {
    let mut lines: Vec<String> = found
        .title
        .iter()
        .map(|title| format!("【{title}】"))
        .collect();
    lines.extend(found.preview.iter().map(|line| {
        let colon = if line.label.is_empty() || line.label == "•" {
            " "
        } else {
            ": "
        };
        format!("{}{colon}{}", line.label, line.value)
            .trim()
            .to_owned()
    }));
    if let Some(PreviewTarget { url, appid, page }) = &found.opens {
        let program = match (appid, page) {
            (Some(appid), Some(page)) => format!("mini program {appid}, {page}"),
            (Some(appid), None) => format!("mini program {appid}"),
            (None, page) => page.clone().unwrap_or_default(),
        };
        lines.push(format!("→ {}", url.as_ref().unwrap_or(&program)));
    }
    lines.join("\n")
}

/// Success only if WeChat took the message; else why not.
fn verdict(message: &Message) -> Result<(), Failure> {
    if matches!(message.status, Status::Accepted | Status::Delivered) {
        return Ok(());
    }
    let mut sentence = format!("{} is {}", message.id, message.status);
    if let Some(errcode) = message.errcode {
        sentence = format!("{sentence}: errcode {errcode}");
    }
    let last = message.attempts.iter().flatten().next_back();
    if let Some(withheld) = last.and_then(|attempt| attempt.withheld.as_ref()) {
        sentence = format!("{sentence}: {}", withheld.message);
    }
    if let Some(receipt) = &message.receipt {
        sentence = format!("{sentence}: {}", receipt.status);
    }
    if let Some(diagnosis) = &message.diagnosis {
        sentence = format!(
            "{sentence}, {}\n  What to do: {}",
            diagnosis.meaning, diagnosis.fix
        );
    }
    Err(Failure::new(sentence))
}

/// A kind of message; one that WeChat has withdrawn says what replaced it.
fn kind(text: &str) -> Result<Kind, String> {
    match RetiredKind::named(text) {
        Some(retired) => Err(retired.sentence()),
        None => word(text),
    }
}

/// A JSON object.
pub(super) fn object(text: &str) -> Result<serde_json::Map<String, serde_json::Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("expected a JSON object: {error}"))
}

fn way(text: &str) -> Result<Fallback, String> {
    serde_json::from_str(text).map_err(|error| format!("expected a way as JSON: {error}"))
}

/// A name and a value.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// One of the words of the API.
pub(super) fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|error| error.to_string())
}
