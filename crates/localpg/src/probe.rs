//! Whether a folder holds server binaries that run here, and of which version.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use crate::account::Account;

/// The oldest major version the suite's SQL works on.
pub const OLDEST_MAJOR: u32 = 14;

/// A version of the server, such as `15.18`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Decides which data a server can read.
    pub major: u32,
    /// As the server says it.
    pub text: String,
}

impl Version {
    /// Reads what `postgres --version` prints: `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
    fn parse(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once("(PostgreSQL)")?;
        let text = rest.split_whitespace().next()?;
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        Some(Self { major: text[..digits].parse().ok()?, text: text.to_owned() })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a search asks of binaries: the user that must be able to run them, and the version data needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    pub(crate) account: Account,
    pub(crate) major: Option<u32>,
}

impl Need {
    /// The folder's real place and its version, or why it does not do.
    pub(crate) fn probe(self, folder: &Path) -> Result<(PathBuf, Version), String> {
        for tool in ["postgres", "initdb"] {
            if !folder.join(tool).is_file() {
                return Err(format!("there is no `{tool}` in it"));
            }
        }
        let bin_dir = real_folder(folder);
        let version = self.ask_version(&bin_dir)?;
        match self.major {
            _ if version.major < OLDEST_MAJOR => Err(format!("version {version} is older than {OLDEST_MAJOR}")),
            Some(major) if major != version.major => Err(format!("version {version}, but the data needs {major}")),
            _ => Ok((bin_dir, version)),
        }
    }

    fn ask_version(self, bin_dir: &Path) -> Result<Version, String> {
        for tool in ["initdb", "postgres"] {
            let output = output_once_closed(self.account.command(bin_dir.join(tool)).arg("--version"));
            let output = output.map_err(|error| format!("its `{tool}` does not run: {error}"))?;
            let printed = String::from_utf8_lossy(&output.stdout);
            if !output.status.success() {
                let complaint = String::from_utf8_lossy(&output.stderr);
                let complaint = complaint.lines().next().unwrap_or("it says nothing").trim();
                return Err(format!("its `{tool}` does not run ({}): {complaint}", output.status));
            }
            if tool == "postgres" {
                return Version::parse(&printed).ok_or_else(|| format!("unknown version {:?}", printed.trim()));
            }
        }
        Err("there is no `postgres` in it".to_owned())
    }
}

/// A child that another thread forks while binaries are unpacked holds them open for writing until it becomes its own
/// program, and Linux runs no file that is open for writing (execve(2), ETXTBSY). That is over in a moment.
fn output_once_closed(command: &mut Command) -> io::Result<Output> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match command.output() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(10));
            }
            output => return output,
        }
    }
}

/// Links on PATH often point at a versioned folder that has everything else beside it.
fn real_folder(folder: &Path) -> PathBuf {
    let real = folder.join("postgres").canonicalize().ok();
    let real = real.as_deref().and_then(Path::parent).filter(|real| real.join("initdb").is_file());
    real.unwrap_or(folder).to_owned()
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _};

    use super::*;

    #[test]
    fn a_program_that_is_still_open_for_writing_runs_as_soon_as_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(&program).unwrap();
        file.write_all(b"#!/bin/sh\necho runs\n").unwrap();
        let busy = Command::new(&program).output().unwrap_err();

        let (closing, closed) = std::sync::mpsc::channel();
        let asked = thread::scope(|scope| {
            let asked = scope.spawn(|| {
                closing.send(()).unwrap();
                output_once_closed(&mut Command::new(&program))
            });
            closed.recv().unwrap();
            drop(file);
            asked.join().unwrap()
        });

        assert_eq!(busy.kind(), io::ErrorKind::ExecutableFileBusy);
        assert_eq!(asked.unwrap().stdout, b"runs\n");
    }

    #[test]
    fn versions_are_read_from_what_servers_print() {
        let parse = |line| Version::parse(line).map(|version| (version.major, version.text));

        assert_eq!(parse("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some((15, "15.18".into())));
        assert_eq!(parse("postgres (PostgreSQL) 18beta2"), Some((18, "18beta2".into())));
        assert_eq!(parse("postgres (PostgreSQL) 9.6.24"), Some((9, "9.6.24".into())));
        assert_eq!(parse("postgres (PostgreSQL) devel"), None);
        assert_eq!(parse("mysqld 8.0"), None);
    }
}
