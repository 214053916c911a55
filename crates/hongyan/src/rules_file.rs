//! Files of reply rules, TOML or JSON.

use std::path::Path;

use hongyan_domain::account::AccountKind;
use hongyan_domain::rule::RuleSet;

use crate::document;
use crate::failure::Failure;

/// Reads a file of reply rules; JSON if its name ends so, else TOML.
pub(crate) fn read(path: &Path) -> Result<RuleSet, Failure> {
    document::read(path, "reply rules")
}

/// Says all that is wrong with rules for an account of this kind.
pub(crate) fn check(path: &Path, rules: &RuleSet, kind: AccountKind) -> Result<(), Failure> {
    let wrong = rules.violations(kind);
    if wrong.is_empty() {
        return Ok(());
    }
    let lines: String = wrong
        .iter()
        .map(|violation| {
            format!(
                "\n  {}: {}",
                place(rules, &violation.pointer),
                violation.message
            )
        })
        .collect();
    Err(Failure::new(format!(
        "{} cannot be used for an account of the kind {kind}:{lines}",
        path.display()
    )))
}

/// A place in the rules as people find it: by the rule's name instead of its
/// number.
fn place(rules: &RuleSet, pointer: &str) -> String {
    let mut steps = pointer.trim_start_matches('/').splitn(3, '/');
    let rule = match (steps.next(), steps.next()) {
        (Some("rules"), Some(number)) => number
            .parse::<usize>()
            .ok()
            .and_then(|number| rules.rules.get(number)),
        _ => None,
    };
    match rule {
        Some(rule) => format!(
            "rule {:?}, {}",
            rule.name,
            steps.next().unwrap_or_default().replace('/', ".")
        ),
        None => pointer.trim_start_matches('/').replace('/', "."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    const GOOD: &str = r#"
[[rules]]
name = "welcome"
when = { event = "subscribe" }
reply = { type = "text", content = "hello {{openid}}" }
"#;

    #[test]
    fn toml_and_json_say_the_same() {
        let (_dir, path) = file("rules.toml", GOOD);
        let rules = read(&path).unwrap();
        check(&path, &rules, AccountKind::OfficialAccount).unwrap();
        let (_dir, path) = file("rules.json", &serde_json::to_string(&rules).unwrap());
        assert_eq!(read(&path).unwrap(), rules);
    }

    #[test]
    fn faults_are_found_by_line_and_by_the_rules_name() {
        let (_dir, path) = file("rules.toml", &GOOD.replace("when", "wen"));
        let text = read(&path).unwrap_err().to_string();
        assert!(text.contains("rules.toml line 4: "), "{text}");
        let (_dir, path) = file("rules.toml", &GOOD.replace("openid", "opnid"));
        let rules = read(&path).unwrap();
        let text = check(&path, &rules, AccountKind::OfficialAccount)
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("rule \"welcome\", reply.content: there is no variable {{opnid}}"),
            "{text}"
        );
        let text = check(&path, &rules, AccountKind::MiniProgram)
            .unwrap_err()
            .to_string();
        assert!(text.contains("mini_program"), "{text}");
        assert!(read(Path::new("/nowhere/rules.toml")).is_err());
    }
}
