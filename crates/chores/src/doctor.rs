//! `portico doctor`: what is wrong with this machine, and how to fix it, a line each.

use std::net::{Ipv4Addr, TcpListener};

use portico_common::config::Secret;
use portico_localpg::Search;
use serde::Serialize;
use sqlx::{Connection as _, PgConnection};

use crate::project::{self, Project};
use crate::state::State;

/// The result of one check.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    ok: bool,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    fn good(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, ok: true, detail: detail.into(), fix: None }
    }

    fn bad(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, ok: false, detail: detail.into(), fix: Some(fix.into()) }
    }
}

/// Checks the machine and prints what it found; says whether all is well.
///
/// # Errors
/// The findings cannot be written as JSON.
pub async fn run(as_json: bool, ports: &[u16], database_url: Option<&Secret>) -> anyhow::Result<bool> {
    let mut findings = vec![checkout(), database(database_url).await];
    let running = Project::find().ok().and_then(|project| running(&project));
    findings.extend(ports.iter().map(|port| free_port(*port, running.as_ref())));
    if as_json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        findings.iter().for_each(print);
    }
    Ok(findings.iter().all(|finding| finding.ok))
}

fn print(finding: &Finding) {
    let mark = if finding.ok { "ok  " } else { "FAIL" };
    match &finding.fix {
        None => println!("{mark}  {:<9}  {}", finding.check, finding.detail),
        Some(fix) => println!("{mark}  {:<9}  {}: {fix}", finding.check, finding.detail),
    }
}

fn checkout() -> Finding {
    let project = match Project::find() {
        Ok(project) => project,
        Err(error) => return Finding::bad("checkout", error.to_string(), "change into the checkout first"),
    };
    match project::make_private(&project.data()) {
        Ok(()) => Finding::good("checkout", project.root.display().to_string()),
        Err(error) => Finding::bad("checkout", format!("{error:#}"), "give yourself the right to write there"),
    }
}

/// The Postgres that the suite would use: the one it was given, or one of its own.
async fn database(given: Option<&Secret>) -> Finding {
    let Some(url) = given else { return postgres().await };
    match PgConnection::connect(url.expose()).await {
        Ok(_) => Finding::good("postgres", "the server in DATABASE_URL answers"),
        Err(error) => Finding::bad(
            "postgres",
            format!("the server in DATABASE_URL cannot be used ({error})"),
            "start it or correct the address, or unset DATABASE_URL to let Portico run one of its own",
        ),
    }
}

async fn postgres() -> Finding {
    let search = Search::from_env();
    let missing = match portico_localpg::locate(&search) {
        Ok(found) => return Finding::good("postgres", format!("{} in {}", found.version, found.bin_dir.display())),
        Err(_) => "none is installed",
    };
    match portico_localpg::can_fetch(&search).await {
        Ok(()) => Finding::good("postgres", format!("{missing}; the first start fetches one")),
        Err(attempt) => Finding::bad(
            "postgres",
            format!("{missing}, and none can be fetched from {} ({})", attempt.place, attempt.outcome),
            "install one (apt-get install postgresql, dnf install postgresql-server, brew install postgresql@17), \
             or set PG_BIN to the folder that has it",
        ),
    }
}

/// The suite that runs in this checkout now, if one does.
fn running(project: &Project) -> Option<State> {
    project::read(&project.data().join("state.json")).ok().flatten()
}

fn free_port(port: u16, running: Option<&State>) -> Finding {
    let check = "port";
    if let Some(state) = running
        && [&state.gateway, &state.dev].iter().any(|address| address.ends_with(&format!(":{port}")))
    {
        return Finding::good(check, format!("{port} is used by the suite that runs here, process {}", state.pid));
    }
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Finding::good(check, format!("{port} is free")),
        Err(error) => Finding::bad(
            check,
            format!("{port} cannot be used ({error})"),
            "stop what uses it, or choose others with --port and --dev-port",
        ),
    }
}
