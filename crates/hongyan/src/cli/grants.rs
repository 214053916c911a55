use clap::{Args, Subcommand};
use hongyan_api::{Grant, ReachQuery, ReportConsents, Route, Withheld};

use super::connection::{Connection, explained};
use super::output::{self, maybe, time, word};
use super::send::pair;
use crate::failure::Failure;

/// What people allowed you to send.
#[derive(Debug, Args)]
pub(super) struct Grants {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// A person's consents at an account
    List(List),
    /// Report what a person answered to wx.requestSubscribeMessage
    Report(Report),
}

#[derive(Debug, Args)]
struct List {
    /// The account's name
    account: String,
    /// The person's openid
    #[arg(allow_hyphen_values = true)]
    openid: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Report {
    /// The account's name
    account: String,
    /// The person's openid
    #[arg(allow_hyphen_values = true)]
    openid: String,
    /// A template and the answer: accept, reject, ban or filter; repeat it for several
    #[arg(long = "result", value_name = "TEMPLATE=ANSWER", value_parser = pair, required = true)]
    results: Vec<(String, String)>,
    /// Makes a repeat of this command harmless for 24 hours
    #[arg(long, allow_hyphen_values = true, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Grants {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        match self.verb {
            Verb::List(list) => {
                let grants = connection
                    .grants(&list.account, &list.openid)
                    .await
                    .map_err(|error| explained(&error))?;
                if list.json {
                    return output::json(&grants);
                }
                let (head, rows) = grant_rows(&grants.items);
                output::table(&head, rows, "nothing is known of this person's consents")
            }
            Verb::Report(report) => report.run(&connection).await,
        }
    }
}

impl Report {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let report = ReportConsents {
            openid: self.openid,
            results: self.results.into_iter().collect(),
        };
        let answer = connection
            .report_consents(&self.account, &report, self.idempotency_key.as_deref())
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&answer);
        }
        for (template, counted) in &answer.counted {
            let became = if *counted {
                "counted"
            } else {
                "was known already, or says nothing"
            };
            output::text(&format!("{template}  {became}"))?;
        }
        let (head, rows) = grant_rows(&answer.grants);
        output::table(&head, rows, "")
    }
}

/// Consents as a table.
pub(super) fn grant_rows(grants: &[Grant]) -> ([&'static str; 6], Vec<Vec<String>>) {
    let rows = grants
        .iter()
        .map(|grant| {
            let left = if grant.long_term {
                "long-term".to_owned()
            } else {
                grant.left.to_string()
            };
            vec![
                grant.template_id.clone(),
                maybe(grant.scene),
                if grant.can_send { "yes" } else { "no" }.to_owned(),
                left,
                grant.held.to_string(),
                why(grant.reason.as_ref()),
            ]
        })
        .collect();
    (
        ["template", "scene", "can send", "left", "held", "why not"],
        rows,
    )
}

fn why(reason: Option<&Withheld>) -> String {
    reason.map(|why| why.message.clone()).unwrap_or_default()
}

/// How a person can be reached now.
#[derive(Debug, Args)]
pub(super) struct Reach {
    /// The account of the openid; with --unionid or --user: only this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// The person at the account
    #[arg(long, allow_hyphen_values = true, requires = "account", conflicts_with_all = ["unionid", "user"])]
    openid: Option<String>,
    /// The person over linked accounts
    #[arg(long, allow_hyphen_values = true, conflicts_with = "user")]
    unionid: Option<String>,
    /// Your own id of the person
    #[arg(long, allow_hyphen_values = true, value_name = "ID", required_unless_present_any = ["openid", "unionid"])]
    user: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Reach {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        let who = ReachQuery {
            account: self.account,
            openid: self.openid,
            unionid: self.unionid,
            user_id: self.user,
        };
        let found = connection
            .reach(&who)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&found);
        }
        let rows = found
            .items
            .iter()
            .flat_map(|reach| {
                let unknown = reach.openid.is_none().then(|| {
                    let account = reach.account.clone();
                    let note = "the account does not know this person".to_owned();
                    vec![
                        account,
                        String::new(),
                        String::new(),
                        "no".to_owned(),
                        String::new(),
                        String::new(),
                        note,
                    ]
                });
                let routes = reach.routes.iter().map(|route| row(&reach.account, route));
                unknown.into_iter().chain(routes)
            })
            .collect();
        let head = [
            "account", "kind", "template", "can", "left", "until", "why not",
        ];
        output::table(&head, rows, "no account is there to reach anybody by")
    }
}

fn row(account: &str, route: &Route) -> Vec<String> {
    let name = route.title.as_deref().or(route.template_id.as_deref());
    let scene = route.scene.map(|scene| format!(" (scene {scene})"));
    vec![
        account.to_owned(),
        word(&route.kind),
        format!("{}{}", maybe(name), scene.unwrap_or_default()),
        word(&route.can),
        maybe(route.left),
        time(route.until),
        why(route.reason.as_ref()),
    ]
}
