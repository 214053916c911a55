//! An account's templates and WeChat's library.

mod library;
mod names;

use clap::{Args, Subcommand};
use hongyan_api::{ChangeKind, PageQuery, Template, TemplateChange};

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
    /// One template: its slots, their types, rules and names
    Show(One),
    /// Ask WeChat for the current list
    Sync(Of),
    /// What changed at WeChat, and whose messages that concerns
    Changes(Changes),
    /// What will surprise somebody on the phone; exit code 1 if anything will
    Lint(Of),
    /// Search WeChat's library, or show the keywords of a title
    Library(library::Library),
    /// Take a template from WeChat's library
    Add(library::Add),
    /// Remove a template from the account at WeChat
    Remove {
        /// The account's name
        account: String,
        /// The template's id
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
    /// Show or set your own names for a template's keys
    Names(names::Names),
}

#[derive(Debug, Args)]
struct Of {
    /// The account's name
    account: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct One {
    /// The account's name
    account: String,
    /// The template's id
    #[arg(allow_hyphen_values = true)]
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Changes {
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

impl Templates {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        match self.verb {
            Verb::List(of) => list(&connection, &of).await,
            Verb::Show(one) => one.run(&connection).await,
            Verb::Sync(of) => sync(&connection, &of).await,
            Verb::Changes(changes) => changes.run(&connection).await,
            Verb::Lint(of) => lint(&connection, &of).await,
            Verb::Library(library) => library.run(&connection).await,
            Verb::Add(add) => add.run(&connection).await,
            Verb::Remove { account, id } => {
                connection
                    .remove_template(&account, &id)
                    .await
                    .map_err(|error| explained(&error))?;
                output::text(&format!("{id} is gone"))
            }
            Verb::Names(names) => names.run(&connection).await,
        }
    }
}

async fn all(connection: &Connection, account: &str) -> Result<Vec<Template>, Failure> {
    let mut page = PageQuery::default();
    let mut templates = Vec::new();
    loop {
        let part = connection
            .templates(account, &page)
            .await
            .map_err(|error| explained(&error))?;
        templates.extend(part.items);
        page.cursor = part.next_cursor;
        if page.cursor.is_none() {
            return Ok(templates);
        }
    }
}

async fn list(connection: &Connection, of: &Of) -> Result<(), Failure> {
    let templates = all(connection, &of.account).await?;
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
            let warnings = match template.warnings.len() {
                0 => String::new(),
                count => count.to_string(),
            };
            vec![
                template.template_id.clone(),
                template.title.clone(),
                fields.join("\n"),
                warnings,
            ]
        })
        .collect();
    let empty = format!(
        "no template known: try `hongyan templates sync {}`",
        of.account
    );
    output::table(&["id", "title", "slots", "warnings"], rows, &empty)
}

impl One {
    async fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let template = connection
            .template(&self.account, &self.id)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&template);
        }
        output::facts(&[
            ("id", template.template_id.clone()),
            ("kind", output::word(&template.kind)),
            ("title", template.title.clone()),
            ("consent", output::word(&template.subscription)),
            ("synced at", template.synced_at.to_string()),
        ])?;
        let rows = template
            .fields
            .iter()
            .map(|field| {
                vec![
                    field.key.clone(),
                    field.name.clone().unwrap_or_default(),
                    field.label.clone(),
                    field.rule.clone(),
                    field.allowed.join(", "),
                ]
            })
            .collect();
        output::table(
            &["key", "your name", "label", "rule", "allowed"],
            rows,
            "the form has no slot",
        )?;
        warnings(&template)
    }
}

fn warnings(template: &Template) -> Result<(), Failure> {
    for warning in &template.warnings {
        output::text(&format!("! {}", warning.message))?;
    }
    Ok(())
}

async fn sync(connection: &Connection, of: &Of) -> Result<(), Failure> {
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

async fn lint(connection: &Connection, of: &Of) -> Result<(), Failure> {
    let mut templates = all(connection, &of.account).await?;
    templates.retain(|template| !template.warnings.is_empty());
    if of.json {
        output::json(&templates)?;
    } else if templates.is_empty() {
        output::text("nothing to say about the templates")?;
    }
    let count: usize = templates.iter().map(|t| t.warnings.len()).sum();
    for template in templates.iter().filter(|_| !of.json) {
        output::text(&format!("{} ({})", template.template_id, template.title))?;
        warnings(template)?;
    }
    if count == 0 {
        Ok(())
    } else {
        Err(Failure::new(format!("{count} warnings")))
    }
}

impl Changes {
    async fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let page = PageQuery {
            limit: Some(self.limit),
            cursor: self.cursor.clone(),
        };
        let found = connection
            .template_changes(&self.account, &page)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&found);
        }
        let rows = found.items.iter().map(row).collect();
        output::table(
            &["at", "template", "change", "keys", "used by"],
            rows,
            "nothing changed so far",
        )?;
        output::more(found.next_cursor.as_deref());
        Ok(())
    }
}

fn row(change: &TemplateChange) -> Vec<String> {
    let form = change.after.as_ref().or(change.before.as_ref());
    let title = form.map(|form| form.title.as_str()).unwrap_or_default();
    // Of a template that is new or gone the keys are no news.
    let keys = if change.change == ChangeKind::Changed {
        let new = change.new_keys.iter().map(|key| format!("+{key}"));
        let gone = change.gone_keys.iter().map(|key| format!("-{key}"));
        new.chain(gone).collect::<Vec<_>>().join("\n")
    } else {
        String::new()
    };
    let senders: Vec<_> = change
        .senders
        .iter()
        .map(|sender| {
            let name = sender.key_name.as_ref().or(sender.key_id.as_ref());
            let name = name.map_or("no key", String::as_str);
            format!("{name}: {} messages", sender.messages)
        })
        .collect();
    vec![
        change.at.to_string(),
        format!("{title}\n{}", change.template_id),
        output::word(&change.change),
        keys,
        senders.join("\n"),
    ]
}
