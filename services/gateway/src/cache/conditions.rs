//! Whether the client holds already what it asks for (RFC 9110 section 13).

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::policy::date;

/// The headers of a request that ask for an answer only if it is another one.
pub(super) const CONDITIONAL: [HeaderName; 2] = [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE];

/// What a client holds.
#[derive(Debug, Default)]
pub(super) struct Conditions(HeaderMap);

impl Conditions {
    pub fn of(request: &HeaderMap) -> Self {
        let mut held = HeaderMap::new();
        for name in CONDITIONAL {
            for value in request.get_all(&name) {
                held.append(&name, value.clone());
            }
        }
        Self(held)
    }

    /// Whether an answer with these headers is what the client holds.
    pub fn are_held(&self, answer: &HeaderMap) -> bool {
        if self.0.contains_key(header::IF_NONE_MATCH) {
            let tag = answer.get(header::ETAG).map(HeaderValue::as_bytes);
            return self.0.get_all(header::IF_NONE_MATCH).iter().any(|list| lists(list.as_bytes(), tag));
        }
        let since = date(&self.0, &header::IF_MODIFIED_SINCE);
        since.is_some_and(|since| date(answer, &header::LAST_MODIFIED).is_some_and(|changed| changed <= since))
    }
}

/// Whether two entity tags name the same, weakly compared.
pub(super) fn is_same_tag(one: &HeaderValue, other: &HeaderValue) -> bool {
    opaque(one.as_bytes()).is_some_and(|one| opaque(other.as_bytes()) == Some(one))
}

/// Whether a list of entity tags has this one, weakly compared.
fn lists(list: &[u8], tag: Option<&[u8]>) -> bool {
    if list.trim_ascii() == b"*" {
        return true;
    }
    let Some(tag) = tag.and_then(opaque) else {
        return false;
    };
    let mut rest = list;
    while let Some(start) = rest.iter().position(|byte| *byte == b'"') {
        let Some(length) = rest[start + 1..].iter().position(|byte| *byte == b'"') else {
            return false;
        };
        let end = start + 1 + length;
        if rest[start..=end] == *tag {
            return true;
        }
        rest = &rest[end + 1..];
    }
    false
}

/// An entity tag without its mark of weakness.
fn opaque(tag: &[u8]) -> Option<&[u8]> {
    let tag = tag.trim_ascii();
    let opaque = tag.strip_prefix(b"W/").unwrap_or(tag);
    (opaque.len() >= 2 && opaque.starts_with(b"\"") && opaque.ends_with(b"\"")).then_some(opaque)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_held(name: &'static str, condition: &'static str, answer: (&'static str, &'static str)) -> bool {
        let request = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(condition))]);
        let (name, value) = answer;
        let answer = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
        Conditions::of(&request).are_held(&answer)
    }

    #[test]
    fn a_tag_is_found_in_a_list_weak_or_not() {
        for (list, tag, expected) in [
            ("\"a\"", "\"a\"", true),
            ("W/\"a\"", "\"a\"", true),
            ("\"b\" , W/\"a,b\",\"c\"", "W/\"a,b\"", true),
            ("*", "\"a\"", true),
            ("\"b\"", "\"a\"", false),
            ("a", "a", false),
            ("\"a", "\"a\"", false),
            ("\"x\"a\"x\"", "\"a\"", false),
            ("", "\"a\"", false),
        ] {
            assert_eq!(is_held("if-none-match", list, ("etag", tag)), expected, "{list} {tag}");
        }
    }

    #[test]
    fn what_has_not_changed_since_is_held() {
        let changed = ("last-modified", "Wed, 21 Oct 2015 07:28:00 GMT");

        assert!(is_held("if-modified-since", "Wed, 21 Oct 2015 07:28:00 GMT", changed));
        assert!(!is_held("if-modified-since", "Wed, 21 Oct 2015 07:27:59 GMT", changed));
        assert!(!is_held("if-modified-since", "yesterday", changed));
        assert!(!is_held("if-modified-since", "Wed, 21 Oct 2015 07:28:00 GMT", ("etag", "\"a\"")));
    }
}
