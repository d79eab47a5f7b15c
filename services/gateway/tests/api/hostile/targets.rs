//! Targets: a path and query in one form, whoever reads them.

use super::case::{BAD, Case, cut, either, forwarded, own};
use super::stage::play;

#[tokio::test]
async fn a_target_that_is_no_path_is_refused() {
    let requests = [
        ("a star", "GET *"),
        ("a star, posted", "POST *"),
        ("a star, deleted", "DELETE *"),
        ("two stars", "OPTIONS **"),
        ("a star and a path", "OPTIONS */v1/open/x"),
        ("a star and a query", "OPTIONS *?a"),
        ("no slash", "GET v1/open/x"),
        ("a dot", "GET ."),
        ("a dot and a path", "GET ./v1/open/x"),
        ("two dots and a path", "GET ../v1/open/x"),
        ("a query only", "GET ?a=b"),
        ("a fragment only", "GET #a"),
        ("a backslash", "GET \\v1\\open\\x"),
        ("a backslash in front", "GET \\/v1/open/x"),
        ("an encoded slash in front", "GET %2fv1/open/x"),
        ("an authority", "GET a:80"),
        ("an authority without a port", "GET a"),
        ("a path without a slash and a colon", "GET v1:80/open/x"),
        ("a fragment", "GET /v1/open/x#a"),
        ("an empty fragment", "GET /v1/open/x#"),
        ("a fragment behind a query", "GET /v1/open/x?a=b#c"),
        ("a fragment that hides a path", "GET /v1/open/x#/../../closed/x"),
        ("a fragment in a query", "GET /v1/open/x?#"),
        ("two slashes in front", "GET //v1/open/x"),
        ("two slashes and a host", "GET //evil.test/v1/open/x"),
        ("three slashes in front", "GET ///v1/open/x"),
        ("a slash and a URL", "GET /http://a/v1/open/x"),
        ("a semicolon", "GET /v1/open/x;a=b"),
        ("a semicolon in front", "GET ;/v1/open/x"),
        ("angle brackets", "GET </v1/open/x>"),
        ("a quote in the path", "GET /v1/open/x\"y"),
        ("a grave accent in the path", "GET /v1/open/x`y"),
        ("a caret in the path", "GET /v1/open/x^y"),
        ("a pipe in the path", "GET /v1/open/x|y"),
        ("braces in the path", "GET /v1/open/{x}"),
        ("brackets in the path", "GET /v1/open/[x]"),
        ("letters beyond ASCII in the path", "GET /v1/open/\u{fc}"),
        ("letters beyond ASCII in the query", "GET /v1/open/x?q=\u{fc}"),
        ("letters beyond the basic plane", "GET /v1/open/\u{1f600}"),
        ("a full-width slash", "GET /v1/open\u{ff0f}x"),
        ("a division slash", "GET /v1/open\u{2215}x"),
        ("a byte order mark", "GET \u{feff}/v1/open/x"),
    ];
    let cases = requests.map(|(name, line)| Case::new(name, request(line, "a"), own(BAD)));

    play(cases.into()).await;
}

#[tokio::test]
async fn a_query_with_odd_characters_is_refused_or_passed_on_as_it_is() {
    let queries =
        ["?", "?a", "??", "?a?b", "?/../", "?//", "?%", "?%zz", "?%00", "?%0d%0a", "?a;b", "?a=b&a=c", "?a[]=b"];
    let marks = ["\"", "<", ">", "`", "^", "{", "}", "|", "\\", "'", "\\..\\"].map(|mark| format!("?a={mark}"));
    let queries = queries.map(str::to_owned).into_iter().chain(marks);
    let cases = queries.map(|query| {
        let target = format!("GET /v1/open/x{query}");
        Case::new(&query, request(&target, "a"), either(BAD).line(&target))
    });

    play(cases.collect()).await;
}

#[tokio::test]
async fn an_absolute_target_agrees_with_its_host() {
    let refused = [
        ("another host", "http://b/v1/open/x", "a"),
        ("another port", "http://a:81/v1/open/x", "a:80"),
        ("a port, and none in Host", "http://a:81/v1/open/x", "a"),
        ("a host below", "http://b.a/v1/open/x", "a"),
        ("a user", "http://u@a/v1/open/x", "a"),
        ("a user and a password", "http://u:p@a/v1/open/x", "a"),
        ("a user that looks like the host", "http://a@evil.test/v1/open/x", "a"),
        ("a user in both", "http://u@a/v1/open/x", "u@a"),
        ("no host", "http:///v1/open/x", "a"),
        ("no host but a port", "http://:80/v1/open/x", "a"),
        ("no host, and none in Host", "http:///v1/open/x", ""),
        ("no slashes", "http:v1/open/x", "a"),
        ("one slash", "http:/v1/open/x", "a"),
        ("backslashes", "http:\\\\a\\v1\\open\\x", "a"),
        ("a port that is no number", "http://a:x/v1/open/x", "a"),
        ("a port too large", "http://a:65536/v1/open/x", "a:65536"),
        ("an open bracket", "http://[::1/v1/open/x", "a"),
        ("a space encoded in the host", "http://a%20b/v1/open/x", "a%20b"),
        ("another scheme", "ftp://a/v1/open/x", "a"),
        ("a file", "file:///v1/open/x", "a"),
        ("a script", "javascript:alert(1)", "a"),
        ("an unknown scheme", "gopher://a/v1/open/x", "a"),
        ("a fragment", "http://a/v1/open/x#b", "a"),
        ("dots in the path", "http://a/v1/open/../closed/x", "a"),
        ("a semicolon in the path", "http://a/v1/open/x;b", "a"),
        ("two slashes in the path", "http://a//v1/open/x", "a"),
        ("a backslash behind the host", "http://a\\@b/v1/open/x", "a"),
        ("the upstream's path behind a user", "http://a/@evil.test/../v1/open/x", "a"),
    ];
    let refused =
        refused.map(|(name, target, host)| Case::new(name, request(&format!("GET {target}"), host), own(&[400, 404])));
    let lawful = [
        ("the same host", "http://a/v1/open/x?b", "a", "/v1/open/x?b"),
        ("the same host and port", "http://a:8080/v1/open/x", "a:8080", "/v1/open/x"),
        ("in another case", "http://A.Example/v1/open/x", "a.example", "/v1/open/x"),
        ("a scheme in capitals", "HTTP://a/v1/open/x", "a", "/v1/open/x"),
        ("https, as a proxy in front may say", "https://a/v1/open/x", "a", "/v1/open/x"),
    ];
    let lawful = lawful.map(|(name, target, host, arrives)| {
        let line = format!("GET {arrives}");
        Case::new(format!("lawful: {name}"), request(&format!("GET {target}"), host), forwarded(1).line(&line))
    });

    let root = Case::new("a query behind the host", request("GET http://a?/v1/open/x", "a"), own(&[200, 400]));

    play(refused.into_iter().chain(lawful).chain([root]).collect()).await;
}

#[tokio::test]
async fn a_target_has_a_length() {
    let target = |length: usize| format!("GET /v1/open/{}", "x".repeat(length - "/v1/open/".len()));
    let query = |length: usize| format!("GET /v1/open/x?{}", "x".repeat(length - "/v1/open/x?".len()));
    let longest = [("path", target(8192)), ("query", query(8192))];
    let longest = longest
        .map(|(name, line)| Case::new(format!("{name} of 8 KiB"), request(&line, "a"), forwarded(1).line(&line)));
    let lengths = [8_193, 9_000, 60_000, 65_000, 66_000, 1_000_000];
    let too_long = lengths.into_iter().flat_map(|length| [("path", target(length)), ("query", query(length))]);
    let too_long = too_long
        .map(|(name, line)| Case::new(format!("{name} of {} bytes", line.len() - 4), request(&line, "a"), own(&[414])));
    let endless = Case::new("without an end", target(100_000), cut(&[414]));

    play(longest.into_iter().chain(too_long).chain([endless]).collect()).await;
}

fn request(line: &str, host: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}
