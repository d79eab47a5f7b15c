//! The SQL of search.

use sqlx::PgConnection;

use crate::products::ProductId;

/// A product that was found, and how well it fits, in millionths.
pub struct Found {
    /// The product.
    pub id: ProductId,
    /// How well it fits.
    pub rank: i64,
}

/// The active products that fit, the best first, from after a position. Words are taken as English, and also as they
/// are, so that SKUs are found; but not where a word is excluded, which would be let in by the other reading.
///
/// # Errors
/// The database could not be reached.
pub async fn page(
    db: &mut PgConnection,
    text: &str,
    after: Option<(i64, ProductId)>,
    rows: i64,
) -> Result<Vec<Found>, sqlx::Error> {
    let (rank, id) = after.unzip();
    sqlx::query_as!(
        Found,
        r#"SELECT id, rank AS "rank!"
           FROM (
               SELECT id, (ts_rank(search, query) * 1000000)::bigint AS rank
               FROM products,
                    (SELECT CASE WHEN $1 ~ '(^|\s)-' THEN websearch_to_tsquery('english', $1)
                            ELSE websearch_to_tsquery('english', $1) || websearch_to_tsquery('simple', $1) END) AS asked (query)
               WHERE status = 'active' AND deleted_at IS NULL AND search @@ query
           ) AS found
           WHERE $2::bigint IS NULL OR (rank, id) < ($2, $3)
           ORDER BY rank DESC, id DESC
           LIMIT $4"#,
        text,
        rank,
        id as _,
        rows,
    )
    .fetch_all(db)
    .await
}
