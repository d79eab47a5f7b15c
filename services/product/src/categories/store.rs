//! The SQL of categories.

use chrono::{DateTime, Utc};
use portico_service::values::Slug;
use sqlx::PgConnection;

use super::model::{Category, CategoryId};
use crate::products::ProductId;

/// Stores a new category.
///
/// # Errors
/// The slug is taken, or the database could not be reached.
pub async fn insert(db: &mut PgConnection, category: &Category) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO categories (id, parent_id, slug, name, description, path, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        category.id as _,
        category.parent_id as _,
        category.slug,
        category.name,
        category.description,
        &category.path as _,
        category.version,
        category.created_at,
        category.updated_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A category, also one that was deleted.
///
/// # Errors
/// The database could not be reached.
pub async fn find(db: &mut PgConnection, id: CategoryId) -> Result<Option<Category>, sqlx::Error> {
    sqlx::query_as!(
        Category,
        "SELECT id, parent_id, slug, name, description, path, version, created_at, updated_at, deleted_at
         FROM categories WHERE id = $1",
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// The live category with a slug below a parent, or among the roots.
///
/// # Errors
/// The database could not be reached.
pub async fn find_by_slug(
    db: &mut PgConnection,
    parent: Option<CategoryId>,
    slug: &Slug,
) -> Result<Option<CategoryId>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM categories
         WHERE parent_id IS NOT DISTINCT FROM $1 AND slug = $2 AND deleted_at IS NULL",
        parent as _,
        slug.as_str(),
    )
    .fetch_optional(db)
    .await
}

/// A category, locked so that nothing else can change it, delete it, or put something into it.
///
/// # Errors
/// The database could not be reached.
pub async fn lock(db: &mut PgConnection, id: CategoryId) -> Result<Option<Category>, sqlx::Error> {
    sqlx::query_as!(
        Category,
        "SELECT id, parent_id, slug, name, description, path, version, created_at, updated_at, deleted_at
         FROM categories WHERE id = $1 FOR UPDATE",
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// Those of the categories that are live, held so that nobody deletes them before something is put into them.
///
/// # Errors
/// The database could not be reached.
pub async fn hold(db: &mut PgConnection, ids: &[CategoryId]) -> Result<Vec<Category>, sqlx::Error> {
    sqlx::query_as!(
        Category,
        "SELECT id, parent_id, slug, name, description, path, version, created_at, updated_at, deleted_at
         FROM categories WHERE id = ANY($1) AND deleted_at IS NULL
         ORDER BY id FOR SHARE",
        ids as _,
    )
    .fetch_all(db)
    .await
}

/// A page of the live categories by name: all of them, those below `parent`, or the roots.
///
/// # Errors
/// The database could not be reached.
pub async fn page(
    db: &mut PgConnection,
    parent: Option<CategoryId>,
    only_roots: bool,
    after: Option<(String, CategoryId)>,
    rows: i64,
) -> Result<Vec<Category>, sqlx::Error> {
    let (name, id) = after.unzip();
    sqlx::query_as!(
        Category,
        "SELECT id, parent_id, slug, name, description, path, version, created_at, updated_at, deleted_at
         FROM categories
         WHERE deleted_at IS NULL
           AND ($1::uuid IS NULL OR parent_id = $1)
           AND (NOT $2::boolean OR parent_id IS NULL)
           AND ($3::text IS NULL OR (name, id) > ($3, $4))
         ORDER BY name, id LIMIT $5",
        parent as _,
        only_roots,
        name,
        id as _,
        rows,
    )
    .fetch_all(db)
    .await
}

/// Writes what can change of a category, and counts its version up.
///
/// # Errors
/// The slug is taken, or the database could not be reached.
pub async fn save(db: &mut PgConnection, category: &Category, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE categories SET slug = $2, name = $3, description = $4, version = version + 1, updated_at = $5
         WHERE id = $1",
        category.id as _,
        category.slug,
        category.name,
        category.description,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes a category; its slug is free again.
///
/// # Errors
/// The database could not be reached.
pub async fn remove(db: &mut PgConnection, id: CategoryId, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE categories SET version = version + 1, updated_at = $2, deleted_at = $2 WHERE id = $1",
        id as _,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Whether live categories are below it, and whether live products are in it.
///
/// # Errors
/// The database could not be reached.
pub async fn contents(db: &mut PgConnection, id: CategoryId) -> Result<(bool, bool), sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT
             EXISTS (SELECT FROM categories WHERE parent_id = $1 AND deleted_at IS NULL) AS "children!",
             EXISTS (SELECT FROM product_categories JOIN products ON products.id = product_id
                     WHERE category_id = $1 AND products.deleted_at IS NULL) AS "products!""#,
        id as _,
    )
    .fetch_one(db)
    .await?;
    Ok((row.children, row.products))
}

/// Takes a product out of all categories.
///
/// # Errors
/// The database could not be reached.
pub async fn unlink(db: &mut PgConnection, product: ProductId) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM product_categories WHERE product_id = $1", product as _).execute(db).await?;
    Ok(())
}

/// Puts a product into categories, and so into all above them.
///
/// # Errors
/// The database could not be reached.
pub async fn link(db: &mut PgConnection, product: ProductId, categories: &[CategoryId]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO product_categories (category_id, product_id, direct)
         SELECT step.id, $1, bool_or(step.id = categories.id)
         FROM categories CROSS JOIN unnest(path) AS step (id)
         WHERE categories.id = ANY($2)
         GROUP BY step.id",
        product as _,
        categories as _,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The categories that products were put into directly.
///
/// # Errors
/// The database could not be reached.
pub async fn of_products(
    db: &mut PgConnection,
    products: &[ProductId],
) -> Result<Vec<(ProductId, CategoryId)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT product_id, category_id FROM product_categories
         WHERE product_id = ANY($1) AND direct
         ORDER BY product_id, category_id",
        products as _,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.product_id, row.category_id)).collect())
}
