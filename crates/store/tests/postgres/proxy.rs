//! A way to the server on which requests and answers get lost at the worst
//! moment.
//!
//! It knows of PostgreSQL's protocol (documentation, chapter 55) only where
//! messages begin and end, so as to break off when the server has done all it
//! was asked for and before anybody hears of it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What happens to the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// It never reaches the server.
    Request,
    /// The server carries it out, but nobody hears of it.
    Answer,
}

/// By what a step is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is the end of a transaction.
    Commit,
    /// It is a single statement.
    Statement,
}

/// The next loss, until it has happened.
pub(super) type Plan = Arc<Mutex<Option<(Loss, Step)>>>;

/// Starts a proxy to the server of `url`; returns the URL through it.
pub(super) async fn start(url: &str, plan: Plan) -> String {
    let server = url.split('@').nth(1).unwrap().split('/').next().unwrap();
    let address: SocketAddr = server.parse().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let through = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            // That a connection ends, in whatever way, is what it is for.
            tokio::spawn(carry(client, address, Arc::clone(&plan)));
        }
    });
    format!("{}?sslmode=disable", url.replace(server, &through))
}

async fn carry(mut client: TcpStream, address: SocketAddr, plan: Plan) -> io::Result<()> {
    let mut server = TcpStream::connect(address).await?;
    let (mut asked, mut said) = (Frames::default(), Frames::default());
    asked.is_first = true;
    // The server says that it is ready once without being asked.
    let mut owed = 1_usize;
    let mut is_listener = false;
    let (mut from_client, mut from_server) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let chunk = &from_client[..read?];
                if chunk.is_empty() {
                    return Ok(());
                }
                let types = asked.take(chunk);
                is_listener |= contains(chunk, b"LISTEN");
                let loss = if is_listener { None } else { due(&plan, chunk, &types) };
                if loss == Some(Loss::Request) {
                    return Ok(());
                }
                owed += types.iter().filter(|t| matches!(t, b'S' | b'Q')).count();
                server.write_all(chunk).await?;
                if loss == Some(Loss::Answer) {
                    while owed > 0 {
                        let read = server.read(&mut from_server).await?;
                        assert!(read > 0, "the server ended in the middle");
                        owed -= readies(&said.take(&from_server[..read]));
                    }
                    return Ok(());
                }
            }
            read = server.read(&mut from_server) => {
                let chunk = &from_server[..read?];
                if chunk.is_empty() {
                    return Ok(());
                }
                owed -= readies(&said.take(chunk));
                client.write_all(chunk).await?;
            }
        }
    }
}

/// Takes the loss that is planned for such a chunk.
fn due(plan: &Plan, chunk: &[u8], types: &[u8]) -> Option<Loss> {
    let mut plan = plan.lock().unwrap();
    let (loss, step) = (*plan)?;
    let is_it = match step {
        Step::Commit => contains(chunk, b"COMMIT\0"),
        Step::Statement => types.contains(&b'E'),
    };
    is_it.then(|| {
        *plan = None;
        loss
    })
}

fn contains(chunk: &[u8], word: &[u8]) -> bool {
    chunk.windows(word.len()).any(|part| part == word)
}

/// How often the server said that it is ready for more.
fn readies(types: &[u8]) -> usize {
    types.iter().filter(|&&t| t == b'Z').count()
}

/// Cuts a stream into messages.
#[derive(Default)]
struct Frames {
    rest: Vec<u8>,
    /// The first message of a client has no type.
    is_first: bool,
}

impl Frames {
    /// The types of the messages that are complete with this chunk.
    fn take(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.rest.extend_from_slice(chunk);
        let mut types = Vec::new();
        loop {
            let head = usize::from(!self.is_first);
            let Some(length) = self.rest.get(head..head + 4) else {
                return types;
            };
            let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
            if self.rest.len() < head + length {
                return types;
            }
            types.push(if self.is_first { b'-' } else { self.rest[0] });
            self.is_first = false;
            self.rest.drain(..head + length);
        }
    }
}
