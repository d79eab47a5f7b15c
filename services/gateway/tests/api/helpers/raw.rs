//! Byte for byte: a client and an upstream that write what no library would.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::PATIENCE;

/// A connection to write anything to.
pub struct Connection(BufReader<TcpStream>);

/// An answer as it came.
#[derive(Debug)]
pub struct RawReply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl RawReply {
    /// The body as JSON; null if it is something else.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The lines of a header, in lower case.
    pub fn header(&self, name: &str) -> Vec<String> {
        let head = self.head.to_ascii_lowercase();
        let values = head.lines().filter_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned));
        values.collect()
    }
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).await.expect("a connection")))
    }

    pub fn of(stream: TcpStream) -> Self {
        Self(BufReader::new(stream))
    }

    pub async fn write(&mut self, text: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(text.as_ref()).await.expect("a peer that reads");
    }

    /// Writes, unless the peer has gone.
    pub async fn try_write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes).await
    }

    /// Reads something, unless the peer has cut the connection; nothing at its end.
    pub async fn try_read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer).await
    }

    /// Reads up to the empty line.
    pub async fn read_head(&mut self) -> String {
        let reading = async {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                let count = self.0.read_line(&mut head).await.expect("a head");
                assert_ne!(count, 0, "the peer left within a head: {head:?}");
            }
            head
        };
        timeout(PATIENCE, reading).await.expect("a head in time")
    }

    /// The next head, without patience; nothing if the peer leaves.
    pub async fn next_head(&mut self) -> Option<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        Some(head)
    }

    /// Reads `count` bytes.
    pub async fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let reading = self.0.read_exact(&mut bytes);
        timeout(PATIENCE, reading).await.expect("bytes in time").expect("so many bytes");
        bytes
    }

    /// Reads until the peer closes, or cuts, the connection.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let reading = self.0.read_to_end(&mut bytes);
        // A cut connection ends the answer as well.
        let _cut = timeout(PATIENCE, reading).await.expect("an end in time");
        bytes
    }

    /// Reads as [`read_to_end`](Self::read_to_end) does, and keeps nothing; tells how much it was.
    pub async fn count_to_end(&mut self) -> usize {
        let (mut buffer, mut count) = (vec![0; 1 << 20], 0);
        while let Ok(read @ 1..) =
            timeout(PATIENCE, self.0.read(&mut buffer)).await.expect("bytes, or the end, in time")
        {
            count += read;
        }
        count
    }

    /// Waits until the peer has gone.
    pub async fn closed(&mut self) {
        self.read_to_end().await;
    }
}

/// Sends a head with `Connection: close` and reads the whole answer, whose body is not chunked.
pub async fn exchange(address: SocketAddr, head: &str) -> RawReply {
    let mut connection = Connection::open(address).await;
    let lines = head.trim().lines().map(str::trim).collect::<Vec<_>>().join("\r\n");
    connection.write(format!("{lines}\r\nConnection: close\r\n\r\n")).await;
    let head = connection.read_head().await;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body = connection.read_to_end().await;
    RawReply { status, head, body }
}

/// An upstream of which the test writes every byte.
pub struct RawUpstream {
    pub address: SocketAddr,
    listener: TcpListener,
}

impl RawUpstream {
    pub async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self { address: listener.local_addr().expect("a bound listener"), listener }
    }

    /// The next connection on which a request arrives, and its head; the fetch of `/openapi.json` is refused.
    pub async fn next_request(&self) -> (Connection, String) {
        loop {
            let accepted = timeout(PATIENCE, self.listener.accept()).await.expect("a connection in time");
            let mut connection = Connection(BufReader::new(accepted.expect("a connection").0));
            let head = connection.read_head().await;
            if !head.starts_with("GET /openapi.json ") {
                return (connection, head);
            }
            connection.write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        }
    }

    /// Answers the next request with `text`, and closes.
    pub async fn answer(&self, text: &str) -> String {
        let (mut connection, head) = self.next_request().await;
        connection.write(text).await;
        head
    }
}
