//! A server under test, and a client that speaks HTTP/1.1 byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use portico_common::lifecycle::Lifecycle;
use portico_common::server::{HttpService, Listeners, ServerConfig, internal_router, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than anything here takes on a slow machine; a test that waits so long has failed.
pub const SOON: Duration = Duration::from_secs(20);
/// A limit that is meant to be reached.
pub const SHORT: Duration = Duration::from_millis(150);

pub struct Server {
    pub public: SocketAddr,
    pub internal: SocketAddr,
    pub lifecycle: Lifecycle,
    pub served: JoinHandle<anyhow::Result<()>>,
}

impl Server {
    pub async fn start(service: impl HttpService, config: ServerConfig) -> Self {
        let listeners = Listeners::bind(&config).await.unwrap();
        let (public, internal) = (listeners.public_addr(), listeners.internal_addr());
        let lifecycle = Lifecycle::new();
        let health = internal_router(&lifecycle, Vec::new());
        let life = lifecycle.clone();
        let served = tokio::spawn(async move { serve(listeners, service, health, &config, &life).await });
        Self { public, internal, lifecycle, served }
    }

    pub async fn connect(&self) -> Client {
        Client::connect(self.public).await
    }

    pub async fn ended(self) {
        timeout(SOON, self.served).await.expect("the server ends").unwrap().unwrap();
    }
}

pub struct Client(TcpStream);

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub async fn get(address: SocketAddr, path: &str) -> String {
        let mut client = Self::connect(address).await;
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")).await;
        client.rest().await
    }

    pub async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Asks for `path` on a connection that is kept alive.
    pub async fn ask(&mut self, path: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
    }

    /// Everything the server sends until it closes; a reset counts as closing.
    pub async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = timeout(SOON, self.0.read_to_end(&mut bytes)).await;
        read.expect("the server closes the connection").ok();
        String::from_utf8(bytes).unwrap()
    }

    /// Everything the server sends until `end`.
    pub async fn until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let mut byte = [0];
            let read = timeout(SOON, self.0.read_exact(&mut byte)).await;
            read.expect("the server answers").expect("the server keeps the connection");
            text.push(char::from(byte[0]));
        }
        text
    }

    pub fn into_stream(self) -> TcpStream {
        self.0
    }
}
