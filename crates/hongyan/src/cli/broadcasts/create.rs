//! Making a broadcast.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use hongyan_api::{
    Audience, Broadcast, BroadcastVerb, Data, Kind, MiniProgramLink, NewBroadcast, OnUnknown,
    Overflow, Priority, SlotValue,
};
use jiff::Timestamp;

use super::watch;
use crate::cli::connection::{Connection, explained};
use crate::cli::output;
use crate::cli::send::{object, pair, word};
use crate::failure::Failure;

/// How much of a file is read at a time.
const PIECE: usize = 64 * 1024;

#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("audience").required(true).args(["file", "followers", "tag"]),
    after_help = "Every text may be a template over a person's fields (Jinja's language).\n\nExample: hongyan broadcasts create --account demo-oa --kind template --template ID \\\n    --data thing1='{{ name }}' --data time2='2026-11-21 10:00' --file people.csv --watch\n  where people.csv begins with the line: openid,name"
)]
pub(super) struct Create {
    /// The account that sends it
    #[arg(long, value_name = "NAME")]
    account: String,
    /// template, subscribe, notification, one_time or customer_service
    #[arg(long, value_parser = word::<Kind>)]
    kind: Kind,
    /// What people call it; the file's name when left out
    #[arg(long, allow_hyphen_values = true)]
    name: Option<String>,
    /// The template's id; for every kind but customer_service
    #[arg(long, allow_hyphen_values = true, value_name = "ID")]
    template: Option<String>,
    /// A slot's value; repeat it for every slot
    #[arg(long = "data", value_name = "KEY=VALUE", value_parser = pair)]
    data: Vec<(String, String)>,
    /// The heading (one_time)
    #[arg(long, allow_hyphen_values = true)]
    title: Option<String>,
    /// The scene the people consented under (one_time)
    #[arg(long, value_name = "NUMBER")]
    scene: Option<u32>,
    /// WeChat's own body from msgtype on (customer_service)
    #[arg(long, value_name = "JSON", value_parser = object, conflicts_with_all = ["template", "data"])]
    content: Option<serde_json::Map<String, serde_json::Value>>,
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
    /// The people: .csv (first line: openid, unionid or user_id, and fields) or .ndjson
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Everybody who is known to follow the account
    #[arg(long)]
    followers: bool,
    /// Everybody with this tag at WeChat, by its number
    #[arg(long, value_name = "NUMBER")]
    tag: Option<i64>,
    /// high, normal or low; low when left out
    #[arg(long, value_parser = word::<Priority>)]
    priority: Option<Priority>,
    /// reject or truncate values that are too long
    #[arg(long, value_parser = word::<Overflow>)]
    overflow: Option<Overflow>,
    /// keep or resend when nobody can say whether a message went out
    #[arg(long, value_parser = word::<OnUnknown>)]
    on_unknown: Option<OnUnknown>,
    /// Messages a second at most
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<u32>,
    /// Not before this time, such as 2026-11-20T10:00:00Z
    #[arg(long, value_name = "TIME")]
    send_at: Option<Timestamp>,
    /// Not after this time
    #[arg(long, value_name = "TIME")]
    expires_at: Option<Timestamp>,
    /// Pass over people whose data breaks rules
    #[arg(long)]
    skip_invalid: bool,
    /// Only make it ready; `hongyan broadcasts start` starts it
    #[arg(long, conflicts_with = "watch")]
    no_start: bool,
    /// Makes a repeat of this command harmless for 24 hours (not with --file)
    #[arg(
        long,
        allow_hyphen_values = true,
        value_name = "KEY",
        conflicts_with = "file"
    )]
    idempotency_key: Option<String>,
    /// Follow it to its end
    #[arg(long)]
    watch: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Create {
    pub(super) async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let file = self.file.as_deref().map(PeopleFile::open).transpose()?;
        let wanted = self.broadcast()?;
        let mut made = connection
            .add_broadcast(&wanted, self.idempotency_key.as_deref())
            .await
            .map_err(|error| explained(&error))?;
        if let Some(file) = file {
            made = fill(connection, made, file).await?;
        }
        if self.json {
            output::json(&made)?;
        } else {
            output::text(&format!(
                "{}  {}  {} people",
                made.id, made.state, made.recipients
            ))?;
        }
        if let Some(problem) = &made.problem {
            return Err(Failure::new(format!(
                "{} is {}: {problem}\n  `hongyan broadcasts start {}` checks again; --skip-invalid passes over such people",
                made.id, made.state, made.id
            )));
        }
        if self.watch {
            return watch::watch(connection, &made.id).await;
        }
        Ok(())
    }

    fn broadcast(&self) -> Result<NewBroadcast, Failure> {
        let mut data = Data::new();
        for (key, value) in &self.data {
            let value = SlotValue::Text(value.clone());
            if data.insert(key.clone(), value).is_some() {
                return Err(Failure::usage(format!("--data {key}= is given twice")));
            }
        }
        let audience = Audience {
            followers: self.followers.then_some(true),
            tag: self.tag,
            recipients: None,
            upload: self.file.is_some().then_some(true),
        };
        let name = match (&self.name, &self.file) {
            (Some(name), _) => name.clone(),
            (None, Some(file)) => file
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default(),
            (None, None) => match self.tag {
                Some(tag) => format!("tag {tag}"),
                None => "followers".to_owned(),
            },
        };
        let mut wanted =
            NewBroadcast::new(name, &self.account, self.kind, "", Data::new(), audience);
        wanted.template_id.clone_from(&self.template);
        wanted.data = (self.content.is_none() || !data.is_empty()).then_some(data);
        wanted.title.clone_from(&self.title);
        wanted.scene = self.scene;
        wanted.content.clone_from(&self.content);
        wanted.url.clone_from(&self.url);
        wanted.miniprogram = self.miniprogram.clone().map(|appid| MiniProgramLink {
            appid,
            pagepath: self.pagepath.clone(),
        });
        wanted.page.clone_from(&self.page);
        wanted.priority = self.priority;
        wanted.overflow = self.overflow;
        wanted.on_unknown = self.on_unknown;
        wanted.rate_per_second = self.rate;
        wanted.send_at = self.send_at;
        wanted.expires_at = self.expires_at;
        wanted.skip_invalid = self.skip_invalid.then_some(true);
        wanted.start = self.no_start.then_some(false);
        Ok(wanted)
    }
}

/// Sends the people of a file. Where that fails, the broadcast is taken back: it is
/// of no use without them.
async fn fill(
    connection: &Connection,
    made: Broadcast,
    file: PeopleFile,
) -> Result<Broadcast, Failure> {
    let media_type = file.media_type;
    let sent = connection
        .add_recipients(&made.id, media_type, file, true)
        .await;
    match sent {
        Ok(taken) => Ok(taken),
        Err(error) => {
            let canceled = connection
                .steer_broadcast(&made.id, BroadcastVerb::Cancel)
                .await;
            let failure = explained(&error);
            Err(match canceled {
                // It failed by itself, which is as good.
                Ok(_) => failure,
                Err(error) if error.status == Some(409) => failure,
                Err(_) => Failure::new(format!(
                    "{failure}\n  {} stays behind without its people: `hongyan broadcasts cancel {}` removes it",
                    made.id, made.id
                )),
            })
        }
    }
}

/// A file of people, piece by piece.
struct PeopleFile {
    file: File,
    media_type: &'static str,
    is_over: bool,
}

impl PeopleFile {
    fn open(path: &Path) -> Result<Self, Failure> {
        let ending = path
            .extension()
            .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        let media_type = match ending.as_deref() {
            Some("csv") => "text/csv",
            Some("ndjson" | "jsonl") => "application/x-ndjson",
            _ => {
                return Err(Failure::usage(format!(
                    "{} ends neither in .csv nor in .ndjson",
                    path.display()
                )));
            }
        };
        let file = File::open(path)
            .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))?;
        Ok(Self {
            file,
            media_type,
            is_over: false,
        })
    }
}

impl Iterator for PeopleFile {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let mut piece = vec![0; PIECE];
        match self.file.read(&mut piece) {
            Ok(0) => {
                self.is_over = true;
                None
            }
            Ok(read) => {
                piece.truncate(read);
                Some(Ok(piece))
            }
            Err(error) => {
                self.is_over = true;
                Some(Err(error))
            }
        }
    }
}
