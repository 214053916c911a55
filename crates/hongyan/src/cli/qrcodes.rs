use clap::{Args, Subcommand};
use hongyan_api::{NewQrCode, PageQuery, QrCode};

use super::connection::{Connection, explained};
use super::output::{self, maybe, time};
use crate::failure::Failure;

/// Codes people scan, with a scene by which it is known where they came from.
#[derive(Debug, Args)]
pub(super) struct Qrcodes {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a code; one of the same scene is replaced
    Create(Create),
    /// The codes, by scene, with scans and follows
    List(List),
    /// Forget a code; people can go on scanning it
    Forget {
        /// The account's name
        account: String,
        /// Its scene
        #[arg(allow_hyphen_values = true)]
        scene: String,
    },
}

#[derive(Debug, Args)]
struct Create {
    /// The account's name
    account: String,
    /// What a scan tells: a number from 1 on, or 1 to 64 characters
    #[arg(allow_hyphen_values = true)]
    scene: String,
    /// What you call it, such as "shop 12"
    #[arg(long)]
    name: Option<String>,
    /// Make one that never ends; WeChat takes none back
    #[arg(long, conflicts_with = "expires_in_seconds")]
    permanent: bool,
    /// How long a temporary one lives; 30 days when left out
    #[arg(long, value_name = "SECONDS")]
    expires_in_seconds: Option<u32>,
    /// Makes a repeat of this command harmless for 24 hours
    #[arg(long, allow_hyphen_values = true, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct List {
    /// The account's name
    account: String,
    /// How many at most
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Go on where an earlier list ended
    #[arg(long)]
    cursor: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Qrcodes {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        match self.verb {
            Verb::Create(create) => create.run(&connection).await,
            Verb::List(list) => list.run(&connection).await,
            Verb::Forget { account, scene } => {
                connection
                    .forget_qrcode(&account, &scene)
                    .await
                    .map_err(|error| explained(&error))?;
                output::text(&format!("the code of {scene} is forgotten"))
            }
        }
    }
}

impl Create {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let new = NewQrCode {
            scene: self.scene,
            name: self.name,
            permanent: self.permanent,
            expires_in_seconds: self.expires_in_seconds,
        };
        let code = connection
            .make_qrcode(&self.account, &new, self.idempotency_key.as_deref())
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&code);
        }
        output::facts(&[
            ("scene", code.scene),
            ("picture", code.picture_url),
            ("says", code.url),
            ("ends", ends(code.expires_at)),
        ])
    }
}

fn ends(at: Option<jiff::Timestamp>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| time(Some(at)))
}

impl List {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let page = PageQuery {
            limit: Some(self.limit),
            cursor: self.cursor,
        };
        let list = connection
            .qrcodes(&self.account, &page)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&list);
        }
        let rows = list.items.into_iter().map(row).collect();
        let head = ["scene", "name", "scans", "follows", "ends"];
        output::table(&head, rows, "no code was made yet")?;
        output::more(list.next_cursor.as_deref());
        Ok(())
    }
}

fn row(code: QrCode) -> Vec<String> {
    vec![
        code.scene,
        maybe(code.name),
        code.scans.to_string(),
        code.follows.to_string(),
        ends(code.expires_at),
    ]
}
