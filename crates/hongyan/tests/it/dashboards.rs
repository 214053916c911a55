//! The dashboard, the alerts and the document against what a gateway really
//! answers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hongyan_api::{EventType, NewWebhook, SendOptions, Sent};
use hongyan_testkit::scrape::Scrape;
use serde_json::{Value, json};

use crate::stage::Stage;

/// A query asks for a metric by these labels and, where it says so plainly,
/// these values.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    metric: String,
    labels: BTreeMap<String, BTreeSet<String>>,
}

/// Labels that Prometheus adds, and the buckets of histograms.
const GIVEN: [&str; 3] = ["job", "instance", "le"];

/// What Prometheus itself keeps.
const FOREIGN: [&str; 1] = ["up"];

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// The words of a query: names, texts in quotes, and single signs.
fn words(query: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '$');
    let mut words = Vec::new();
    let mut rest = query.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => rest[1..].find('"').unwrap() + 2,
            // A range says nothing about names.
            '[' => rest.find(']').unwrap() + 1,
            c if is_name(c) => rest.find(|c| !is_name(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        words.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    words
}

/// What a PromQL query asks for. The labels after `by` and `on` belong to all
/// its metrics.
fn asked(query: &str) -> Vec<Asked> {
    let words = words(query);
    let mut found: Vec<Asked> = Vec::new();
    let mut shared = BTreeSet::new();
    let mut at = 0;
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    while at < words.len() {
        let one = word(at);
        at += 1;
        match one {
            "by" | "on" | "without" | "ignoring" | "group_left" | "group_right" => {
                assert_eq!(word(at), "(", "{query}");
                while word(at) != ")" {
                    at += 1;
                    if !matches!(word(at), "," | ")") {
                        shared.insert(word(at).to_owned());
                    }
                }
                at += 1;
            }
            "and" | "or" | "unless" | "bool" => {}
            _ if !one.starts_with(|c: char| c.is_ascii_alphabetic()) => {}
            // A function or an aggregation.
            _ if matches!(word(at), "(" | "by" | "without") => {}
            metric => {
                let mut labels = BTreeMap::new();
                if word(at) == "{" {
                    while word(at) != "}" {
                        let (label, mut sign) = (word(at + 1), at + 2);
                        let mut operator = String::new();
                        while !word(sign).starts_with('"') {
                            operator.push_str(word(sign));
                            sign += 1;
                        }
                        let plain =
                            matches!(operator.as_str(), "=" | "=~") && !word(sign).contains('$');
                        let values = word(sign).trim_matches('"').split('|');
                        let values = values.filter(|_| plain).map(str::to_owned).collect();
                        labels.insert(label.to_owned(), values);
                        at = sign + 1;
                    }
                    at += 1;
                }
                found.push(Asked {
                    metric: metric.to_owned(),
                    labels,
                });
            }
        }
    }
    for one in &mut found {
        for label in &shared {
            one.labels.entry(label.clone()).or_default();
        }
    }
    found
}

/// What is asked for and not there.
fn missing(scrape: &Scrape, query: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let all = asked(query);
    for one in &all {
        if FOREIGN.contains(&one.metric.as_str()) {
            continue;
        }
        let samples: Vec<_> = scrape.named(&one.metric).collect();
        if samples.is_empty() {
            faults.push(format!("there is no {}: {query}", one.metric));
            continue;
        }
        for (label, values) in &one.labels {
            if GIVEN.contains(&label.as_str()) {
                continue;
            }
            let known: BTreeSet<_> = samples
                .iter()
                .filter_map(|sample| sample.labels.get(label))
                .collect();
            if known.is_empty() {
                faults.push(format!("{} has no label {label}: {query}", one.metric));
                continue;
            }
            for value in values.iter().filter(|value| !known.contains(value)) {
                faults.push(format!(
                    "{}'s {label} is never {value}: {query}",
                    one.metric
                ));
            }
        }
    }
    if all.is_empty() {
        faults.push(format!("nothing is asked for: {query}"));
    }
    faults
}

/// Everything under a key of this name, wherever it stands.
fn texts_under<'a>(key: &str, value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                match inner.as_str() {
                    Some(text) if name == key => found.push(text),
                    _ => texts_under(key, inner, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts_under(key, item, found)),
        _ => {}
    }
}

/// A gateway to which everything has happened that has a metric.
fn eventful() -> (Stage, Scrape) {
    let stage = Stage::open("[webhooks]\nallow_private = true\n", &[]);
    let client = stage.client();
    // An endpoint that is told nothing.
    let endpoint = NewWebhook {
        url: stage.sandbox_url.clone(),
        description: None,
        accounts: Vec::new(),
        events: vec![EventType::BroadcastFailed],
    };
    stage.block_on(client.add_webhook(&endpoint, None)).unwrap();
    let once = |key: &str| SendOptions {
        wait: Some(30),
        idempotency_key: Some(key.to_owned()),
    };
    let send = |key: &str, message| {
        let sent = stage.block_on(client.send(&message, &once(key))).unwrap();
        assert!(matches!(sent, Sent::Known(_)), "{sent:?}");
    };
    send("accepted", stage.message());
    send("accepted", stage.message());
    send("refused", stage.message_to("oNobodyHereKnowsThisOne00000"));
    // Another program refreshes the token.
    let body = json!({"grant_type": "client_credential", "appid": stage.appid, "secret": stage.secret, "force_refresh": true});
    let stolen = stage.block_on(async {
        let client = hongyan_testkit::http();
        let url = format!("{}/cgi-bin/stable_token", stage.sandbox_url);
        client.post(url).json(&body).send().await.unwrap().status()
    });
    assert!(stolen.is_success());
    send("robbed", stage.message());
    // The day's allowance, asked for.
    stage.block_on(client.sync_quota("shop")).unwrap();
    // A request that cannot be answered.
    let fault = json!({"path": "/cgi-bin/template/get_all_private_template", "effect": {"http_status": 500}});
    stage
        .sandbox
        .add_fault(serde_json::from_value(fault).unwrap())
        .unwrap();
    assert!(stage.block_on(client.sync_templates("shop")).is_err());
    let scrape = stage.scrape();
    (stage, scrape)
}

#[test]
fn dashboard_alerts_and_document_speak_of_what_there_is() {
    let (stage, scrape) = eventful();
    let mut faults = Vec::new();

    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/hongyan.json")).unwrap();
    let mut queries = Vec::new();
    texts_under("expr", &dashboard, &mut queries);
    assert!(queries.len() > 30, "{}", queries.len());
    let mut variables = Vec::new();
    texts_under("definition", &dashboard, &mut variables);
    assert_eq!(variables.len(), 3);
    let alerts = read("deploy/prometheus/alerts.yml");
    let rules: Vec<&str> = alerts
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("expr: "))
        .collect();
    assert_eq!(rules.len(), alerts.matches("- alert: ").count());
    for query in queries.iter().chain(&rules) {
        faults.extend(missing(&scrape, query));
    }
    for variable in variables {
        let inner = variable.strip_prefix("label_values(").unwrap();
        let (query, label) = inner.trim_end_matches(')').rsplit_once(", ").unwrap();
        faults.extend(missing(&scrape, &format!("max by ({label}) ({query})")));
    }

    for path in ["docs/observability.md", "docs/observability.zh-CN.md"] {
        let told = table(&read(path));
        let there = families(&scrape);
        for (name, row) in &told {
            match there.get(name) {
                None => faults.push(format!("{path}: there is no {name}")),
                Some(real) if real != row => {
                    faults.push(format!("{path}: {name} is {real:?}, not {row:?}"));
                }
                Some(_) => {}
            }
        }
        for name in there.keys().filter(|name| !told.contains_key(*name)) {
            faults.push(format!("{path} does not explain {name}"));
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
    // And none of it is secret.
    let told = format!("{:?}", scrape.samples);
    for secret in stage.secrets() {
        assert!(!told.contains(&secret), "{secret}");
    }
}

/// Type and labels of a family.
type Row = (String, BTreeSet<String>);

/// The rows of the document's table of metrics.
fn table(text: &str) -> BTreeMap<String, Row> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .filter(|(name, _)| name.starts_with("hongyan_") || name.starts_with("process_"))
        .map(|(name, rest)| {
            let mut cells = rest.split('|').map(str::trim);
            let of = cells.next().unwrap().to_owned();
            let labels = cells.next().unwrap().split(", ").filter(|l| !l.is_empty());
            (name.to_owned(), (of, labels.map(str::to_owned).collect()))
        })
        .collect()
}

fn families(scrape: &Scrape) -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = scrape
        .families
        .iter()
        .map(|(name, of)| (name.clone(), (of.clone(), BTreeSet::new())))
        .collect();
    for sample in &scrape.samples {
        let labels = sample.labels.keys().filter(|label| *label != "le").cloned();
        rows.get_mut(&sample.family).unwrap().1.extend(labels);
    }
    rows
}

#[test]
fn queries_are_taken_apart_and_faults_in_them_are_seen() {
    let query = "histogram_quantile(0.9, sum by (le, account) (rate(a_bucket{x=\"1|2\", y=~\"$z\"}[5m]))) > 0.5 * max(b) and on (c) up == 1";
    let found = asked(query);
    let names: Vec<_> = found.iter().map(|one| &*one.metric).collect();
    assert_eq!(names, ["a_bucket", "b", "up"]);
    let labels: Vec<_> = found[0].labels.keys().collect();
    assert_eq!(labels, ["account", "c", "le", "x", "y"]);
    assert_eq!(found[0].labels["x"].len(), 2);
    assert!(found[0].labels["y"].is_empty());

    let scrape = Scrape::parse("# TYPE a counter\na_total{k=\"v\"} 1\n# EOF\n");
    assert_eq!(
        missing(&scrape, "sum by (k) (rate(a_total{k=\"v\"}[1m]))"),
        [""; 0]
    );
    for bad in [
        "a",
        "a_total{l=\"v\"}",
        "a_total{k=\"w\"}",
        "sum by (l) (a_total)",
        "1",
    ] {
        assert_eq!(missing(&scrape, bad).len(), 1, "{bad}");
    }
}
