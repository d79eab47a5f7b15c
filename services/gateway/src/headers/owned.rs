//! Headers by which a service could be told who calls or from where: only the gateway may send them.
//!
//! Many servers hand headers on with `-`, `_`, `.` and whatever else is no letter made alike (CGI and its heirs),
//! so every spelling of a name counts as the name.

/// Whatever begins like this is removed.
const PREFIXES: [&str; 10] = [
    "x-user-",
    "x-caller-",
    "x-auth-",
    "x-authenticated-",
    "x-consumer-",
    "x-forwarded-",
    "x-original-",
    "x-portico-",
    "x-remote-",
    "x-rewrite-",
];

/// These are removed. Most headers begin with none of their first letters, which `is_owned` knows.
const NAMES: [&str; 16] = [
    "forwarded",
    "proxy",
    "remote-addr",
    "remote-user",
    "true-client-ip",
    "cf-connecting-ip",
    "x-auth",
    "x-authenticated",
    "x-caller",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-real-ip",
    "x-remote",
    "x-role",
    "x-user",
];

/// These pass, or are replaced, in their proper spelling; any other spelling is an attempt at something.
const PROPER_ONLY: [&str; 12] = [
    "content-encoding",
    "content-length",
    "content-type",
    "if-match",
    "if-none-match",
    "idempotency-key",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "transfer-encoding",
    "x-http-method-override",
    "x-request-id",
];

/// Whether a client may not send this header, `name` being in lower case as `HeaderName` has it.
pub(crate) fn is_owned(name: &str) -> bool {
    let is_owned = match name.as_bytes() {
        [b'x', second, ..] if !second.is_ascii_alphanumeric() => {
            PREFIXES.iter().any(|prefix| begins_like(name, prefix))
        }
        _ => false,
    };
    is_owned
        || matches!(name.as_bytes(), [b'c' | b'f' | b'p' | b'r' | b't' | b'x', ..])
            && NAMES.iter().any(|owned| is_like(name, owned))
        || PROPER_ONLY.iter().any(|proper| is_like(name, proper) && name != *proper)
}

fn is_improper(byte: u8) -> bool {
    byte != b'-' && !byte.is_ascii_alphanumeric()
}

fn is_like(name: &str, owned: &str) -> bool {
    name.len() == owned.len() && begins_like(name, owned)
}

fn begins_like(name: &str, prefix: &str) -> bool {
    let dash = |byte: u8| if is_improper(byte) { b'-' } else { byte };
    name.len() >= prefix.len() && name.bytes().zip(prefix.bytes()).all(|(given, owned)| dash(given) == owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_identity_header_is_owned() {
        for name in [
            "x-user-id",
            "x_user_id",
            "x.user.id",
            "x-user_id",
            "x_user-id",
            "x-user.roles",
            "x-auth-subject",
            "x_forwarded_for",
            "x-forwarded-for",
            "x.real.ip",
            "forwarded",
            "x-portico-anything",
            "transfer_encoding",
            "content.length",
            "x_request_id",
            "x!user$id",
            "x-original-url",
            "proxy",
        ] {
            assert!(is_owned(name), "{name}");
        }
    }

    #[test]
    fn other_headers_pass() {
        for name in [
            "authorization",
            "accept",
            "cookie",
            "content-length",
            "x-request-id",
            "user-agent",
            "x-usage",
            "x-userless",
            "x-api-key",
            "api_key",
            "traceparent",
        ] {
            assert!(!is_owned(name), "{name}");
        }
    }
}
