//! Starts a PostgreSQL server, prints its URL and keeps it until standard input
//! is closed: several test programs share it by `HONGYAN_TEST_POSTGRES`.
#![expect(
    clippy::print_stdout,
    reason = "the URL is what whoever starts it waits for"
)]

use std::io::{Read as _, Write as _};

use hongyan_test_postgres::{Server, Settings};

fn main() -> std::io::Result<()> {
    let settings = Settings {
        durable: std::env::args().any(|argument| argument == "--durable"),
        ..Settings::default()
    };
    let server = Server::start(&settings);
    println!("{}", server.url());
    std::io::stdout().flush()?;
    let mut nothing = [0; 256];
    while std::io::stdin().read(&mut nothing)? > 0 {}
    drop(server);
    Ok(())
}
