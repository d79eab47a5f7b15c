//! Why an event was not applied. Nobody is answered, so there is no mapping to HTTP.

use sqlx::error::DatabaseError;

/// The SQLSTATE classes that blame the values: data exceptions, broken constraints, program limits.
const VALUE_CLASSES: [&str; 3] = ["22", "23", "54"];

/// Why an event was not applied.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Not an event, or its data is not what its type says.
    #[error("malformed event")]
    Malformed(#[from] serde_json::Error),
    /// It is about an account whose creation has not come.
    #[error("there is no profile yet")]
    UnknownAccount,
    /// The database does not take such values, however often they are offered.
    #[error("the database refuses its values")]
    Refused(#[source] sqlx::Error),
    /// The database failed; the event is not to blame.
    #[error("database failure")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for EventError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(DatabaseError::code);
        let is_about_values = code.is_some_and(|code| VALUE_CLASSES.iter().any(|class| code.starts_with(class)));
        if is_about_values { Self::Refused(error) } else { Self::Database(error) }
    }
}
