//! Who calls and from where is the gateway's to say, however a client spells it.

use std::collections::BTreeSet;

use super::case::{BAD, Case, Expect, TOKEN, either, get};
use super::stage::play;

/// Fields that services believe.
const NAMES: [&str; 45] = [
    "X-User-Id",
    "X-User",
    "X-User-Email",
    "X-User-Roles",
    "X-User-Name",
    "X-Caller",
    "X-Caller-Id",
    "X-Caller-Roles",
    "X-Auth",
    "X-Auth-Subject",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Auth-Token-Claims",
    "X-Authenticated",
    "X-Authenticated-User",
    "X-Authenticated-Userid",
    "X-Consumer-Id",
    "X-Consumer-Username",
    "X-Consumer-Custom-Id",
    "X-Role",
    "X-Remote",
    "X-Remote-User",
    "X-Remote-Group",
    "Remote-User",
    "Remote-Addr",
    "Forwarded",
    "X-Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Uri",
    "X-Real-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Portico-Admin",
];

#[tokio::test]
async fn no_spelling_of_an_identity_field_arrives() {
    let spellings = NAMES.iter().flat_map(|name| {
        let first = name.replacen('-', "_", 1);
        let alternating = name.replace('-', "_").replacen('_', ".", 1);
        let mut spellings = vec![(*name).to_owned(), name.to_ascii_uppercase(), name.to_ascii_lowercase()];
        spellings.extend([name.replace('-', "_"), name.replace('-', "."), first, alternating]);
        spellings
    });
    let spellings: BTreeSet<String> = spellings.collect();
    let cases = spellings.iter().map(|name| Case::new(name, get(&format!("{name}: forged\r\n")), dropped()));

    play(cases.collect()).await;
}

/// CGI and its heirs keep letters and digits only apart.
#[tokio::test]
async fn no_mark_in_an_identity_field_gets_by() {
    let marks = "!#$%&'*+^`|~".chars();
    let cases = marks.flat_map(|mark| {
        ["X-User-Id", "X-Forwarded-For", "X-Real-IP", "Remote-User"].map(|name| {
            let name = name.replace('-', &mark.to_string());
            Case::new(&name, get(&format!("{name}: forged\r\n")), dropped())
        })
    });

    play(cases.collect()).await;
}

#[tokio::test]
async fn no_place_lets_an_identity_field_through() {
    let lines = [
        ("twice", "X-User-Id: forged\r\nX-User-Id: forged\r\n"),
        ("in two spellings", "X-User-Id: forged\r\nx_user_id: forged\r\n"),
        ("nominated", "Connection: x-user-id\r\nX-User-Id: forged\r\n"),
        ("nominated in another spelling", "Connection: x-user-id\r\nX_User_Id: forged\r\n"),
        ("the proper one nominated away", "Connection: x-forwarded-for\r\nX_Forwarded_For: forged\r\n"),
        ("behind a request id", "X-Request-Id: a\r\nX_Request_Id: forged\r\n"),
        ("as a quoted name", "\"X-User-Id\": forged\r\n"),
        ("with a space before the colon", "X-User-Id : forged\r\n"),
        ("with a tab before the colon", "X-User-Id\t: forged\r\n"),
        ("with a space in front", "X: y\r\n X-User-Id: forged\r\n"),
        ("behind CR", "X: y\rX-User-Id: forged\r\n"),
        ("behind LF", "X: y\nX-User-Id: forged\r\n"),
        ("behind NUL", "X: y\0X-User-Id: forged\r\n"),
        ("with a full-width hyphen", "X\u{ff0d}User\u{ff0d}Id: forged\r\n"),
        ("with a soft hyphen", "X\u{ad}-User-Id: forged\r\n"),
        ("with a zero-width space", "\u{200b}X-User-Id: forged\r\n"),
        ("a list of addresses", "X-Forwarded-For: 127.0.0.1, 10.0.0.1, forged\r\n"),
        ("an address with a port", "X-Forwarded-For: 127.0.0.1:80, forged\r\n"),
        ("a forwarded element", "Forwarded: for=127.0.0.1;host=forged;proto=https\r\n"),
    ];
    let cases = lines.into_iter().flat_map(|(name, lines)| {
        let token = format!("Authorization: Bearer {TOKEN}\r\n");
        let open = Case::new(name, get(lines), dropped());
        let guest = get(lines).replacen("/open/", "/guest/", 1);
        let closed = get(&(token + lines)).replacen("/open/", "/closed/", 1);
        let guest = Case::new(format!("{name}, to a guest"), guest, dropped());
        [open, guest, Case::new(format!("{name}, with a token"), closed, dropped())]
    });

    play(cases.collect()).await;
}

/// A way to write a name, and what it is called.
type Spell = (&'static str, fn(&str) -> String);

#[tokio::test]
async fn all_of_them_at_once_say_nothing() {
    let all = |spell: fn(&str) -> String| NAMES.map(|name| format!("{}: forged\r\n", spell(name))).concat();
    let spells: [Spell; 3] = [
        ("with hyphens", str::to_owned),
        ("with underscores", |name| name.replace('-', "_")),
        ("with dots", |name| name.replace('-', ".")),
    ];
    let cases = spells.into_iter().flat_map(|(how, spell)| {
        ["/v1/open/x", "/v1/guest/x", "/v1/closed/x"].map(|path| {
            let token =
                if path.contains("closed") { format!("Authorization: Bearer {TOKEN}\r\n") } else { String::new() };
            let bytes = get(&(token + &all(spell))).replacen("/v1/open/x", path, 1);
            Case::new(format!("{how}, to {path}"), bytes, dropped())
        })
    });

    play(cases.collect()).await;
}

/// Passed on without it, or refused for it; that nothing forged arrives holds for every case.
fn dropped() -> Expect {
    either(BAD)
}
