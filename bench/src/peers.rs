//! What one would use instead of a gateway: SDKs that send to the same sandbox,
//! by the scripts in `bench/peers`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::failure::{Failure, system};
use crate::figures::{CpuEach, Peer, Rate};
use crate::load::{micros_each, per_second};
use crate::stage::{DATA, Stage};

/// Names as the goals know them.
pub(crate) const LOOP: &str = "wechatpy in a loop";
pub(crate) const THREADS: &str = "wechatpy, 16 threads";
pub(crate) const NPM: &str = "co-wechat-api, 64 in flight";

/// What installs them.
pub(crate) const REMEDY: &str = "run scripts/setup.sh test";

/// How much longer than its job a script may take to start and end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Each of them for so long, one after the other. One that is missing or fails
/// says so in its place.
///
/// # Errors
/// When the sandbox does not do its part.
pub(crate) async fn measure(stage: &Stage, time: Duration) -> Result<Vec<Peer>, Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = installed(&root, "python", None);
    let node = installed(&root, "node", Some("node"));
    let mut peers = Vec::new();
    for (name, interpreter, script, lanes) in [
        (LOOP, &python, "wechatpy_send.py", "1"),
        (THREADS, &python, "wechatpy_send.py", "16"),
        (NPM, &node, "co_wechat_api_send.js", "64"),
    ] {
        let result = match interpreter {
            None => Err(format!("not installed: {REMEDY}")),
            Some(interpreter) => {
                let script = root.join("bench/peers").join(script);
                let mut command = Command::new(interpreter);
                command.arg(script).arg(lanes);
                run(stage, command, time).await?
            }
        };
        peers.push(Peer { name, result });
    }
    Ok(peers)
}

/// Where an interpreter is: the one of that name on the path, or that of the
/// tests.
fn installed(root: &Path, name: &str, on_path: Option<&str>) -> Option<PathBuf> {
    let on_path = on_path.and_then(|name| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|program| program.is_file())
    });
    on_path.or_else(|| Some(root.join(".venv/bin").join(name)).filter(|program| program.is_file()))
}

/// The last line a script prints.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Report {
    Done {
        sent: u64,
        seconds: f64,
        cpu_seconds: f64,
    },
    Missing {
        missing: String,
    },
}

async fn run(
    stage: &Stage,
    mut command: Command,
    time: Duration,
) -> Result<Result<Rate, String>, Failure> {
    // One of its own: the tokens of one account end each other.
    let account = stage.official().await?;
    let data: Map<String, Value> = DATA
        .into_iter()
        .map(|(key, value)| (key.to_owned(), json!({ "value": value })))
        .collect();
    let job = json!({
        "url": format!("http://{}", stage.sandbox.address),
        "appid": account.appid,
        "secret": account.secret,
        "template_id": account.template_id,
        "openids": account.openids,
        "data": data,
        "seconds": time.as_secs_f64(),
    });
    let before = stage.sandbox.cpu()?;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(system("cannot start an SDK's script"))?;
    if let Some(mut input) = child.stdin.take() {
        // One that does not read it has something else to say.
        let _ = input.write_all(job.to_string().as_bytes()).await;
    }
    let ended = tokio::time::timeout(time + PATIENCE, child.wait_with_output()).await;
    let output = match ended {
        Ok(output) => output.map_err(system("an SDK's script"))?,
        Err(_) => return Ok(Err("does not come to an end".to_owned())),
    };
    let sandbox = stage.sandbox.cpu()?.saturating_sub(before);
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let (rate, sent) = match understand(&said, &errors, sandbox) {
        Ok(done) => done,
        Err(reason) => return Ok(Err(reason)),
    };
    // What it counted must have come, and the one before the clock ran.
    let target = format!("/deliveries?appid={}&limit=0", account.appid);
    let arrived = stage.sandbox(&target).await?["total"].as_u64();
    Ok(if arrived == Some(sent + 1) {
        Ok(rate)
    } else {
        Err(format!("counted {sent} and one, but {arrived:?} arrived"))
    })
}

/// The rate a script tells and how many it sent, or why there is none.
fn understand(said: &str, errors: &str, sandbox: Duration) -> Result<(Rate, u64), String> {
    let report = said.lines().last().map(serde_json::from_str);
    match report {
        Some(Ok(Report::Done {
            sent,
            seconds,
            cpu_seconds,
        })) => {
            let time = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
            let rate = Rate {
                per_s: per_second(sent, time(seconds)),
                cpu: CpuEach {
                    gateway_us: 0.0,
                    sandbox_us: micros_each(sandbox, sent),
                    load_us: micros_each(time(cpu_seconds), sent),
                    postgres_us: None,
                },
            };
            Ok((rate, sent))
        }
        Some(Ok(Report::Missing { missing })) => Err(format!("{missing}: {REMEDY}")),
        _ => Err(match errors.lines().last() {
            Some(line) => format!("failed: {line}"),
            None => "failed without a word".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_rate_or_a_reason() {
        let done = r#"{"sent": 3000, "seconds": 2.0, "cpu_seconds": 1.5}"#;
        let (rate, sent) = understand(done, "", Duration::from_millis(30)).unwrap();
        assert_eq!(sent, 3000);
        assert!((rate.per_s - 1500.0).abs() < 1e-6);
        assert!((rate.cpu.load_us - 500.0).abs() < 1e-6);
        assert!((rate.cpu.sandbox_us - 10.0).abs() < 1e-6);
        for (said, errors, words) in [
            (r#"{"missing": "it"}"#, "", "it: run scripts/setup.sh test"),
            ("", "Traceback\nValueError: no", "failed: ValueError: no"),
            ("", "", "without a word"),
        ] {
            let reason = understand(said, errors, Duration::ZERO).unwrap_err();
            assert!(reason.contains(words), "{reason}");
        }
    }

    #[test]
    fn an_interpreter_that_is_not_there_is_not_found() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(installed(root.path(), "python", None), None);
        let folder = root.path().join(".venv/bin");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("python"), "").unwrap();
        let found = installed(root.path(), "python", Some("no-such-program"));
        assert_eq!(found, Some(folder.join("python")));
    }
}
