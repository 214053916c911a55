use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use hongyan_api::{
    AppliedMenu, MatchMenu, MatchRule, MenuButton, MenuChange, MenuChangeKind, MenuNote,
    MenuSource, PageQuery, RollBackMenu,
};
use hongyan_domain::menu;

use super::connection::{Connection, explained};
use super::output::{self, maybe};
use super::talk;
use crate::document;
use crate::failure::Failure;

/// The menu below an official account's chat.
#[derive(Debug, Args)]
pub(super) struct Menu {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The menu people see now, as TOML that `apply` takes
    Show(Of),
    /// Check a menu file; no gateway is needed
    Check {
        /// The file, .toml or .json
        file: PathBuf,
    },
    /// Say what applying a menu file would change
    Plan {
        #[command(flatten)]
        of: Of,
        /// The file, .toml or .json
        file: PathBuf,
    },
    /// Make a menu file the account's menu
    Apply {
        #[command(flatten)]
        of: Of,
        /// The file, .toml or .json
        file: PathBuf,
        /// Why, to be found in the history
        #[arg(long)]
        note: Option<String>,
    },
    /// Remove the account's menus
    Delete {
        #[command(flatten)]
        of: Of,
        /// Why, to be found in the history
        #[arg(long)]
        note: Option<String>,
    },
    /// The menus the account had, the newest first
    History(History),
    /// Go back to a menu the account had
    Rollback {
        #[command(flatten)]
        of: Of,
        /// Its number in the history
        #[arg(value_name = "VERSION")]
        number: u32,
        /// Why, to be found in the history
        #[arg(long)]
        note: Option<String>,
    },
    /// The menu one person sees
    Match {
        #[command(flatten)]
        of: Of,
        /// The person's openid
        #[arg(allow_hyphen_values = true)]
        openid: String,
    },
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
struct History {
    #[command(flatten)]
    of: Of,
    /// How many at most
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// Go on where an earlier list ended
    #[arg(long)]
    cursor: Option<String>,
    /// Print this version alone, as TOML that `apply` takes
    #[arg(long, value_name = "VERSION")]
    show: Option<u32>,
}

impl Menu {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.verb {
            Verb::Check { file } => {
                read(&file)?;
                output::text(&format!("{} is fine", file.display()))
            }
            other => talk(|connection| with_gateway(other, connection)),
        }
    }
}

async fn with_gateway(verb: Verb, connection: Connection) -> Result<(), Failure> {
    match verb {
        Verb::Check { .. } => Ok(()),
        Verb::Show(of) => show(&connection, &of).await,
        Verb::Plan { of, file } => {
            let plan = connection
                .plan_menu(&of.account, &read(&file)?)
                .await
                .map_err(|error| explained(&error))?;
            if of.json {
                return output::json(&plan);
            }
            changes(&plan.changes, "nothing would change")
        }
        Verb::Apply { of, file, note } => {
            let applied = connection
                .apply_menu(&of.account, &read(&file)?, &MenuNote { note })
                .await
                .map_err(|error| explained(&error))?;
            report(&of, &applied)
        }
        Verb::Delete { of, note } => {
            let version = connection
                .remove_menu(&of.account, &MenuNote { note })
                .await
                .map_err(|error| explained(&error))?;
            if of.json {
                return output::json(&version);
            }
            output::text(&format!(
                "{} has no menu now (version {})",
                of.account, version.version
            ))
        }
        Verb::History(history) => history.run(&connection).await,
        Verb::Rollback { of, number, note } => {
            let applied = connection
                .roll_back_menu(
                    &of.account,
                    &RollBackMenu {
                        version: number,
                        note,
                    },
                )
                .await
                .map_err(|error| explained(&error))?;
            report(&of, &applied)
        }
        Verb::Match { of, openid } => {
            let matched = connection
                .match_menu(&of.account, &MatchMenu { openid })
                .await
                .map_err(|error| explained(&error))?;
            if of.json {
                return output::json(&matched);
            }
            output::text(&toml::to_string(&matched)?)
        }
    }
}

/// Reads a menu and says all that is wrong with it.
fn read(path: &Path) -> Result<hongyan_api::Menu, Failure> {
    let menu: menu::Menu = document::read(path, "menu")?;
    let wrong = menu.violations();
    if !wrong.is_empty() {
        let lines: String = wrong
            .iter()
            .map(|violation| {
                let place = violation.pointer.trim_start_matches('/').replace('/', ".");
                format!("\n  {place}: {}", violation.message)
            })
            .collect();
        return Err(Failure::new(format!(
            "WeChat would not take {}:{lines}",
            path.display()
        )));
    }
    Ok(serde_json::from_value(serde_json::to_value(menu)?)?)
}

async fn show(connection: &Connection, of: &Of) -> Result<(), Failure> {
    let live = connection
        .menu(&of.account)
        .await
        .map_err(|error| explained(&error))?;
    if of.json {
        return output::json(&live);
    }
    match live.source {
        MenuSource::None => output::remark("the account has no menu"),
        MenuSource::Console => output::remark(
            "made in WeChat's console: what `apply` makes replaces it, and not all of it can be applied",
        ),
        MenuSource::Api if live.version.is_none() => {
            output::remark("this is not the newest version kept here: it was changed elsewhere");
        }
        MenuSource::Api => {}
    }
    match &live.menu {
        Some(menu) => output::text(&toml::to_string(menu)?),
        None => Ok(()),
    }
}

impl History {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        if let Some(number) = self.show {
            let version = connection
                .menu_version(&self.of.account, number)
                .await
                .map_err(|error| explained(&error))?;
            return match &version.menu {
                _ if self.of.json => output::json(&version),
                Some(menu) => output::text(&toml::to_string(menu)?),
                None => output::text("the menu was removed"),
            };
        }
        let page = PageQuery {
            limit: Some(self.limit),
            cursor: self.cursor,
        };
        let list = connection
            .menu_versions(&self.of.account, &page)
            .await
            .map_err(|error| explained(&error))?;
        if self.of.json {
            return output::json(&list);
        }
        let rows = list
            .items
            .iter()
            .map(|version| {
                let bar = version.menu.as_ref().map_or_else(
                    || "removed".to_owned(),
                    |menu| {
                        let names: Vec<_> = menu.button.iter().map(|one| &*one.name).collect();
                        names.join(" | ")
                    },
                );
                vec![
                    version.version.to_string(),
                    version.applied_at.to_string(),
                    bar,
                    maybe(version.note.as_deref()),
                ]
            })
            .collect();
        let head = ["version", "applied", "menu", "note"];
        output::table(&head, rows, "no menu was applied yet")?;
        output::more(list.next_cursor.as_deref());
        Ok(())
    }
}

fn report(of: &Of, applied: &AppliedMenu) -> Result<(), Failure> {
    if of.json {
        return output::json(applied);
    }
    changes(&applied.changes, "nothing had to change")?;
    output::text(&format!(
        "{} has version {} of its menu; phones show it within five minutes",
        of.account, applied.version.version
    ))
}

fn changes(changes: &[MenuChange], none: &str) -> Result<(), Failure> {
    if changes.is_empty() {
        return output::text(none);
    }
    let lines: String = changes.iter().map(line).collect();
    output::text(&lines)
}

/// A change as people read one: a sign, for whom, where, from what to what.
fn line(change: &MenuChange) -> String {
    let sign = match change.change {
        MenuChangeKind::Added => '+',
        MenuChangeKind::Removed => '-',
        MenuChangeKind::Changed => '~',
        MenuChangeKind::Moved => '↕',
    };
    let whom = change.matchrule.map(whom).unwrap_or_default();
    let what = match (&change.before, &change.after) {
        (Some(before), Some(after)) if change.change == MenuChangeKind::Changed => {
            format!("{} → {}", summary(before), summary(after))
        }
        (_, Some(button)) | (Some(button), None) => summary(button),
        (None, None) => "the whole menu".to_owned(),
    };
    format!("{sign} {whom}{}  {what}\n", change.place)
}

fn whom(rule: MatchRule) -> String {
    let tag = rule.tag_id.map(|id| format!("tag {id}"));
    let phone = rule.client_platform_type.map(|platform| match platform {
        1 => "iOS".to_owned(),
        2 => "Android".to_owned(),
        _ => "other phones".to_owned(),
    });
    let both: Vec<_> = tag.into_iter().chain(phone).collect();
    format!("[{}] ", both.join(", "))
}

fn summary(button: &MenuButton) -> String {
    let values = [
        &button.key,
        &button.appid,
        &button.pagepath,
        &button.url,
        &button.media_id,
        &button.article_id,
        &button.value,
    ];
    let values: Vec<_> = values
        .into_iter()
        .filter(|value| !value.is_empty())
        .map(String::as_str)
        .collect();
    let kind = if button.type_.is_empty() {
        "opens others"
    } else {
        &button.type_
    };
    format!("{} ({kind} {})", button.name, values.join(" ")).replace(" )", ")")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MENU: &str = r#"
[[button]]
type = "click"
name = "今日特价"
key = "TODAY"

[[button]]
name = "服务"

[[button.sub_button]]
type = "view"
name = "门店"
url = "https://shop.example.com/stores"

[[conditional]]
matchrule = { tag_id = 134 }

[[conditional.button]]
type = "click"
name = "会员日"
key = "VIP"
"#;

    fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn what_is_shown_can_be_applied() {
        let (_dir, path) = file("menu.toml", MENU);
        let menu = read(&path).unwrap();
        assert_eq!(menu.button[1].sub_button[0].name, "门店");
        let (_dir, path) = file("menu.toml", &toml::to_string(&menu).unwrap());
        assert_eq!(read(&path).unwrap(), menu);
        let (_dir, path) = file("menu.json", &serde_json::to_string(&menu).unwrap());
        assert_eq!(read(&path).unwrap(), menu);
    }

    #[test]
    fn faults_are_named_by_line_or_by_place() {
        let (_dir, path) = file("menu.toml", &MENU.replace("sub_button", "sub_buton"));
        let text = read(&path).unwrap_err().to_string();
        assert!(
            text.contains("line ") && text.contains("sub_buton"),
            "{text}"
        );
        let (_dir, path) = file("menu.toml", &MENU.replace("https://", ""));
        let text = read(&path).unwrap_err().to_string();
        assert!(text.contains("button.1.sub_button.0.url: "), "{text}");
    }

    #[test]
    fn a_change_reads_well() {
        let button = |name: &str, key: &str| MenuButton {
            name: name.to_owned(),
            type_: "click".to_owned(),
            key: key.to_owned(),
            ..MenuButton::default()
        };
        let change = MenuChange {
            change: MenuChangeKind::Changed,
            matchrule: Some(MatchRule {
                tag_id: Some(134),
                client_platform_type: Some(1),
            }),
            place: "服务 › 换货".to_owned(),
            before: Some(button("退货", "R")),
            after: Some(button("换货", "R")),
        };
        assert_eq!(
            line(&change),
            "~ [tag 134, iOS] 服务 › 换货  退货 (click R) → 换货 (click R)\n"
        );
    }
}
