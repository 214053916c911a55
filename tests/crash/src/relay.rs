//! A network that can break: a port that stays, in front of a server whose port
//! changes with every start.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Hands connections on. Dropping it closes the port; connections stay until cut.
#[derive(Debug)]
pub(crate) struct Relay {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    wires: Arc<watch::Sender<Wires>>,
    listening: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Clone, Copy)]
struct Wires {
    /// Where connections go; `None` = they are closed at once.
    to: Option<SocketAddr>,
    /// Counts the cuts.
    cuts: u64,
}

impl Relay {
    /// Listens on a free port and leads nowhere yet.
    ///
    /// # Errors
    /// When no port can be had.
    pub(crate) async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let wires = Arc::new(watch::Sender::new(Wires { to: None, cuts: 0 }));
        let watched = Arc::clone(&wires);
        let listening = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((near, _)) => drop(tokio::spawn(carry(near, watched.subscribe()))),
                    // Out of descriptors: some come free when connections end.
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        });
        Ok(Self {
            address,
            wires,
            listening,
        })
    }

    /// New connections go there from now on; those that are open stay.
    pub(crate) fn lead_to(&self, to: Option<SocketAddr>) {
        self.wires.send_modify(|wires| wires.to = to);
    }

    /// Breaks all open connections.
    pub(crate) fn cut(&self) {
        self.wires.send_modify(|wires| wires.cuts += 1);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn carry(mut near: TcpStream, mut wires: watch::Receiver<Wires>) {
    let Wires { to: Some(to), cuts } = *wires.borrow_and_update() else {
        return;
    };
    let Ok(mut far) = TcpStream::connect(to).await else {
        return;
    };
    // Both only delay where they fail.
    let _ = near.set_nodelay(true);
    let _ = far.set_nodelay(true);
    tokio::select! {
        // Either end's fault is that end's business.
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = wires.wait_for(|now| now.cuts != cuts) => {}
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn it_carries_until_it_is_cut() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay::open().await.unwrap();
        let mut nowhere = TcpStream::connect(relay.address).await.unwrap();
        assert_eq!(nowhere.read(&mut [0; 8]).await.unwrap_or(0), 0);

        relay.lead_to(Some(server.local_addr().unwrap()));
        let mut near = TcpStream::connect(relay.address).await.unwrap();
        let (mut far, _) = server.accept().await.unwrap();
        near.write_all(b"goose").await.unwrap();
        let mut seen = [0; 5];
        far.read_exact(&mut seen).await.unwrap();
        assert_eq!(&seen, b"goose");
        relay.cut();
        assert_eq!(near.read(&mut seen).await.unwrap_or(0), 0);
    }
}
