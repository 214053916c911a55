use clap::Args;
use hongyan_engine::StepState;
use hongyan_engine::trace::TraceSettings;

use super::ConfigFile;
use super::output;
use crate::failure::Failure;
use crate::wiring::{Purpose, open_engine, open_store};

/// Checks everything a gateway needs. Works on the database itself, beside a
/// running gateway too: it uses the access token that is stored there.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    file: ConfigFile,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, serde::Serialize)]
struct Finding {
    subject: String,
    step: &'static str,
    state: &'static str,
    detail: String,
    fix: Option<String>,
}

impl Doctor {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let mut findings = Vec::new();
        let outcome = self.look(&mut findings).await;
        if let Err(failure) = &outcome {
            findings.push(Finding {
                subject: "gateway".to_owned(),
                step: if findings.is_empty() {
                    "configuration"
                } else {
                    "database"
                },
                state: "failed",
                detail: failure.to_string(),
                fix: None,
            });
        }
        let sick = findings
            .iter()
            .filter(|finding| finding.state == "failed")
            .count();
        if self.json {
            output::json(&findings)?;
        } else {
            let rows = findings
                .iter()
                .map(|finding| {
                    vec![
                        finding.subject.clone(),
                        finding.step.to_owned(),
                        finding.state.to_owned(),
                        finding.detail.clone(),
                        finding.fix.clone().unwrap_or_default(),
                    ]
                })
                .collect();
            output::table(&["", "step", "", "what was seen", "what to do"], rows, "")?;
        }
        match sick {
            0 => Ok(()),
            1 => Err(Failure::new("one thing needs fixing")),
            many => Err(Failure::new(format!("{many} things need fixing"))),
        }
    }

    async fn look(&self, findings: &mut Vec<Finding>) -> Result<(), Failure> {
        let config = self.file.load()?;
        let mut fine = |step, detail: &str| {
            findings.push(Finding {
                subject: "gateway".to_owned(),
                step,
                state: "ok",
                detail: detail.to_owned(),
                fix: None,
            });
        };
        fine("configuration", "every key is known and fits");
        let opened = open_store(&config, Purpose::Look).await?;
        opened.store.ping().await?;
        fine("database", "it can be read and written");
        let engine = open_engine(&config, &opened, TraceSettings::default()).await?;
        let accounts = engine.accounts();
        if accounts.is_empty() {
            findings.push(Finding {
                subject: "gateway".to_owned(),
                step: "accounts",
                state: "warning",
                detail: "there is no account".to_owned(),
                fix: Some("add one with `hongyan accounts add` or under [[accounts]]".to_owned()),
            });
        }
        for account in accounts {
            let report = engine.check_account(account.id).await?;
            findings.extend(report.steps.into_iter().map(|step| Finding {
                subject: account.name().to_string(),
                step: step.name,
                state: match step.state {
                    StepState::Ok => "ok",
                    StepState::Warning => "warning",
                    StepState::Failed => "failed",
                    StepState::Skipped => "skipped",
                },
                detail: step.detail.en,
                fix: step.fix.map(|fix| fix.en),
            }));
        }
        opened.store.shutdown().await;
        Ok(())
    }
}
