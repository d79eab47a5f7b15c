//! Hosts: one, and one that can be passed on as it is.

use super::case::{BAD, Case, either, forwarded, own};
use super::stage::play;

#[tokio::test]
async fn a_request_has_one_host() {
    let fields = [
        ("none", ""),
        ("an empty one", "Host:\r\n"),
        ("one of spaces", "Host:   \r\n"),
        ("two", "Host: a\r\nHost: b\r\n"),
        ("twice the same", "Host: a\r\nHost: a\r\n"),
        ("twice, in another case", "Host: a\r\nHost: A\r\n"),
        ("two in two spellings", "Host: a\r\nhost: b\r\n"),
        ("two, apart", "Host: a\r\nAccept: b\r\nHost: c\r\n"),
        ("two, the first empty", "Host:\r\nHost: a\r\n"),
        ("two, the second empty", "Host: a\r\nHost:\r\n"),
        ("three", "Host: a\r\nHost: a\r\nHost: a\r\n"),
        ("one behind a space", " Host: a\r\n"),
        ("one before a space", "Host : a\r\n"),
        ("one behind a fold", "X: y\r\n Host: a\r\n"),
        ("two, one with a space", "Host: a\r\nHost : b\r\n"),
        ("two, one behind a space", "Host: a\r\n Host: b\r\n"),
        ("only one by another name", "X-Forwarded-Host: a\r\n"),
    ];
    let cases =
        fields.map(|(name, lines)| Case::new(name, format!("GET /v1/open/x HTTP/1.1\r\n{lines}\r\n"), own(BAD)));

    play(cases.into()).await;
}

#[tokio::test]
async fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
    let hosts = [
        "a b",
        "a\tb",
        "a,b",
        "a, b",
        "a;b",
        "a/b",
        "a/",
        "/a",
        "//a",
        "http://a",
        "a?b",
        "a#b",
        "a\\b",
        "a@b",
        "u:p@a",
        "@a",
        "a@",
        "a%00",
        "a%20b",
        "a%2fb",
        "a%40b",
        "a%",
        "a\"b",
        "\"a\"",
        "a'b",
        "a<b>",
        "a(b)",
        "a{b}",
        "a|b",
        "a`b",
        "a^b",
        "a=b",
        "a&b",
        "a$b",
        "a!b",
        "a*b",
        "*",
        "a+b",
        "\u{fc}.example",
        "xn--\u{fc}",
        "a\u{3002}b",
        "a:x",
        "a:-1",
        "a:+80",
        "a: 80",
        "a :80",
        "a:80:81",
        "a:80 81",
        "a:0x50",
        "a:65536",
        "a:99999",
        "a:99999999999999999999",
        "a:80/",
        "a:80@b",
        ":80",
        ":",
        "::1",
        "[::1",
        "::1]",
        "[]",
        "[a]",
        "[::1]a",
        "[::1]:x",
        "[::1]:80:81",
        "[::g]",
        "[fe80::1%25eth0]",
    ];
    let cases = hosts.map(|host| Case::new(format!("{host:?}"), with_host(host), own(BAD)));
    let odd = ["a:", "a.", ".a", "a..b", "-a", "a_b", "1", "1.2.3", "0x7f.1", "a:0", "a:080", "127.0.0.1", "[::1]:"];
    let odd = odd.map(|host| Case::new(format!("odd: {host:?}"), with_host(host), either(BAD)));
    let lawful =
        ["a", "A.EXAMPLE", "a.example:8080", "127.0.0.1:80", "[::1]", "[::1]:80", "xn--tda.example", "a:65535"];
    let lawful = lawful.map(|host| Case::new(format!("lawful: {host:?}"), with_host(host), forwarded(1)));
    let long = ["a".repeat(300), "a.".repeat(5_000), "a".repeat(60_000)]
        .map(|host| Case::new(format!("{} bytes", host.len()), with_host(&host), either(&[400, 431])));

    play(cases.into_iter().chain(odd).chain(lawful).chain(long).collect()).await;
}

fn with_host(host: &str) -> String {
    format!("GET /v1/open/x HTTP/1.1\r\nHost: {host}\r\n\r\n")
}
