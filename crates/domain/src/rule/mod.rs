//! Reply rules: what to answer in WeChat to what a person does.
//!
//! Rules are tried in order, the first that fits answers; none of them sees a
//! database, so that an answer takes no time. Official accounts may answer with
//! anything; in a mini program WeChat allows only the transfer to agents (被动回复,
//! 小程序客服消息).

mod answer;
mod facts;
mod when;

pub use answer::{Answer, NewsArticle};
pub use facts::Occasion;
pub use when::{Hours, OneOrMany, TextMatch, When};

use hongyan_wechat::callback::{Inbound, Reply};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::AccountKind;
use crate::template::Violation;
use facts::{Facts, Groups};

/// Rules of one account at most.
pub const RULES_AT_MOST: usize = 500;

/// The longest text of a passive reply, in bytes of UTF-8 (field reports: 2048 is
/// refused).
pub const LONGEST_TEXT: usize = 2047;

/// An account's rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    /// Tried in this order.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// For messages (not events) that no rule fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Answer>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, unique in the set; 1 to 64 characters.
    pub name: String,
    /// When it fits: everything given must fit, nothing given fits everything.
    #[serde(default)]
    pub when: When,
    /// What to answer.
    pub reply: Answer,
}

/// What a rule set says to a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The rule's name; `None` = the default.
    pub rule: Option<String>,
    /// What to answer; `None` = nothing.
    pub reply: Option<Reply>,
}

/// What a rule set would answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The rule's place in the set; `None` = the default.
    pub index: Option<usize>,
    /// The answer with its variables filled in.
    pub answer: Answer,
}

impl RuleSet {
    /// Checks the rules for an account of this kind: everything that is wrong.
    #[must_use]
    pub fn violations(&self, kind: AccountKind) -> Vec<Violation> {
        let mut wrong = Vec::new();
        if self.rules.len() > RULES_AT_MOST {
            wrong.push(violation(
                "/rules",
                "too_many",
                format!("at most {RULES_AT_MOST} rules, not {}", self.rules.len()),
                format!("最多 {RULES_AT_MOST} 条规则，现为 {} 条", self.rules.len()),
            ));
        }
        let mut names = std::collections::HashSet::new();
        for (n, rule) in self.rules.iter().enumerate() {
            let at = format!("/rules/{n}");
            let length = rule.name.chars().count();
            if !(1..=64).contains(&length) {
                wrong.push(violation(
                    format!("{at}/name"),
                    "length",
                    "a rule's name has 1 to 64 characters".to_owned(),
                    "规则名称为 1 到 64 个字符".to_owned(),
                ));
            }
            if !names.insert(rule.name.as_str()) {
                wrong.push(violation(
                    format!("{at}/name"),
                    "taken",
                    format!("another rule is called {:?} already", rule.name),
                    format!("已有名为 {:?} 的规则", rule.name),
                ));
            }
            rule.when.violations(&format!("{at}/when"), &mut wrong);
            let groups = rule.when.groups();
            rule.reply
                .violations(kind, &groups, &format!("{at}/reply"), &mut wrong);
        }
        if let Some(default) = &self.default {
            default.violations(kind, &[], "/default", &mut wrong);
        }
        wrong
    }

    /// What the rules say to a callback at `now`.
    #[must_use]
    pub fn reply_to(&self, inbound: &Inbound, now: Timestamp) -> Option<Matched> {
        let said = self.said(&Facts::of(inbound), now)?;
        Some(Matched {
            rule: said.index.map(|index| self.rules[index].name.clone()),
            reply: said.answer.into_reply(),
        })
    }

    /// What the rules would say to something a person may do, at `now`.
    #[must_use]
    pub fn answer_to(&self, occasion: &Occasion, now: Timestamp) -> Option<Said> {
        self.said(&Facts::of_occasion(occasion), now)
    }

    fn said(&self, facts: &Facts<'_>, now: Timestamp) -> Option<Said> {
        for (index, rule) in self.rules.iter().enumerate() {
            if let Some(groups) = rule.when.fits(facts, now) {
                return Some(Said {
                    index: Some(index),
                    answer: rule.reply.filled(facts, &groups, now),
                });
            }
        }
        let default = self.default.as_ref().filter(|_| facts.event.is_none())?;
        Some(Said {
            index: None,
            answer: default.filled(facts, &Groups::default(), now),
        })
    }

    /// The default, said to this callback even if it is an event.
    #[must_use]
    pub fn answer_with_default(&self, inbound: &Inbound, now: Timestamp) -> Option<Reply> {
        let facts = Facts::of(inbound);
        self.default
            .as_ref()?
            .filled(&facts, &Groups::default(), now)
            .into_reply()
    }
}

fn violation(
    pointer: impl Into<String>,
    rule: &'static str,
    message: String,
    message_zh: String,
) -> Violation {
    Violation {
        pointer: pointer.into(),
        rule,
        message,
        message_zh,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        "2026-11-20T04:00:00Z".parse().unwrap() // a Friday, 12:00 in Shanghai
    }

    fn text(content: &str) -> Inbound {
        let xml = format!(
            "<xml><ToUserName>gh_3c1f0e5a77b2</ToUserName><FromUserName>oPerson</FromUserName>\
             <CreateTime>1767225660</CreateTime><MsgType>text</MsgType>\
             <Content><![CDATA[{content}]]></Content><MsgId>1</MsgId></xml>"
        );
        Inbound::parse(xml.as_bytes()).unwrap()
    }

    fn event(name: &str, key: &str) -> Inbound {
        let xml = format!(
            "<xml><ToUserName>gh_3c1f0e5a77b2</ToUserName><FromUserName>oPerson</FromUserName>\
             <CreateTime>1767225660</CreateTime><MsgType>event</MsgType>\
             <Event>{name}</Event><EventKey>{key}</EventKey></xml>"
        );
        Inbound::parse(xml.as_bytes()).unwrap()
    }

    fn set(json: serde_json::Value) -> RuleSet {
        serde_json::from_value(json).unwrap()
    }

    fn says(set: &RuleSet, inbound: &Inbound) -> Option<String> {
        match set.reply_to(inbound, noon())?.reply? {
            Reply::Text { content } => Some(content),
            other => panic!("{other:?}"),
        }
    }

    fn rules() -> RuleSet {
        set(serde_json::json!({
            "rules": [
                {"name": "price", "when": {"text": {"exact": ["Price", "价格"]}}, "reply": {"type": "text", "content": "9.9"}},
                {"name": "help", "when": {"text": {"contains": "help"}}, "reply": {"type": "text", "content": "{{openid}} asked {{text}}"}},
                {"name": "order", "when": {"text": {"regex": "^order (?<no>\\d+)$"}}, "reply": {"type": "text", "content": "no. {{no}} = {{1}}"}},
                {"name": "welcome", "when": {"event": "subscribe"}, "reply": {"type": "text", "content": "hi {{scene}}"}},
                {"name": "menu", "when": {"event": "click", "key": "V1"}, "reply": {"type": "text", "content": "menu {{key}}"}},
                {"name": "quiet", "when": {"event": "CLICK"}, "reply": {"type": "nothing"}},
            ],
            "default": {"type": "text", "content": "?"}
        }))
    }

    #[test]
    fn the_first_rule_that_fits_answers() {
        let rules = rules();
        assert!(rules.violations(AccountKind::OfficialAccount).is_empty());
        assert_eq!(says(&rules, &text(" PRICE ")).unwrap(), "9.9");
        assert_eq!(says(&rules, &text("价格")).unwrap(), "9.9");
        assert_eq!(
            says(&rules, &text("Help me")).unwrap(),
            "oPerson asked Help me"
        );
        assert_eq!(says(&rules, &text("order 42")).unwrap(), "no. 42 = 42");
        assert_eq!(
            says(&rules, &event("subscribe", "qrscene_618")).unwrap(),
            "hi 618"
        );
        assert_eq!(says(&rules, &event("CLICK", "V1")).unwrap(), "menu V1");
        assert_eq!(says(&rules, &text("else")).unwrap(), "?");
        let quiet = rules.reply_to(&event("CLICK", "V2"), noon()).unwrap();
        assert_eq!((quiet.rule.as_deref(), quiet.reply), (Some("quiet"), None));
        // The default is for messages.
        assert!(rules.reply_to(&event("VIEW", "x"), noon()).is_none());
    }

    /// A try answers what a callback is answered.
    #[test]
    fn a_try_says_what_a_callback_would_be_said() {
        let rules = rules();
        let occasion =
            |msg_type: &str, event: Option<&str>, key: Option<&str>, text: Option<&str>| Occasion {
                openid: "oPerson".parse().unwrap(),
                msg_type: msg_type.to_owned(),
                event: event.map(str::to_owned),
                key: key.map(str::to_owned),
                text: text.map(str::to_owned),
            };
        for (tried, real, index) in [
            (
                occasion("text", None, None, Some(" PRICE ")),
                text(" PRICE "),
                Some(0),
            ),
            (
                occasion("text", None, None, Some("order 42")),
                text("order 42"),
                Some(2),
            ),
            (
                occasion("event", Some("subscribe"), Some("618"), None),
                event("subscribe", "qrscene_618"),
                Some(3),
            ),
            (
                occasion("event", Some("click"), Some("V1"), None),
                event("CLICK", "V1"),
                Some(4),
            ),
            (
                occasion("event", Some("CLICK"), Some("V2"), None),
                event("CLICK", "V2"),
                Some(5),
            ),
            (
                occasion("text", None, None, Some("else")),
                text("else"),
                None,
            ),
        ] {
            let said = rules.answer_to(&tried, noon()).unwrap();
            assert_eq!(said.index, index, "{tried:?}");
            let matched = rules.reply_to(&real, noon()).unwrap();
            assert_eq!(said.answer.into_reply(), matched.reply, "{tried:?}");
        }
        assert!(
            rules
                .answer_to(&occasion("event", Some("VIEW"), Some("x"), None), noon())
                .is_none()
        );
    }

    #[test]
    fn hours_hold_over_midnight_and_by_day() {
        let hours = |from: &str, until: &str, days: &[&str]| Hours {
            from: from.into(),
            until: until.into(),
            days: days.iter().map(|day| (*day).into()).collect(),
            time_zone: None,
        };
        assert!(hours("09:00", "18:00", &[]).hold(noon()));
        assert!(!hours("18:00", "09:00", &[]).hold(noon()));
        assert!(hours("22:00", "13:00", &["thu"]).hold(noon()));
        assert!(!hours("22:00", "13:00", &["fri"]).hold(noon()));
        assert!(hours("12:00", "12:01", &["fri"]).hold(noon()));
        assert!(!hours("11:00", "12:00", &[]).hold(noon()));
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let wrong = set(serde_json::json!({
            "rules": [
                {"name": "", "when": {"text": {"regex": "("}}, "reply": {"type": "text", "content": ""}},
                {"name": "a", "when": {"between": {"from": "9:00", "until": "25:00", "days": ["friday"], "time_zone": "Mars/One"}}, "reply": {"type": "text", "content": "{{nobody}}"}},
                {"name": "a", "reply": {"type": "news", "articles": []}}
            ]
        }))
        .violations(AccountKind::OfficialAccount);
        let pointers: Vec<_> = wrong.iter().map(|v| v.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/rules/0/name",
                "/rules/0/when/text/regex",
                "/rules/0/reply/content",
                "/rules/1/when/between/from",
                "/rules/1/when/between/until",
                "/rules/1/when/between/days",
                "/rules/1/when/between/time_zone",
                "/rules/1/reply/content",
                "/rules/2/name",
                "/rules/2/reply/articles",
            ]
        );
    }

    #[test]
    fn mini_programs_may_only_transfer() {
        let one = |reply: serde_json::Value| {
            set(serde_json::json!({"rules": [{"name": "a", "reply": reply}]}))
                .violations(AccountKind::MiniProgram)
        };
        assert_eq!(
            one(serde_json::json!({"type": "text", "content": "hi"}))[0].rule,
            "mini_program"
        );
        assert!(one(serde_json::json!({"type": "transfer_customer_service"})).is_empty());
    }

    #[test]
    fn variables_cannot_make_a_text_too_long_to_be_shown() {
        let rules = set(serde_json::json!({
            "rules": [{"name": "echo", "reply": {"type": "text", "content": "{{text}}{{text}}"}}]
        }));
        let said = says(&rules, &text(&"汉".repeat(600))).unwrap();
        assert!(said.len() <= LONGEST_TEXT && said.ends_with('…'));
    }

    #[test]
    fn rules_read_back_from_toml_like_shapes() {
        let rules = rules();
        let json = serde_json::to_value(&rules).unwrap();
        assert_eq!(set(json), rules);
    }
}
