//! Fields behind a body: as strict as those before it, and without a say in how the request is read.

use super::case::{BAD, Case, Expect, TOKEN, chunked, cut_in_body, either, forwarded};
use super::stage::play;

#[tokio::test]
async fn trailers_are_as_strict_as_a_head() {
    let lines = [
        "X-Sum : 7\r\n",
        "X-Sum\t: 7\r\n",
        " X-Sum: 7\r\n",
        "\tX-Sum: 7\r\n",
        "X-Sum: 7\r\n 8\r\n",
        "X-Sum: 7\r\n\t8\r\n",
        "X-Sum: 7\n",
        "X-Sum: 7\r",
        "X-Sum: 7\r8\r\n",
        "X-Sum: 7\r\r\n",
        "X-Sum: 7\n8\r\n",
        "X-Sum: 7\08\r\n",
        "X-Sum: 7\x0b\r\n",
        "X-Sum: 7\x7f\r\n",
        "X-Sum\0: 7\r\n",
        "X Sum: 7\r\n",
        "X-Sum\r\n",
        ": 7\r\n",
        "(X-Sum): 7\r\n",
        "X-Sum;: 7\r\n",
        "X-S\u{fc}m: 7\r\n",
        "\n",
        "X-Sum: 7\n\n",
        "GET /v1/open/smuggled HTTP/1.1\r\n",
        "0\r\n",
    ];
    let cases = lines.map(|line| Case::new(format!("{line:?}"), with_trailers(line), cut_in_body(BAD)));

    play(cases.into()).await;
}

#[tokio::test]
async fn trailers_are_limited() {
    let many = (0..101).map(|number| format!("X-{number}: x\r\n")).collect::<Vec<_>>().concat();
    let cases = [
        ("101 trailers", many.clone()),
        ("10100 trailers", many.repeat(100)),
        ("a trailer of 70 KB", format!("X-Sum: {}\r\n", "7".repeat(70_000))),
        ("a trailer of 1 MB", format!("X-Sum: {}\r\n", "7".repeat(1_000_000))),
    ];
    let cases = cases.map(|(name, lines)| Case::new(name, with_trailers(&lines), cut_in_body(&[400, 431])));

    play(cases.into()).await;
}

#[tokio::test]
async fn a_trailer_does_not_change_how_a_request_is_read() {
    let lines = [
        "Content-Length: 5\r\n",
        "Content-Length: 0\r\n",
        "Content_Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer_Encoding: chunked\r\n",
        "Host: evil.test\r\n",
        "Host: a\r\nHost: b\r\n",
        "Connection: close\r\n",
        "Connection: x-forwarded-for\r\n",
        "Content-Type: text/evil\r\n",
        "Content-Encoding: gzip\r\n",
        "Expect: 100-continue\r\n",
        "Upgrade: websocket\r\n",
        "TE: trailers\r\n",
        "Trailer: x-sum\r\n",
        "Cookie: a=b\r\n",
    ];
    let cases = lines.map(|line| Case::new(format!("{line:?}"), with_trailers(line), refused_or_dropped()));

    play(cases.into()).await;
}

#[tokio::test]
async fn a_trailer_names_no_caller() {
    let names = [
        "X-User-Id",
        "x_user_id",
        "X.User.Id",
        "X-User",
        "X-Caller-Id",
        "X-Auth-Subject",
        "X-Authenticated-User",
        "X-Forwarded-For",
        "X_Forwarded_For",
        "X-Forwarded-User",
        "X-Forwarded-Host",
        "X-Real-IP",
        "X-Portico-Admin",
        "Remote-User",
        "Forwarded",
        "True-Client-IP",
        "X-Original-URL",
        "Proxy-Authorization",
    ];
    let forged = names.map(|name| Case::new(name, with_trailers(&format!("{name}: forged\r\n")), refused_or_dropped()));
    let announced = names.map(|name| {
        let bytes = with_trailers(&format!("{name}: forged\r\n")).replacen(
            "\r\n\r\n",
            &format!("\r\nTrailer: {name}\r\n\r\n"),
            1,
        );
        Case::new(format!("{name}, announced"), bytes, refused_or_dropped())
    });
    let authorization = Case::new(
        "a token that comes too late",
        with_trailers(&format!("Authorization: Bearer {TOKEN}\r\n")).replacen("/open/", "/closed/", 1),
        super::case::own(&[401]),
    );

    play(forged.into_iter().chain(announced).chain([authorization]).collect()).await;
}

#[tokio::test]
async fn lawful_trailers_pass() {
    let lines = ["X-Sum: 7\r\n", "X-Sum:\r\n", "X-Sum: 7\r\nX-Other: 8\r\n", "x-sum:7\r\n"];
    let cases = lines.map(|line| Case::new(format!("{line:?}"), with_trailers(line), forwarded(1).body("hello")));

    play(cases.into()).await;
}

fn with_trailers(lines: &str) -> String {
    chunked(&format!("5\r\nhello\r\n0\r\n{lines}\r\n"))
}

fn refused_or_dropped() -> Expect {
    Expect { may_break: true, ..either(BAD) }
}
