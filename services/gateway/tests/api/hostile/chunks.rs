//! Chunked bodies in which two readers would find two ends.

use super::case::{BAD, Case, chunked, cut_in_body, either, forwarded, own};
use super::stage::play;

const SMUGGLED: &str = "GET /v1/open/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_chunk_that_is_not_well_formed_is_refused_wherever_it_stands() {
    let flaws = sizes().into_iter().chain(ends()).chain(last_chunks());
    let alone = flaws.map(|(name, body)| Case::new(name, chunked(&(body + SMUGGLED)), cut_in_body(BAD)));
    let flaws = sizes().into_iter().chain(ends()).chain(last_chunks());
    let second = flaws.map(|(name, body)| {
        Case::new(
            format!("{name}, in the second chunk"),
            chunked(&format!("3\r\nabc\r\n{body}{SMUGGLED}")),
            cut_in_body(BAD),
        )
    });

    play(alone.chain(second).collect()).await;
}

#[tokio::test]
async fn it_is_refused_on_every_path() {
    let flaws = || sizes().into_iter().chain(ends());
    let closed = flaws().map(|(name, body)| {
        let bytes = chunked(&(body + SMUGGLED)).replacen("/open/", "/closed/", 1);
        Case::new(format!("{name}, without a token"), bytes, cut_in_body(&[400, 401]))
    });
    let guest = flaws().map(|(name, body)| {
        let bytes = chunked(&(body + SMUGGLED)).replacen("/open/", "/guest/", 1);
        Case::new(format!("{name}, to a guest"), bytes, cut_in_body(BAD))
    });
    let nowhere = flaws().map(|(name, body)| {
        let bytes = chunked(&(body + SMUGGLED)).replacen("/v1/open/", "/nowhere/", 1);
        Case::new(format!("{name}, to nobody"), bytes, cut_in_body(&[400, 404]))
    });

    play(closed.chain(guest).chain(nowhere).collect()).await;
}

#[tokio::test]
async fn a_lawful_chunked_body_arrives_as_it_was_meant() {
    let bodies = [
        ("one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("many chunks", "1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n1\r\nl\r\n1\r\no\r\n0\r\n\r\n", "hello"),
        ("no chunk but the last", "0\r\n\r\n", ""),
        ("a size in lower case", "a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("a size in upper case", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("a size with zeros", "0005\r\nhello\r\n0\r\n\r\n", "hello"),
        ("a last chunk of zeros", "5\r\nhello\r\n000\r\n\r\n", "hello"),
        ("CR LF as data", "2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
        ("a last chunk as data", "5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n"),
        ("a request as data", "2b\r\nGET /v1/open/smuggled HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n\r\n", SMUGGLED),
        ("NUL and controls as data", "5\r\n\0\x01\n\r\x7f\r\n0\r\n\r\n", "\0\x01\n\r\x7f"),
    ];
    let lawful = bodies.map(|(name, body, meant)| Case::new(name, chunked(body), forwarded(1).body(meant)));
    let pipelined = bodies.map(|(name, body, meant)| {
        Case::new(format!("{name}, and a request"), chunked(&format!("{body}{SMUGGLED}")), forwarded(2).body(meant))
    });

    play(lawful.into_iter().chain(pipelined).collect()).await;
}

#[tokio::test]
async fn extensions_are_dropped_or_refused() {
    let lines = [
        "5;a",
        "5;a=b",
        "5;a=\"b\"",
        "5;a=\"b;c\"",
        "5;a=\"b\\\"c\"",
        "5;a;b;c",
        "5;a=b;c=d",
        "5;",
        "5;;",
        "5 ;a",
        "5; a",
        "5 ; a = b",
        "5;a=\"b",
        "5;=",
        "5;5",
        "5;\u{fc}",
    ];
    let odd = lines.map(|line| {
        let expect = either(BAD).body("hello");
        Case::new(format!("{line:?}"), chunked(&format!("{line}\r\nhello\r\n0\r\n\r\n")), may_break(expect))
    });
    let last = ["0;a", "0;a=b", "00;a=\"b\""].map(|line| {
        let expect = either(BAD).body("hello");
        Case::new(format!("last: {line:?}"), chunked(&format!("5\r\nhello\r\n{line}\r\n\r\n")), may_break(expect))
    });
    let long = [20_000, 70_000].map(|length| {
        let body = format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(length));
        Case::new(format!("an extension of {length} bytes"), chunked(&body), cut_in_body(BAD))
    });
    let flood = "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n".repeat(2_000);
    let flood = Case::new("a flood of extensions", chunked(&(flood + "0\r\n\r\n")), may_break(either(BAD)));

    play(odd.into_iter().chain(last).chain(long).chain([flood]).collect()).await;
}

#[tokio::test]
async fn a_chunk_larger_than_what_is_taken_is_413() {
    let body = format!("100001\r\n{}\r\n0\r\n\r\n", "x".repeat(0x10_0001));
    let large = Case::new("one chunk of more than a mebibyte", chunked(&body), may_break(own(&[413])));
    let body = format!("{}0\r\n\r\n", format!("ffff\r\n{}\r\n", "x".repeat(0xffff)).repeat(17));
    let many = Case::new("many chunks, together more than a mebibyte", chunked(&body), may_break(own(&[413])));

    play(vec![large, many]).await;
}

/// Lines of which the size is no plain hexadecimal number.
fn sizes() -> Vec<(String, String)> {
    let lines = [
        "",
        " ",
        "+5",
        "-5",
        "-0",
        " 5",
        "\t5",
        "5 ",
        "5\t",
        "5 5",
        "0x5",
        "0X5",
        "x5",
        "5h",
        "5g",
        "h",
        "5.",
        "5.0",
        "5,",
        "5_",
        "5_0",
        "_5",
        "\"5\"",
        "'5'",
        "(5)",
        "5:",
        "5=a",
        "five",
        "\u{665}",
        "\u{ff15}",
        "5\u{a0}",
        "5\0",
        "\x005",
        "5\x0b",
        "\x0b5",
        "5\x0c",
        "5\x7f",
        ";a",
        " ;a",
        "5\0;a",
        "10000000000000005",
        "fffffffffffffffff",
        "100000000000000000000000000000005",
        "00000000000000000000000000000000000000000000000000000000000000005",
    ];
    lines.iter().map(|line| (format!("size {line:?}"), format!("{line}\r\nhello\r\n0\r\n\r\n"))).collect()
}

/// Chunks that end elsewhere than they say, or lines that end in something else than CR LF.
fn ends() -> Vec<(String, String)> {
    let bodies = [
        ("LF behind the size", "5\nhello\r\n0\r\n\r\n"),
        ("CR behind the size", "5\rhello\r\n0\r\n\r\n"),
        ("CR CR LF behind the size", "5\r\r\nhello\r\n0\r\n\r\n"),
        ("LF CR behind the size", "5\n\rhello\r\n0\r\n\r\n"),
        ("nothing behind the size", "5hello\r\n0\r\n\r\n"),
        ("LF behind the data", "5\r\nhello\n0\r\n\r\n"),
        ("CR behind the data", "5\r\nhello\r0\r\n\r\n"),
        ("CR CR LF behind the data", "5\r\nhello\r\r\n0\r\n\r\n"),
        ("nothing behind the data", "5\r\nhello0\r\n\r\n"),
        ("a space behind the data", "5\r\nhello \r\n0\r\n\r\n"),
        ("an empty line behind the data", "5\r\nhello\r\n\r\n0\r\n\r\n"),
        ("an empty line in front", "\r\n5\r\nhello\r\n0\r\n\r\n"),
        ("data longer than said", "4\r\nhello\r\n0\r\n\r\n"),
        ("data shorter than said", "6\r\nhello\r\n0\r\n\r\n"),
        ("data shorter than said by two", "7\r\nhello\r\n0\r\n\r\n"),
        ("LF behind an extension", "5;a\nhello\r\n0\r\n\r\n"),
        ("LF within an extension", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
        ("CR within an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n"),
        ("CR CR LF behind an extension", "5;a\r\r\nhello\r\n0\r\n\r\n"),
        ("NUL within an extension", "5;a\0b\r\nhello\r\n0\r\n\r\n"),
        ("LF within a quoted extension", "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"),
        ("CR LF within a quoted extension", "5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n"),
        ("a last chunk behind LF in an extension", "5;a\n0\r\n\r\n"),
        ("no chunks at all", "hello"),
    ];
    bodies.map(|(name, body)| (name.to_owned(), body.to_owned())).into()
}

/// Ends of a body that are not one.
fn last_chunks() -> Vec<(String, String)> {
    let ends = [
        ("no last chunk", ""),
        ("LF behind the last size", "0\n\r\n"),
        ("CR behind the last size", "0\r\r\n"),
        ("LF LF behind the last size", "0\n\n"),
        ("LF as the last line", "0\r\n\n"),
        ("CR as the last line", "0\r\n\r"),
        ("no empty line behind the last chunk", "0\r\n"),
        ("a space behind the last size", "0 \r\n\r\n"),
        ("minus zero", "-0\r\n\r\n"),
        ("hexadecimal zero", "0x0\r\n\r\n"),
        ("LF behind an extension of the last chunk", "0;a\n\r\n"),
        ("data in the last chunk", "0\r\nhello\r\n\r\n"),
        ("a letter as the last size", "O\r\n\r\n"),
    ];
    ends.map(|(name, end)| (name.to_owned(), format!("5\r\nhello\r\n{end}"))).into()
}

fn may_break(expect: super::case::Expect) -> super::case::Expect {
    super::case::Expect { may_break: true, ..expect }
}
