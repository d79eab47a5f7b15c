//! The SQL of variants.

use chrono::{DateTime, Utc};
use portico_common::postgres::constraint;
use sqlx::PgConnection;

use super::error::VariantError;
use super::model::{NewVariant, Options, Variant, VariantId};
use crate::products::ProductId;

/// Stores variants of a product in one statement, from `first` on in their order. They are written by SKU, so that two
/// requests with the same SKUs wait for each other only one way round.
///
/// # Errors
/// A SKU or the options of one are taken, or the database could not be reached.
pub async fn insert(
    db: &mut PgConnection,
    product: ProductId,
    first: i32,
    variants: &[(VariantId, NewVariant)],
    now: DateTime<Utc>,
) -> Result<(), VariantError> {
    let ids: Vec<VariantId> = variants.iter().map(|(id, _)| *id).collect();
    let skus: Vec<&str> = variants.iter().map(|(_, new)| new.sku.as_str()).collect();
    let titles: Vec<Option<&str>> = variants.iter().map(|(_, new)| new.title.as_deref()).collect();
    let options: Vec<&Options> = variants.iter().map(|(_, new)| &new.options).collect();
    let positions: Vec<i32> = (first..).take(variants.len()).collect();
    sqlx::query!(
        "INSERT INTO variants (id, product_id, sku, title, option_values, position, version, created_at, updated_at)
         SELECT id, $1, sku, title, option_values, position, 1, $7, $7
         FROM unnest($2::uuid[], $3::text[], $4::text[], $5::jsonb[], $6::int[])
              AS new (id, sku, title, option_values, position)
         ORDER BY sku",
        product as _,
        &ids as _,
        &skus as _,
        &titles as _,
        &options as _,
        &positions,
        now,
    )
    .execute(db)
    .await
    .map_err(|error| name_the_sku(error, &skus))?;
    Ok(())
}

/// Postgres tells the value that is taken as `Key (sku)=(WS-1) already exists.`, in the language of the server.
fn name_the_sku(error: sqlx::Error, skus: &[&str]) -> VariantError {
    if constraint(&error) != Some("variants_sku_key") {
        return error.into();
    }
    let detail = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>())
        .and_then(sqlx::postgres::PgDatabaseError::detail)
        .unwrap_or_default();
    let index = skus.iter().position(|sku| detail.contains(&format!("=({sku})")));
    VariantError::SkuTaken { index }
}

/// A variant, also one that was deleted.
///
/// # Errors
/// The database could not be reached.
pub async fn find(db: &mut PgConnection, id: VariantId) -> Result<Option<Variant>, sqlx::Error> {
    sqlx::query_as!(
        Variant,
        "SELECT id, product_id, sku, title, option_values, position, version, created_at, updated_at, deleted_at
         FROM variants WHERE id = $1",
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// The live variant with a SKU.
///
/// # Errors
/// The database could not be reached.
pub async fn find_by_sku(db: &mut PgConnection, sku: &str) -> Result<Option<Variant>, sqlx::Error> {
    sqlx::query_as!(
        Variant,
        "SELECT id, product_id, sku, title, option_values, position, version, created_at, updated_at, deleted_at
         FROM variants WHERE sku = $1 AND deleted_at IS NULL",
        sku,
    )
    .fetch_optional(db)
    .await
}

/// The live variants of many products, each product's in their order.
///
/// # Errors
/// The database could not be reached.
pub async fn of_products(db: &mut PgConnection, products: &[ProductId]) -> Result<Vec<Variant>, sqlx::Error> {
    sqlx::query_as!(
        Variant,
        "SELECT id, product_id, sku, title, option_values, position, version, created_at, updated_at, deleted_at
         FROM variants WHERE product_id = ANY($1) AND deleted_at IS NULL
         ORDER BY product_id, position, id",
        products as _,
    )
    .fetch_all(db)
    .await
}

/// A page of the live variants of a product, from after a position.
///
/// # Errors
/// The database could not be reached.
pub async fn page(
    db: &mut PgConnection,
    product: ProductId,
    after: Option<(i32, VariantId)>,
    rows: i64,
) -> Result<Vec<Variant>, sqlx::Error> {
    let (position, id) = after.unzip();
    sqlx::query_as!(
        Variant,
        "SELECT id, product_id, sku, title, option_values, position, version, created_at, updated_at, deleted_at
         FROM variants
         WHERE product_id = $1 AND deleted_at IS NULL
           AND ($2::int IS NULL OR (position, id) > ($2, $3))
         ORDER BY position, id LIMIT $4",
        product as _,
        position,
        id as _,
        rows,
    )
    .fetch_all(db)
    .await
}

/// How many live variants a product has, and the position after the last.
///
/// # Errors
/// The database could not be reached.
pub async fn tally(db: &mut PgConnection, product: ProductId) -> Result<(i64, i32), sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "count!", coalesce(max(position) + 1, 0) AS "next!"
           FROM variants WHERE product_id = $1 AND deleted_at IS NULL"#,
        product as _,
    )
    .fetch_one(db)
    .await?;
    Ok((row.count, row.next))
}

/// Writes what can change of a variant, and counts its version up.
///
/// # Errors
/// The SKU or the options are taken, or the database could not be reached.
pub async fn save(db: &mut PgConnection, variant: &Variant, now: DateTime<Utc>) -> Result<(), VariantError> {
    sqlx::query!(
        "UPDATE variants SET sku = $2, title = $3, option_values = $4, version = version + 1, updated_at = $5
         WHERE id = $1",
        variant.id as _,
        variant.sku,
        variant.title,
        &variant.option_values as _,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes a variant; its SKU is free again.
///
/// # Errors
/// The database could not be reached.
pub async fn remove(db: &mut PgConnection, id: VariantId, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE variants SET version = version + 1, updated_at = $2, deleted_at = $2 WHERE id = $1",
        id as _,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes all variants of a product.
///
/// # Errors
/// The database could not be reached.
pub async fn remove_all(db: &mut PgConnection, product: ProductId, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE variants SET version = version + 1, updated_at = $2, deleted_at = $2
         WHERE product_id = $1 AND deleted_at IS NULL",
        product as _,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}
