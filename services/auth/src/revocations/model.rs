//! How far a reader of the feed has come.

use std::fmt;
use std::str::FromStr;

/// What a reader has seen: everything visible in a snapshot of Postgres, in its own notation `xmin:xmax:xid,xid,…`.
///
/// Unlike a position it leaves nothing out while a transaction is still running elsewhere, so a
/// revocation is published the moment it is committed. It gives no order, and none is needed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot(String);

impl Snapshot {
    /// Takes over what `pg_current_snapshot()` wrote.
    pub(super) fn trusted(text: String) -> Self {
        Self(text)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Snapshot {
    type Err = ();

    fn from_str(raw: &str) -> Result<Self, ()> {
        let mut parts = raw.splitn(3, ':');
        let mut next = || parts.next().ok_or(());
        let (xmin, xmax, running) = (xid(next()?)?, xid(next()?)?, next()?);
        let running = running.split(',').filter(|_| !running.is_empty()).map(xid).collect::<Result<Vec<_>, _>>()?;
        let is_ordered = running.is_sorted() && running.iter().all(|xid| (xmin..xmax).contains(xid));
        if xmin <= xmax && is_ordered { Ok(Self(raw.to_owned())) } else { Err(()) }
    }
}

fn xid(raw: &str) -> Result<u64, ()> {
    let is_plain = !raw.is_empty() && raw.bytes().all(|byte| byte.is_ascii_digit());
    let xid = if is_plain { raw.parse().map_err(drop)? } else { 0 };
    if xid == 0 { Err(()) } else { Ok(xid) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_postgres_writes_is_read() {
        for raw in ["10:20:", "10:20:10,14,15", "10:10:"] {
            assert_eq!(raw.parse::<Snapshot>().unwrap().to_string(), raw);
        }
        for raw in [
            "",
            "10",
            "10:20",
            "20:10:",
            "10:20:9",
            "10:20:20",
            "10:20:15,14",
            "10:20:1,",
            "0:5:",
            "a:b:c",
            "10:20:x",
            "-1:5:",
            "99999999999999999999:1:",
            "10:20:11:12",
        ] {
            assert!(raw.parse::<Snapshot>().is_err(), "{raw}");
        }
    }
}
