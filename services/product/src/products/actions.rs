//! Operations on products.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use portico_common::error::ApiError;
use portico_common::etag::IfMatch;
use portico_service::OptionalIfMatch;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::error::ProductError;
use super::model::{Move, NewProduct, Product, ProductId, ProductPatch, Status};
use super::store;
use crate::categories::{self, CategoryId};
use crate::prices;
use crate::variants::{self, PricedVariant};
use crate::viewer::Viewer;

/// A product with all that is part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CompleteProduct {
    /// The product.
    pub product: Product,
    /// The categories it was put into.
    pub category_ids: Vec<CategoryId>,
    /// Its variants, in their order.
    pub variants: Vec<PricedVariant>,
}

/// Adds to products all that is part of them, in three statements however many they are.
///
/// # Errors
/// The database could not be reached.
pub async fn complete_all(db: &mut PgConnection, products: Vec<Product>) -> Result<Vec<CompleteProduct>, sqlx::Error> {
    let ids: Vec<_> = products.iter().map(|product| product.id).collect();
    let mut variants = variants::of_products(db, &ids).await?;
    let mut category_ids: HashMap<_, Vec<_>> = HashMap::new();
    for (product, category) in categories::of_products(db, &ids).await? {
        category_ids.entry(product).or_default().push(category);
    }
    let complete = |product: Product| CompleteProduct {
        category_ids: category_ids.remove(&product.id).unwrap_or_default(),
        variants: variants.remove(&product.id).unwrap_or_default(),
        product,
    };
    Ok(products.into_iter().map(complete).collect())
}

/// Adds to a product all that is part of it.
///
/// # Errors
/// The database could not be reached.
pub async fn complete(db: &mut PgConnection, product: Product) -> Result<CompleteProduct, ProductError> {
    complete_all(db, vec![product]).await?.pop().ok_or(ProductError::NotFound)
}

/// The product, if this reader may see it.
///
/// # Errors
/// There is none for this reader; an editor is told when it was deleted.
pub async fn show(db: &mut PgConnection, id: ProductId, viewer: Viewer) -> Result<Product, ProductError> {
    visible(store::find(db, id).await?, viewer)
}

/// What a reader is shown of what was found.
///
/// # Errors
/// There is none for this reader; an editor is told when it was deleted.
pub fn visible(found: Option<Product>, viewer: Viewer) -> Result<Product, ProductError> {
    let product = found.ok_or(ProductError::NotFound)?;
    match product.deleted_at {
        Some(_) if viewer.sees_all() => Err(ProductError::Gone),
        None if viewer.sees_all() || product.is_public() => Ok(product),
        _ => Err(ProductError::NotFound),
    }
}

/// Makes a draft with its variants, prices and categories, inside the caller's transaction.
///
/// # Errors
/// The slug or a SKU is taken, or a category does not exist.
pub async fn create(
    db: &mut PgConnection,
    new: NewProduct,
    created_by: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<CompleteProduct, ProductError> {
    let id = ProductId::new(now);
    store::insert(db, id, &new, created_by, now).await?;
    put_into(db, id, &new.category_ids).await?;
    variants::add_all(db, id, new.variants, now).await?;
    prices::refresh_ranges(db, id).await?;
    reload(db, id).await
}

async fn put_into(db: &mut PgConnection, id: ProductId, categories: &[CategoryId]) -> Result<(), ProductError> {
    let unknown = categories::put_product_into(db, id, categories).await?;
    if unknown.is_empty() { Ok(()) } else { Err(ProductError::UnknownCategories(unknown)) }
}

/// Changes a product that the caller has seen in its present version.
///
/// # Errors
/// It is gone or was changed in the meantime, or what it shall become is taken or does not exist.
pub async fn change(
    db: &PgPool,
    id: ProductId,
    seen: &IfMatch,
    mut patch: ProductPatch,
    now: DateTime<Utc>,
) -> Result<CompleteProduct, ProductError> {
    let mut tx = db.begin().await?;
    let stored = lock(&mut tx, id).await?;
    seen.check(stored.version).map_err(ProductError::Refused)?;
    let category_ids = patch.category_ids.take();
    let changed =
        stored.patched(patch).map_err(|invalid| ProductError::Refused(ApiError::field("/attributes", invalid)))?;
    if let Some(category_ids) = &category_ids {
        put_into(&mut tx, id, category_ids).await?;
    }
    if changed != stored || category_ids.is_some() {
        store::save(&mut tx, &changed, now).await?;
    }
    let complete = reload(&mut tx, id).await?;
    tx.commit().await?;
    Ok(complete)
}

/// Takes a step in the life of a product, inside the caller's transaction.
///
/// # Errors
/// It is gone or was changed in the meantime, or its life has no such step.
pub async fn move_on(
    db: &mut PgConnection,
    id: ProductId,
    seen: &OptionalIfMatch,
    step: Move,
    now: DateTime<Utc>,
) -> Result<CompleteProduct, ProductError> {
    let stored = lock(db, id).await?;
    seen.check(stored.version).map_err(ProductError::Refused)?;
    let status = stored.status.after(step).ok_or(ProductError::InvalidTransition {
        from: stored.status.name(),
        to: match step {
            Move::Publish => Status::Active.name(),
            Move::Archive => Status::Archived.name(),
        },
    })?;
    let published_at = stored.published_at.or_else(|| (status == Status::Active).then_some(now));
    store::save(db, &Product { status, published_at, ..stored }, now).await?;
    reload(db, id).await
}

/// Deletes a product and its variants, whose slug and SKUs are free again.
///
/// # Errors
/// It is gone or was changed in the meantime.
pub async fn remove(db: &PgPool, id: ProductId, seen: &IfMatch, now: DateTime<Utc>) -> Result<(), ProductError> {
    let mut tx = db.begin().await?;
    let stored = lock(&mut tx, id).await?;
    seen.check(stored.version).map_err(ProductError::Refused)?;
    store::remove(&mut tx, id, now).await?;
    variants::remove_all(&mut tx, id, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes note that variants or prices of a product changed: a new version, and what search and sorting go by.
/// The caller holds the product's row.
///
/// # Errors
/// The database could not be reached.
pub async fn touch(db: &mut PgConnection, product: &Product, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    store::save(db, product, now).await?;
    prices::refresh_ranges(db, product.id).await
}

async fn lock(db: &mut PgConnection, id: ProductId) -> Result<Product, ProductError> {
    let product = store::lock(db, id).await?.ok_or(ProductError::NotFound)?;
    if product.deleted_at.is_some() { Err(ProductError::Gone) } else { Ok(product) }
}

async fn reload(db: &mut PgConnection, id: ProductId) -> Result<CompleteProduct, ProductError> {
    let product = store::find(db, id).await?.ok_or(ProductError::NotFound)?;
    complete(db, product).await
}
