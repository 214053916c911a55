//! The command line.

mod accounts;
mod blacklist;
mod broadcasts;
mod callbacks;
mod connection;
mod contacts;
mod doctor;
mod explain;
mod grants;
mod keys;
mod login;
mod media;
mod menu;
mod messages;
mod operators;
pub(crate) mod output;
mod people;
mod qrcodes;
mod quota;
mod rules;
mod send;
mod serve;
mod stats;
mod tags;
mod templates;
mod timing;
mod users;
mod webhooks;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::config::Config;
use crate::failure::Failure;
use connection::Connection;

/// Hongyan 鸿雁: a self-hosted push system for WeChat
#[derive(Debug, Parser)]
#[command(name = "hongyan", version, propagate_version = true, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage.\n\
    Commands that talk to a gateway read HONGYAN_URL and HONGYAN_API_KEY.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Gateway and sandbox in one process, with accounts, templates and people: to try everything
    Demo(Demo),
    /// The gateway
    Serve(ConfigFile),
    /// The emulator of WeChat's servers alone
    Sandbox(Sandbox),
    /// Send a message through a running gateway
    Send(send::Send),
    /// List, show, retry and cancel messages
    Messages(messages::Messages),
    /// Tell many people one thing: make, watch, pause, resume, cancel and report broadcasts
    Broadcasts(broadcasts::Broadcasts),
    /// List, add, change, check and remove accounts
    Accounts(accounts::Accounts),
    /// List, check, sync, add and remove an account's templates, and name their keys
    Templates(templates::Templates),
    /// List, show, sync, note and forget the people an account knows
    Contacts(contacts::Contacts),
    /// List, add, rename, remove, give and take tags of followers
    Tags(tags::Tags),
    /// List and change whom an account wants to hear nothing from
    Blacklist(blacklist::Blacklist),
    /// Show, check, plan, apply and roll back an account's menu
    Menu(menu::Menu),
    /// Make, list and forget codes people scan
    Qrcodes(qrcodes::Qrcodes),
    /// Upload, list, show and remove files shown in messages
    Media(media::Media),
    /// Bind your own ids to people
    Users(users::Users),
    /// List and report what people allowed you to send
    Grants(grants::Grants),
    /// Say how a person can be reached now
    Reach(grants::Reach),
    /// Turn a mini program's login code into the person
    Login(login::Login),
    /// Show, set and check reply rules
    Rules(rules::Rules),
    /// List, show, follow and replay what WeChat told an account
    Callbacks(callbacks::Callbacks),
    /// List, add, change, try out and remove endpoints that are told what happens, and see what they were told
    Webhooks(webhooks::Webhooks),
    /// Show what an account may still do today, or have WeChat clear it
    Quota(quota::QuotaCommand),
    /// Show how the accounts fare: queues, pace, allowances
    Stats(stats::Stats),
    /// Make, list and remove API keys, on the database itself: no gateway needed
    Keys(keys::Keys),
    /// Let people into the console, on the database itself: no gateway needed
    Operators(operators::Operators),
    /// Say what a WeChat errcode means and what to do about it
    Explain(explain::Explain),
    /// Check configuration, database and every account, and say what to fix
    Doctor(doctor::Doctor),
    /// Print the API's OpenAPI description
    Openapi,
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
struct Demo {
    /// Where the demo keeps its files
    #[arg(long, value_name = "DIR", default_value = "hongyan-data")]
    data_dir: PathBuf,
    /// Where the gateway answers
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8600")]
    listen: SocketAddr,
    /// Where the sandbox answers
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8700")]
    sandbox_listen: SocketAddr,
}

#[derive(Debug, Args)]
struct Sandbox {
    /// Where the sandbox answers
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8700")]
    listen: SocketAddr,
    /// Keep everything in this folder over restarts; without it all is forgotten
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// `--config`, for commands that read the configuration.
#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file; hongyan.toml in this folder, if there is one, when left out
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    fn load(&self) -> Result<Config, Failure> {
        Ok(Config::load(self.config.as_deref(), std::env::vars())?)
    }
}

/// Runs a command and says how it ended.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    match execute(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure);
            failure.exit_code()
        }
    }
}

fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(demo) => serve::demo(&demo.data_dir, demo.listen, demo.sandbox_listen),
        Command::Serve(file) => serve::serve(&file),
        Command::Sandbox(sandbox) => serve::sandbox(sandbox.listen, sandbox.data_dir),
        Command::Send(send) => talk(|connection| send.run(connection)),
        Command::Messages(messages) => talk(|connection| messages.run(connection)),
        Command::Broadcasts(broadcasts) => talk(|connection| broadcasts.run(connection)),
        Command::Accounts(accounts) => talk(|connection| accounts.run(connection)),
        Command::Templates(templates) => talk(|connection| templates.run(connection)),
        Command::Contacts(contacts) => talk(|connection| contacts.run(connection)),
        Command::Tags(tags) => talk(|connection| tags.run(connection)),
        Command::Blacklist(blacklist) => talk(|connection| blacklist.run(connection)),
        Command::Menu(menu) => menu.run(),
        Command::Qrcodes(qrcodes) => talk(|connection| qrcodes.run(connection)),
        Command::Media(media) => talk(|connection| media.run(connection)),
        Command::Users(users) => talk(|connection| users.run(connection)),
        Command::Grants(grants) => talk(|connection| grants.run(connection)),
        Command::Reach(reach) => talk(|connection| reach.run(connection)),
        Command::Login(login) => talk(|connection| login.run(connection)),
        Command::Rules(rules) => rules.run(),
        Command::Callbacks(callbacks) => talk(|connection| callbacks.run(connection)),
        Command::Webhooks(webhooks) => talk(|connection| webhooks.run(connection)),
        Command::Quota(quota) => talk(|connection| quota.run(connection)),
        Command::Stats(stats) => talk(|connection| stats.run(connection)),
        Command::Keys(keys) => block_on(keys.run()),
        Command::Operators(operators) => block_on(operators.run()),
        Command::Explain(explain) => explain.run(),
        Command::Doctor(doctor) => block_on(doctor.run()),
        Command::Openapi => output::text(&hongyan_gateway::openapi_json()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "hongyan", &mut script);
            output::text(&String::from_utf8_lossy(&script))
        }
    }
}

/// Runs a command that talks to a gateway.
fn talk<F: Future<Output = Result<(), Failure>>>(
    command: impl FnOnce(Connection) -> F,
) -> Result<(), Failure> {
    let connection = Connection::from_environment()?;
    block_on(command(connection))
}

fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
