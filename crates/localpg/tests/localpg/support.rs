//! What the tests have in common: a project folder of their own, a question to a server, bounded waiting.

use std::{fs, path::Path, process::Command, time::Duration};

use portico_localpg::{Cluster, Options, Search};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::time::{interval, timeout};

/// A project in which root's Postgres, too, can work.
pub fn project() -> TempDir {
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    tempfile::Builder::new().prefix("portico-project-").permissions(open).tempdir().unwrap()
}

pub fn options(project: &Path) -> Options {
    Options { dir: project.join(".portico"), url: None, search: Search::from_env() }
}

pub async fn start(project: &Path) -> Cluster {
    Cluster::persistent(options(project)).await.unwrap()
}

pub async fn execute(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

pub async fn ask(url: &str, question: &str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let answer = sqlx::query_scalar(AssertSqlSafe(question)).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    answer
}

/// Every process whose command line names the folder: servers and supervisors alike.
pub fn processes_on(folder: &Path) -> Vec<String> {
    let listed = Command::new("ps").args(["-ww", "-A", "-o", "pid=,stat=,command="]).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let name = folder.to_string_lossy();
    listed.lines().filter(|line| line.contains(&*name)).map(str::to_owned).collect()
}

pub async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let wait = async {
        let mut tick = interval(Duration::from_millis(20));
        while !is_so().await {
            tick.tick().await;
        }
    };
    assert!(timeout(Duration::from_secs(20), wait).await.is_ok(), "{what}: still not so");
}

pub fn pid_of_server(cluster: &Cluster) -> String {
    let file = fs::read_to_string(cluster.data_dir().unwrap().join("postmaster.pid")).unwrap();
    file.lines().next().unwrap().to_owned()
}
