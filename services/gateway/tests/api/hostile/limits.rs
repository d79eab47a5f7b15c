//! Heads that are too large, and ones that are just not.

use super::case::{Case, cut, either, forwarded, get, post};
use super::stage::play;

/// 431, and nothing behind it is read: most of what is too large is never read to its end.
const TOO_LARGE: &[u16] = &[431];
const MOST_FIELDS: usize = 100;
const LARGEST_HEAD: usize = 64 * 1024;

#[tokio::test]
async fn a_head_has_a_number_of_fields() {
    let fields =
        |count: usize| (1..count).map(|number| format!("X-Filler-{number}: x\r\n")).collect::<Vec<_>>().concat();
    let alike = |count: usize| "X-Filler: x\r\n".repeat(count - 1);
    let few =
        [2, 50, 99, MOST_FIELDS].map(|count| Case::new(format!("{count} fields"), get(&fields(count)), forwarded(1)));
    let few_alike = Case::new("100 fields of one name", get(&alike(MOST_FIELDS)), forwarded(1));
    let counts = [101, 128, 200, 1_000, 5_000, 100_000];
    let many = counts.map(|count| Case::new(format!("{count} fields"), get(&fields(count)), cut(TOO_LARGE)));
    let many_alike =
        counts.map(|count| Case::new(format!("{count} fields of one name"), get(&alike(count)), cut(TOO_LARGE)));
    let short = counts
        .map(|count| Case::new(format!("{count} shortest fields"), get(&"a:\r\n".repeat(count - 1)), cut(TOO_LARGE)));
    let second = Case::new("101 fields in the second request", get("") + &get(&fields(101)), cut(TOO_LARGE).after(1));
    let cookies = Case::new("101 cookies", get(&"Cookie: a=b\r\n".repeat(100)), cut(TOO_LARGE));

    let all = few.into_iter().chain([few_alike]).chain(many).chain(many_alike).chain(short).chain([second, cookies]);
    play(all.collect()).await;
}

#[tokio::test]
async fn a_head_has_a_size() {
    let with_value = |size: usize| get(&format!("X-Filler: {}\r\n", "x".repeat(size - get("X-Filler: \r\n").len())));
    let with_name = |size: usize| get(&format!("{}: x\r\n", "x".repeat(size - get(": x\r\n").len())));
    let with_fields = |size: usize| {
        let line = format!("X-Filler: {}\r\n", "x".repeat(1_000));
        get(&line.repeat((size - get("").len()) / line.len()))
    };
    let fitting = [
        ("a value of 60 KB", with_value(60_000)),
        ("sixty values of 1 KB", with_fields(60_000)),
        ("a head of 63 KiB", with_value(63 * 1024)),
        ("a cookie of 60 KB", get(&format!("Cookie: a={}\r\n", "b".repeat(60_000)))),
    ];
    let fitting = fitting.map(|(name, bytes)| Case::new(name, bytes, forwarded(1)));
    // What is added for the upstream, and what is buffered at once, may make a difference close to the limit.
    let close = [LARGEST_HEAD - 100, LARGEST_HEAD]
        .map(|size| Case::new(format!("a head of {size} bytes"), with_value(size), either(TOO_LARGE)));
    let sizes = [LARGEST_HEAD + 1, 70_000, 100_000, 300_000, 2_000_000];
    let values =
        sizes.map(|size| Case::new(format!("a value makes a head of {size} bytes"), with_value(size), cut(TOO_LARGE)));
    let names = [70_000, 300_000]
        .map(|size| Case::new(format!("a name makes a head of {size} bytes"), with_name(size), cut(&[400, 431])));
    let fields = [70_000, 90_000]
        .map(|size| Case::new(format!("fields make a head of {size} bytes"), with_fields(size), cut(TOO_LARGE)));
    let long_name = Case::new("a name of 20 KB", with_name(20_000), either(&[400, 431]));

    let all = fitting.into_iter().chain(close).chain(values).chain(names).chain(fields).chain([long_name]);
    play(all.collect()).await;
}

#[tokio::test]
async fn a_head_without_an_end_is_not_read_to_its_end() {
    let start = "GET /v1/open/x HTTP/1.1\r\nHost: a\r\n";
    let endless = [
        ("an endless value", format!("{start}X-Filler: {}", "x".repeat(3_000_000)), TOO_LARGE),
        ("an endless name", format!("{start}{}", "x".repeat(3_000_000)), &[400, 431][..]),
        ("endless fields", start.to_owned() + &"a: b\r\n".repeat(500_000), TOO_LARGE),
        ("an endless method", "G".repeat(3_000_000), &[400, 414, 431, 501]),
        ("endless spaces in a value", format!("{start}X-Filler: {}", " ".repeat(3_000_000)), TOO_LARGE),
    ];
    let cases = endless.map(|(name, bytes, statuses)| Case::new(name, bytes, cut(statuses)).alone());
    let lines = Case::new("endless empty lines", "\r\n".repeat(1_000_000), cut(&[400, 431])).alone();
    let body = Case::new(
        "a large head behind a body",
        post("Content-Length: 5\r\n", "hello") + &get(&"a: b\r\n".repeat(101)),
        cut(TOO_LARGE).after(1),
    );

    play(cases.into_iter().chain([lines, body]).collect()).await;
}
