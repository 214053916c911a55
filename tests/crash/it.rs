//! A short run: some twenty seconds of what `crash` does for hours.

#![expect(clippy::unwrap_used, reason = "a test: what cannot be had ends it")]

use std::process::{Command, Stdio};

fn crash(arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_crash"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn ten_kills_lose_and_double_nothing_on_sqlite() {
    crash(&["--seed", "1", "--kills", "10", "--rate", "150"]);
}

#[test]
fn ten_kills_leave_nobody_of_a_broadcast_out_and_tell_nobody_twice() {
    crash(&[
        "--seed",
        "2",
        "--kills",
        "10",
        "--rate",
        "50",
        "--broadcast",
        "5000",
    ]);
}

#[test]
fn ten_kills_lose_and_double_nothing_on_postgresql_with_three_gateways() {
    crash(&[
        "--seed",
        "1",
        "--kills",
        "10",
        "--rate",
        "150",
        "--nodes",
        "3",
        "--database",
        "postgres",
    ]);
}
