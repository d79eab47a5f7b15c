use std::process::{Child, Command};

use sqlx::{Connection as _, PgConnection, query_scalar};
use tokio::time::{interval, timeout};

use super::*;

/// A process to stand for `cargo`: it lives until its input is closed.
fn stand_in() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
}

async fn eventually(is_so: impl AsyncFn() -> bool) {
    let wait = async {
        let mut tick = interval(Duration::from_millis(20));
        while !is_so().await {
            tick.tick().await;
        }
    };
    timeout(Duration::from_secs(20), wait).await.expect("it should have happened by now");
}

async fn ask(url: &str, question: &'static str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let answer = query_scalar(question).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    answer
}

fn base() -> tempfile::TempDir {
    let base = tempfile::tempdir().unwrap();
    folder::make_private(base.path()).unwrap();
    base
}

#[tokio::test]
async fn the_shared_cluster_is_fast_and_has_room() {
    let url = test_cluster().await.unwrap();
    let again = test_cluster().await.unwrap();

    assert_eq!(url, again);
    if environment::test_database_url().is_none() {
        assert_eq!(ask(&url, "SHOW fsync").await, "off");
        assert_eq!(ask(&url, "SHOW max_connections").await, "300");
    }
}

#[tokio::test]
async fn all_processes_of_a_run_share_one_cluster_that_ends_with_it() {
    let (base, mut runner) = (base(), stand_in());
    let owner = Owner::of(runner.id());
    let search = Search::from_env();

    let (first, second) = tokio::join!(shared(base.path(), &owner, &search), shared(base.path(), &owner, &search));
    let url = first.unwrap();
    assert_eq!(second.unwrap(), url);
    assert_eq!(ask(&url, "SELECT current_user::text").await, initdb::SUPERUSER);

    drop(runner.stdin.take());
    runner.wait().unwrap();
    eventually(async || fs::read_dir(base.path()).unwrap().next().is_none()).await;
    assert!(PgConnection::connect(&url).await.is_err());
}

#[tokio::test]
async fn two_runs_at_once_have_a_cluster_each() {
    let (base, runners) = (base(), [stand_in(), stand_in()]);
    let owners = runners.each_ref().map(|runner| Owner::of(runner.id()));
    let search = Search::from_env();

    let (one, other) = tokio::join!(shared(base.path(), &owners[0], &search), shared(base.path(), &owners[1], &search));

    assert_ne!(one.unwrap(), other.unwrap());
    for mut runner in runners {
        drop(runner.stdin.take());
        runner.wait().unwrap();
    }
    eventually(async || fs::read_dir(base.path()).unwrap().next().is_none()).await;
}

#[tokio::test]
async fn a_cluster_whose_server_was_lost_is_started_anew() {
    let (base, mut runner) = (base(), stand_in());
    let owner = Owner::of(runner.id());
    let first = shared(base.path(), &owner, &Search::from_env()).await.unwrap();
    let cluster = base.path().join(owner.folder_name());
    let supervisor = read_state(&cluster).unwrap().supervisor;
    kill_group(supervisor);
    eventually(async || Process::find(supervisor).is_none()).await;

    let second = shared(base.path(), &owner, &Search::from_env()).await.unwrap();

    assert_ne!(first, second);
    assert_eq!(ask(&second, "SELECT 'up'").await, "up");
    drop(runner.stdin.take());
    runner.wait().unwrap();
    eventually(async || fs::read_dir(base.path()).unwrap().next().is_none()).await;
}

fn kill_group(pid: u32) {
    let group = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn leftovers_of_runs_that_are_gone_are_removed_and_no_others() {
    let base = base();
    let mut gone = stand_in();
    let (of_gone, of_this) = (Owner::of(gone.id()), Owner::of(std::process::id()));
    let reused = Owner { started: "0".to_owned(), ..of_this.clone() };
    drop(gone.stdin.take());
    gone.wait().unwrap();
    for owner in [&of_gone, &of_this, &reused] {
        fs::create_dir(base.path().join(owner.folder_name())).unwrap();
    }

    sweep(base.path());

    let left: Vec<_> = fs::read_dir(base.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [of_this.folder_name().as_str()]);
}

#[test]
fn a_folder_that_someone_else_could_have_made_is_refused() {
    let base = base();
    std::os::unix::fs::symlink("/", base.path().join("trap")).unwrap();

    let refusal = folder::make_private(&base.path().join("trap")).unwrap_err();

    assert!(matches!(refusal, Error::Untrusted { .. }), "{refusal}");
}
