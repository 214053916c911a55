//! Everything that runs: sandbox, database, gateways.

use std::path::PathBuf;
use std::sync::Arc;

use hongyan_api::{ApiError, Client};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::database::Database;
use crate::failure::{Failure, call, system};
use crate::flags::{self, Flags};
use crate::node::{Node, Settings, SharedNode};
use crate::sandbox::{Account, Sandbox, SharedSandbox};

/// Where Debian has libfaketime, in the form for programs with threads.
const FAKETIME: &str = "faketime/libfaketimeMT.so.1";

/// Everything that runs. Dropping it ends the processes, then removes the files.
pub(crate) struct Stage {
    /// The gateways.
    pub(crate) nodes: Vec<SharedNode>,
    /// The emulator.
    pub(crate) sandbox: SharedSandbox,
    /// What the gateways store in.
    pub(crate) database: Arc<Database>,
    /// The accounts the gateways send for.
    pub(crate) accounts: Vec<Account>,
    /// Where databases and logs are.
    pub(crate) dir: TempDir,
}

impl Stage {
    /// Starts and prepares everything.
    ///
    /// # Errors
    /// When something does not start.
    pub(crate) async fn set(flags: &Flags) -> Result<Self, Failure> {
        if flags.database == flags::Database::Sqlite && flags.nodes > 1 {
            let words = "one SQLite file is for one gateway: leave --nodes at 1";
            return Err(Failure::Usage(words.to_owned()));
        }
        let binary = binary(flags)?;
        let faketime = flags.clocks.then(faketime).transpose()?;
        let dir = TempDir::with_prefix("hongyan-crash-").map_err(system("cannot make a folder"))?;
        let sandbox = Arc::new(Sandbox::start(&binary, dir.path()).await?);
        let database = Arc::new(Database::start(flags.database).await?);
        let settings = Settings {
            binary,
            dir: dir.path().to_owned(),
            database_url: database.url(),
            wechat_url: sandbox.url(),
            faketime,
        };
        settings.write()?;
        let key = settings.make_key().await?;
        let nodes: Vec<_> = (0..flags.nodes as usize)
            .map(|number| Node::new(&settings, number, &key))
            .collect();
        for node in &nodes {
            node.start().await?;
        }
        let accounts = sandbox.populate().await?;
        let stage = Self {
            nodes,
            sandbox,
            database,
            accounts,
            dir,
        };
        let client = stage.client()?;
        for account in &stage.accounts {
            introduce(&client, account).await?;
        }
        Ok(stage)
    }

    /// A client of a node that is up.
    ///
    /// # Errors
    /// When none is.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let client = self.nodes.iter().find_map(|node| node.client());
        client.ok_or_else(|| Failure::Odd("no gateway is up".to_owned()))
    }

    /// Ends the gateways and the sandbox, so that nothing writes where files are
    /// removed.
    pub(crate) async fn end(&self) {
        for program in self.nodes.iter().map(|node| &node.program) {
            program.kill(&mut *program.hold().await).await;
        }
        let sandbox = &self.sandbox.program;
        sandbox.kill(&mut *sandbox.hold().await).await;
    }

    /// Waits until everything is up again. Somebody else starts what falls.
    ///
    /// # Errors
    /// When something does not come up.
    pub(crate) async fn recover(&self) -> Result<(), Failure> {
        for node in &self.nodes {
            node.turn_clock(0)?;
            node.program.ready().await?;
        }
        Ok(())
    }
}

/// Makes an account known to the gateways.
async fn introduce(client: &Client, account: &Account) -> Result<(), Failure> {
    let ask = async |path: String, body: Option<Value>| -> Result<Value, ApiError> {
        client.call_raw("POST", &path, body.as_ref()).await
    };
    let kind = match account.kind {
        hongyan_api::Kind::Template => "official_account",
        _ => "mini_program",
    };
    let new = json!({
        "name": account.name,
        "kind": kind,
        "appid": account.appid,
        "secret": account.secret,
        "token_mode": account.token_mode,
        "max_in_flight": 64,
    });
    let refused = |what: &str| call(format!("{what} of the account {}", account.name));
    ask("/v1/accounts".to_owned(), Some(new))
        .await
        .map_err(refused("the making"))?;
    let sync = format!("/v1/accounts/{}/templates/sync", account.name);
    ask(sync, None).await.map_err(refused("the templates"))?;
    Ok(())
}

/// The program to break.
fn binary(flags: &Flags) -> Result<PathBuf, Failure> {
    let binary = match &flags.binary {
        Some(path) => path.clone(),
        None => std::env::current_exe()
            .map_err(system("cannot tell where this program is"))?
            .with_file_name("hongyan"),
    };
    std::fs::canonicalize(&binary).map_err(|_| Failure::NoBinary(binary.display().to_string()))
}

/// The library that turns clocks.
fn faketime() -> Result<PathBuf, Failure> {
    let folders = std::fs::read_dir("/usr/lib").map_err(system("cannot read /usr/lib"))?;
    folders
        .flatten()
        .map(|folder| folder.path().join(FAKETIME))
        .find(|library| library.exists())
        .ok_or_else(|| {
            Failure::Usage("--clocks needs libfaketime: apt-get install libfaketime".to_owned())
        })
}
