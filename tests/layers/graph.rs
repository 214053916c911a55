//! What cargo says about the workspace and everything it links.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde::Deserialize;

/// How cargo begins the name of a registry as a source. Another than the public
/// one would have to be set up in this repository, where it would be seen.
pub(crate) const REGISTRY: &str = "registry+";

/// The part of `cargo metadata` that the checks need.
#[derive(Debug, Deserialize)]
pub(crate) struct Graph {
    pub(crate) packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    kind: Option<String>,
    pub(crate) optional: bool,
    pub(crate) uses_default_features: bool,
    pub(crate) features: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Debug, Deserialize)]
struct Edge {
    pkg: String,
}

impl Package {
    /// Dependencies that are there when the crate runs or is built, not those
    /// of its tests.
    pub(crate) fn runtime(&self) -> impl Iterator<Item = &Dependency> {
        self.dependencies
            .iter()
            .filter(|used| used.kind.as_deref() != Some("dev"))
    }
}

impl Graph {
    pub(crate) fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// This workspace; asked of cargo once.
    pub(crate) fn of_the_workspace() -> &'static Self {
        static GRAPH: OnceLock<Graph> = OnceLock::new();
        GRAPH.get_or_init(|| {
            // Without the network first: where the workspace was built, all is at hand.
            let json = metadata(&["--locked", "--offline"])
                .or_else(|_| metadata(&["--locked"]))
                .unwrap_or_else(|words| panic!("cargo metadata failed:\n{words}"));
            Self::parse(&json).unwrap()
        })
    }

    /// The crates of the workspace.
    pub(crate) fn ours(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| self.workspace_members.contains(&package.id))
    }

    pub(crate) fn is_ours(&self, name: &str) -> bool {
        self.ours().any(|package| package.name == name)
    }

    /// Whether a library is linked on some platform.
    pub(crate) fn is_linked(&self, name: &str) -> bool {
        self.packages.iter().any(|package| package.name == name)
    }

    /// Who depends on a library directly.
    pub(crate) fn users_of(&self, name: &str) -> Vec<&str> {
        let wanted: BTreeSet<&str> = self
            .packages
            .iter()
            .filter(|package| package.name == name)
            .map(|package| package.id.as_str())
            .collect();
        let users: BTreeSet<&str> = self
            .resolve
            .nodes
            .iter()
            .filter(|node| {
                node.deps
                    .iter()
                    .any(|edge| wanted.contains(edge.pkg.as_str()))
            })
            .map(|node| node.id.as_str())
            .collect();
        self.packages
            .iter()
            .filter(|package| users.contains(package.id.as_str()))
            .map(|package| package.name.as_str())
            .collect()
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn metadata(options: &[&str]) -> Result<String, String> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1"])
        .args(options)
        .current_dir(root())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        String::from_utf8(output.stdout).map_err(|error| error.to_string())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The Rust sources under a directory of the workspace.
pub(crate) fn sources_of(directory: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut directories = vec![root().join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "no sources under {directory}");
    found
}
