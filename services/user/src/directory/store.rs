//! The SQL of the directory: one list, with the conditions that were asked for.

use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::model::{Key, Listing, Position, Sort};
use crate::profiles::Profile;

/// The rows of `listing` after a position. Only what is asked for becomes a condition, so that the
/// planner can choose the index; every piece of SQL is a literal, every value is bound.
pub async fn list(
    db: &mut PgConnection,
    listing: &Listing,
    after: Option<Position>,
    rows: i64,
) -> Result<Vec<Profile>, sqlx::Error> {
    let mut query = QueryBuilder::new(
        "SELECT id, email, email_verified, roles, display_name, locale, time_zone,
                status, status_reason, version, created_at, updated_at
         FROM profiles WHERE ",
    );
    push_filters(&mut query, listing);
    let (column, comparison, direction) = order(listing.sort);
    if let Some(Position { key, id }) = after {
        query.push(format_args!(" AND ({column}, id) {comparison} ("));
        match key {
            Key::Time(at) => query.push_bind(at),
            Key::Text(text) => query.push_bind(text),
        };
        query.push(", ").push_bind(id.0).push(")");
    }
    query.push(format_args!(" ORDER BY {column} {direction}, id {direction} LIMIT ")).push_bind(rows);
    // Planned anew each time: how many rows a value finds decides which index is right.
    query.build_query_as().persistent(false).fetch_all(db).await
}

fn push_filters(query: &mut QueryBuilder<Postgres>, listing: &Listing) {
    let Listing { prefix, status, role, email_verified, created_from, created_before, sort: _ } = listing;
    match status {
        Some(status) => query.push("status = ").push_bind(*status),
        None => query.push("status <> 'deleted'"),
    };
    if let Some(prefix) = prefix {
        let (start, end) = (prefix.start().to_owned(), prefix.end());
        query.push(" AND ((email_key >= ").push_bind(start.clone());
        query.push(" AND email_key < ").push_bind(end.clone());
        query.push(") OR (name_key >= ").push_bind(start);
        query.push(" AND name_key < ").push_bind(end).push("))");
    }
    if let Some(role) = role {
        query.push(" AND roles @> ").push_bind(vec![role.clone()]);
    }
    if let Some(email_verified) = email_verified {
        query.push(" AND email_verified = ").push_bind(*email_verified);
    }
    if let Some(from) = created_from {
        query.push(" AND created_at >= ").push_bind(from.0);
    }
    if let Some(before) = created_before {
        query.push(" AND created_at < ").push_bind(before.0);
    }
}

/// The column sorted by, how the rows after a position compare to it, and the direction.
fn order(sort: Sort) -> (&'static str, &'static str, &'static str) {
    match sort {
        Sort::Oldest => ("created_at", ">", "ASC"),
        Sort::Newest => ("created_at", "<", "DESC"),
        Sort::Email => ("email_key", ">", "ASC"),
        Sort::EmailBackwards => ("email_key", "<", "DESC"),
        Sort::Name => ("name_key", ">", "ASC"),
        Sort::NameBackwards => ("name_key", "<", "DESC"),
    }
}
