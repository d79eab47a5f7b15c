//! What the system knows about a process, whoever owns it.

use std::{fs, path::Path};

use crate::account::Account;

/// A process that runs at this moment, or a zombie nobody has collected.
#[derive(Debug)]
pub(crate) struct Process {
    /// When it started, in the system's own words: two processes with one pid differ in it.
    pub(crate) started: String,
    /// The command line, its words joined by blanks.
    pub(crate) command: String,
    is_zombie: bool,
}

impl Process {
    /// `None` when there is no such process that still does anything.
    pub(crate) fn find(pid: u32) -> Option<Self> {
        let found = if Path::new("/proc/self/stat").exists() { Self::from_proc(pid) } else { Self::from_ps(pid) };
        found.filter(|process| !process.is_zombie)
    }

    fn from_proc(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        // The name, in brackets, may hold blanks and brackets; state and start time are fields 3 and 22.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        Some(Self {
            started: (*fields.get(19)?).to_owned(),
            command: String::from_utf8_lossy(&command).replace('\0', " ").trim_end().to_owned(),
            is_zombie: matches!(*fields.first()?, "Z" | "X"),
        })
    }

    fn from_ps(pid: u32) -> Option<Self> {
        let mut ps = Account::Own.command("ps");
        ps.args(["-ww", "-o", "stat=", "-o", "lstart=", "-o", "command=", "-p", &pid.to_string()]);
        Self::parse_ps(&String::from_utf8_lossy(&ps.output().ok()?.stdout))
    }

    /// A line such as `Ss   Sat Nov 22 22:56:00 2025 /sbin/init splash`.
    fn parse_ps(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (state, started, command) = (words.first()?, words.get(1..6)?, words.get(6..)?);
        let started = started.concat().chars().filter(char::is_ascii_alphanumeric).collect();
        Some(Self { started, command: command.join(" "), is_zombie: state.starts_with('Z') })
    }

    /// Whether this is a server on that data, and not a stranger that got the pid of one.
    pub(crate) fn is_postgres_on(&self, data: &Path) -> bool {
        self.command.contains("postgres") && self.command.contains(&*data.to_string_lossy())
    }

    /// The file name of the program.
    pub(crate) fn program(&self) -> &str {
        let first = self.command.split(' ').next().unwrap_or_default();
        first.rsplit('/').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        thread,
        time::{Duration, Instant},
    };

    use super::*;

    #[test]
    fn a_process_is_found_by_its_pid() {
        let own = Process::find(std::process::id()).unwrap();

        assert!(own.command.contains(own.program()));
        assert!(own.program().starts_with("portico_localpg"), "{own:?}");
    }

    #[test]
    fn a_system_without_proc_is_asked_by_its_ps() {
        let own = Process::from_ps(std::process::id()).unwrap();
        let again = Process::from_ps(std::process::id()).unwrap();

        assert!(own.program().starts_with("portico_localpg"), "{own:?}");
        assert!(own.started.len() > 10, "{own:?}");
        assert_eq!(own.started, again.started);
    }

    #[test]
    fn a_zombie_is_not_a_running_process() {
        let mut child = Account::Own.command("true").spawn().unwrap();
        let pid = child.id();

        let deadline = Instant::now() + Duration::from_secs(20);
        while Process::find(pid).is_some() && Instant::now() < deadline {
            thread::yield_now();
        }

        assert!(Process::find(pid).is_none());
        child.wait().unwrap();
    }

    #[test]
    fn a_line_of_ps_is_understood() {
        let found = Process::parse_ps("Ss   Sat Nov 22 22:56:00 2025 /opt/pg/bin/postgres -D /data/x\n").unwrap();

        assert_eq!(found.started, "SatNov2222:56:002025".replace(':', ""));
        assert_eq!(found.program(), "postgres");
        assert!(found.is_postgres_on(Path::new("/data/x")));
        assert!(!found.is_zombie);
    }

    #[test]
    fn no_line_of_ps_is_no_process() {
        assert!(Process::parse_ps("").is_none());
    }
}
