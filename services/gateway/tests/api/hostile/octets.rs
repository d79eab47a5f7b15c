//! Octets that some drop, some cut at and some pass on: control characters, and names that are no tokens.

use super::case::{BAD, Case, cut, either, forwarded, get, own, post};
use super::stage::play;

/// Every place of a head; the octet stands instead of the bar.
const PLACES: [(&str, &str); 9] = [
    ("method", "GE|T /v1/open/x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("path", "GET /v1/open/|x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("end of the path", "GET /v1/open/x| HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("query", "GET /v1/open/x?a=|b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("version", "GET /v1/open/x HTTP/1.|1\r\nHost: a\r\n\r\n"),
    ("end of the request line", "GET /v1/open/x HTTP/1.1|\r\nHost: a\r\n\r\n"),
    ("name", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nAcc|ept: b\r\n\r\n"),
    ("start of a name", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\n|Accept: b\r\n\r\n"),
    ("end of a name", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nAccept|: b\r\n\r\n"),
];

/// Places of values, where tabs and what is not ASCII are lawful.
const VALUES: [(&str, &str); 5] = [
    ("value", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nAccept: b|c\r\n\r\n"),
    ("start of a value", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nAccept:|b\r\n\r\n"),
    ("end of a value", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nAccept: b|\r\n\r\n"),
    ("Content-Length", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0|\r\n\r\n"),
    ("Transfer-Encoding", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: |chunked\r\n\r\n0\r\n\r\n"),
];

const CONTROLS: [(&str, u8); 9] = [
    ("NUL", 0x00),
    ("SOH", 0x01),
    ("BS", 0x08),
    ("VT", 0x0b),
    ("FF", 0x0c),
    ("SO", 0x0e),
    ("ESC", 0x1b),
    ("US", 0x1f),
    ("DEL", 0x7f),
];

#[tokio::test]
async fn no_control_character_passes() {
    let controls =
        CONTROLS.into_iter().flat_map(|control| PLACES.into_iter().chain(VALUES).map(move |at| (control, at)));
    let cases = controls.map(|((name, octet), (place, head))| {
        Case::new(format!("{name} in the {place}"), with_octet(head, octet), cut(BAD))
    });

    play(cases.collect()).await;
}

#[tokio::test]
async fn what_is_not_ascii_stands_in_values_only() {
    let octets = [("a tab", b'\t'), ("a UTF-8 lead", 0xc3), ("Latin-1", 0xe9), ("0x80", 0x80), ("0xff", 0xff)];
    let cases = octets.into_iter().flat_map(|octet| PLACES.into_iter().map(move |at| (octet, at)));
    let refused = cases.map(|((name, octet), (place, head))| {
        Case::new(format!("{name} in the {place}"), with_octet(head, octet), own(BAD))
    });
    let lawful = octets.into_iter().flat_map(|octet| VALUES[..1].iter().map(move |at| (octet, at)));
    let lawful = lawful.map(|((name, octet), (place, head))| {
        Case::new(format!("{name} in a {place}"), with_octet(head, octet), forwarded(1))
    });

    play(refused.chain(lawful).collect()).await;
}

#[tokio::test]
async fn a_name_is_a_token() {
    let separators =
        "\"(),/;<=>?@[\\]{} ".chars().map(|char| (format!("{char:?} in a name"), format!("Acc{char}ept: b\r\n")));
    let names = [
        ("no name", ": b\r\n"),
        ("no name and no value", ":\r\n"),
        ("a space as a name", " : b\r\n"),
        ("a space before the colon", "Accept : b\r\n"),
        ("a tab before the colon", "Accept\t: b\r\n"),
        ("a space before the colon of Host", "Host : b\r\n"),
        ("a space before the colon of an identity header", "X-User-Id : forged\r\n"),
        ("a quoted name", "\"Accept\": b\r\n"),
        ("two words as a name", "Accept Encoding: b\r\n"),
    ];
    let names = names.map(|(name, lines)| (name.to_owned(), lines.to_owned()));
    let refused = separators.chain(names).map(|(name, lines)| Case::new(name, get(&lines), cut(BAD)));
    let odd = [
        ("a colon in a value", "X-Odd: a:b\r\n"),
        ("a colon as a value", "X-Odd::\r\n"),
        ("no value", "X-Odd:\r\n"),
        ("spaces as a value", "X-Odd:  \t  \r\n"),
        ("no space behind the colon", "X-Odd:a\r\n"),
        ("many spaces around a value", "X-Odd:    a    \r\n"),
        ("a name of all marks", "!#$%&'*+-.^_`|~: a\r\n"),
        ("a name of digits", "123: a\r\n"),
    ];
    let odd = odd.map(|(name, lines)| Case::new(name, get(lines), forwarded(1)));

    play(refused.chain(odd).collect()).await;
}

#[tokio::test]
async fn a_name_that_is_a_framing_one_for_some_is_refused() {
    let names =
        ["Content_Length", "CONTENT_LENGTH", "Content.Length", "Content~Length", "content'length", "Content^Length"];
    let lengths = names.map(|name| (name, format!("{name}: 5\r\n"), "hello"));
    let names =
        ["Transfer_Encoding", "TRANSFER_ENCODING", "Transfer.Encoding", "Transfer~Encoding", "transfer!encoding"];
    let codings = names.map(|name| (name, format!("{name}: chunked\r\n"), "5\r\nhello\r\n0\r\n\r\n"));
    let alone = lengths.iter().chain(&codings).map(|(name, line, body)| Case::new(*name, post(line, body), cut(BAD)));
    let beside = lengths.iter().chain(&codings).map(|(name, line, _)| {
        let lines = format!("{line}Content-Length: 1\r\n");
        Case::new(format!("{name} beside Content-Length"), post(&lines, "a"), cut(BAD))
    });
    let others =
        ["Content Length: 5\r\n", "Content-Length : 5\r\n", "Content-Length\t: 5\r\n", "Content-Length\0: 5\r\n"];
    let others = others.map(|line| Case::new(format!("{line:?}"), post(line, "hello"), cut(BAD)));
    let harmless = ["Content-Lengths: 5\r\n", "X-Content-Length: 5\r\n", "ContentLength: 5\r\n", "Length: 5\r\n"];
    let harmless = harmless.map(|line| Case::new(format!("{line:?}"), get(line), either(BAD)));

    play(alone.chain(beside).chain(others).chain(harmless).collect()).await;
}

fn with_octet(head: &str, octet: u8) -> Vec<u8> {
    head.bytes().map(|byte| if byte == b'|' { octet } else { byte }).collect()
}
