use clap::Args;
use hongyan_api::{NewLogin, Secret};

use super::connection::{Connection, explained};
use super::output::{self, maybe};
use crate::failure::Failure;

/// Turns a mini program's login code into the person.
#[derive(Debug, Args)]
pub(super) struct Login {
    /// The mini program's name
    account: String,
    /// What wx.login gave: good once, for five minutes
    #[arg(allow_hyphen_values = true)]
    code: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Login {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        let login = NewLogin {
            code: Secret::from(self.code),
        };
        let who = connection
            .login(&self.account, &login)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&who);
        }
        output::facts(&[
            ("openid", who.openid.clone()),
            ("unionid", maybe(who.unionid.as_deref())),
            ("new", if who.is_new { "yes" } else { "no" }.to_owned()),
        ])
    }
}
