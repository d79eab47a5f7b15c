//! Requests for another protocol: without a 101 of the upstream there is no tunnel, and what follows is HTTP.

use super::case::{BAD, Case, End, Expect, From, answers, cut, either, get, own, post};
use super::stage::play;

/// Refused for what it asks, or for how.
const REFUSED: &[u16] = &[400, 501];

const WEBSOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const H2C: &str = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";
const SMUGGLED: &str = "GET /v1/open/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn what_follows_a_request_for_an_upgrade_is_http_until_it_is_granted() {
    let lines = [
        ("websocket", WEBSOCKET),
        ("websocket in capitals", "CONNECTION: UPGRADE\r\nUPGRADE: WEBSOCKET\r\n"),
        (
            "websocket of an unknown version",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\n",
        ),
        ("websocket without a key", "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
        ("websocket that Connection does not name", "Upgrade: websocket\r\n"),
        ("websocket beside keep-alive", "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"),
        ("websocket twice", "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n"),
        ("websocket or h2c", "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n"),
        ("h2c or websocket", "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n"),
        ("h2c", H2C),
        ("h2c without settings", "Connection: Upgrade\r\nUpgrade: h2c\r\n"),
        ("h2c that Connection does not name", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
        (
            "h2c with settings that are none",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: !\r\n",
        ),
        (
            "h2c with settings twice",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nHTTP2-Settings: AA\r\n",
        ),
        ("h2", "Connection: Upgrade\r\nUpgrade: h2\r\n"),
        ("TLS", "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n"),
        ("HTTP/2.0", "Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n"),
        ("a protocol nobody knows", "Connection: Upgrade\r\nUpgrade: x\r\n"),
        ("a CONNECT by another name", "Connection: Upgrade\r\nUpgrade: connect-ip\r\n"),
        ("nothing", "Connection: Upgrade\r\nUpgrade:\r\n"),
        ("an upgrade without its name", "Connection: Upgrade\r\n"),
        ("chunked", "Connection: Upgrade\r\nUpgrade: chunked\r\n"),
    ];
    let plain = lines.map(|(name, lines)| Case::new(name, get(lines), either(REFUSED)));
    let with_length = lines.map(|(name, lines)| {
        let lines = format!("{lines}Content-Length: {}\r\n", SMUGGLED.len());
        Case::new(format!("{name}, with a body"), post(&lines, SMUGGLED), either(REFUSED).body(SMUGGLED))
    });
    let with_chunks = lines.map(|(name, lines)| {
        let lines = format!("{lines}Transfer-Encoding: chunked\r\n");
        let body = format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
        Case::new(format!("{name}, with chunks"), post(&lines, &body), either(REFUSED).body(SMUGGLED))
    });
    let with_two_ends = lines.map(|(name, lines)| {
        let lines = format!("{lines}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n");
        Case::new(format!("{name}, with two ends"), post(&lines, "0\r\n\r\n"), cut(BAD))
    });
    let closed = lines.map(|(name, lines)| {
        let bytes = get(lines).replacen("/open/", "/closed/", 1);
        Case::new(format!("{name}, without a token"), bytes, own(&[400, 401, 501]))
    });

    play(plain.into_iter().chain(with_length).chain(with_chunks).chain(with_two_ends).chain(closed).collect()).await;
}

#[tokio::test]
async fn nothing_but_http_follows_an_upgrade_that_is_not_granted() {
    let rest: [(&str, &[u8]); 4] = [
        ("a frame", b"\x81\x85\x01\x02\x03\x04hello"),
        ("zeros", b"\0\0\0\0\0\0\0\0\0\0\0\0"),
        ("an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
        ("a TLS record", b"\x16\x03\x01\x00\x05hello"),
    ];
    let asked = [("websocket", WEBSOCKET), ("h2c", H2C), ("x", "Connection: Upgrade\r\nUpgrade: x\r\n")];
    let cases = asked.into_iter().flat_map(|(protocol, lines)| {
        rest.map(|(name, rest)| {
            let bytes = [get(lines).as_bytes(), rest].concat();
            let expect = answers(&[From::Either(REFUSED), From::Perhaps(&[400, 505])]);
            Case::new(format!("{name} behind {protocol}"), bytes, Expect { end: End::Closes, ..expect })
        })
    });

    play(cases.collect()).await;
}

#[tokio::test]
async fn nobody_is_connected_elsewhere() {
    let requests = [
        ("a host", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
        ("another host than Host", "CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("the upstream's own address", "CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n"),
        ("a host without a port", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a path", "CONNECT /v1/open/x HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a URL", "CONNECT http://a/v1/open/x HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a star", "CONNECT * HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("nobody", "CONNECT :443 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a user", "CONNECT u@a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
        ("a host, without Host", "CONNECT a:443 HTTP/1.1\r\n\r\n"),
        ("a host, in HTTP/1.0", "CONNECT a:443 HTTP/1.0\r\n\r\n"),
        ("a host, with a length", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 5\r\n\r\nhello"),
        ("a host, with no length", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 0\r\n\r\n"),
        ("a host, with chunks", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("a host, with an upgrade", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nUpgrade: websocket\r\n\r\n"),
    ];
    let plain = requests.map(|(name, bytes)| Case::new(name, bytes, own(&[400, 405, 501])));
    let behind = requests.map(|(name, bytes)| {
        let expect = own(&[400, 405, 501]).after(1);
        Case::new(format!("{name}, as the second request"), get("") + bytes, expect)
    });

    play(plain.into_iter().chain(behind).collect()).await;
}
