//! The SQL of prices.

use chrono::{DateTime, Utc};
use portico_common::id::uuid_at;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{NewPrice, Price};
use crate::products::ProductId;
use crate::variants::VariantId;

/// Stores prices of several variants in one statement.
///
/// # Errors
/// The database could not be reached or refused a row.
pub async fn insert(
    db: &mut PgConnection,
    prices: &[(VariantId, NewPrice)],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = prices.iter().map(|_| uuid_at(now)).collect();
    let variants: Vec<VariantId> = prices.iter().map(|(variant, _)| *variant).collect();
    let currencies: Vec<&str> = prices.iter().map(|(_, price)| price.currency.code()).collect();
    let amounts: Vec<i64> = prices.iter().map(|(_, price)| price.amount_minor).collect();
    let compare_ats: Vec<Option<i64>> = prices.iter().map(|(_, price)| price.compare_at_minor).collect();
    let quantities: Vec<i32> = prices.iter().map(|(_, price)| price.min_quantity).collect();
    sqlx::query!(
        "INSERT INTO prices (id, variant_id, currency, amount_minor, compare_at_minor, min_quantity)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::int[])",
        &ids,
        &variants as _,
        &currencies as _,
        &amounts,
        &compare_ats as _,
        &quantities,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Removes all prices of a variant.
///
/// # Errors
/// The database could not be reached.
pub async fn remove(db: &mut PgConnection, variant: VariantId) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM prices WHERE variant_id = $1", variant as _).execute(db).await?;
    Ok(())
}

/// The prices of many variants, each variant's by currency and quantity.
///
/// # Errors
/// The database could not be reached.
pub async fn of_variants(db: &mut PgConnection, variants: &[VariantId]) -> Result<Vec<Price>, sqlx::Error> {
    sqlx::query_as!(
        Price,
        "SELECT variant_id, currency, amount_minor, compare_at_minor, min_quantity
         FROM prices WHERE variant_id = ANY($1)
         ORDER BY variant_id, currency, min_quantity",
        variants as _,
    )
    .fetch_all(db)
    .await
}

/// Works out anew what one piece of the product costs in each currency; call it after variants or prices changed.
///
/// # Errors
/// The database could not be reached.
pub async fn refresh_ranges(db: &mut PgConnection, product: ProductId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH fresh AS (
             SELECT currency, min(amount_minor) AS lowest, max(amount_minor) AS highest
             FROM prices JOIN variants ON variants.id = prices.variant_id
             WHERE variants.product_id = $1 AND variants.deleted_at IS NULL AND min_quantity = 1
             GROUP BY currency
         ), gone AS (
             DELETE FROM price_ranges WHERE product_id = $1 AND currency NOT IN (SELECT currency FROM fresh)
         )
         INSERT INTO price_ranges (product_id, currency, lowest_minor, highest_minor)
         SELECT $1, currency, lowest, highest FROM fresh
         ON CONFLICT (product_id, currency)
         DO UPDATE SET lowest_minor = excluded.lowest_minor, highest_minor = excluded.highest_minor",
        product as _,
    )
    .execute(db)
    .await?;
    Ok(())
}
