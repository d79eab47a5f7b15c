//! Laws that hold for all connections, lawful or not.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::portions::{End, Portions, drive_bytes, refused};
use super::samples::{bytes_of, damaged, pipeline};
use super::{StrictIo, Wire};

/// What passes of a connection on which no tunnel opens.
fn pass(bytes: &[u8], cuts: &[usize], at_once: usize) -> (Vec<u8>, End, u64) {
    let wire = Rc::new(Wire::default());
    let mut io = StrictIo::new(Portions::cut(bytes, cuts), Bytes::new(), Rc::clone(&wire));
    let mut passed = Vec::new();
    loop {
        let (more, end) = drive_bytes(&mut io, at_once);
        passed.extend(more);
        if end != End::Waiting {
            return (passed, end, wire.requests());
        }
        wire.no_tunnel();
    }
}

/// What a service behind hyper gets.
#[derive(Debug)]
struct Served {
    /// Target and body of each request; no body if it broke off.
    requests: Vec<(String, Option<Vec<u8>>)>,
    /// Whether hyper had a complaint about a head.
    complained: bool,
    /// How many the layer passed on.
    passed: u64,
}

fn serve(bytes: &[u8], cuts: &[usize]) -> Served {
    let wire = Rc::new(Wire::default());
    let requests = Rc::new(RefCell::default());
    let io = StrictIo::new(Portions::cut(bytes, cuts), Bytes::new(), Rc::clone(&wire));
    let answer = service_fn(|request: Request<Incoming>| {
        if wire.accept_request() {
            wire.no_tunnel();
        }
        let requests = Rc::<RefCell<Vec<_>>>::clone(&requests);
        async move {
            let target = request.uri().to_string();
            let body = request.into_body().collect().await.ok();
            requests.borrow_mut().push((target, body.map(|body| body.to_bytes().to_vec())));
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let connection = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(io), answer);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let complained = runtime.block_on(async {
        tokio::select! {
            biased;
            ended = connection => ended.is_err_and(|error| error.is_parse()),
            _ = refused(&wire) => false,
        }
    });
    Served { requests: requests.take(), complained, passed: wire.requests() }
}

/// A reader that knows CR LF only, and panics where a head could be read in another way.
fn read_strictly(mut bytes: &[u8]) -> usize {
    let mut heads = 0;
    while !bytes.is_empty() {
        let skipped = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
        let end = find(&bytes[skipped..], b"\r\n\r\n").expect("a head passed that is not complete") + skipped + 4;
        let body = length_of_body(&String::from_utf8_lossy(&bytes[skipped..end - 4]));
        heads += 1;
        bytes = match body {
            Some(length) => &bytes[end..][length.min(bytes.len() - end)..],
            None => skip_chunks(&bytes[end..]),
        };
    }
    heads
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// `None`: chunked.
fn length_of_body(head: &str) -> Option<usize> {
    let lines: Vec<_> = head.split("\r\n").collect();
    assert!(lines.iter().all(|line| !line.contains(['\r', '\n', '\0'])), "{head:?}");
    let fields = lines[1..].iter().map(|line| line.split_once(':').expect("a field has a colon"));
    let (mut lengths, mut codings) = (Vec::new(), Vec::new());
    for (name, value) in fields {
        assert_eq!(name, name.trim(), "{head:?}");
        match name.to_ascii_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-").as_str() {
            "content-length" => lengths.push(value.trim().parse().expect("a length is a number")),
            "transfer-encoding" => codings.push(value.trim().to_ascii_lowercase()),
            _ => {}
        }
    }
    match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => Some(0),
        ([length], []) => Some(*length),
        ([], [coding]) if coding == "chunked" => None,
        _ => panic!("two say how long the body is: {head:?}"),
    }
}

/// What follows a chunked body; nothing if it breaks off.
fn skip_chunks(mut bytes: &[u8]) -> &[u8] {
    while let Some(end) = find(bytes, b"\r\n") {
        let line = std::str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(line.split(';').next().unwrap(), 16).unwrap();
        bytes = &bytes[end + 2..];
        if size == 0 {
            return if bytes.starts_with(b"\r\n") { &bytes[2..] } else { skip_trailers(bytes) };
        }
        if bytes.len() < size + 2 {
            break;
        }
        assert_eq!(&bytes[size..size + 2], b"\r\n");
        bytes = &bytes[size + 2..];
    }
    &[]
}

fn skip_trailers(bytes: &[u8]) -> &[u8] {
    find(bytes, b"\r\n\r\n").map_or(&[], |end| &bytes[end + 4..])
}

proptest! {
    #[test]
    fn lawful_requests_pass_unchanged(samples in pipeline(), cuts in vec(any::<usize>(), 0..9)) {
        let bytes = bytes_of(&samples);

        let (passed, end, requests) = pass(&bytes, &cuts, 64);

        prop_assert_eq!(passed, bytes);
        prop_assert_eq!((end, requests), (End::Closed, samples.len() as u64));
    }

    #[test]
    fn a_service_gets_the_requests_and_bodies_that_were_sent(samples in pipeline(), cuts in vec(any::<usize>(), 0..9)) {
        let served = serve(&bytes_of(&samples), &cuts);

        let sent: Vec<_> = samples.into_iter().map(|sample| (sample.target, Some(sample.body))).collect();
        prop_assert_eq!(served.passed, sent.len() as u64);
        prop_assert_eq!(served.requests, sent);
        prop_assert!(!served.complained);
    }

    #[test]
    fn it_does_not_matter_in_which_portions_bytes_come(
        bytes in damaged(),
        cuts in vec(any::<usize>(), 0..9),
        at_once in 1..99_usize,
    ) {
        let whole = pass(&bytes, &[], 1 << 16);

        prop_assert_eq!(pass(&bytes, &cuts, at_once), whole.clone());
        prop_assert_eq!(pass(&bytes, &(0..bytes.len()).collect::<Vec<_>>(), 1 << 16), whole);
    }

    #[test]
    fn portions_do_not_matter_at_limits_either(
        samples in pipeline(),
        place in any::<Index>(),
        long in select(vec!["a".repeat(8200), "a".repeat(66_000), "x: y\r\n".repeat(101), "a;".repeat(130)]),
        cuts in vec(any::<usize>(), 0..9),
    ) {
        let mut bytes = bytes_of(&samples);
        let place = place.index(bytes.len() + 1);
        bytes.splice(place..place, long.into_bytes());

        prop_assert_eq!(pass(&bytes, &cuts, 4096), pass(&bytes, &[], 1 << 17));
    }

    #[test]
    fn what_passes_can_be_read_in_one_way(bytes in damaged()) {
        let (passed, _, requests) = pass(&bytes, &[], 1 << 16);

        prop_assert!(bytes.starts_with(&passed));
        prop_assert_eq!(read_strictly(&passed) as u64, requests);
    }

    #[test]
    fn hyper_counts_requests_as_the_walk_does(bytes in damaged(), cuts in vec(any::<usize>(), 0..9)) {
        let served = serve(&bytes, &cuts);

        prop_assert!(!served.complained);
        let stays_open = !bytes.windows(8).any(|window| window == b"HTTP/1.0");
        prop_assert!(served.requests.len() as u64 == served.passed || !stays_open, "{served:?}");
    }
}
