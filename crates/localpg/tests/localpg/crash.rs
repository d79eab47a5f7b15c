//! A launcher that is killed: this test binary again, told to hold a cluster until it is gone.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::support::{ask, eventually, execute, processes_on, project, start};

const PROJECT: &str = "PORTICO_LOCALPG_HELD_PROJECT";
const READY: &str = "ready at ";

#[tokio::test]
#[ignore = "not a test: the launcher that others kill"]
async fn launcher() {
    #[expect(clippy::disallowed_methods, reason = "a test binary takes no arguments of its own")]
    let Ok(project) = std::env::var(PROJECT) else { return };
    let cluster = start(Path::new(&project)).await;
    println!("\n{READY}{}", cluster.url("postgres"));

    std::future::pending::<()>().await;
}

/// Answers when the launcher's server takes connections, with its URL.
fn launch(project: &Path) -> (Child, String) {
    let mut launcher = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::launcher", "--ignored", "--nocapture"])
        .env(PROJECT, project)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(launcher.stdout.take().unwrap()).lines();
    let url = lines.map_while(Result::ok).find_map(|line| line.strip_prefix(READY).map(str::to_owned));
    (launcher, url.expect("the launcher starts a server"))
}

#[tokio::test]
async fn a_launcher_that_is_killed_leaves_no_process_and_no_pid_file() {
    let project = project();
    let (mut launcher, _url) = launch(project.path());
    assert!(processes_on(project.path()).len() >= 2);

    launcher.kill().unwrap();
    launcher.wait().unwrap();

    eventually("no process", async || processes_on(project.path()).is_empty()).await;
    assert!(!project.path().join(".portico/postgres/data/postmaster.pid").exists());
}

#[tokio::test]
async fn the_next_run_may_come_at_once_and_finds_the_data() {
    let project = project();
    let (mut launcher, url) = launch(project.path());
    execute(&url, "CREATE TABLE kept AS SELECT 'here' AS word").await;

    launcher.kill().unwrap();
    launcher.wait().unwrap();
    let cluster = start(project.path()).await;

    assert_eq!(ask(&cluster.url("postgres"), "SELECT word FROM kept").await, "here");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_launcher_and_its_supervisor_killed_together_leave_no_server() {
    let project = project();
    let (mut launcher, _url) = launch(project.path());
    let is_supervisor = |line: &&String| line.contains("portico-postgres");
    let supervisors = processes_on(project.path());
    let pids = supervisors.iter().filter(is_supervisor).filter_map(|line| line.split_whitespace().next());
    let first = pids.map(|pid| pid.parse::<u32>().unwrap()).min().unwrap();

    Command::new("kill").args(["-9", &first.to_string()]).status().unwrap();
    launcher.kill().unwrap();
    launcher.wait().unwrap();

    eventually("no server", async || processes_on(project.path()).iter().all(|line| line.contains("<defunct>"))).await;
}
