//! Values of `Transfer-Encoding`: `chunked`, once, in HTTP/1.1.

use super::case::{BAD, Case, chunked, cut, forwarded, get, post};
use super::stage::play;

/// A request behind a chunked body, for whoever reads chunks.
const CHUNKS: &str = "5\r\nhello\r\n0\r\n\r\nGET /v1/open/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_coding_is_chunked_and_nothing_else() {
    let values = [
        "",
        " ",
        "identity",
        "gzip",
        "deflate",
        "compress",
        "x-gzip",
        "trailers",
        "cow",
        "chunk",
        "chunke",
        "chunkedd",
        "xchunked",
        "x-chunked",
        "chunked-",
        "chunked_",
        "chunked.",
        "chunked;",
        "chunked;q=1",
        "chunked; a=b",
        "chunked,",
        ",chunked",
        ", chunked",
        ",,chunked",
        "chunked,,",
        "chunked, ",
        "chunked,chunked",
        "chunked, chunked",
        "chunked, identity",
        "identity, chunked",
        "gzip, chunked",
        "gzip,chunked",
        "chunked, gzip",
        "trailers, chunked",
        "cow, chunked",
        "chunked cow",
        "cow chunked",
        "chunked chunked",
        "chunked\tcow",
        "\"chunked\"",
        "'chunked'",
        "\"chunked",
        "(chunked)",
        "[chunked]",
        "<chunked>",
        "chunked(a)",
        "chunked=1",
        "chunked:1",
        "chunked/1",
        ":chunked",
        "ch unked",
        "chun\tked",
        "chunked\0",
        "\0chunked",
        "\x0bchunked",
        "chunked\x0b",
        "\x0cchunked",
        "chunked\x0c",
        "\x08chunked",
        "chunked\x7f",
        "\u{a0}chunked",
        "chunked\u{a0}",
        "\u{feff}chunked",
        "chun\u{212a}ed",
        "\u{441}hunked",
        "chunk\u{435}d",
        "\u{ff43}hunked",
        "%63hunked",
        "5",
    ];
    let cases = values.map(|value| Case::new(format!("{value:?}"), post(&coding(value), CHUNKS), cut(BAD)));

    play(cases.into()).await;
}

#[tokio::test]
async fn a_coding_is_said_once_and_in_one_way() {
    let lines = [
        ("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        ("chunked, then identity", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
        ("identity, then chunked", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"),
        ("gzip, then chunked", "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
        ("chunked, then gzip", "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n"),
        ("chunked, then nothing", "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n"),
        ("nothing, then chunked", "Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n"),
        ("cow, then chunked", "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n"),
        ("chunked, then cow, apart", "Transfer-Encoding: chunked\r\nAccept: a\r\nTransfer-Encoding: cow\r\n"),
        ("in two spellings", "Transfer-Encoding: chunked\r\ntransfer-encoding: chunked\r\n"),
        ("with a space before the colon", "Transfer-Encoding : chunked\r\n"),
        ("with a tab before the colon", "Transfer-Encoding\t: chunked\r\n"),
        ("with VT before the colon", "Transfer-Encoding\x0b: chunked\r\n"),
        ("with NUL before the colon", "Transfer-Encoding\0: chunked\r\n"),
        ("with a space as hyphen", "Transfer Encoding: chunked\r\n"),
        ("with a space in front", " Transfer-Encoding: chunked\r\n"),
        ("behind a CR", "X: y\rTransfer-Encoding: chunked\r\n"),
        ("behind a LF", "X: y\nTransfer-Encoding: chunked\r\n"),
        ("behind a LF CR", "X: y\n\rTransfer-Encoding: chunked\r\n"),
        ("behind a CR CR", "X: y\r\rTransfer-Encoding: chunked\r\n"),
        ("quoted", "\"Transfer-Encoding\": chunked\r\n"),
        ("twice, once behind a space", "Transfer-Encoding: chunked\r\n Transfer-Encoding: identity\r\n"),
    ];
    let cases = lines.map(|(name, lines)| Case::new(name, post(lines, CHUNKS), cut(BAD)));
    let on_get = lines.map(|(name, lines)| Case::new(format!("{name}, on GET"), get(lines) + CHUNKS, cut(BAD)));

    play(cases.into_iter().chain(on_get).collect()).await;
}

#[tokio::test]
async fn http_1_0_has_no_coding() {
    let fields = ["", "Connection: keep-alive\r\n", "Content-Length: 5\r\n", "Connection: close\r\n"];
    let cases = fields.into_iter().flat_map(|more| {
        ["POST", "GET", "PUT"].map(|method| {
            let head = format!("{method} /v1/open/x HTTP/1.0\r\nHost: a\r\n{more}Transfer-Encoding: chunked\r\n\r\n");
            Case::new(format!("{method} with {more:?}"), head + CHUNKS, cut(BAD))
        })
    });

    play(cases.collect()).await;
}

#[tokio::test]
async fn a_lawful_coding_is_taken_off_and_put_on_again() {
    let values = ["chunked", "Chunked", "CHUNKED", "cHuNkEd", "  chunked", "chunked  ", "\tchunked\t"];
    let body = "5\r\nhello\r\n0\r\n\r\n";
    let lawful =
        values.map(|value| Case::new(format!("{value:?}"), post(&coding(value), body), forwarded(1).body("hello")));
    let methods = ["DELETE", "OPTIONS", "PATCH"].map(|method| {
        let bytes = chunked(body).replacen("POST", method, 1);
        Case::new(format!("on {method}"), bytes, forwarded(1).body("hello"))
    });
    let behind = Case::new("a request behind the body", chunked(CHUNKS), forwarded(2).body("hello"));

    play(lawful.into_iter().chain(methods).chain([behind]).collect()).await;
}

fn coding(value: &str) -> String {
    format!("Transfer-Encoding: {value}\r\n")
}
