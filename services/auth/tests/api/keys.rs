//! Signing keys, their publication, and the issuer's metadata.

use std::time::Duration;

use futures_util::future::join_all;
use jsonwebtoken::jwk::JwkSet;
use portico_auth::mail::{Mail, Mailbox};
use portico_auth::{Config, MIGRATOR, Role, SigningAlgorithm};
use portico_common::config::Secret;
use portico_common::lifecycle::Lifecycle;
use portico_common::server::{Listeners, ServerConfig};
use portico_common::token::Verifier;
use portico_testkit::TestDb;
use serde_json::{Value, json};

use crate::helpers::{ISSUER, PASSWORD, TestApp, clock, config, run};

const JWKS: &str = "/.well-known/jwks.json";

fn algorithms(jwks: &Value) -> Vec<&str> {
    jwks["keys"].as_array().unwrap().iter().map(|key| key["alg"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn published_keys_are_public_and_verify_what_is_issued() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;

    let jwks = app.client.get(JWKS).await;

    assert_eq!(jwks.status, 200);
    assert_eq!(jwks.header("content-type"), "application/json");
    assert_eq!(jwks.header("cache-control"), "public, max-age=300");
    let key = &jwks.body["keys"][0];
    let members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!((&key["kid"], &key["use"]), (&ada.header()["kid"], &json!("sig")));
    let verifier = Verifier::new(ISSUER, "portico", app.clock.clone());
    verifier.replace_keys(&serde_json::from_value::<JwkSet>(jwks.body).unwrap());
    assert_eq!(verifier.verify(&ada.access_token).await.unwrap().email, "ada@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_did_not_change_are_not_sent_again() {
    let app = TestApp::start().await;
    let jwks = app.client.get(JWKS).await;
    let ask = async |tag: &str| {
        app.client.send(app.client.request(reqwest::Method::GET, JWKS).header("if-none-match", tag)).await
    };

    let held = ask(jwks.etag()).await;
    let weakly_held = ask(&format!("\"other\", W/{}", jwks.etag())).await;
    let other = ask("\"other\"").await;

    assert_eq!((held.status.as_u16(), held.etag()), (304, jwks.etag()));
    assert!(held.bytes.is_empty());
    assert_eq!(weakly_held.status, 304);
    assert_eq!(other.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_make_one_key() {
    let db = TestDb::create(&MIGRATOR).await;
    let (config, mailbox, clock) = (config(&db), Mailbox::new(), clock());

    let replicas = join_all((0..4).map(|_| run(&config, Mail::Mailbox(mailbox.clone()), &clock))).await;

    let kids = replicas.iter().map(|replica| async { replica.client().get(JWKS).await.body });
    let published = join_all(kids).await;
    assert_eq!(published[0]["keys"].as_array().unwrap().len(), 1);
    assert!(published.iter().all(|jwks| *jwks == published[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_key_is_published_before_it_signs_and_the_last_until_its_tokens_are_gone() {
    let mut app = TestApp::start().await;
    let replica = app.replica(|config| config.tokens.signing_algorithm = SigningAlgorithm::EdDsa).await;
    // As when a new setting is rolled out: the old process would bring its own algorithm back.
    app.service.lifecycle.stop();
    (&mut app.service.task).await.unwrap();
    app.account("ada@example.com", Role::Customer).await;
    let client = replica.client();
    let login = async || {
        let reply = client.post("/v1/auth/login", json!({ "email": "ada@example.com", "password": PASSWORD })).await;
        app.holder(&reply)
    };

    let staged = client.get(JWKS).await.body;
    let early = login().await;
    app.advance(Duration::from_mins(10));
    let late = login().await;
    app.advance(Duration::from_mins(11));
    let overlapping = client.get(JWKS).await.body;
    app.advance(Duration::from_mins(1));
    let gone = client.get(JWKS).await.body;

    assert_eq!(algorithms(&staged), ["ES256", "EdDSA"]);
    assert_eq!(early.header()["alg"], "ES256");
    assert_eq!(late.header()["alg"], "EdDSA");
    assert_eq!(algorithms(&overlapping), ["ES256", "EdDSA"]);
    assert_eq!(algorithms(&gone), ["EdDSA"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_can_be_signed_with_rsa() {
    let app = TestApp::start_with(|config| config.tokens.signing_algorithm = SigningAlgorithm::Rs256).await;

    let ada = app.signed_in("ada@example.com", Role::Customer).await;

    assert_eq!(ada.header()["alg"], "RS256");
    assert!(ada.is_let_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_private_key_opens_only_with_the_master_key() {
    let app = TestApp::start().await;
    let config = Config {
        tokens: portico_auth::IssuerConfig::local(ISSUER, Secret::new("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=")),
        ..app.config.clone()
    };
    let listeners = Listeners::bind(&ServerConfig::local()).await.unwrap();

    let mail = Mail::Mailbox(app.mailbox.clone());
    let refused = portico_auth::serve(config, mail, listeners, app.clock.clone(), Lifecycle::new()).await;

    let error = format!("{:#}", refused.unwrap_err());
    assert!(error.contains("MASTER_KEY"), "{error}");
    let stored: Vec<u8> =
        sqlx::query_scalar("SELECT private_sealed FROM signing_keys").fetch_one(&app.db.pool).await.unwrap();
    // A PKCS#8 key names its curve: id-ecPublicKey, 1.2.840.10045.2.1.
    let marker = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    assert!(!stored.windows(marker.len()).any(|window| window == marker));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_names_what_there_is_and_nothing_else() {
    let app = TestApp::start().await;

    let metadata = app.client.get("/.well-known/oauth-authorization-server").await;

    assert_eq!(metadata.status, 200);
    let expected = json!({
        "issuer": ISSUER,
        "jwks_uri": format!("{ISSUER}{JWKS}"),
        "scopes_supported": ["profile:read", "profile:write", "products:write", "products:read_all", "users:read",
                             "users:write", "accounts:write"],
        "response_types_supported": [],
        "grant_types_supported": [],
    });
    assert_eq!(metadata.body, expected);
}
