//! Label values. All are from closed or bounded lists: nothing a client sends becomes one.

use std::array;
use std::sync::{LazyLock, Mutex, PoisonError};

use http::{Method, StatusCode};

/// So many routes, and so many upstreams, have numbers of their own; those after them share `other`.
const LIMIT: usize = 1_000;

/// The places of [`NONE`] and [`OTHER`] are always taken.
pub(super) const PLACES: usize = LIMIT + 2;

const NONE: Label = Label { place: 0, name: "none" };
const OTHER: Label = Label { place: 1, name: "other" };

/// A name of the configuration, and its place in the tables of every recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Label {
    place: u16,
    name: &'static str,
}

/// The prefix a request is routed by, or the gateway's own path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RouteLabel(Label);

/// The name of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UpstreamLabel(Label);

impl RouteLabel {
    /// Of a request that is for no route.
    pub const NONE: Self = Self(NONE);

    /// The name as configured; `none` and `other` for those without one of their own.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    pub(super) fn place(self) -> usize {
        self.0.place.into()
    }
}

impl UpstreamLabel {
    /// Of a request that is for no upstream.
    pub const NONE: Self = Self(NONE);

    /// The name as configured; `none` and `other` for those without one of their own.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    pub(super) fn place(self) -> usize {
        self.0.place.into()
    }
}

/// Gives names their places. A name keeps its place for as long as the process lives, so that its numbers
/// outlast a reload; that is why there is a limit to them.
pub(super) struct Names(Mutex<Vec<&'static str>>);

impl Default for Names {
    fn default() -> Self {
        Self(Mutex::new(vec![NONE.name, OTHER.name]))
    }
}

impl Names {
    pub fn route(&self, name: &str) -> RouteLabel {
        RouteLabel(self.label(name))
    }

    pub fn upstream(&self, name: &str) -> UpstreamLabel {
        UpstreamLabel(self.label(name))
    }

    fn label(&self, name: &str) -> Label {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = names.iter().position(|known| *known == name).unwrap_or(names.len());
        if place >= PLACES {
            return OTHER;
        }
        if place == names.len() {
            names.push(Box::leak(Box::from(name)));
        }
        Label { place: u16::try_from(place).expect("places are few"), name: names[place] }
    }

    /// All names, each at its place.
    pub fn all(&self) -> Vec<&'static str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(super) const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "OTHER"];

/// The place of a method in [`METHODS`].
pub(super) fn method_place(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::HEAD => 1,
        Method::POST => 2,
        Method::PUT => 3,
        Method::PATCH => 4,
        Method::DELETE => 5,
        Method::OPTIONS => 6,
        Method::TRACE => 7,
        Method::CONNECT => 8,
        _ => 9,
    }
}

/// The status of a request whose client left before the answer, as nginx has it.
const ABANDONED: u16 = 499;

/// The registered status codes (RFC 9110 section 16.2.1) and [`ABANDONED`]; one name for all others.
pub(super) const STATUSES: [&str; 64] = [
    "other", "100", "101", "102", "103", "200", "201", "202", "203", "204", "205", "206", "207", "208", "226", "300",
    "301", "302", "303", "304", "305", "307", "308", "400", "401", "402", "403", "404", "405", "406", "407", "408",
    "409", "410", "411", "412", "413", "414", "415", "416", "417", "418", "421", "422", "423", "424", "425", "426",
    "428", "429", "431", "451", "499", "500", "501", "502", "503", "504", "505", "506", "507", "508", "510", "511",
];

/// The place of each code below 600 in [`STATUSES`].
static STATUS_PLACES: LazyLock<[u8; 600]> = LazyLock::new(|| {
    let place_of = |code: usize| STATUSES.iter().position(|status| *status == code.to_string()).unwrap_or_default();
    array::from_fn(|code| u8::try_from(place_of(code)).expect("there are 64"))
});

/// The place of a status in [`STATUSES`]; `None` is the client's leaving.
pub(super) fn status_place(status: Option<StatusCode>) -> usize {
    let code = status.map_or(ABANDONED, |status| status.as_u16());
    STATUS_PLACES.get(usize::from(code)).copied().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_place() {
        let names = Names::default();

        let first = names.route("/v1/a");

        assert_ne!(names.route("/v1/b"), first);
        assert_eq!(names.route("/v1/a"), first);
        assert_eq!(names.all()[first.place()], "/v1/a");
    }

    #[test]
    fn names_beyond_the_limit_share_one_place() {
        let names = Names::default();

        let labels: Vec<_> = (0..3 * LIMIT).map(|n| names.upstream(&format!("u{n}"))).collect();

        assert_eq!(labels[LIMIT - 1].name(), format!("u{}", LIMIT - 1));
        assert!(labels[LIMIT..].iter().all(|label| *label == UpstreamLabel(OTHER)));
        assert_eq!(names.all().len(), PLACES);
        assert_eq!(names.upstream("u7"), labels[7]);
    }

    #[test]
    fn every_status_and_method_has_a_place_and_strange_ones_share_one() {
        for (place, code) in STATUSES.iter().enumerate().skip(1) {
            assert_eq!(status_place(code.parse().ok()), place, "{code}");
        }
        for code in [199, 299, 599, 600, 999] {
            assert_eq!(status_place(StatusCode::from_u16(code).ok()), 0, "{code}");
        }
        assert_eq!(STATUSES[status_place(None)], "499");
        for (place, name) in METHODS.iter().enumerate().take(9) {
            assert_eq!(method_place(&name.parse().unwrap()), place, "{name}");
        }
        assert_eq!(METHODS[method_place(&"PROPFIND".parse().unwrap())], "OTHER");
    }
}
