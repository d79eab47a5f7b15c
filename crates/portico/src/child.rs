//! A program that runs beside the suite, and ends with it however it ends (docs/adr/0004).

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::process::{self, ChildStdin};
use tokio::time::timeout;

const SUPERVISE: &str = include_str!("scripts/supervise.sh");
/// The supervisor uses force before this.
const STOP_BOUND: Duration = Duration::from_secs(10);
const LAST_LINES: usize = 12;

/// What is run, where, and with what beside our own environment.
pub struct Launch<'a> {
    /// The program and its arguments.
    pub command: &'a [String],
    /// The folder it runs in.
    pub folder: &'a Path,
    /// Variables of its own.
    pub variables: &'a [(&'a str, String)],
    /// Where it prints to.
    pub output: Output<'a>,
}

/// Where a program prints to.
pub enum Output<'a> {
    /// A file, both kinds; what was there is forgotten.
    File(&'a Path),
    /// Where the runner prints to.
    Ours,
}

/// A running program. Dropping it ends the program, without waiting for that.
#[derive(Debug)]
pub struct Child {
    /// The program runs for as long as this is open. It is kept apart from the process, whose `wait` would close it.
    pipe: Option<ChildStdin>,
    supervisor: process::Child,
    log: Option<PathBuf>,
}

impl Child {
    /// Starts a program.
    ///
    /// # Errors
    /// Its log cannot be written, or the system starts no process.
    pub fn start(launch: &Launch<'_>) -> anyhow::Result<Self> {
        let mut shell = process::Command::new("/bin/sh");
        shell.args(["-c", SUPERVISE, "portico-supervise"]).args(launch.command);
        shell.current_dir(launch.folder).envs(launch.variables.iter().map(|(name, value)| (name, value)));
        // A group of its own: Ctrl-C is for the runner, which stops what it has started.
        shell.process_group(0).stdin(Stdio::piped());
        let log = match launch.output {
            Output::Ours => None,
            Output::File(path) => {
                let mut options = OpenOptions::new();
                let output = options.write(true).create(true).truncate(true).mode(0o600).open(path);
                let output = output.with_context(|| format!("{} cannot be written", path.display()))?;
                shell.stdout(output.try_clone()?).stderr(output);
                Some(path.to_owned())
            }
        };
        let mut supervisor = shell.spawn().context("/bin/sh cannot be started")?;
        Ok(Self { pipe: supervisor.stdin.take(), supervisor, log })
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.supervisor.try_wait(), Ok(None))
    }

    /// Waits until the program ends by itself, and tells how and with which last words.
    pub async fn ended(&mut self) -> String {
        let ended = self.supervisor.wait().await;
        let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
        let Some(log) = &self.log else { return format!("it ended ({how}); see above") };
        let log = fs::read(log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        format!("it ended ({how}):\n{}", lines[lines.len().saturating_sub(LAST_LINES)..].join("\n"))
    }

    /// Ends the program and waits for its end.
    pub async fn stop(mut self) {
        drop(self.pipe.take());
        if timeout(STOP_BOUND, self.supervisor.wait()).await.is_err() {
            tracing::warn!("a program did not end in time");
        }
    }
}
