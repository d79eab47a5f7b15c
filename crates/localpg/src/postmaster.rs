//! What a running server says about itself in `postmaster.pid`, and whether it answers.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::{error::Error, process::Process};

/// Longer than the supervisor lets a shutdown take before it uses force.
const SHUTDOWN_BOUND: Duration = Duration::from_secs(40);

fn pid_file(data: &Path) -> PathBuf {
    data.join("postmaster.pid")
}

/// The port a server has bound, once it takes connections: both are lines it writes when they are true.
fn ready_port(data: &Path) -> Option<u16> {
    let text = fs::read_to_string(pid_file(data)).ok()?;
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    if *lines.get(7)? == "ready" { lines.get(3)?.parse().ok() } else { None }
}

/// Whether the server on this data takes connections on that port.
pub(crate) async fn is_ready(data: &Path, port: u16) -> bool {
    ready_port(data) == Some(port) && speaks_postgres(port).await
}

/// Asks for TLS, which every server answers with one byte before any login.
pub(crate) async fn speaks_postgres(port: u16) -> bool {
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(&SSL_REQUEST).await?;
        stream.read_u8().await
    };
    matches!(timeout(Duration::from_secs(1), ask).await, Ok(Ok(b'N' | b'S')))
}

/// Makes sure no server is on the data any more: one of an earlier run that is still shutting down is waited
/// for, and a pid file whose server is gone (or whose pid is a stranger's by now) is removed.
pub(crate) async fn settle(data: &Path) -> Result<(), Error> {
    let path = pid_file(data);
    let deadline = Instant::now() + SHUTDOWN_BOUND;
    loop {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::folder(path)(error)),
        };
        let pid = text.lines().next().and_then(|line| line.trim().parse().ok());
        let Some(pid) = pid.filter(|pid| is_server(*pid, data)) else {
            tracing::debug!(file = %path.display(), "stale pid file removed");
            return remove(&path);
        };
        if Instant::now() > deadline {
            return Err(Error::StillRunning { data: data.to_owned(), pid });
        }
        sleep(Duration::from_millis(20)).await;
    }
}

fn is_server(pid: u32, data: &Path) -> bool {
    Process::find(pid).is_some_and(|process| process.is_postgres_on(data))
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::folder(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pid_file_of_a_dead_server_is_removed() {
        let data = tempfile::tempdir().unwrap();
        let mut child = crate::account::Account::Own.command("true").spawn().unwrap();
        child.wait().unwrap();
        fs::write(pid_file(data.path()), format!("{}\n{}\n", child.id(), data.path().display())).unwrap();

        settle(data.path()).await.unwrap();

        assert!(!pid_file(data.path()).exists());
    }

    #[tokio::test]
    async fn a_pid_file_whose_pid_is_a_stranger_s_is_removed() {
        let data = tempfile::tempdir().unwrap();
        fs::write(pid_file(data.path()), format!("{}\n", std::process::id())).unwrap();

        settle(data.path()).await.unwrap();

        assert!(!pid_file(data.path()).exists());
    }

    #[tokio::test]
    async fn an_empty_pid_file_is_removed() {
        let data = tempfile::tempdir().unwrap();
        fs::write(pid_file(data.path()), "").unwrap();

        settle(data.path()).await.unwrap();

        assert!(!pid_file(data.path()).exists());
    }

    #[test]
    fn a_server_that_still_starts_has_no_ready_port() {
        let data = tempfile::tempdir().unwrap();
        let lines = |status| format!("1\n/data\n1700000000\n5433\n\n127.0.0.1\n  1 2\n{status}\n");

        fs::write(pid_file(data.path()), lines("starting")).unwrap();
        let while_starting = ready_port(data.path());
        fs::write(pid_file(data.path()), lines("ready   ")).unwrap();
        let when_ready = ready_port(data.path());

        assert_eq!((while_starting, when_ready), (None, Some(5433)));
    }
}
