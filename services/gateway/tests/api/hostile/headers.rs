//! Fields by which a client could have the gateway send another request than it was sent.

use super::case::{BAD, Case, TOKEN, either, forwarded, get, last, own, post};
use super::stage::play;

/// 417, or 400: what is expected cannot be met.
const UNMET: &[u16] = &[400, 417];

#[tokio::test]
async fn connection_takes_nothing_away_that_a_service_relies_on() {
    let options = [
        "Host",
        "host, close",
        "Content-Length",
        "content-length, keep-alive",
        "Transfer-Encoding",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Request-Id",
        "Traceparent",
        "TE",
        "te, trailers",
        "Trailer",
        "Authorization",
        "Cookie",
        "Expect",
        "X-User-Id",
        "X_Forwarded_For",
        "Connection",
        "connection, connection",
        "X-Forwarded-For, X-Forwarded-For",
        ",,,",
        "close, Host, X-Forwarded-For, Content-Length",
        "\"host\"",
        "host;q=1",
        "a b c",
        "(host)",
        "keep-alive, upgrade",
        "*",
        "",
    ];
    let on_get = options.map(|option| {
        let expect = either(BAD).line("GET /v1/open/x");
        Case::new(format!("{option:?}"), get(&format!("Connection: {option}\r\n")), may_close(option, expect))
    });
    let on_post = options.map(|option| {
        let bytes = post(&format!("Connection: {option}\r\nContent-Length: 5\r\n"), "hello");
        Case::new(format!("{option:?} with a body"), bytes, may_close(option, either(BAD).body("hello")))
    });
    let chunked = options.map(|option| {
        let bytes = post(&format!("Connection: {option}\r\nTransfer-Encoding: chunked\r\n"), "5\r\nhello\r\n0\r\n\r\n");
        Case::new(format!("{option:?} with chunks"), bytes, may_close(option, either(BAD).body("hello")))
    });
    let many = (0..90).map(|_| "Connection: host\r\n").collect::<String>();
    let many = Case::new("many times", get(&many), either(BAD));
    let long = Case::new("a long list", get(&format!("Connection: {}\r\n", "host,".repeat(10_000))), either(BAD));

    play(on_get.into_iter().chain(on_post).chain(chunked).chain([many, long]).collect()).await;
}

#[tokio::test]
async fn a_token_that_connection_takes_away_does_not_open_a_closed_path() {
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let cases = ["authorization", "Authorization, close", "AUTHORIZATION,te"].map(|option| {
        let lines = format!("{token}Connection: {option}\r\n");
        let bytes = get(&lines).replacen("/open/", "/closed/", 1);
        Case::new(option, bytes, may_close(option, either(&[400, 401])))
    });
    let doubled = Case::new("two tokens", get(&token.repeat(2)).replacen("/open/", "/closed/", 1), own(&[400, 401]));
    let good = Case::new("a good token", get(&token).replacen("/open/", "/closed/", 1), forwarded(1));

    play(cases.into_iter().chain([doubled, good]).collect()).await;
}

#[tokio::test]
async fn hop_by_hop_fields_end_here() {
    let lines = [
        "Keep-Alive: timeout=1000, max=100000\r\n",
        "Proxy-Connection: keep-alive\r\n",
        "Proxy-Authorization: Basic forged\r\n",
        "Proxy-Authenticate: forged\r\n",
        "Proxy: http://forged\r\n",
        "TE: gzip\r\n",
        "TE: trailers\r\n",
        "TE: trailers, deflate;q=0.5\r\n",
        "TE: trailers\r\nConnection: TE\r\n",
        "TE: gzip, chunked\r\nConnection: TE\r\n",
        "HTTP2-Settings: AAMAAABk\r\n",
        "Keep_Alive: forged\r\n",
        "Proxy_Authorization: forged\r\n",
        "Proxy.Connection: forged\r\n",
        "Connection: x-hop\r\nX-Hop: forged\r\n",
        "X-Hop: forged\r\nConnection: x-hop\r\n",
        "Connection: X-HOP\r\nx-hop: forged\r\nX-Hop: forged\r\n",
        "Connection: a\r\nConnection: x-hop\r\nX-Hop: forged\r\n",
        "Connection: a,x-hop ,b\r\nX-Hop: forged\r\n",
        "Connection:\tx-hop\t\r\nX-Hop: forged\r\n",
    ];
    let cases = lines.map(|lines| Case::new(format!("{lines:?}"), get(lines), either(BAD).line("GET /v1/open/x")));

    play(cases.into()).await;
}

#[tokio::test]
async fn an_expectation_is_met_or_refused() {
    let lawful = ["100-continue", "100-Continue", "100-CONTINUE", "  100-continue  "];
    let lawful = lawful.map(|value| {
        let bytes = post(&format!("Expect: {value}\r\nContent-Length: 5\r\n"), "hello");
        Case::new(format!("{value:?}"), bytes, forwarded(1).body("hello"))
    });
    let chunked = post("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n");
    let chunked = Case::new("100-continue, chunked", chunked, forwarded(1).body("hello"));
    let bare = Case::new("100-continue without a body", get("Expect: 100-continue\r\n"), forwarded(1));
    let odd = [
        "",
        "200-ok",
        "100",
        "101-continue",
        "100-continue, 200-ok",
        "100-continue;a",
        "x 100-continue",
        "100-continu",
        "\"100-continue\"",
    ];
    let odd = odd.map(|value| {
        let bytes = post(&format!("Expect: {value}\r\nContent-Length: 5\r\n"), "hello");
        Case::new(format!("odd: {value:?}"), bytes, either(UNMET).body("hello"))
    });
    let twice = post("Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n", "hello");
    let twice = Case::new("twice", twice, either(UNMET).body("hello"));
    let refused = post("Expect: 100-continue\r\nContent-Length: 5\r\n", "").replacen("/open/", "/closed/", 1);
    let refused = Case::new("refused before the body is sent", refused, own(&[401])).alone();
    let old = Case::new(
        "in HTTP/1.0",
        post("Expect: 100-continue\r\nContent-Length: 5\r\n", "hello").replacen("/1.1", "/1.0", 1),
        last(1).body("hello"),
    );

    play(lawful.into_iter().chain([chunked, bare, twice, refused, old]).chain(odd).collect()).await;
}

#[tokio::test]
async fn odd_fields_do_no_harm() {
    let lines = [
        "Content-Type: a\r\nContent-Type: b\r\n",
        "Content-Encoding: gzip\r\n",
        "Cookie: a=b\r\nCookie: c=d\r\n",
        "Range: bytes=0-0,0-0,0-0\r\n",
        "If-Match: *\r\n",
        "Max-Forwards: 0\r\n",
        "Via: 1.1 a, 1.1 b\r\n",
        "Date: never\r\n",
        "Server: a\r\n",
        "Location: http://evil.test\r\n",
        "Status: 200\r\n",
        ":authority: b\r\n",
        "X-Request-Id: a b\r\n",
        "X-Request-Id: a\r\nX-Request-Id: b\r\n",
        "X-Request-Id:\r\n",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntraceparent: x\r\n",
        "traceparent: ff-00000000000000000000000000000000-0000000000000000-00\r\ntracestate: a=b\r\n",
        "Access-Control-Request-Method: \u{fc}\r\n",
        "Origin: null\r\n",
        "Accept-Encoding: chunked\r\n",
    ];
    let cases = lines.map(|lines| Case::new(format!("{lines:?}"), get(lines), either(BAD)));
    let ids = ["x".repeat(200), "\u{fc}".to_owned(), "<a>".to_owned(), "../..".to_owned(), "a\tb".to_owned()];
    let ids =
        ids.map(|id| Case::new(format!("X-Request-Id {id:?}"), get(&format!("X-Request-Id: {id}\r\n")), forwarded(1)));

    play(cases.into_iter().chain(ids).collect()).await;
}

/// Asked to close, the gateway does.
fn may_close(option: &str, expect: super::case::Expect) -> super::case::Expect {
    let end = if option.contains("close") { super::case::End::Closes } else { expect.end };
    super::case::Expect { end, ..expect }
}
