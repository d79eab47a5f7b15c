//! Values of `Content-Length`: one plain number, once.

use super::case::{BAD, Case, cut, either, forwarded, get, own, post};
use super::stage::play;

/// A request behind a body of five bytes, for whoever reads five.
const HELLO: &str = "helloGET /v1/open/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_length_is_a_plain_number() {
    let values = [
        "+5",
        "-5",
        "-0",
        "+0",
        "- 5",
        "5 5",
        "5 ,",
        ",5",
        "5,",
        ",",
        "5;",
        "5;a=b",
        "5.0",
        "5.",
        ".5",
        "5e0",
        "0x5",
        "0X5",
        "x5",
        "5h",
        "0b101",
        "0o5",
        "5_",
        "_5",
        "0_5",
        "5'",
        "\"5\"",
        "'5'",
        "(5)",
        "5=5",
        "5/5",
        "5:5",
        "five",
        "NaN",
        "Infinity",
        "null",
        "chunked",
        "",
        " ",
        "\t",
        "\u{665}",
        "\u{ff15}",
        "5\u{a0}",
        "\u{a0}5",
        "5\0",
        "\x005",
        "5\x0b",
        "\x0b5",
        "5\x0c",
        "\x0c5",
        "18446744073709551616",
        "18446744073709551621",
        "36893488147419103237",
        "99999999999999999999",
        "340282366920938463463374607431768211461",
        "00000000000000000000000000000000000000005",
    ];
    let cases = values.map(|value| Case::new(format!("{value:?}"), post(&length(value), HELLO), cut(BAD)));

    play(cases.into()).await;
}

#[tokio::test]
async fn a_length_is_said_once() {
    let lines = [
        ("twice the same", "Content-Length: 5\r\nContent-Length: 5\r\n"),
        ("twice the same, apart", "Content-Length: 5\r\nAccept: a\r\nContent-Length: 5\r\n"),
        ("in two spellings", "Content-Length: 5\r\ncontent-length: 5\r\n"),
        ("twice, the second longer", "Content-Length: 5\r\nContent-Length: 48\r\n"),
        ("twice, the second shorter", "Content-Length: 48\r\nContent-Length: 5\r\n"),
        ("twice, the second nothing", "Content-Length: 5\r\nContent-Length:\r\n"),
        ("twice, the first nothing", "Content-Length:\r\nContent-Length: 5\r\n"),
        ("twice, the first zero", "Content-Length: 0\r\nContent-Length: 5\r\n"),
        ("twice, the second zero", "Content-Length: 5\r\nContent-Length: 0\r\n"),
        ("twice, the second with zeros", "Content-Length: 5\r\nContent-Length: 05\r\n"),
        ("twice, the second no number", "Content-Length: 5\r\nContent-Length: x\r\n"),
        ("three times", "Content-Length: 5\r\nContent-Length: 5\r\nContent-Length: 5\r\n"),
        ("as a list", "Content-Length: 5, 5\r\n"),
        ("as a list without a space", "Content-Length: 5,5\r\n"),
        ("as a list of different ones", "Content-Length: 5, 6\r\n"),
        ("as a list with nothing in it", "Content-Length: 5,,5\r\n"),
        ("as a list of zeros", "Content-Length: 0, 0\r\n"),
        ("as a list and alone", "Content-Length: 5, 5\r\nContent-Length: 5\r\n"),
    ];
    let cases = lines.map(|(name, lines)| Case::new(name, post(lines, HELLO), cut(BAD)));
    let on_get = lines.map(|(name, lines)| Case::new(format!("{name}, on GET"), get(lines) + HELLO, cut(BAD)));

    play(cases.into_iter().chain(on_get).collect()).await;
}

#[tokio::test]
async fn a_lawful_length_is_kept_to() {
    let lawful = [
        ("plain", "Content-Length: 5\r\n"),
        ("in capitals", "CONTENT-LENGTH: 5\r\n"),
        ("with spaces around", "Content-Length:   5  \r\n"),
        ("with tabs around", "Content-Length:\t5\t\r\n"),
        ("without a space", "Content-Length:5\r\n"),
    ];
    let kept = lawful.map(|(name, line)| Case::new(name, post(line, "hello"), forwarded(1).body("hello")));
    let zeros = ["05", "005"]
        .map(|value| Case::new(format!("{value:?}"), post(&length(value), "hello"), either(BAD).body("hello")));
    let empty = Case::new("no body", post("Content-Length: 0\r\n", ""), forwarded(1).body(""));
    let smuggled = "GET /v1/open/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let lines = length(&smuggled.len().to_string());
    let request = Case::new("a body that is a request", post(&lines, smuggled), forwarded(1).body(smuggled));
    let behind = Case::new("a request behind the body", post(&length("5"), HELLO), forwarded(2).body("hello"));
    let longer = Case::new("a body longer than said", post(&length("3"), "hello\r\n"), cut(BAD).after(1).body("hel"));

    play(kept.into_iter().chain(zeros).chain([empty, request, behind, longer]).collect()).await;
}

#[tokio::test]
async fn a_length_beyond_what_is_taken_is_413() {
    let values = ["1048577", "4294967301", "9223372036854775807", "1000000000000000000"];
    let large = values.map(|value| Case::new(value, post(&length(value), "hello"), own(&[413])).alone());
    let values = ["9223372036854775808", "18446744073709551615", "9999999999999999999"];
    let odd = values.map(|value| Case::new(value, post(&length(value), "hello"), own(&[400, 413])).alone());

    play(large.into_iter().chain(odd).collect()).await;
}

fn length(value: &str) -> String {
    format!("Content-Length: {value}\r\n")
}
