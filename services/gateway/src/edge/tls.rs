//! TLS on the public listener, with a certificate that can change while it runs.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::EdgeConfig;

const ALPN_HTTP_2: &[u8] = b"h2";
const ALPN_HTTP_1: &[u8] = b"http/1.1";
/// The first byte of a TLS handshake record (RFC 8446 section 5.1); no method of HTTP begins with it.
const HANDSHAKE: u8 = 22;

/// How often the files are read. A key and a certificate are written one after the other: what does not fit together
/// yet will do so at the next look.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The certificate in force, and how it is used.
pub(crate) struct Tls {
    files: Files,
    certificate: Arc<Certificate>,
    acceptor: TlsAcceptor,
    has_failed: AtomicBool,
}

/// Where certificate chain and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    chain: PathBuf,
    key: PathBuf,
}

#[derive(Debug)]
struct Certificate(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Files {
    /// Those that the settings name, if they do.
    pub fn of(config: &EdgeConfig) -> Option<Self> {
        let (chain, key) = (config.tls_cert.clone()?, config.tls_key.clone()?);
        Some(Self { chain, key })
    }

    /// Reads both, and checks that the key is that of the certificate.
    ///
    /// # Errors
    /// A file cannot be read or holds something else; the error names it, and nothing of what it holds.
    pub fn read(&self) -> anyhow::Result<CertifiedKey> {
        self.parse(&self.bytes()?)
    }

    fn bytes(&self) -> anyhow::Result<[Vec<u8>; 2]> {
        let read = |path: &PathBuf| fs::read(path).with_context(|| format!("{} cannot be read", path.display()));
        Ok([read(&self.chain)?, read(&self.key)?])
    }

    fn parse(&self, [chain, key]: &[Vec<u8>; 2]) -> anyhow::Result<CertifiedKey> {
        let is_no = |what: &str, path: &PathBuf| format!("{} holds no {what} as PEM", path.display());
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).with_context(|| is_no("certificate", &self.chain))?;
        let key = PrivateKeyDer::from_pem_slice(key).ok().with_context(|| is_no("private key", &self.key))?;
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).with_context(|| {
            format!("{} and {} are no certificate and its key", self.chain.display(), self.key.display())
        })
    }
}

impl Tls {
    /// # Errors
    /// The files are not what they should be.
    pub fn new(files: Files) -> anyhow::Result<Self> {
        let certificate = Arc::new(Certificate(ArcSwap::from_pointee(files.read()?)));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Certificate>::clone(&certificate));
        config.alpn_protocols = vec![ALPN_HTTP_2.to_vec(), ALPN_HTTP_1.to_vec()];
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        Ok(Self {
            files,
            certificate,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            has_failed: AtomicBool::new(false),
        })
    }

    /// Takes the files over whenever they change and fit together; ends only when dropped.
    ///
    /// Connections keep the certificate they began with.
    pub async fn follow(self: Arc<Self>) {
        let mut known = self.files.bytes().ok();
        loop {
            sleep(LOOK_EVERY).await;
            let Ok(bytes) = self.files.bytes() else {
                continue;
            };
            if known.as_ref() == Some(&bytes) {
                continue;
            }
            let parsed = self.files.parse(&bytes);
            self.has_failed.store(parsed.is_err(), Ordering::Relaxed);
            match parsed {
                Ok(certified) => {
                    self.certificate.0.store(Arc::new(certified));
                    tracing::info!("the certificate has changed and is in force");
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(error, "the certificate has changed and is wrong; the old one stays in force");
                }
            }
            known = Some(bytes);
        }
    }

    /// Whether the files that were read last are in force.
    pub fn is_current(&self) -> bool {
        !self.has_failed.load(Ordering::Relaxed)
    }

    /// Shakes hands.
    ///
    /// # Errors
    /// The client breaks off, or speaks nothing that is spoken here.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<Box<TlsStream<TcpStream>>> {
        self.acceptor.accept(stream).await.map(Box::new)
    }
}

/// Whether the client begins with TLS; waits for its first byte.
///
/// # Errors
/// The connection is broken.
pub(super) async fn begins_handshake(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    Ok(stream.peek(&mut first).await? == 0 || first[0] == HANDSHAKE)
}

/// Whether the client has chosen HTTP/2.
pub(super) fn has_chosen_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(ALPN_HTTP_2)
}
