use clap::Args;
use hongyan_api::FieldNames;

use crate::cli::connection::{Connection, explained};
use crate::cli::output;
use crate::cli::send::pair;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(
    after_help = "Example: hongyan templates names demo-oa TEMPLATE --set order_no=character_string1 --set goods=thing2\nFrom then on messages may say order_no and goods. Without --set and --clear the names are shown."
)]
pub(super) struct Names {
    /// The account's name
    account: String,
    /// The template's id
    #[arg(allow_hyphen_values = true)]
    id: String,
    /// Your name and WeChat's key; all the template's names are replaced by those given
    #[arg(long, value_name = "NAME=KEY", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Take all names away
    #[arg(long, conflicts_with = "set")]
    clear: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Names {
    pub(super) async fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let (account, id) = (&self.account, &self.id);
        let found = if self.clear {
            connection
                .remove_field_names(account, id)
                .await
                .map(|()| FieldNames::default())
        } else if self.set.is_empty() {
            connection.field_names(account, id).await
        } else {
            let names = FieldNames {
                names: self.set.iter().cloned().collect(),
            };
            connection.set_field_names(account, id, &names).await
        };
        let found = found.map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&found);
        }
        let rows = found
            .names
            .iter()
            .map(|(name, key)| vec![name.clone(), key.clone()])
            .collect();
        output::table(&["your name", "WeChat's key"], rows, "no names are set")
    }
}
