//! Media types of bodies.

use http::{HeaderMap, header};

/// What a request says its body is.
pub(super) struct MediaType {
    /// `type/subtype`, in lower case.
    essence: String,
    parameters: String,
}

impl MediaType {
    /// What the headers say, if they say one thing.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(header::CONTENT_TYPE).iter();
        let (value, others) = (values.next()?.to_str().ok()?, values.next());
        let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
        let is_one = others.is_none() && essence.contains('/');
        let lower = |text: &str| text.trim().to_ascii_lowercase();
        is_one.then(|| Self { essence: lower(essence), parameters: lower(parameters) })
    }

    /// Whether a type of a document, which may be a range such as `text/*`, covers it; a narrower one covers more.
    pub fn fits(&self, listed: &str) -> Option<u8> {
        let listed = essence(listed);
        if listed == self.essence {
            return Some(2);
        }
        let (kind, any) = listed.split_once('/')?;
        let is_of_kind = any == "*" && self.essence.split('/').next() == Some(kind);
        if is_of_kind { Some(1) } else { (listed == "*/*").then_some(0) }
    }

    /// Whether it is one JSON text (RFC 8259), by itself or under a name of its own (RFC 6839).
    pub fn is_json(&self) -> bool {
        self.essence == "application/json" || self.essence.ends_with("+json")
    }

    /// Whether it claims another encoding than JSON has: a reader that believed it would read something else.
    pub fn claims_another_charset(&self) -> bool {
        let mut parameters = self.parameters.split(';').filter_map(|parameter| parameter.split_once('='));
        parameters.any(|(name, value)| name.trim() == "charset" && value.trim().trim_matches('"') != "utf-8")
    }
}

/// A media type without its parameters.
pub(super) fn essence(listed: &str) -> String {
    listed.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether the body is packed, so that nothing in it can be looked at.
pub(super) fn is_packed(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(value: &'static str) -> MediaType {
        MediaType::of(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))])).unwrap()
    }

    #[test]
    fn the_narrowest_range_fits_best() {
        let given = of("Text/CSV; header=present");

        assert_eq!(given.fits("text/csv"), Some(2));
        assert_eq!(given.fits("TEXT/*"), Some(1));
        assert_eq!(given.fits("*/*"), Some(0));
        assert_eq!(given.fits("text/plain"), None);
        assert_eq!(given.fits("text"), None);
    }

    #[test]
    fn lines_of_json_are_not_one_text() {
        assert!(of("application/json; charset=UTF-8").is_json() && of("application/merge-patch+json").is_json());
        assert!(!of("application/x-ndjson").is_json() && !of("text/csv").is_json());
    }

    #[test]
    fn json_is_utf_8_whatever_is_claimed() {
        assert!(of("application/json; v=1; Charset=\"UTF-16\"").claims_another_charset());
        assert!(!of("application/json; charset=\"utf-8\"").claims_another_charset());
    }

    #[test]
    fn two_types_are_none() {
        let twice = [(header::CONTENT_TYPE, "text/csv"), (header::CONTENT_TYPE, "text/csv")];
        let mut headers = HeaderMap::new();
        for (name, value) in twice {
            headers.append(name, HeaderValue::from_static(value));
        }

        assert!(MediaType::of(&headers).is_none());
    }
}
