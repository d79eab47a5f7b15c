//! Events and the place of each in the feed.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// One item of the feed.
#[derive(Debug, Serialize)]
pub struct Event {
    /// Names the event; the same when it is read again.
    pub id: Uuid,
    /// What happened, such as `order.created`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it happened to.
    pub subject: Uuid,
    /// Counts up with the changes of the subject.
    pub version: i64,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// All of the subject that others may know, not only what changed.
    pub data: Value,
    /// Its place in the feed.
    #[serde(skip)]
    pub position: Position,
}

/// How far a reader has come. Rows are ordered by the transaction that wrote them, since `seq` is given out before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// The writing transaction.
    pub xid: u64,
    /// The row among those that were written.
    pub seq: i64,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.xid, self.seq)
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(raw: &str) -> Result<Self, ()> {
        let (xid, seq) = raw.split_once('.').ok_or(())?;
        let position = Self { xid: xid.parse().map_err(drop)?, seq: seq.parse().map_err(drop)? };
        // Only the one spelling that `Display` writes.
        if position.to_string() == raw { Ok(position) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_position_reads_back(xid in any::<u64>(), seq in any::<i64>()) {
            let position = Position { xid, seq };

            prop_assert_eq!(position.to_string().parse(), Ok(position));
        }

        #[test]
        fn garbage_is_refused(garbage in "\\PC{0,20}") {
            let is_written_so = garbage.parse::<Position>().is_ok_and(|position| position.to_string() != garbage);

            prop_assert!(!is_written_so);
        }
    }

    #[test]
    fn what_is_no_position_is_refused() {
        for raw in ["", ".", "1", "1.", ".1", "1.2.3", "+1.2", "01.2", "1.x", "99999999999999999999.1"] {
            assert!(raw.parse::<Position>().is_err(), "{raw}");
        }
    }
}
