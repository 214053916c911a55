use clap::{Args, Subcommand};
use hongyan_api::PageQuery;

use super::connection::{Connection, explained};
use super::output;
use crate::failure::Failure;

/// An account's templates.
#[derive(Debug, Args)]
pub(super) struct Templates {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The templates as last listed, with their slots
    List(Of),
    /// Ask WeChat for the current list
    Sync(Of),
}

#[derive(Debug, Args)]
struct Of {
    /// The account's name
    account: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Templates {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        match self.verb {
            Verb::List(of) => list(&connection, &of).await,
            Verb::Sync(of) => {
                let report = connection
                    .sync_templates(&of.account)
                    .await
                    .map_err(|error| explained(&error))?;
                if of.json {
                    return output::json(&report);
                }
                output::text(&format!(
                    "{} templates: {} new, {} changed, {} gone",
                    report.total,
                    report.added.len(),
                    report.changed.len(),
                    report.removed.len()
                ))
            }
        }
    }
}

async fn list(connection: &Connection, of: &Of) -> Result<(), Failure> {
    let mut page = PageQuery::default();
    let mut templates = Vec::new();
    loop {
        let part = connection
            .templates(&of.account, &page)
            .await
            .map_err(|error| explained(&error))?;
        templates.extend(part.items);
        page.cursor = part.next_cursor;
        if page.cursor.is_none() {
            break;
        }
    }
    if of.json {
        return output::json(&templates);
    }
    let rows = templates
        .iter()
        .map(|template| {
            let fields: Vec<String> = template
                .fields
                .iter()
                .map(|field| format!("{} ({})", field.key, field.label))
                .collect();
            vec![
                template.template_id.clone(),
                template.title.clone(),
                fields.join("\n"),
            ]
        })
        .collect();
    let empty = format!(
        "no template known: try `hongyan templates sync {}`",
        of.account
    );
    output::table(&["id", "title", "slots"], rows, &empty)
}
