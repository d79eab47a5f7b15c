//! What a reader and a watcher of the layer see.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use tokio::io::AsyncWriteExt as _;

use super::portions::{End, Portions, drive};
use super::*;

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const WEBSOCKET: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
const CHUNKED: &str = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn strict(portions: &[&str]) -> (StrictIo<Portions>, Rc<Wire>) {
    let wire = Rc::new(Wire::default());
    (StrictIo::new(Portions::of(portions), Bytes::new(), Rc::clone(&wire)), wire)
}

#[test]
fn a_head_passes_when_it_is_complete() {
    let (mut io, wire) = strict(&["GET / HT", "TP/1.1\r\nhost: a\r\n\r"]);

    assert_eq!(drive(&mut io, 99), (String::new(), End::Waiting));
    assert_eq!((wire.phase(), wire.requests()), (Phase::Head, 0));
    assert!(wire.is_read_pending());
    io.stream.push("\nPOST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nab");
    let (passed, _) = drive(&mut io, 9);

    assert_eq!(passed, format!("{GET}POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nab"));
    assert_eq!((wire.phase(), wire.requests()), (Phase::Body, 2));
    io.stream.push("cde");
    assert_eq!(drive(&mut io, 99).0, "cde");
    assert_eq!(wire.phase(), Phase::Idle);
}

#[test]
fn an_empty_line_is_not_the_beginning_of_a_head() {
    let (mut io, wire) = strict(&[GET, "\r", "\n"]);

    assert_eq!(drive(&mut io, 99).0, GET);
    assert_eq!(wire.phase(), Phase::Idle);
    io.stream.push("G");
    drive(&mut io, 99);
    assert_eq!(wire.phase(), Phase::Head);
}

#[test]
fn a_refused_head_is_told_after_what_came_before_it() {
    let bytes = format!("{GET}GET / HTTP/3.0\r\n\r\n{GET}");
    let (mut io, wire) = strict(&[&bytes]);
    let mut cx = Context::from_waker(Waker::noop());
    let (mut first, mut second) = ([0; 999], [0; 999]);
    let (mut first, mut second) = (ReadBuf::new(&mut first), ReadBuf::new(&mut second));

    assert!(Pin::new(&mut io).poll_read(&mut cx, &mut first).is_ready());
    assert_eq!((first.filled(), wire.refusal()), (GET.as_bytes(), None));
    assert!(Pin::new(&mut io).poll_read(&mut cx, &mut second).is_pending());

    assert_eq!((second.filled().len(), wire.refusal()), (0, Some(Refusal::Version)));
    assert_eq!(drive(&mut io, 99), (String::new(), End::Refused(Refusal::Version)));
    assert_eq!(wire.requests(), 1);
}

#[test]
fn a_fault_in_a_body_is_an_error_after_the_lawful_part() {
    let (mut io, wire) = strict(&[&format!("{CHUNKED}3\r\nabc\r\n3 \r\nabc\r\n")]);

    let (passed, end) = drive(&mut io, 99);

    assert_eq!(passed, format!("{CHUNKED}3\r\nabc\r\n3"));
    assert_eq!(end, End::Broken("a chunk size is not hexadecimal".into()));
    assert!(matches!(drive(&mut io, 99).1, End::Broken(_)));
    assert_eq!(wire.refusal(), None);
}

#[test]
fn trailers_are_held_until_they_are_known_to_be_harmless() {
    let (mut io, _) = strict(&[CHUNKED, "0\r\n", "content-", "length: 1\r\n\r\n"]);
    let (mut good, wire) = strict(&[CHUNKED, "0\r\n", "x-sum", ": 1\r\n\r", "\n"]);

    assert!(matches!(drive(&mut io, 99), (passed, End::Broken(_)) if passed == format!("{CHUNKED}0\r\n")));
    assert_eq!(drive(&mut good, 99).0, format!("{CHUNKED}0\r\nx-sum: 1\r\n\r\n"));
    assert_eq!(wire.phase(), Phase::Idle);
}

#[test]
fn a_tunnel_opens_with_the_answer_only() {
    let (mut io, wire) = strict(&[&format!("{WEBSOCKET}\x01\n raw"), "more"]);

    assert_eq!(drive(&mut io, 99), (WEBSOCKET.to_owned(), End::Waiting));
    assert_eq!((wire.phase(), wire.accept_request()), (Phase::Tunnel, true));
    wire.tunnel();

    assert_eq!(drive(&mut io, 3).0, "\x01\n rawmore");
    assert_eq!((wire.phase(), wire.requests()), (Phase::Tunnel, 1));
}

#[test]
fn without_a_tunnel_what_was_held_is_the_next_request() {
    let (mut io, wire) = strict(&[&format!("CONNECT a:1 HTTP/1.1\r\n\r\n{GET}")]);

    assert_eq!(drive(&mut io, 99).0, "CONNECT a:1 HTTP/1.1\r\n\r\n");
    assert!(wire.accept_request());
    wire.no_tunnel();

    assert_eq!(drive(&mut io, 99).0, GET);
    assert_eq!((wire.phase(), wire.requests(), wire.accept_request()), (Phase::Idle, 2, false));
}

#[test]
fn an_earlier_request_does_not_answer_for_the_one_that_asks() {
    let (mut io, wire) = strict(&[&format!("{GET}{WEBSOCKET}{GET}")]);

    assert_eq!(drive(&mut io, 999).0, format!("{GET}{WEBSOCKET}"));

    assert!(!wire.accept_request());
    assert!(wire.accept_request());
}

#[test]
fn an_answer_that_comes_before_the_head_passed_does_no_harm() {
    let wire = Rc::new(Wire::default());
    let bytes = format!("{WEBSOCKET}{GET}");
    let mut io = StrictIo::new(Portions::of(&[]), Bytes::from(bytes.clone()), Rc::clone(&wire));

    wire.no_tunnel();

    assert_eq!(drive(&mut io, 9).0, bytes);
    assert_eq!(wire.requests(), 2);
}

#[test]
fn an_answer_wakes_the_reader() {
    let (mut io, wire) = strict(&[WEBSOCKET]);
    drive(&mut io, 99);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let reading = Pin::new(&mut io).poll_read(&mut Context::from_waker(&waker), &mut ReadBuf::new(&mut [0; 9]));
    assert!(reading.is_pending());

    wire.no_tunnel();

    assert!(woken.0.load(Ordering::Relaxed));
}

#[test]
fn nothing_is_gathered_while_a_tunnel_is_not_answered() {
    let (mut io, _) = strict(&[WEBSOCKET, "first", "second"]);

    drive(&mut io, 99);

    assert_eq!(io.into_inner().1, "first");
}

#[test]
fn what_was_read_before_comes_first() {
    let wire = Rc::new(Wire::default());
    let (begun, rest) = GET.split_at(7);
    let early = Bytes::from(format!("{GET}{begun}"));
    let mut io = StrictIo::new(Portions::of(&[rest, "GET"]), early, Rc::clone(&wire));

    let (passed, _) = drive(&mut io, 5);

    assert_eq!((passed, wire.requests()), (format!("{GET}{GET}"), 2));
    assert_eq!(io.into_inner().1, "GET");
}

#[tokio::test]
async fn progress_of_writing_is_told() {
    let (near, mut far) = tokio::io::duplex(4);
    let wire = Rc::new(Wire::default());
    let mut io = StrictIo::new(near, Bytes::new(), Rc::clone(&wire));

    let mut writing = pin!(io.write_all(b"123456"));
    assert!(futures_util::poll!(&mut writing).is_pending());
    assert_eq!((wire.written(), wire.is_write_pending()), (4, true));
    tokio::io::AsyncReadExt::read_exact(&mut far, &mut [0; 4]).await.unwrap();
    writing.await.unwrap();

    assert_eq!((wire.written(), wire.is_write_pending()), (6, false));
}
