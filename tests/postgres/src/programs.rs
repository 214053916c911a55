//! Finding PostgreSQL's programs and somebody to run them as.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian and its kin keep the programs, a folder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The folder with `initdb` and `postgres`: on the path, or the newest version
/// that is installed.
pub(crate) fn folder() -> PathBuf {
    let on_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(VERSIONS)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_unstable_by_key(|&(version, _)| std::cmp::Reverse(version));
    on_path
        .chain(versions.into_iter().map(|(_, folder)| folder))
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .unwrap_or_else(|| {
            panic!(
                "PostgreSQL is not installed: run scripts/setup.sh test, or set \
                 HONGYAN_TEST_POSTGRES to the URL of a running server"
            )
        })
}

/// User and group that the server runs as, where it must be another than ours:
/// PostgreSQL refuses to run as root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) user: u32,
    pub(crate) group: u32,
}

/// `None` = run it as we are.
pub(crate) fn owner(home: &Path) -> Option<Owner> {
    use std::os::unix::fs::MetadataExt;

    // What we have just made belongs to us.
    if std::fs::metadata(home).unwrap().uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let of = |name: &str| {
        let line = users
            .lines()
            .find(|line| line.starts_with(&format!("{name}:")))?;
        let mut ids = line.split(':').skip(2);
        Some(Owner {
            user: ids.next()?.parse().ok()?,
            group: ids.next()?.parse().ok()?,
        })
    };
    let owner = of("postgres").or_else(|| of("nobody"));
    Some(owner.expect("root needs a user to run PostgreSQL as, such as postgres"))
}

/// A command that runs as that user.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>, owner: Option<Owner>) -> Command {
    use std::os::unix::process::CommandExt;

    let mut command = Command::new(program);
    if let Some(owner) = owner {
        command.uid(owner.user).gid(owner.group);
    }
    // Messages that are looked for in tests are in English; and the folder we
    // stand in may be closed to that user.
    command.env("LC_ALL", "C").current_dir("/");
    command
}
