//! TLS at the public listener: both HTTPs by ALPN, and a certificate that changes while requests go on.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portico_gateway::EdgeConfig;
use portico_testkit::{Client, Issuer, RunningService};
use rcgen::CertifiedKey;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::helpers::{Connection, PATIENCE, ROUTES, Upstream, start_gateway_over_tls};

const NAME: &str = "gateway.test";

/// A gateway that speaks TLS, and the files of its certificate.
struct Suite {
    gateway: RunningService,
    upstream: Upstream,
    _issuer: Issuer,
    folder: TempDir,
}

impl Suite {
    async fn start() -> (Self, CertificateDer<'static>) {
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = write_pair(folder.path());
        let (issuer, upstream) = (Issuer::start().await, Upstream::start().await);
        let routes = ROUTES.replace("UPSTREAM", &upstream.address.to_string());
        let edge = EdgeConfig {
            tls_cert: Some(folder.path().join("cert.pem")),
            tls_key: Some(folder.path().join("key.pem")),
            ..EdgeConfig::default()
        };
        let gateway = start_gateway_over_tls(&routes, edge, issuer.config()).await;
        (Self { gateway, upstream, _issuer: issuer, folder }, certificate)
    }

    /// Shakes hands with who must show this certificate; an error if it shows another one.
    async fn connect(&self, root: &CertificateDer<'static>, alpn: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(root.clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = versions.expect("known versions").with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        let stream = TcpStream::connect(self.gateway.public).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(NAME).expect("a name"), stream).await
    }
}

/// Writes a new certificate and its key.
fn write_pair(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
    fs::write(folder.join("cert.pem"), cert.pem()).expect("written");
    fs::write(folder.join("key.pem"), signing_key.serialize_pem()).expect("written");
    cert.der().clone()
}

async fn exchange(stream: &mut TlsStream<TcpStream>, request: &str) -> String {
    let answered = async {
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).await.expect("read");
            assert_ne!(read, 0, "the gateway left: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&piece[..read]);
        }
        String::from_utf8(answer).expect("text")
    };
    timeout(PATIENCE, answered).await.expect("an answer in time")
}

#[tokio::test]
async fn a_client_that_chooses_http_1_is_told_apart_from_one_without_tls() {
    let (suite, certificate) = Suite::start().await;
    let mut stream = suite.connect(&certificate, b"http/1.1").await.unwrap();

    let answer =
        exchange(&mut stream, "GET /v1/open/echo HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: http\r\n\r\n").await;

    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=31536000\r\n"), "{answer}");
    assert!(answer.contains(r#"["x-forwarded-proto","https"]"#), "{answer}");
}

#[tokio::test]
async fn a_client_that_chooses_http_2_speaks_it() {
    let (suite, certificate) = Suite::start().await;
    let stream = suite.connect(&certificate, b"h2").await.unwrap();
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);

    let request = Request::post("https://a/v1/open/echo").body(Full::<Bytes>::from("hello")).unwrap();
    let (head, body) = timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap().into_parts();

    assert_eq!(head.status, StatusCode::OK);
    let seen: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!(seen["body"], "hello");
    assert!(seen["headers"].to_string().contains(r#"["x-forwarded-proto","https"]"#), "{seen}");
}

#[tokio::test]
async fn framing_is_as_strict_as_without_tls() {
    let (suite, certificate) = Suite::start().await;
    let mut stream = suite.connect(&certificate, b"http/1.1").await.unwrap();

    let smuggled =
        "POST /v1/open/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = exchange(&mut stream, smuggled).await;

    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn plain_http_is_told_that_tls_is_spoken_here() {
    let (suite, _) = Suite::start().await;
    let mut connection = Connection::open(suite.gateway.public).await;

    connection.write("GET /v1/open/echo HTTP/1.1\r\nHost: a\r\n\r\n").await;

    assert!(connection.read_head().await.starts_with("HTTP/1.1 400 "));
    let body = connection.read_to_end().await;
    assert!(str::from_utf8(&body).unwrap().contains("https://"));
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn a_client_that_does_not_shake_hands_is_cut() {
    let (suite, _) = Suite::start().await;
    let mut connection = Connection::open(suite.gateway.public).await;

    // The beginning of a handshake record that never ends.
    connection.write("\x16\x03\x01\x02\x00").await;

    assert_eq!(connection.read_to_end().await, b"");
}

#[tokio::test]
async fn a_new_certificate_is_in_force_and_a_wrong_one_changes_nothing() {
    const REFUSED: &str = "portico_gateway_tls_last_reload_successful 0";
    const GET: &str = "GET /v1/open/echo HTTP/1.1\r\nHost: a\r\n\r\n";
    let (suite, first) = Suite::start().await;
    let mut kept = suite.connect(&first, b"http/1.1").await.unwrap();
    exchange(&mut kept, GET).await;

    let second = write_pair(suite.folder.path());
    timeout(PATIENCE, async { while suite.connect(&second, b"h2").await.is_err() {} }).await.expect("the new one");
    assert!(suite.connect(&first, b"h2").await.is_err());
    fs::write(suite.folder.path().join("key.pem"), "-----BEGIN NOTHING-----").unwrap();
    let internal = Client::new(suite.gateway.internal);
    let is_wrong = |text: &[u8]| text.windows(REFUSED.len()).any(|window| window == REFUSED.as_bytes());
    let is_told = async { while !is_wrong(&internal.get("/metrics").await.bytes) {} };
    timeout(PATIENCE, is_told).await.expect("a metric that says so");

    assert!(suite.connect(&second, b"h2").await.is_ok());
    assert!(exchange(&mut kept, GET).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn many_hands_are_shaken_at_once() {
    let (suite, certificate) = Suite::start().await;

    let shaken = futures_util::future::join_all((0..50).map(|_| suite.connect(&certificate, b"h2")));
    let shaken = timeout(Duration::from_secs(20), shaken).await.unwrap();

    assert!(shaken.iter().all(Result::is_ok));
}
