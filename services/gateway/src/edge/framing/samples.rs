//! Generated connections: lawful ones, and ones in which something went wrong.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A request as text, and what a service should see of it.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    bytes: Vec<u8>,
    pub target: String,
    pub body: Vec<u8>,
}

fn body_bytes() -> impl Strategy<Value = Vec<u8>> {
    let lure = select(vec![&b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n"[..], b"0\r\n\r\n", b"\r\n", b"\n"]);
    prop_oneof![vec(any::<u8>(), 0..40), lure.prop_map(<[u8]>::to_vec)]
}

/// The fields that frame a body, the body as it is sent, and as it is meant.
fn framed_body() -> impl Strategy<Value = (String, Vec<u8>, Vec<u8>)> {
    let none = Just((String::new(), Vec::new(), Vec::new()));
    let counted = body_bytes().prop_map(|body| (format!("Content-Length: {}\r\n", body.len()), body.clone(), body));
    prop_oneof![none, counted, chunked_body()]
}

fn chunked_body() -> impl Strategy<Value = (String, Vec<u8>, Vec<u8>)> {
    let extension = select(vec!["", ";a", ";a=b;c=\"d e\""]);
    let trailers = select(vec!["", "x-sum: 1\r\n", "a:\r\nb: c\t\r\n"]);
    let coding = select(vec!["chunked", "Chunked \t"]);
    (vec((body_bytes(), extension), 0..4), trailers, coding).prop_map(|(chunks, trailers, coding)| {
        let (mut sent, mut meant) = (Vec::new(), Vec::new());
        for (chunk, extension) in chunks.iter().filter(|(chunk, _)| !chunk.is_empty()) {
            sent.extend_from_slice(format!("{:x}{extension}\r\n", chunk.len()).as_bytes());
            sent.extend_from_slice(chunk);
            sent.extend_from_slice(b"\r\n");
            meant.extend_from_slice(chunk);
        }
        sent.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
        (format!("transfer-encoding: {coding}\r\n"), sent, meant)
    })
}

fn sample() -> impl Strategy<Value = Sample> {
    let field = select(vec![
        "x: y\r\n",
        "Accept:*/*\r\n",
        "x-empty:\r\n",
        "connection: keep-alive\r\n",
        "x-text: \té\r\n",
        "upgrade: h2c\r\n",
    ]);
    let target = select(vec!["/", "/a/b?c=d", "/%20\"?`", "http://a/b", "*"]);
    let before = select(vec!["", "", "\r\n"]);
    (before, target, vec(field, 0..4), framed_body(), 0..2_u8).prop_map(|(before, target, fields, framed, place)| {
        let (framing, sent, body) = framed;
        let fields = fields.concat();
        let fields = if place == 0 { format!("{framing}{fields}") } else { format!("{fields}{framing}") };
        let mut bytes = format!("{before}PUT {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes();
        bytes.extend_from_slice(&sent);
        Sample { bytes, target: target.to_owned(), body }
    })
}

pub(super) fn pipeline() -> impl Strategy<Value = Vec<Sample>> {
    vec(sample(), 1..4)
}

pub(super) fn bytes_of(samples: &[Sample]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.bytes.clone()).collect()
}

/// What is put in at a place, and how much of what was there is taken out.
type Damage = (Index, Vec<u8>, usize);

fn damage() -> impl Strategy<Value = Damage> {
    let lures = select(vec![
        &b"\r"[..],
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b" ",
        b"\t",
        b":",
        b";",
        b"0",
        b"_",
        b"\0",
        b"\x80",
        b"Content-Length: 5\r\n",
        b"Content_Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Upgrade: websocket\r\n",
        b"Host: b\r\n",
        b"\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    ]);
    let put_in = prop_oneof![lures.prop_map(<[u8]>::to_vec), vec(any::<u8>(), 0..3)];
    (any::<Index>(), put_in, 0..3_usize)
}

/// A pipeline in which something went wrong, perhaps on purpose.
pub(super) fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (pipeline(), vec(damage(), 0..4)).prop_map(|(samples, damages)| {
        let mut bytes = bytes_of(&samples);
        for (place, put_in, taken) in damages {
            let start = place.index(bytes.len() + 1);
            let end = (start + taken).min(bytes.len());
            bytes.splice(start..end, put_in);
        }
        bytes
    })
}
