//! An issuer of tokens that stands in for auth: a key pair, its JWKS, a revocation feed.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use portico_common::clock::Clock;
use portico_common::token::{Claims, Revocation, TokenConfig};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The `iss` of its tokens.
const ISSUER: &str = "https://issuer.test";
const KEY_ID: &str = "test-key";

/// Someone to sign tokens for.
#[derive(Debug, Clone)]
pub struct User {
    /// The subject.
    pub id: Uuid,
    /// The session its tokens belong to.
    pub session: Uuid,
    /// The address in its tokens.
    pub email: String,
    /// The roles in its tokens.
    pub roles: Vec<&'static str>,
    /// The scope in its tokens.
    pub scope: &'static str,
}

impl User {
    fn new(role: &'static str, scope: &'static str) -> Self {
        let id = Uuid::new_v4();
        let email = format!("{role}-{}@example.com", id.simple());
        Self { id, session: Uuid::new_v4(), email, roles: vec![role], scope }
    }

    /// A new customer.
    pub fn customer() -> Self {
        Self::new("customer", "profile:read profile:write")
    }

    /// A new editor.
    pub fn editor() -> Self {
        Self::new("editor", "profile:read profile:write products:write products:read_all")
    }

    /// A new admin.
    pub fn admin() -> Self {
        Self::new(
            "admin",
            "profile:read profile:write products:write products:read_all users:read users:write accounts:write",
        )
    }
}

/// Issues tokens and serves what it takes to check them.
pub struct Issuer {
    /// The private key, for tests that sign something unusual.
    pub key: EncodingKey,
    /// What it publishes.
    pub jwks: JwkSet,
    address: SocketAddr,
    clock: Clock,
    feed: Arc<Feed>,
    serving: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

struct Feed {
    items: Mutex<Vec<Revocation>>,
    published: Mutex<JwkSet>,
    /// How often keys were published.
    edition: AtomicUsize,
    /// How often they were fetched.
    fetches: AtomicUsize,
    changed: Notify,
}

impl Issuer {
    /// Starts one on a free port of the loopback interface, on the system's time.
    pub async fn start() -> Self {
        Self::start_at(Clock::system()).await
    }

    /// Starts one whose tokens are issued at the time `clock` tells.
    ///
    /// # Panics
    /// The machine has no free port.
    pub async fn start_at(clock: Clock) -> Self {
        let (key, jwks) = key_pair();
        let feed = Arc::new(Feed {
            items: Mutex::default(),
            published: Mutex::new(jwks.clone()),
            edition: AtomicUsize::new(0),
            fetches: AtomicUsize::new(0),
            changed: Notify::new(),
        });
        let router = Router::new()
            .route("/.well-known/jwks.json", get(keys))
            .route("/internal/v1/revocations", get(revocations))
            .with_state(Arc::clone(&feed));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let serving = Mutex::new(Some(tokio::spawn(async move { axum::serve(listener, router).await })));
        Self { key, jwks, address, clock, feed, serving }
    }

    /// What a service must be told to trust it.
    ///
    /// # Panics
    /// Never: its addresses are valid.
    pub fn config(&self) -> TokenConfig {
        let url = |path: &str| format!("http://{}{path}", self.address).parse().expect("an address");
        TokenConfig {
            auth_issuer: ISSUER.to_owned(),
            auth_audience: "portico".to_owned(),
            jwks_url: url("/.well-known/jwks.json"),
            revocations_url: url("/internal/v1/revocations"),
        }
    }

    /// The claims of a good token for `user`, ten minutes from now.
    pub fn claims(&self, user: &User) -> Claims {
        claims(user, self.clock.now())
    }

    /// The header of a good token.
    pub fn header() -> Header {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(KEY_ID.to_owned());
        header
    }

    /// A good token for `user`.
    pub fn token(&self, user: &User) -> String {
        self.sign(&Self::header(), &self.claims(user))
    }

    /// Signs any header and claims.
    ///
    /// # Panics
    /// The claims are not JSON.
    pub fn sign(&self, header: &Header, claims: &impl Serialize) -> String {
        encode(header, claims, &self.key).expect("plain claims")
    }

    /// Puts the end of a session on the feed.
    ///
    /// # Panics
    /// Another test thread panicked while revoking.
    pub fn revoke(&self, session: Uuid) {
        let expires_at = self.clock.now().timestamp() + 600;
        let item = Revocation { session: Some(session), subject: None, not_before: None, expires_at };
        self.feed.items.lock().expect("no panic").push(item);
        self.feed.changed.notify_waiters();
    }

    /// Publishes other keys, and says so on the feed.
    ///
    /// # Panics
    /// Another test thread panicked while publishing.
    pub fn publish(&self, jwks: JwkSet) {
        *self.feed.published.lock().expect("no panic") = jwks;
        self.feed.edition.fetch_add(1, Ordering::SeqCst);
        self.feed.changed.notify_waiters();
    }

    /// Ends it; nobody answers at its address any more, though connections that are open may end by themselves.
    ///
    /// # Panics
    /// Another test thread panicked while stopping it.
    pub async fn stop(&self) {
        let serving = self.serving.lock().expect("no panic").take();
        if let Some(serving) = serving {
            serving.abort();
            let _aborted = serving.await;
        }
    }

    /// How often its keys were fetched.
    pub fn key_fetches(&self) -> usize {
        self.feed.fetches.load(Ordering::SeqCst)
    }
}

fn claims(user: &User, now: DateTime<Utc>) -> Claims {
    let now = now.timestamp();
    Claims {
        iss: ISSUER.to_owned(),
        sub: user.id,
        aud: "portico".to_owned(),
        exp: now + 600,
        iat: now,
        nbf: now,
        jti: Uuid::new_v4().to_string(),
        client_id: "portico".to_owned(),
        sid: user.session,
        auth_time: now,
        roles: user.roles.iter().map(ToString::to_string).collect(),
        scope: user.scope.to_owned(),
        email: user.email.clone(),
        email_verified: true,
        name: Some("Test Person".to_owned()),
    }
}

/// A private key, and what is published of it under the id of every key here.
///
/// # Panics
/// Never: the library makes what it reads.
pub fn key_pair() -> (EncodingKey, JwkSet) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key pair");
    let pkcs8 = pair.to_pkcs8v1().expect("an exportable key");
    let key = EncodingKey::from_ec_der(pkcs8.as_ref());
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).expect("a public key");
    jwk.common.key_id = Some(KEY_ID.to_owned());
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    (key, JwkSet { keys: vec![jwk] })
}

#[derive(Deserialize)]
struct FeedQuery {
    after: Option<usize>,
    keys: Option<String>,
    wait: Option<u64>,
}

async fn keys(State(feed): State<Arc<Feed>>) -> Json<JwkSet> {
    feed.fetches.fetch_add(1, Ordering::SeqCst);
    Json(feed.published.lock().expect("no panic").clone())
}

async fn revocations(State(feed): State<Arc<Feed>>, Query(query): Query<FeedQuery>) -> Json<Value> {
    let after = query.after.unwrap_or(0);
    let changed = feed.changed.notified();
    tokio::pin!(changed);
    changed.as_mut().enable();
    let edition = || feed.edition.load(Ordering::SeqCst).to_string();
    let is_quiet =
        feed.items.lock().expect("no panic").len() <= after && query.keys.is_none_or(|keys| keys == edition());
    if is_quiet && let Some(seconds) = query.wait {
        let _timed_out = tokio::time::timeout(Duration::from_secs(seconds), changed).await;
    }
    let items = feed.items.lock().expect("no panic");
    Json(json!({ "items": &items[after.min(items.len())..], "next": items.len().to_string(), "keys": edition() }))
}
