//! What the runner prints when everything is ready.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Duration;

use portico_chores::state::State;

/// Text in colour, where the output is a terminal that has any.
struct Paint(bool);

impl Paint {
    fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.with("2", text)
    }

    fn green(&self, text: &str) -> String {
        self.with("1;32", text)
    }

    fn with(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Prints what is ready, where, the demo logins, and three calls to try.
pub fn print(state: &State, took: Duration) {
    println!("{}", text(state, took, &Paint(std::io::stdout().is_terminal())));
}

fn text(state: &State, took: Duration, paint: &Paint) -> String {
    let mut out = String::new();
    let mut line = |text: &str| writeln!(out, "{}", format!("  {text}").trim_end()).expect("a string takes all");
    let (gateway, dev) = (&state.gateway, &state.dev);
    line("");
    line(&format!("{}  {}", paint.green("Portico is ready"), paint.dim(&format!("in {:.1} s", took.as_secs_f64()))));
    line("");
    line(&format!("{}    {}", paint.bold("gateway"), gateway));
    line(&format!("{}  {}", paint.bold("reference"), format_args!("{gateway}/docs")));
    line(&format!("{}       {dev}   {}", paint.bold("mail"), paint.dim("every e-mail it sends ends here")));
    for (name, guest) in &state.guests {
        let routes = format!("a guest, at the gateway under {}", guest.routes.join(", "));
        line(&format!("{}  {}   {}", paint.bold(&format!("{name:<9}")), guest.address, paint.dim(&routes)));
    }
    line("");
    for login in &state.logins {
        let name = format!("{:<9}", login.role);
        line(&format!("{}  {}  {}", paint.bold(&name), login.email, login.password));
    }
    line("");
    for call in calls(state) {
        line(&paint.dim(&call.0));
        line(&call.1);
    }
    line("");
    line(&paint.dim(reach(state)));
    line(&paint.dim("Ctrl-C stops everything and keeps the data; --fresh starts over."));
    out
}

/// Who can reach the gateway, and how to change that.
fn reach(state: &State) -> &'static str {
    if state.is_loopback {
        "It listens on loopback only; --host 0.0.0.0 opens the gateway to your network."
    } else {
        "It is open to your network, demo logins and all; without --host it listens on loopback only."
    }
}

/// Three calls that work when pasted, each with what it shows.
fn calls(state: &State) -> Vec<(String, String)> {
    let gateway = &state.gateway;
    let editor = state.logins.iter().find(|login| login.role == "editor");
    let (email, password) = editor.map_or(("", ""), |login| (login.email.as_str(), login.password.as_str()));
    let body = format!(r#"{{"email":"{email}","password":"{password}"}}"#);
    vec![
        ("# the catalogue, for anyone".to_owned(), format!("curl -s '{gateway}/v1/products?limit=3'")),
        (
            "# log in as the editor".to_owned(),
            format!(
                "TOKEN=$(curl -s {gateway}/v1/auth/login -H 'content-type: application/json' -d '{body}' | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')"
            ),
        ),
        ("# who am I".to_owned(), format!("curl -s {gateway}/v1/users/me -H \"Authorization: Bearer $TOKEN\"")),
    ]
}
