use std::path::PathBuf;

use clap::{Args, Subcommand};
use hongyan_api::{MediaKind, MediaQuery, PageQuery};

use super::connection::{Connection, explained};
use super::output::{self, maybe, time, word};
use super::send::word as parse_word;
use crate::failure::Failure;

/// Files shown in customer-service messages.
#[derive(Debug, Args)]
pub(super) struct Media {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Upload a file and print its id, to be named wherever a message wants a media_id
    Upload(Upload),
    /// The files, the newest first
    List(List),
    /// One file
    Show(One),
    /// Remove a file; messages that still name it fail
    Remove(One),
}

#[derive(Debug, Args)]
struct Upload {
    /// The account's name
    account: String,
    /// The file: PNG, JPEG, GIF, AMR, MP3 or MP4
    file: PathBuf,
    /// image, voice, video or thumb; what its format is for when left out
    #[arg(long = "type", value_name = "TYPE", value_parser = parse_word::<MediaKind>)]
    type_: Option<MediaKind>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct List {
    /// The account's name
    account: String,
    /// How many at most
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// Go on where an earlier list ended
    #[arg(long)]
    cursor: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct One {
    /// The account's name
    account: String,
    /// Its id
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Media {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        match self.verb {
            Verb::Upload(upload) => upload.run(&connection).await,
            Verb::List(list) => list.run(&connection).await,
            Verb::Show(one) => one.show(&connection).await,
            Verb::Remove(one) => {
                connection
                    .remove_media(&one.account, &one.id)
                    .await
                    .map_err(|error| explained(&error))?;
                output::text(&format!("{} is gone", one.id))
            }
        }
    }
}

impl Upload {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let path = self.file.display();
        let file = std::fs::read(&self.file)
            .map_err(|error| Failure::new(format!("cannot read {path}: {error}")))?;
        let query = MediaQuery {
            type_: self.type_,
            file_name: self
                .file
                .file_name()
                .map(|name| name.to_string_lossy().into_owned()),
        };
        let media = connection
            .upload_media(&self.account, file, &query)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&media);
        }
        output::text(&media.id)
    }
}

impl List {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let page = PageQuery {
            limit: Some(self.limit),
            cursor: self.cursor,
        };
        let list = connection
            .medias(&self.account, &page)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&list);
        }
        let rows = list
            .items
            .into_iter()
            .map(|media| {
                vec![
                    media.id,
                    word(&media.type_),
                    media.file_name,
                    media.size.to_string(),
                    media.created_at.to_string(),
                ]
            })
            .collect();
        let head = ["id", "type", "name", "bytes", "came"];
        output::table(&head, rows, "no file was uploaded yet")?;
        output::more(list.next_cursor.as_deref());
        Ok(())
    }
}

impl One {
    async fn show(self, connection: &Connection) -> Result<(), Failure> {
        let media = connection
            .media(&self.account, &self.id)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&media);
        }
        output::facts(&[
            ("id", media.id),
            ("type", word(&media.type_)),
            ("name", media.file_name),
            ("format", media.content_type),
            ("bytes", media.size.to_string()),
            ("sha256", media.sha256),
            ("came", media.created_at.to_string()),
            ("at WeChat", maybe(media.wechat_media_id)),
            ("since", time(media.handed_over_at)),
        ])
    }
}
