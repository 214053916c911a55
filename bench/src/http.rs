//! HTTP/1.1 as bare as it can be: whole requests out of ready bytes, answers by
//! their `Content-Length`. What generates load must cost less than what it
//! measures.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A kept connection with one request under way at most.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
}

/// An answer; its body lies in the connection's buffer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    /// HTTP status.
    pub(crate) status: u16,
    /// The whole body.
    pub(crate) body: &'a [u8],
}

impl Answer<'_> {
    /// Status and body for a person, cut to a line.
    pub(crate) fn shown(&self) -> String {
        let body = String::from_utf8_lossy(self.body);
        format!(
            "{} {}",
            self.status,
            body.chars().take(300).collect::<String>()
        )
    }
}

impl Connection {
    /// Connects, without Nagle's delay.
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            input: Vec::with_capacity(4096),
        })
    }

    /// Sends a whole request and reads the answer to it.
    ///
    /// # Errors
    /// When the connection breaks, or the answer has no `Content-Length`. The
    /// connection is of no further use then.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.input.clear();
        let head = loop {
            self.more().await?;
            if let Some(head) = Head::read(&self.input)? {
                break head;
            }
        };
        let end = head.length + head.body_length;
        self.input.reserve(end.saturating_sub(self.input.len()));
        while self.input.len() < end {
            self.more().await?;
        }
        Ok(Answer {
            status: head.status,
            body: &self.input[head.length..end],
        })
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// What must be known of an answer's head.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Of the head, with the empty line.
    length: usize,
    body_length: usize,
}

impl Head {
    /// `None` = the head has not arrived whole yet.
    fn read(input: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let odd = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let head = std::str::from_utf8(&input[..end]).map_err(|_| odd("the head is not UTF-8"))?;
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.strip_prefix("HTTP/1.1 "))
            .and_then(|rest| rest.get(..3))
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| odd("not an HTTP/1.1 answer"))?;
        let body_length = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse().ok())
            .ok_or_else(|| odd("the answer has no Content-Length"))?;
        Ok(Some(Self {
            status,
            length: end + 4,
            body_length,
        }))
    }
}

/// The bytes of a request. `headers` are whole lines without their ends.
pub(crate) fn request(
    method: &str,
    target: &str,
    address: SocketAddr,
    headers: &[&str],
    body: &str,
) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\nhost: {address}\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    if method != "GET" {
        let length = body.len();
        text.push_str("content-type: application/json; charset=utf-8\r\n");
        text.push_str(&format!("content-length: {length}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        let text = b"HTTP/1.1 202 Accepted\r\ncontent-type: x\r\nContent-Length: 5\r\n\r\nhel";
        assert_eq!(Head::read(&text[..40]).unwrap(), None);
        let head = Head::read(text).unwrap().unwrap();
        assert_eq!(
            head,
            Head {
                status: 202,
                length: text.len() - 3,
                body_length: 5
            }
        );
    }

    #[test]
    fn an_answer_of_unknown_length_is_refused() {
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert!(Head::read(chunked).is_err());
        assert!(Head::read(b"SSH-2.0-x\r\n\r\n").is_err());
    }

    #[tokio::test]
    async fn an_answer_in_pieces_is_put_together_and_the_connection_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = Vec::new();
            for piece in ["HTTP/1.1 200 OK\r\ncontent-le", "ngth: 4\r\n\r\na", "bcd"] {
                stream.write_all(piece.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
            while !seen.ends_with(b"second") {
                stream.read_buf(&mut seen).await.unwrap();
            }
            stream
                .write_all(b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n")
                .await
                .unwrap();
            String::from_utf8(seen).unwrap()
        });
        let mut connection = Connection::open(address).await.unwrap();
        let first = connection
            .exchange(&request("GET", "/a", address, &[], ""))
            .await
            .unwrap();
        assert_eq!((first.status, first.body), (200, &b"abcd"[..]));
        let second = request("POST", "/b", address, &["x-a: 1"], "second");
        let second = connection.exchange(&second).await.unwrap();
        assert_eq!((second.status, second.body), (404, &b""[..]));
        let seen = server.await.unwrap();
        assert!(seen.contains("POST /b HTTP/1.1\r\n") && seen.contains("content-length: 6\r\n"));
    }
}
