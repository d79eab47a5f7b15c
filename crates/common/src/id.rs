//! Typed identifiers: `UUIDv7`, made in Rust, ordered by time.

use chrono::{DateTime, Utc};
use uuid::{NoContext, Timestamp, Uuid};

/// A `UUIDv7` (RFC 9562 section 5.7) of the given time.
pub fn uuid_at(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos()))
}

/// Declares an id type: a `UUIDv7` that cannot be mistaken for the id of something else.
#[macro_export]
macro_rules! typed_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            ::serde::Serialize, ::serde::Deserialize, ::sqlx::Type, ::utoipa::ToSchema,
        )]
        #[serde(transparent)]
        #[sqlx(transparent)]
        #[schema(value_type = ::uuid::Uuid)]
        pub struct $name(pub ::uuid::Uuid);

        impl $name {
            /// A new id, ordered by `now`.
            pub fn new(now: ::chrono::DateTime<::chrono::Utc>) -> Self {
                Self($crate::id::uuid_at(now))
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = ::uuid::Error;

            fn from_str(raw: &str) -> Result<Self, Self::Err> {
                raw.parse().map(Self)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    typed_id!(
        /// An id for this test.
        GizmoId
    );

    #[test]
    fn ids_are_ordered_by_their_time() {
        let early = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let late = early + chrono::TimeDelta::milliseconds(2);

        assert!(GizmoId::new(early) < GizmoId::new(late));
        assert_ne!(GizmoId::new(early), GizmoId::new(early));
    }

    #[test]
    fn an_id_reads_back_what_it_shows() {
        let id = GizmoId::new(DateTime::from_timestamp(1_700_000_000, 0).unwrap());

        assert_eq!(id.to_string().parse::<GizmoId>().unwrap(), id);
    }
}
