use clap::Args;
use hongyan_api::{LibraryQuery, NewTemplate};

use crate::cli::connection::{Connection, explained};
use crate::cli::output;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct Library {
    /// The account's name
    account: String,
    /// Part of a title
    #[arg(long, allow_hyphen_values = true)]
    keyword: Option<String>,
    /// Only this service category
    #[arg(long, value_name = "NUMBER")]
    category: Option<u32>,
    /// The keywords of this title
    #[arg(long, conflicts_with_all = ["keyword", "category"])]
    tid: Option<String>,
    /// List the account's service categories
    #[arg(long, conflicts_with_all = ["keyword", "category", "tid"])]
    categories: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Library {
    pub(super) async fn run(&self, connection: &Connection) -> Result<(), Failure> {
        if self.categories {
            return self.list_categories(connection).await;
        }
        if let Some(tid) = &self.tid {
            return self.list_keywords(connection, tid).await;
        }
        let wanted = LibraryQuery {
            keyword: self.keyword.clone(),
            category: self.category,
        };
        let found = connection
            .template_library(&self.account, &wanted)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&found);
        }
        let rows = found
            .items
            .iter()
            .map(|title| {
                vec![
                    title.tid.clone(),
                    title.title.clone(),
                    output::word(&title.subscription),
                    title.category_id.to_string(),
                ]
            })
            .collect();
        output::table(
            &["tid", "title", "consent", "category"],
            rows,
            "no title fits",
        )?;
        if found.more {
            output::remark("there may be more: name a --category");
        }
        Ok(())
    }

    async fn list_categories(&self, connection: &Connection) -> Result<(), Failure> {
        let found = connection
            .template_categories(&self.account)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&found);
        }
        let rows = found
            .items
            .iter()
            .map(|category| vec![category.id.to_string(), category.name.clone()])
            .collect();
        output::table(&["id", "name"], rows, "the account has no service category")
    }

    async fn list_keywords(&self, connection: &Connection, tid: &str) -> Result<(), Failure> {
        let found = connection
            .library_keywords(&self.account, tid)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&found);
        }
        let rows = found
            .items
            .iter()
            .map(|keyword| {
                vec![
                    keyword.id.to_string(),
                    keyword.name.clone(),
                    keyword.type_.clone(),
                    keyword.example.clone(),
                ]
            })
            .collect();
        output::table(
            &["id", "name", "type", "example"],
            rows,
            "the title has no keyword",
        )
    }
}

#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("which").required(true).args(["tid", "short_id"]),
    after_help = "Examples: hongyan templates add demo-mp --tid 99 --keyword 1 --keyword 3 --scene 付款通知\n  hongyan templates add demo-oa --short-id 43216 --keyword-name 预约项目 --keyword-name 预约时间"
)]
pub(super) struct Add {
    /// The account's name
    account: String,
    /// The library's number of a title (subscribe templates, subscription notices)
    #[arg(long)]
    tid: Option<String>,
    /// A keyword by its number; two to five, in the order shown
    #[arg(long = "keyword", value_name = "NUMBER", requires = "tid")]
    keywords: Vec<u32>,
    /// What it is for, at most 15 characters
    #[arg(long, requires = "tid")]
    scene: Option<String>,
    /// The library's number of a template of template messages
    #[arg(long)]
    short_id: Option<String>,
    /// A keyword by its word, in the order shown
    #[arg(long = "keyword-name", value_name = "WORD", requires = "short_id")]
    keyword_names: Vec<String>,
    /// Makes a repeat of this command harmless for 24 hours
    #[arg(long, allow_hyphen_values = true, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Add {
    pub(super) async fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let wanted = NewTemplate {
            tid: self.tid.clone(),
            keyword_ids: self.keywords.clone(),
            scene: self.scene.clone(),
            short_id: self.short_id.clone(),
            keyword_names: self.keyword_names.clone(),
        };
        let added = connection
            .add_template(&self.account, &wanted, self.idempotency_key.as_deref())
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&added);
        }
        output::text(&added.template_id)
    }
}
