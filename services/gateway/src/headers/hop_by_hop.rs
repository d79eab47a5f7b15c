//! Headers that end at the next hop (RFC 9110 section 7.6.1).

use http::{HeaderMap, HeaderName, header};

/// Whether the header of this name is for the next hop alone.
///
/// `Trailer` is not: it announces fields that are passed on.
pub(super) fn ends_here(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
            | "proxy-authenticate"
            | "proxy-authorization"
    )
}

/// Removes what `Connection` nominates.
pub(super) fn remove_nominated(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        for name in nominated(headers) {
            headers.remove(name);
        }
    }
}

/// Whether the sender of these headers reads trailers.
pub(super) fn takes_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_connection_nominates_goes_with_it() {
        let mut headers = HeaderMap::new();
        for value in ["close, X-Secret", " x-OTHER ,,bad name"] {
            headers.append(header::CONNECTION, HeaderValue::from_static(value));
        }
        for name in ["x-secret", "x-other", "x-kept", "te", "upgrade", "keep-alive"] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }

        remove_nominated(&mut headers);

        let left: Vec<_> = headers.keys().map(HeaderName::as_str).filter(|name| !ends_here(name)).collect();
        assert_eq!(left, ["x-kept"]);
    }

    #[test]
    fn trailers_are_wanted_only_when_te_says_so() {
        let takes = |value| takes_trailers(&HeaderMap::from_iter([(header::TE, HeaderValue::from_static(value))]));

        assert!(takes("gzip, Trailers"));
        assert!(!takes("gzip"));
        assert!(!takes_trailers(&HeaderMap::new()));
    }
}
