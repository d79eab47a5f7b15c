//! Operations on variants. A variant is part of its product: whoever changes one holds the product's row, and the
//! product's version grows with it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use portico_common::error::{ApiError, Invalid};
use portico_common::etag::IfMatch;
use sqlx::{PgConnection, PgPool};

use super::error::VariantError;
use super::model::{MOST_VARIANTS, NewVariant, Variant, VariantId, VariantPatch};
use super::store;
use crate::prices::{self, Price};
use crate::products::{self, Product, ProductId};

/// A variant with its prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedVariant {
    /// The variant.
    pub variant: Variant,
    /// Its prices, by currency and quantity.
    pub prices: Vec<Price>,
}

/// Stores the variants of a new product, with their prices.
///
/// # Errors
/// A SKU is taken, or the database could not be reached.
pub async fn add_all(
    db: &mut PgConnection,
    product: ProductId,
    new: Vec<NewVariant>,
    now: DateTime<Utc>,
) -> Result<(), VariantError> {
    add_from(db, product, 0, new, now).await.map(drop)
}

async fn add_from(
    db: &mut PgConnection,
    product: ProductId,
    first: i32,
    new: Vec<NewVariant>,
    now: DateTime<Utc>,
) -> Result<Vec<VariantId>, VariantError> {
    let new: Vec<_> = new.into_iter().map(|new| (VariantId::new(now), new)).collect();
    store::insert(db, product, first, &new, now).await?;
    let ids = new.iter().map(|(id, _)| *id).collect();
    let prices: Vec<_> =
        new.into_iter().flat_map(|(id, new)| new.prices.into_iter().map(move |price| (id, price))).collect();
    prices::insert(db, &prices, now).await?;
    Ok(ids)
}

/// The variants of many products with their prices, in two statements.
///
/// # Errors
/// The database could not be reached.
pub async fn of_products(
    db: &mut PgConnection,
    products: &[ProductId],
) -> Result<HashMap<ProductId, Vec<PricedVariant>>, sqlx::Error> {
    let variants = store::of_products(db, products).await?;
    let mut by_product: HashMap<_, Vec<_>> = HashMap::new();
    for priced in with_prices(db, variants).await? {
        by_product.entry(priced.variant.product_id).or_default().push(priced);
    }
    Ok(by_product)
}

/// Adds the prices to variants, in one statement.
///
/// # Errors
/// The database could not be reached.
pub async fn with_prices(db: &mut PgConnection, variants: Vec<Variant>) -> Result<Vec<PricedVariant>, sqlx::Error> {
    let ids: Vec<_> = variants.iter().map(|variant| variant.id).collect();
    let mut by_variant: HashMap<_, Vec<_>> = HashMap::new();
    for price in prices::of_variants(db, &ids).await? {
        by_variant.entry(price.variant_id).or_default().push(price);
    }
    let priced = |variant: Variant| {
        let prices = by_variant.remove(&variant.id).unwrap_or_default();
        PricedVariant { variant, prices }
    };
    Ok(variants.into_iter().map(priced).collect())
}

/// Adds a variant to a product, behind its siblings, inside the caller's transaction.
///
/// # Errors
/// There is no such product, it has too many variants, or the SKU or the options are taken.
pub async fn create(
    db: &mut PgConnection,
    product: ProductId,
    new: NewVariant,
    now: DateTime<Utc>,
) -> Result<PricedVariant, VariantError> {
    let product = hold(db, product).await?;
    let (count, next) = store::tally(db, product.id).await?;
    if usize::try_from(count).is_ok_and(|count| count >= MOST_VARIANTS) {
        return Err(VariantError::LimitReached);
    }
    let ids = add_from(db, product.id, next, vec![new], now).await.map_err(|error| match error {
        VariantError::SkuTaken { .. } => VariantError::SkuTaken { index: None },
        other => other,
    })?;
    products::touch(db, &product, now).await?;
    let id = ids.first().ok_or(VariantError::NotFound)?;
    reload(db, *id).await
}

/// Changes a variant that the caller has seen in its present version.
///
/// # Errors
/// It is gone or was changed in the meantime, or what it shall become is taken.
pub async fn change(
    db: &PgPool,
    product: Option<ProductId>,
    id: VariantId,
    seen: &IfMatch,
    patch: VariantPatch,
    now: DateTime<Utc>,
) -> Result<PricedVariant, VariantError> {
    let mut tx = db.begin().await?;
    let (product, stored) = hold_both(&mut tx, product, id, seen).await?;
    let VariantPatch { sku, title, options, prices } = patch;
    let option_values = stored.option_values.patched(options).map_err(options_refused)?;
    let changed = Variant {
        sku: sku.map_or_else(|| stored.sku.clone(), |sku| sku.as_str().to_owned()),
        title: title.unwrap_or_else(|| stored.title.clone()),
        option_values,
        ..stored.clone()
    };
    if changed != stored || prices.is_some() {
        store::save(&mut tx, &changed, now).await?;
        if let Some(prices) = prices {
            prices::remove(&mut tx, id).await?;
            let prices: Vec<_> = prices.into_iter().map(|price| (id, price)).collect();
            prices::insert(&mut tx, &prices, now).await?;
        }
        products::touch(&mut tx, &product, now).await?;
    }
    let priced = reload(&mut tx, id).await?;
    tx.commit().await?;
    Ok(priced)
}

fn options_refused(invalid: Invalid) -> VariantError {
    VariantError::Refused(ApiError::field("/options", invalid))
}

/// Deletes a variant that the caller has seen in its present version.
///
/// # Errors
/// It is gone or was changed in the meantime.
pub async fn remove(
    db: &PgPool,
    product: ProductId,
    id: VariantId,
    seen: &IfMatch,
    now: DateTime<Utc>,
) -> Result<(), VariantError> {
    let mut tx = db.begin().await?;
    let (product, _) = hold_both(&mut tx, Some(product), id, seen).await?;
    store::remove(&mut tx, id, now).await?;
    products::touch(&mut tx, &product, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Locks the product, and reads the variant under that lock.
async fn hold_both(
    db: &mut PgConnection,
    product: Option<ProductId>,
    id: VariantId,
    seen: &IfMatch,
) -> Result<(Product, Variant), VariantError> {
    let found = store::find(db, id).await?.ok_or(VariantError::NotFound)?;
    if product.is_some_and(|product| product != found.product_id) {
        return Err(VariantError::NotFound);
    }
    let product = hold(db, found.product_id).await?;
    let variant = store::find(db, id).await?.ok_or(VariantError::NotFound)?;
    if variant.deleted_at.is_some() {
        return Err(VariantError::Gone);
    }
    seen.check(variant.version).map_err(VariantError::Refused)?;
    Ok((product, variant))
}

async fn hold(db: &mut PgConnection, product: ProductId) -> Result<Product, VariantError> {
    let product = products::lock(db, product).await?.ok_or(VariantError::NotFound)?;
    if product.deleted_at.is_some() {
        return Err(VariantError::Gone);
    }
    Ok(product)
}

async fn reload(db: &mut PgConnection, id: VariantId) -> Result<PricedVariant, VariantError> {
    let variant = store::find(db, id).await?.ok_or(VariantError::NotFound)?;
    Ok(priced(db, variant).await?)
}

/// Adds its prices to a variant.
///
/// # Errors
/// The database could not be reached.
pub async fn priced(db: &mut PgConnection, variant: Variant) -> Result<PricedVariant, sqlx::Error> {
    let prices = prices::of_variants(db, &[variant.id]).await?;
    Ok(PricedVariant { variant, prices })
}
