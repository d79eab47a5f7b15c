use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::account::Account;

/// A gzipped tar with these paths (unchecked), modes and contents.
pub(crate) fn packed(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, mode, content) in files {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_mode(*mode);
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    let mut gzip = archive.into_inner().unwrap();
    gzip.flush().unwrap();
    gzip.finish().unwrap()
}

/// Answers every request with that body.
async fn mirror(status: &'static str, body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _read = stream.read(&mut request).await.unwrap();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&body).await.unwrap();
        }
    });
    format!("http://{address}/")
}

fn fake_server(version: &str) -> Vec<u8> {
    let script = format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n");
    let script = script.as_bytes();
    packed(&[("package/native/bin/postgres", 0o755, script), ("package/native/bin/initdb", 0o755, script)])
}

fn pin_of(archive: &[u8]) -> Pin {
    let hash = BASE64_STANDARD.encode(digest::digest(&digest::SHA512, archive));
    Pin { os: OS, arch: ARCH, package: "linux-x64", sha512: hash.leak() }
}

const ANY: Need = Need { account: Account::Own, major: None };

#[tokio::test]
async fn an_archive_with_the_pinned_hash_is_unpacked() {
    let cache = tempfile::tempdir().unwrap();
    let archive = fake_server("17.10");
    let base = mirror("200 OK", archive.clone()).await;

    let (bin_dir, version) = fetch_pinned(Some(pin_of(&archive)), &base, Some(cache.path()), ANY).await.unwrap();

    assert!(bin_dir.starts_with(cache.path().canonicalize().unwrap()));
    assert_eq!(version.major, 17);
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn two_at_once_do_not_disturb_each_other() {
    let cache = tempfile::tempdir().unwrap();
    let archive = fake_server("17.10");
    let pin = Some(pin_of(&archive));
    let base = mirror("200 OK", archive).await;

    let (one, other) = tokio::join!(
        fetch_pinned(pin, &base, Some(cache.path()), ANY),
        fetch_pinned(pin, &base, Some(cache.path()), ANY),
    );

    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_broken_folder_in_the_cache_is_replaced() {
    let cache = tempfile::tempdir().unwrap();
    let archive = fake_server("17.10");
    let pin = pin_of(&archive);
    fs::create_dir_all(pin.folder(cache.path()).join("bin")).unwrap();
    let base = mirror("200 OK", archive).await;

    let fetched = fetch_pinned(Some(pin), &base, Some(cache.path()), ANY).await;

    assert_eq!(fetched.unwrap().1.major, 17);
}

#[tokio::test]
async fn an_archive_with_another_hash_is_refused() {
    let cache = tempfile::tempdir().unwrap();
    let base = mirror("200 OK", fake_server("17.10")).await;
    let search = Search { cache: Some(cache.path().to_owned()), mirror: Some(base.clone()), ..Search::default() };

    let attempt = fetch(&search, ANY).await.unwrap_err();

    assert!(attempt.place.starts_with(&base), "{attempt:?}");
    assert!(attempt.outcome.contains("its checksum is sha512-"), "{attempt:?}");
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_mirror_without_the_archive_is_named_with_its_answer() {
    let cache = tempfile::tempdir().unwrap();
    let base = mirror("404 Not Found", Vec::new()).await;

    let failure = fetch_pinned(Pin::of_this_machine(), &base, Some(cache.path()), ANY).await.unwrap_err();

    assert!(chain(&failure).contains("404 Not Found"), "{failure:?}");
}

#[tokio::test]
async fn data_of_another_version_fetches_nothing() {
    let need = Need { major: Some(15), ..ANY };

    let failure = fetch_pinned(Pin::of_this_machine(), "http://127.0.0.1:1", None, need).await.unwrap_err();

    assert!(matches!(failure, Failure::OtherMajor(15)));
}
