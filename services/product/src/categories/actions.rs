//! Operations on categories.

use chrono::{DateTime, Utc};
use portico_common::etag::IfMatch;
use sqlx::{PgConnection, PgPool};

use super::error::CategoryError;
use super::model::{Category, CategoryId, CategoryPatch, DEEPEST, NewCategory};
use super::store;
use crate::products::ProductId;

/// Makes a category, inside the caller's transaction.
///
/// # Errors
/// The parent does not exist or is too deep already, or a sibling has the slug.
pub async fn create(db: &mut PgConnection, new: NewCategory, now: DateTime<Utc>) -> Result<Category, CategoryError> {
    let NewCategory { parent_id, slug, name, description } = new;
    let id = CategoryId::new(now);
    let mut path = match parent_id {
        None => Vec::new(),
        Some(parent) => store::hold(db, &[parent]).await?.pop().ok_or(CategoryError::UnknownParent)?.path,
    };
    if path.len() >= DEEPEST {
        return Err(CategoryError::TooDeep);
    }
    path.push(id);
    let (version, created_at, updated_at, deleted_at) = (1, now, now, None);
    let slug = slug.into();
    let category =
        Category { id, parent_id, slug, name, description, path, version, created_at, updated_at, deleted_at };
    store::insert(db, &category).await?;
    Ok(category)
}

/// Changes a category that the caller has seen in its present version.
///
/// # Errors
/// It is gone or was changed in the meantime, or a sibling has the slug.
pub async fn change(
    db: &PgPool,
    id: CategoryId,
    seen: &IfMatch,
    patch: CategoryPatch,
    now: DateTime<Utc>,
) -> Result<Category, CategoryError> {
    let mut tx = db.begin().await?;
    let stored = lock(&mut tx, id, seen).await?;
    let changed = stored.patched(patch);
    if changed == stored {
        return Ok(stored);
    }
    store::save(&mut tx, &changed, now).await?;
    tx.commit().await?;
    Ok(Category { version: stored.version + 1, updated_at: now, ..changed })
}

/// Deletes an empty category that the caller has seen in its present version.
///
/// # Errors
/// It holds something, is gone, or was changed in the meantime.
pub async fn remove(db: &PgPool, id: CategoryId, seen: &IfMatch, now: DateTime<Utc>) -> Result<(), CategoryError> {
    let mut tx = db.begin().await?;
    lock(&mut tx, id, seen).await?;
    match store::contents(&mut tx, id).await? {
        (true, _) => return Err(CategoryError::HasChildren),
        (_, true) => return Err(CategoryError::HasProducts),
        (false, false) => store::remove(&mut tx, id, now).await?,
    }
    tx.commit().await?;
    Ok(())
}

async fn lock(db: &mut PgConnection, id: CategoryId, seen: &IfMatch) -> Result<Category, CategoryError> {
    let category = store::lock(db, id).await?.ok_or(CategoryError::NotFound)?;
    if category.deleted_at.is_some() {
        return Err(CategoryError::Gone);
    }
    seen.check(category.version).map_err(CategoryError::Refused)?;
    Ok(category)
}

/// Puts a product into exactly these categories, and says which of them do not exist, by place in the list.
///
/// # Errors
/// The database could not be reached.
pub async fn put_product_into(
    db: &mut PgConnection,
    product: ProductId,
    categories: &[CategoryId],
) -> Result<Vec<usize>, sqlx::Error> {
    let held = store::hold(db, categories).await?;
    let is_held = |id: &CategoryId| held.iter().any(|category| category.id == *id);
    let unknown: Vec<_> =
        categories.iter().enumerate().filter(|(_, id)| !is_held(id)).map(|(index, _)| index).collect();
    if unknown.is_empty() {
        store::unlink(db, product).await?;
        store::link(db, product, categories).await?;
    }
    Ok(unknown)
}
