//! Tokens made by hand, each wrong in one way.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use portico_testkit::{Issuer, User, key_pair};
use serde_json::{Value, json};

/// A claim's name and a value it must not have.
type Claim = (&'static str, Value);

/// What a token is wrong by, and the token.
pub fn bad_tokens(issuer: &Issuer) -> Vec<(String, String)> {
    let mut bad = bad_headers(issuer);
    bad.extend(bad_claims(issuer));
    bad.extend(bad_signatures(issuer));
    bad.extend(bad_shapes(issuer));
    bad
}

/// A good token of these times, in seconds since 1970.
pub fn with_times(issuer: &Issuer, begins: i64, ends: i64) -> String {
    let times = json!({ "iat": begins, "nbf": begins, "exp": ends });
    signed(issuer, &header(), &with(good_claims(issuer), &times))
}

/// Rightly signed, with a header that asks for something else.
fn bad_headers(issuer: &Issuer) -> Vec<(String, String)> {
    let jwk = json!(issuer.jwks.keys[0]);
    let merges = [
        json!({ "typ": "JWT" }),
        json!({ "typ": "id+jwt" }),
        json!({ "typ": "at+jwt;x" }),
        json!({ "typ": "" }),
        json!({ "typ": null }),
        json!({ "typ": ["at+jwt"] }),
        json!({ "alg": "EdDSA" }),
        json!({ "alg": "ES384" }),
        json!({ "alg": "RS256" }),
        json!({ "alg": null }),
        json!({ "kid": null }),
        json!({ "kid": "" }),
        json!({ "kid": "another-key" }),
        json!({ "kid": "TEST-KEY" }),
        json!({ "kid": "../../../../dev/null" }),
        json!({ "kid": "' OR '1'='1" }),
        json!({ "kid": "test-key\u{0}" }),
        json!({ "kid": ["test-key"] }),
        json!({ "kid": 1 }),
        json!({ "kid": "http://evil.test/key" }),
        json!({ "kid": null, "jwk": jwk }),
        json!({ "kid": "other", "jwk": jwk }),
        json!({ "kid": "other", "jku": "http://127.0.0.1:1/jwks.json" }),
        json!({ "kid": "other", "x5u": "http://127.0.0.1:1/cert.pem" }),
        json!({ "kid": "other", "x5c": ["MIIB"] }),
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "crit": ["b64"], "b64": false }),
    ];
    merges
        .into_iter()
        .map(|merge| {
            let token = signed(issuer, &with(header(), &merge), &good_claims(issuer));
            (format!("header {merge}"), token)
        })
        .collect()
}

/// Rightly signed, with claims that are not acceptable.
fn bad_claims(issuer: &Issuer) -> Vec<(String, String)> {
    let good = good_claims(issuer);
    let now = good["iat"].as_i64().expect("a time");
    let changes: Vec<Claim> = vec![
        ("iss", json!("https://evil.test")),
        ("iss", json!("https://issuer.test/")),
        ("aud", json!("someone-else")),
        ("aud", json!("")),
        ("exp", json!(now - 60)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!("never")),
        ("nbf", json!(now + 300)),
        ("iat", json!(now + 300)),
        ("sub", json!("not-a-uuid")),
        ("sid", json!("not-a-uuid")),
    ];
    let missing = ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "sid"];
    let missing = missing.into_iter().map(|name| (name, Value::Null));
    changes
        .into_iter()
        .chain(missing)
        .map(|(name, value)| {
            let case = format!("claim {name} {value}");
            (case, signed(issuer, &header(), &with(good.clone(), &json!({ name: value }))))
        })
        .collect()
}

/// Right in everything but the signature.
fn bad_signatures(issuer: &Issuer) -> Vec<(String, String)> {
    let good = issuer.token(&User::customer());
    let other = issuer.token(&User::customer());
    let (signed_part, signature) = good.rsplit_once('.').expect("three parts");
    let (_, other_signature) = other.rsplit_once('.').expect("three parts");
    let elevated = with(good_claims(issuer), &json!({ "roles": ["admin"] }));
    let original_header = good.split('.').next().expect("a header");
    let mut bad = vec![
        ("no signature".to_owned(), format!("{signed_part}.")),
        ("another token's signature".to_owned(), format!("{signed_part}.{other_signature}")),
        ("half a signature".to_owned(), format!("{signed_part}.{}", &signature[..43])),
        ("zeroes".to_owned(), format!("{signed_part}.{}", URL_SAFE_NO_PAD.encode([0; 64]))),
        ("changed claims".to_owned(), format!("{original_header}.{}.{signature}", encoded(&elevated))),
    ];
    for alg in ["none", "None", "NONE", "nOnE"] {
        let header = with(header(), &json!({ "alg": alg }));
        let unsigned = format!("{}.{}", encoded(&header), encoded(&good_claims(issuer)));
        bad.push((format!("alg {alg}"), format!("{unsigned}.")));
        bad.push((format!("alg {alg} with a signature"), format!("{unsigned}.{signature}")));
    }
    for (case, secret) in public_key_forms(issuer) {
        for (name, algorithm) in [("HS256", Algorithm::HS256), ("HS512", Algorithm::HS512)] {
            let header = with(header(), &json!({ "alg": name }));
            let unsigned = format!("{}.{}", encoded(&header), encoded(&good_claims(issuer)));
            let signature = sign(unsigned.as_bytes(), &EncodingKey::from_secret(&secret), algorithm);
            bad.push((format!("{name} with {case}"), format!("{unsigned}.{}", signature.expect("a mac"))));
        }
    }
    bad
}

/// Rightly signed by somebody else, who offers the key, within the token or at `address`.
pub fn tokens_with_a_key_of_their_own(issuer: &Issuer, address: &str) -> Vec<(String, String)> {
    let (key, jwks) = key_pair();
    let jwk = json!(jwks.keys[0]);
    let (set, certificate) = (format!("{address}/jwks.json"), format!("{address}/cert.pem"));
    let offers = [
        json!({ "jwk": jwk }),
        json!({ "jwk": jwk, "kid": null }),
        json!({ "jku": set }),
        json!({ "jku": set, "kid": null }),
        json!({ "jku": set, "kid": "unknown" }),
        json!({ "x5u": certificate }),
        json!({ "x5u": certificate, "kid": "unknown" }),
        json!({ "kid": set }),
        json!({ "x5c": ["MIIB"], "x5t": "AAAA", "x5t#S256": "AAAA" }),
    ];
    let elsewhere = with(good_claims(issuer), &json!({ "iss": address }));
    let offers = offers.into_iter().map(|offer| (with(header(), &offer), good_claims(issuer)));
    let cases = offers.chain([(header(), elsewhere)]);
    cases.map(|(header, claims)| (header.to_string(), signed_with(&key, &header, &claims))).collect()
}

/// Not even a token.
fn bad_shapes(issuer: &Issuer) -> Vec<(String, String)> {
    let good = issuer.token(&User::customer());
    let oversized = with(good_claims(issuer), &json!({ "scope": "x".repeat(9000) }));
    [
        ("one word", "garbage".to_owned()),
        ("two dots", "..".to_owned()),
        ("four parts", format!("{good}.{good}")),
        ("five parts", "a.b.c.d.e".to_owned()),
        ("two parts", good.rsplit_once('.').expect("three parts").0.to_owned()),
        ("padding", format!("{good}==")),
        ("a dot more", format!("{good}.")),
        ("standard base64", format!("+{good}")),
        ("not base64", "%%%.%%%.%%%".to_owned()),
        ("not json", format!("{0}.{0}.{0}", URL_SAFE_NO_PAD.encode("not json"))),
        ("an array", format!("{0}.{0}.{0}", URL_SAFE_NO_PAD.encode("[]"))),
        ("deep json", format!("{}.e30.e30", URL_SAFE_NO_PAD.encode("[".repeat(4000)))),
        ("oversized", signed(issuer, &header(), &oversized)),
    ]
    .map(|(case, token)| (case.to_owned(), token))
    .into()
}

/// What a careless verifier might take for the secret of an HMAC.
fn public_key_forms(issuer: &Issuer) -> Vec<(&'static str, Vec<u8>)> {
    let jwk = json!(issuer.jwks.keys[0]);
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().expect("text")).expect("base64");
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    // The fixed start of every P-256 SubjectPublicKeyInfo (RFC 5480 section 2).
    let spki_start = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
        0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let der = [spki_start.to_vec(), point.clone()].concat();
    let text = base64::engine::general_purpose::STANDARD.encode(&der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &text[..64], &text[64..]);
    vec![
        ("the point", point),
        ("the DER key", der),
        ("the PEM key", pem.into_bytes()),
        ("the JWK", jwk.to_string().into_bytes()),
        ("nothing", Vec::new()),
    ]
}

fn header() -> Value {
    json!({ "typ": "at+jwt", "alg": "ES256", "kid": Issuer::header().kid })
}

fn good_claims(issuer: &Issuer) -> Value {
    json!(issuer.claims(&User::customer()))
}

/// `value` with the members of `changes` put in; null removes.
fn with(mut value: Value, changes: &Value) -> Value {
    let members = value.as_object_mut().expect("an object");
    for (name, change) in changes.as_object().expect("an object") {
        if change.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), change.clone());
        }
    }
    value
}

/// Signed with the right key, whatever the header says.
fn signed(issuer: &Issuer, header: &Value, claims: &Value) -> String {
    signed_with(&issuer.key, header, claims)
}

fn signed_with(key: &EncodingKey, header: &Value, claims: &Value) -> String {
    let unsigned = format!("{}.{}", encoded(header), encoded(claims));
    let signature = sign(unsigned.as_bytes(), key, Algorithm::ES256).expect("a signature");
    format!("{unsigned}.{signature}")
}

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}
