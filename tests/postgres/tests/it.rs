//! The server of tests, itself tested.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hongyan_test_postgres::{Server, Settings, Stop};
use tokio_postgres::NoTls;

async fn answers(url: &str) -> bool {
    let Ok((client, connection)) = tokio_postgres::connect(url, NoTls).await else {
        return false;
    };
    tokio::spawn(connection);
    client.batch_execute("SELECT 1").await.is_ok()
}

#[tokio::test]
async fn the_program_serves_until_its_input_is_closed() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_hongyan-test-postgres"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(program.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    assert!(answers(url.trim()).await, "{url}");
    drop(program.stdin.take());
    assert!(program.wait().unwrap().success());
    assert!(!answers(url.trim()).await);
}

/// As when a test is stopped from outside: nobody tidies up then.
#[tokio::test]
async fn the_server_ends_with_a_program_that_is_killed() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_hongyan-test-postgres"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(program.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    program.kill().unwrap();
    program.wait().unwrap();
    let begin = Instant::now();
    while answers(url.trim()).await {
        assert!(begin.elapsed() < Duration::from_secs(20), "it goes on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn databases_live_through_a_crash_and_go_with_their_value() {
    let server = Server::start(&Settings::default());
    let database = server.database();
    for how in [Stop::Fast, Stop::Immediate, Stop::Kill] {
        server.stop(how);
        assert!(!answers(database.url()).await);
        server.resume();
        assert!(answers(database.url()).await, "{how:?}");
    }
    let url = database.url().to_owned();
    drop(database);
    // Orders are carried out one after the other.
    drop(server.empty_database());
    assert!(!answers(&url).await);
}
