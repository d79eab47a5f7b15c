//! Fields that HTTP/2 does not have, and octets no field has (sections 8.2.1 and 8.2.2).

use super::case::{Case, Expect, play};
use super::frame::{Frame, get, get_with, literal};

const ECHO: &str = "/v1/open/echo";

#[tokio::test]
async fn fields_of_a_connection_are_malformed() {
    let with = |name: &'static str, value: &'static str| Frame::request(1, get_with(ECHO, &[(name, value)]));
    let cases = vec![
        Case::malformed("connection", [with("connection", "close")]),
        Case::malformed("connection, nominating", [with("connection", "x-forwarded-for")]),
        Case::malformed("keep-alive", [with("keep-alive", "timeout=5")]),
        Case::malformed("proxy-connection", [with("proxy-connection", "keep-alive")]),
        Case::malformed("transfer-encoding", [with("transfer-encoding", "chunked")]),
        Case::malformed("upgrade", [with("upgrade", "websocket")]),
        Case::malformed("te with a coding", [with("te", "gzip")]),
        Case::malformed("te with trailers and a coding", [with("te", "trailers, deflate")]),
        Case::good("te: trailers", [with("te", "trailers")]),
    ];

    play(cases).await;
}

#[tokio::test]
async fn names_and_values_are_made_of_what_they_may_be_made_of() {
    let with = |name: &[u8], value: &[u8]| Frame::request(1, [get(ECHO), literal(0, name, value)].concat());
    let name = |name: &'static [u8]| {
        Case::malformed(format!("name {:?}", name.escape_ascii().to_string()), [with(name, b"x")])
    };
    let value = |value: &'static [u8]| {
        Case::malformed(format!("value {:?}", value.escape_ascii().to_string()), [with(b"x", value)])
    };
    let names: [&[u8]; 14] = [
        b"", b"X-User", b"xY", b"x y", b"x:", b"x:y", b"x\t", b"x\r\n", b"x\0", b"\x7f", b"x\xff", b"x\"", b"(x)",
        b" x",
    ];
    let values: [&[u8]; 7] = [b"a\rb", b"a\nb", b"a\r\nx: y", b"a\0b", b"\0", b"a\r", b"\n"];
    // Section 8.2.1 forbids them; what arrives is the value without them, so nobody can read it in two ways.
    let padded = [&b" a"[..], b"a ", b"\ta", b"a\t"].map(|value| {
        let case = Case::malformed(format!("value {:?}", value.escape_ascii().to_string()), [with(b"x", value)]);
        case.or(Expect::Answer(200)).arriving(1)
    });

    play(names.into_iter().map(name).chain(values.into_iter().map(value)).chain(padded).collect()).await;
}
