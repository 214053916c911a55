//! Holds the workspace to its plan: who may depend on whom, which libraries stay
//! behind which fence, under which licences, and from where.
//!
//! The plan is the table below; `docs/architecture.md` says it in words. What
//! breaks it is named in one sentence.

#![expect(clippy::unwrap_used, reason = "a test: what cannot be read ends it")]

mod graph;
mod licence;

use graph::{Graph, Package, REGISTRY};

/// A crate of ours and those of ours it may use when it runs. Tests may set
/// their stage with any crate, so development dependencies are free.
const LAYERS: [(&str, &[&str]); 8] = [
    ("hongyan-wechat", &[]),
    ("hongyan-domain", &["hongyan-wechat"]),
    ("hongyan-engine", &["hongyan-domain", "hongyan-wechat"]),
    ("hongyan-store", &["hongyan-domain", "hongyan-wechat"]),
    ("hongyan-api", &[]),
    (
        "hongyan-gateway",
        &[
            "hongyan-api",
            "hongyan-domain",
            "hongyan-engine",
            "hongyan-wechat",
        ],
    ),
    ("hongyan-sandbox", &[]),
    (
        "hongyan",
        &[
            "hongyan-api",
            "hongyan-domain",
            "hongyan-engine",
            "hongyan-gateway",
            "hongyan-sandbox",
            "hongyan-store",
            "hongyan-wechat",
        ],
    ),
];

/// Crates of ours that are no part of the product and may see everything.
const WORKSHOP: [&str; 5] = [
    "hongyan-bench",
    "hongyan-crash",
    "hongyan-layers",
    "hongyan-test-postgres",
    "hongyan-testkit",
];

/// Libraries that only some crates of ours may name, and why.
const FENCES: [(&[&str], &[&str], &str); 9] = [
    (
        &[
            "rusqlite",
            "libsqlite3-sys",
            "sqlx",
            "postgres",
            "tokio-postgres",
            "tokio-postgres-rustls",
            "deadpool-postgres",
            "diesel",
        ],
        &["hongyan-store"],
        "SQL lives behind the ports of the domain",
    ),
    (
        &["axum", "tower-http", "utoipa-axum", "utoipa-swagger-ui"],
        &["hongyan-gateway", "hongyan-sandbox"],
        "only they answer HTTP",
    ),
    (
        &[
            "clap",
            "clap_complete",
            "comfy-table",
            "indicatif",
            "tracing-subscriber",
        ],
        &["hongyan"],
        "the command line and the configuration belong to the binary",
    ),
    (
        &["toml"],
        &["hongyan-gateway", "hongyan"],
        "files are read by the binary; the gateway takes reply rules as they stand in one",
    ),
    (
        &["reqwest"],
        &["hongyan-api", "hongyan-engine", "hongyan"],
        "WeChat is called through hongyan-wechat alone; the engine calls the owner's own programs",
    ),
    (
        &["tokio"],
        &[
            "hongyan-wechat",
            "hongyan-engine",
            "hongyan-store",
            "hongyan-gateway",
            "hongyan-sandbox",
            "hongyan",
        ],
        "the domain and the wire types know no runtime",
    ),
    (
        &["aes-gcm"],
        &["hongyan-store"],
        "secrets are sealed in one place",
    ),
    (
        &["prometheus-client", "prometheus", "metrics"],
        &["hongyan-engine", "hongyan-gateway"],
        "the engine counts, the gateway answers scrapes",
    ),
    (
        &[
            "opentelemetry",
            "opentelemetry_sdk",
            "opentelemetry-otlp",
            "opentelemetry-proto",
            "prost",
            "tracing-opentelemetry",
        ],
        &["hongyan"],
        "the engine hands out plain spans; who takes them is the binary's business",
    ),
];

/// Libraries of `hongyan-wechat` that must stay behind its feature `hyper`, so
/// that the types come without a runtime.
const BEHIND_A_FEATURE: [&str; 5] = ["tokio", "hyper", "hyper-util", "hyper-rustls", "rustls"];

/// What must not be linked at all, and why.
const REFUSED: [(&str, &str); 4] = [
    (
        "openssl-sys",
        "TLS is rustls, so that the binary needs no system library",
    ),
    (
        "native-tls",
        "TLS is rustls, so that the binary needs no system library",
    ),
    (
        "aws-lc-rs",
        "ring is the one provider of cryptography for TLS (docs/adr/0003)",
    ),
    ("chrono", "time is jiff"),
];

/// What the domain must never reach for in its sources.
const UNKNOWN_TO_THE_DOMAIN: [&str; 6] = [
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "tokio::",
    "std::net::Tcp",
];

fn who_may_use_whom(graph: &Graph) -> Vec<String> {
    let mut faults = Vec::new();
    for package in graph.ours() {
        let name = package.name.as_str();
        if WORKSHOP.contains(&name) {
            continue;
        }
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
            faults.push(format!(
                "{name} has no place in the table of layers: give it one in tests/layers and docs/architecture.md"
            ));
            continue;
        };
        for used in package.runtime().filter(|used| graph.is_ours(&used.name)) {
            if WORKSHOP.contains(&used.name.as_str()) {
                faults.push(format!(
                    "{name} depends on {}, which may only be a development dependency",
                    used.name
                ));
            } else if !allowed.contains(&used.name.as_str()) {
                let list = if allowed.is_empty() {
                    "no crate of ours".to_owned()
                } else {
                    allowed.join(", ")
                };
                faults.push(format!(
                    "{name} depends on {}, but may use {list}",
                    used.name
                ));
            }
        }
    }
    faults
}

fn fences(graph: &Graph) -> Vec<String> {
    let mut faults = Vec::new();
    for package in graph
        .ours()
        .filter(|package| !WORKSHOP.contains(&package.name.as_str()))
    {
        for used in package.runtime() {
            for (fenced, allowed, reason) in FENCES {
                if fenced.contains(&used.name.as_str()) && !allowed.contains(&package.name.as_str())
                {
                    faults.push(format!(
                        "{} depends on {}, which only {} may: {reason}",
                        package.name,
                        used.name,
                        allowed.join(", ")
                    ));
                }
            }
        }
    }
    faults
}

fn types_without_a_runtime(graph: &Graph) -> Vec<String> {
    let mut faults = Vec::new();
    for package in graph.ours() {
        for used in package.runtime() {
            let name = used.name.as_str();
            if package.name == "hongyan-wechat"
                && BEHIND_A_FEATURE.contains(&name)
                && !used.optional
            {
                faults.push(format!(
                    "hongyan-wechat depends on {name} always; it belongs behind the feature `hyper`"
                ));
            }
            let asks_for_transport = used.uses_default_features
                || used.features.iter().any(|feature| feature == "hyper");
            if package.name == "hongyan-domain" && name == "hongyan-wechat" && asks_for_transport {
                faults.push(
                    "hongyan-domain asks hongyan-wechat for its transport; it may use the types alone".to_owned(),
                );
            }
        }
    }
    faults
}

fn refused_libraries(graph: &Graph) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, reason) in REFUSED {
        if graph.is_linked(name) {
            faults.push(format!(
                "{} brings in {name}: {reason}",
                graph.users_of(name).join(", ")
            ));
        }
    }
    faults
}

fn licences(graph: &Graph) -> Vec<String> {
    graph
        .packages
        .iter()
        .filter_map(|package| {
            let named = format!("{} {}", package.name, package.version);
            match package.license.as_deref() {
                None => Some(format!("{named} names no licence")),
                Some(text) => match licence::is_allowed(text) {
                    Ok(true) => None,
                    Ok(false) => Some(format!(
                        "{named} is under {text:?}, which is not on the list"
                    )),
                    Err(reason) => Some(format!("{named} is under {text:?}: {reason}")),
                },
            }
        })
        .collect()
}

fn sources(graph: &Graph) -> Vec<String> {
    graph
        .packages
        .iter()
        .filter_map(|package| match package.source.as_deref() {
            Some(source) if source.starts_with(REGISTRY) => None,
            None if graph.is_ours(&package.name) => None,
            None => Some(format!(
                "{} comes from a path outside the workspace",
                package.name
            )),
            Some(other) => Some(format!(
                "{} comes from {other}, not from the package registry",
                package.name
            )),
        })
        .collect()
}

fn shared_lints(package: &Package) -> Option<String> {
    let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
    (!manifest
        .replace(' ', "")
        .contains("[lints]\nworkspace=true"))
    .then(|| {
        format!(
            "{} does not take part in the workspace's lints",
            package.name
        )
    })
}

/// Fails with one line for each fault.
fn expect_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn crates_use_only_those_below_them() {
    expect_none(&who_may_use_whom(Graph::of_the_workspace()));
}

#[test]
fn libraries_stay_behind_their_fences() {
    let graph = Graph::of_the_workspace();
    expect_none(&fences(graph));
    expect_none(&types_without_a_runtime(graph));
    expect_none(&refused_libraries(graph));
}

#[test]
fn everything_may_be_passed_on_under_a_known_licence() {
    expect_none(&licences(Graph::of_the_workspace()));
}

#[test]
fn everything_comes_from_crates_io() {
    expect_none(&sources(Graph::of_the_workspace()));
}

#[test]
fn every_crate_takes_part_in_the_lints() {
    let faults: Vec<_> = Graph::of_the_workspace()
        .ours()
        .filter_map(shared_lints)
        .collect();
    expect_none(&faults);
}

#[test]
fn the_domain_reaches_for_nothing_outside() {
    let mut faults = Vec::new();
    for (path, text) in graph::sources_of("crates/domain/src") {
        for (n, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in UNKNOWN_TO_THE_DOMAIN {
                if code.contains(word) {
                    faults.push(format!(
                        "{}:{} names {word}; the domain does no I/O",
                        path.display(),
                        n + 1
                    ));
                }
            }
        }
    }
    expect_none(&faults);
}

/// The checks see what they are for, shown on a workspace that breaks each rule.
mod on_a_bad_workspace {
    use super::*;

    fn graph() -> Graph {
        Graph::parse(include_str!("bad-workspace.json")).unwrap()
    }

    #[test]
    fn a_wrong_edge_is_named() {
        assert_eq!(
            who_may_use_whom(&graph()),
            [
                "hongyan-domain depends on hongyan-store, but may use hongyan-wechat",
                "hongyan-domain depends on hongyan-testkit, which may only be a development dependency",
                "hongyan-sandbox depends on hongyan-wechat, but may use no crate of ours",
                "hongyan-new has no place in the table of layers: give it one in tests/layers and docs/architecture.md",
            ]
        );
    }

    #[test]
    fn a_broken_fence_is_named() {
        assert_eq!(
            fences(&graph()),
            [
                "hongyan-domain depends on rusqlite, which only hongyan-store may: SQL lives behind the ports of the domain"
            ]
        );
        assert_eq!(
            types_without_a_runtime(&graph()),
            [
                "hongyan-wechat depends on tokio always; it belongs behind the feature `hyper`",
                "hongyan-domain asks hongyan-wechat for its transport; it may use the types alone",
            ]
        );
        assert_eq!(
            refused_libraries(&graph()),
            [
                "rusqlite brings in openssl-sys: TLS is rustls, so that the binary needs no system library"
            ]
        );
    }

    #[test]
    fn a_foreign_licence_or_source_is_named() {
        assert_eq!(
            licences(&graph()),
            [
                "rusqlite 1.0.0 is under \"GPL-3.0-only\", which is not on the list",
                "openssl-sys 1.0.0 names no licence",
            ]
        );
        assert_eq!(
            sources(&graph()),
            ["rusqlite comes from git+ssh://example.org/fork, not from the package registry"]
        );
    }
}
