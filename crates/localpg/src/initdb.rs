//! Makes a cluster in an empty folder.

use std::time::Duration;
use std::{env::consts::OS, fs, fs::DirBuilder, os::unix::fs::DirBuilderExt as _, path::Path, process::Output};

use aws_lc_rs::rand;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use tokio::{process::Command, time::timeout};

use crate::{account::Account, error::Error, folder, locate::Installation};

/// The superuser of every cluster made here.
pub(crate) const SUPERUSER: &str = "postgres";
const BOUND: Duration = Duration::from_mins(2);

/// Whether a cluster must outlive the machine, or only the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    Kept,
    ThrownAway,
}

impl Durability {
    /// A test connects many times from code that is not optimised, where SCRAM's 4096 rounds take 25 ms; the
    /// password is random, so a throw-away cluster needs none of them.
    fn arguments(self, major: u32) -> &'static [&'static str] {
        match self {
            Self::Kept => &["--auth=scram-sha-256"],
            Self::ThrownAway if major >= 16 => &["--no-sync", "--auth=scram-sha-256", "--set=scram_iterations=1"],
            Self::ThrownAway => &["--no-sync", "--auth=md5"],
        }
    }
}

/// Makes `data` and `password` in a folder of ours, and answers with the superuser's random password.
pub(crate) async fn create(
    installation: &Installation,
    account: Account,
    cluster: &Path,
    durability: Durability,
) -> Result<String, Error> {
    let (data, password_file) = (cluster.join("data"), cluster.join("password"));
    let password = random_password()?;
    folder::write_private(&password_file, password.as_bytes())?;
    DirBuilder::new().mode(0o700).create(&data).map_err(Error::folder(&data))?;
    for path in [&data, &password_file] {
        account.give(path).map_err(Error::folder(path))?;
    }
    run(installation, account, &data, &password_file, durability).await?;
    // From here on the password is ours alone again.
    fs::remove_file(&password_file).map_err(Error::folder(&password_file))?;
    folder::write_private(&password_file, password.as_bytes())?;
    Ok(password)
}

/// Sorted by bytes, so that an index outlives a change of the system's collations; letters are Unicode's where the
/// system has such a locale under the name we know.
async fn run(
    installation: &Installation,
    account: Account,
    data: &Path,
    password_file: &Path,
    durability: Durability,
) -> Result<(), Error> {
    let letters = if OS == "macos" { "en_US.UTF-8" } else { "C.UTF-8" };
    let mut output = String::new();
    for ctype in [letters, "C"] {
        let mut initdb = account.command(installation.bin_dir.join("initdb"));
        initdb.args(["--encoding=UTF8", "--locale=C", "--no-instructions"]);
        initdb.arg(format!("--lc-ctype={ctype}")).arg(format!("--username={SUPERUSER}"));
        initdb.arg("--pwfile").arg(password_file).arg("--pgdata").arg(data);
        initdb.args(durability.arguments(installation.version.major));
        let ended = run_bounded(initdb, installation).await?;
        if ended.status.success() {
            return Ok(());
        }
        output = [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        if !output.contains("invalid locale") {
            break;
        }
    }
    Err(Error::Init { output: output.trim().to_owned() })
}

async fn run_bounded(command: std::process::Command, installation: &Installation) -> Result<Output, Error> {
    let ended = timeout(BOUND, Command::from(command).kill_on_drop(true).output()).await;
    let ended = ended.map_err(|_| Error::TooSlow { what: "initdb", seconds: BOUND.as_secs() })?;
    ended.map_err(|source| Error::Spawn { program: installation.bin_dir.join("initdb"), source })
}

fn random_password() -> Result<String, Error> {
    let mut bytes = [0; 24];
    rand::fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
