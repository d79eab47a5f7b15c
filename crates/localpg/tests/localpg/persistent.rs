use std::{fs, os::unix::fs::PermissionsExt as _};

use portico_localpg::{Cluster, Error, Options};

use crate::support::{ask, eventually, execute, options, pid_of_server, processes_on, project, start};

#[tokio::test]
async fn data_survives_a_stop_and_a_start() {
    let project = project();
    let cluster = start(project.path()).await;
    execute(&cluster.url("postgres"), "CREATE TABLE kept AS SELECT 'here' AS word").await;
    cluster.stop().await.unwrap();

    let cluster = start(project.path()).await;

    assert_eq!(ask(&cluster.url("postgres"), "SELECT word FROM kept").await, "here");
    cluster.stop().await.unwrap();
    assert_eq!(processes_on(project.path()), Vec::<String>::new());
}

#[tokio::test]
async fn the_server_keeps_what_it_is_told_and_listens_on_the_loopback_address_alone() {
    let project = project();
    let cluster = start(project.path()).await;
    let url = cluster.url("postgres");

    let mut shown = Vec::new();
    for setting in ["fsync", "listen_addresses", "unix_socket_directories", "server_encoding", "password_encryption"] {
        shown.push(ask(&url, &format!("SHOW {setting}")).await);
    }

    assert_eq!(shown, ["on", "127.0.0.1", "", "UTF8", "scram-sha-256"]);
    assert!(url.starts_with("postgres://postgres:"), "{url}");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn letters_are_unicode_s_and_order_is_by_bytes() {
    let project = project();
    let cluster = start(project.path()).await;

    let lower = ask(&cluster.url("postgres"), "SELECT lower('CAFÉ ÑANDÚ')").await;
    let is_by_bytes = ask(&cluster.url("postgres"), "SELECT ('a' > 'B')::text").await;

    assert_eq!((lower.as_str(), is_by_bytes.as_str()), ("café ñandú", "true"));
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let project = project();
    let cluster = start(project.path()).await;
    let mut url: url::Url = cluster.url("postgres").parse().unwrap();
    url.set_password(Some("guess")).unwrap();

    let refusal = <sqlx::PgConnection as sqlx::Connection>::connect(url.as_str()).await.unwrap_err();

    assert!(refusal.to_string().contains("password authentication failed"), "{refusal}");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn what_lies_on_disk_is_for_no_one_else() {
    let project = project();
    let cluster = start(project.path()).await;
    let folder = project.path().join(".portico");

    let others_may = |path: &str| fs::metadata(folder.join(path)).unwrap().permissions().mode() & 0o077;

    // Where tests run as root, its folders let the user Postgres runs as pass, but not look.
    assert_eq!(others_may("") & 0o066, 0);
    assert_eq!(others_may("postgres") & 0o066, 0);
    assert_eq!(["postgres/data", "postgres/password", "postgres/log"].map(others_may), [0; 3]);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn two_projects_have_a_server_each() {
    let (one, other) = (project(), project());

    let (one, other) = tokio::join!(start(one.path()), start(other.path()));

    assert_ne!(one.url("postgres"), other.url("postgres"));
    assert_eq!(ask(&one.url("postgres"), "SELECT 'up'").await, "up");
    assert_eq!(ask(&other.url("postgres"), "SELECT 'up'").await, "up");
    one.stop().await.unwrap();
    other.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_run_in_the_same_project_is_told_who_has_it() {
    let project = project();
    let cluster = start(project.path()).await;

    let refusal = Cluster::persistent(options(project.path())).await.unwrap_err();

    assert!(matches!(refusal, Error::InUse { pid: Some(pid), .. } if pid == std::process::id()), "{refusal}");
    assert_eq!(ask(&cluster.url("postgres"), "SELECT 'up'").await, "up");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_that_is_dropped_shuts_down() {
    let project = project();
    let cluster = start(project.path()).await;

    drop(cluster);

    eventually("no process", async || processes_on(project.path()).is_empty()).await;
}

#[tokio::test]
async fn a_server_that_ends_by_itself_is_noticed_and_can_be_started_again() {
    let project = project();
    let mut cluster = start(project.path()).await;
    execute(&cluster.url("postgres"), "CREATE TABLE kept AS SELECT 'here' AS word").await;
    let kill = std::process::Command::new("kill").args(["-9", &pid_of_server(&cluster)]).status().unwrap();
    assert!(kill.success());

    let reason = cluster.exited().await;
    drop(cluster);
    let cluster = start(project.path()).await;

    assert!(matches!(reason, Error::Exited { .. }), "{reason}");
    assert_eq!(ask(&cluster.url("postgres"), "SELECT word FROM kept").await, "here");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn waiting_for_the_end_and_giving_up_leaves_the_server_running() {
    let project = project();
    let mut cluster = start(project.path()).await;

    tokio::select! {
        biased;
        reason = cluster.exited() => panic!("{reason}"),
        () = std::future::ready(()) => {}
    }

    assert_eq!(ask(&cluster.url("postgres"), "SELECT 'up'").await, "up");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_that_was_only_half_made_is_not_taken_for_one() {
    let project = project();
    let half = project.path().join(".portico/postgres.new-half/data");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("PG_VERSION"), "15\n").unwrap();

    let cluster = start(project.path()).await;

    assert_eq!(ask(&cluster.url("postgres"), "SELECT 'up'").await, "up");
    assert!(!half.exists());
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_pid_file_of_a_server_that_is_gone_does_not_stop_the_next_one() {
    let project = project();
    let cluster = start(project.path()).await;
    let pid_file = cluster.data_dir().unwrap().join("postmaster.pid");
    cluster.stop().await.unwrap();
    // This very process: it lives, but it is no Postgres.
    fs::write(&pid_file, format!("{}\n{}\n", std::process::id(), project.path().display())).unwrap();

    let cluster = start(project.path()).await;

    assert_eq!(ask(&cluster.url("postgres"), "SELECT 'up'").await, "up");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn erased_data_is_gone_and_the_next_start_is_fresh() {
    let project = project();
    let cluster = start(project.path()).await;
    execute(&cluster.url("postgres"), "CREATE TABLE kept AS SELECT 1").await;
    let in_use = Cluster::erase(&project.path().join(".portico")).await.unwrap_err();
    cluster.stop().await.unwrap();

    Cluster::erase(&project.path().join(".portico")).await.unwrap();
    let cluster = start(project.path()).await;

    assert!(matches!(in_use, Error::InUse { .. }), "{in_use}");
    let found = ask(&cluster.url("postgres"), "SELECT (to_regclass('kept') IS NULL)::text").await;
    assert_eq!(found, "true");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn someone_else_s_server_is_used_and_left_alone() {
    let project = project();
    let cluster = start(project.path()).await;
    let given = Options { url: Some(cluster.url("postgres").parse().unwrap()), ..options(project.path()) };

    let other = Cluster::persistent(given).await.unwrap();

    assert_eq!(other.url("template1"), cluster.url("template1"));
    assert_eq!(other.data_dir(), None);
    other.stop().await.unwrap();
    assert_eq!(ask(&cluster.url("postgres"), "SELECT 'up'").await, "up");
    cluster.stop().await.unwrap();
}
