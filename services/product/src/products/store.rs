//! The SQL of products, lists aside.

pub mod listing;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{NewProduct, Product, ProductId, Status};

/// Stores a new draft. What search finds is its title first, then tags and SKUs, then its description.
///
/// # Errors
/// The slug is taken, or the database could not be reached.
pub async fn insert(
    db: &mut PgConnection,
    id: ProductId,
    new: &NewProduct,
    created_by: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let skus: Vec<&str> = new.variants.iter().map(|variant| variant.sku.as_str()).collect();
    sqlx::query!(
        "INSERT INTO products
             (id, slug, title, description, status, attributes, tags, search, version, created_by, created_at, updated_at)
         VALUES
             ($1, $2, $3, $4, $5, $6, $7,
              setweight(to_tsvector('english', $3), 'A')
              || setweight(to_tsvector('english', array_to_string($7::text[], ' ')), 'B')
              || setweight(to_tsvector('simple', $8), 'B')
              || setweight(to_tsvector('english', coalesce($4, '')), 'C'),
              1, $9, $10, $10)",
        id as _,
        new.slug.as_str(),
        new.title,
        new.description,
        Status::Draft as _,
        &new.attributes as _,
        &new.tags,
        skus.join(" "),
        created_by,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A product, also one that was deleted.
///
/// # Errors
/// The database could not be reached.
pub async fn find(db: &mut PgConnection, id: ProductId) -> Result<Option<Product>, sqlx::Error> {
    sqlx::query_as!(
        Product,
        "SELECT id, slug, title, description, status, attributes, tags, version,
                created_at, updated_at, published_at, deleted_at
         FROM products WHERE id = $1",
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// The live product with a slug.
///
/// # Errors
/// The database could not be reached.
pub async fn find_by_slug(db: &mut PgConnection, slug: &str) -> Result<Option<Product>, sqlx::Error> {
    sqlx::query_as!(
        Product,
        "SELECT id, slug, title, description, status, attributes, tags, version,
                created_at, updated_at, published_at, deleted_at
         FROM products WHERE slug = $1 AND deleted_at IS NULL",
        slug,
    )
    .fetch_optional(db)
    .await
}

/// The live products among these, in no order.
///
/// # Errors
/// The database could not be reached.
pub async fn find_all(db: &mut PgConnection, ids: &[ProductId]) -> Result<Vec<Product>, sqlx::Error> {
    sqlx::query_as!(
        Product,
        "SELECT id, slug, title, description, status, attributes, tags, version,
                created_at, updated_at, published_at, deleted_at
         FROM products WHERE id = ANY($1) AND deleted_at IS NULL",
        ids as _,
    )
    .fetch_all(db)
    .await
}

/// Those of the slugs that a product has or had, be it deleted since.
///
/// # Errors
/// The database could not be reached.
pub async fn known_slugs(db: &mut PgConnection, slugs: &[String]) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!("SELECT DISTINCT slug FROM products WHERE slug = ANY($1)", slugs).fetch_all(db).await
}

/// A product, also one that was deleted, locked until the transaction ends; changes of its variants wait, too.
///
/// # Errors
/// The database could not be reached.
pub async fn lock(db: &mut PgConnection, id: ProductId) -> Result<Option<Product>, sqlx::Error> {
    sqlx::query_as!(
        Product,
        "SELECT id, slug, title, description, status, attributes, tags, version,
                created_at, updated_at, published_at, deleted_at
         FROM products WHERE id = $1 FOR UPDATE",
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// Writes what can change of a product, counts its version up, and makes search find what is there now.
///
/// # Errors
/// The slug is taken, or the database could not be reached.
pub async fn save(db: &mut PgConnection, product: &Product, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE products
         SET slug = $2, title = $3, description = $4, status = $5, attributes = $6, tags = $7, published_at = $8,
             version = version + 1, updated_at = $9,
             search = setweight(to_tsvector('english', $3), 'A')
                      || setweight(to_tsvector('english', array_to_string($7::text[], ' ')), 'B')
                      || setweight(to_tsvector('simple', coalesce((
                             SELECT string_agg(sku, ' ') FROM variants WHERE product_id = $1 AND deleted_at IS NULL
                         ), '')), 'B')
                      || setweight(to_tsvector('english', coalesce($4, '')), 'C')
         WHERE id = $1",
        product.id as _,
        product.slug,
        product.title,
        product.description,
        product.status as _,
        &product.attributes as _,
        &product.tags,
        product.published_at,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes a product; its slug is free again.
///
/// # Errors
/// The database could not be reached.
pub async fn remove(db: &mut PgConnection, id: ProductId, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE products SET version = version + 1, updated_at = $2, deleted_at = $2 WHERE id = $1",
        id as _,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}
