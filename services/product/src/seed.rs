//! Demonstration data: a believable shop, read from `demo/catalogue.json` and stored by the same actions as requests.

use std::collections::{BTreeMap, HashSet};

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use portico_common::error::FieldErrors;
use portico_service::OptionalIfMatch;
use portico_service::money::Currency;
use portico_service::values::Slug;
use serde::Deserialize;
use serde_json::{Map, Value};
use sqlx::{PgConnection, PgPool};

use crate::categories::{self, CategoryId, NewCategory};
use crate::prices::NewPrice;
use crate::products::{self, Attributes, Move, NewProduct, Status};
use crate::variants::{NewVariant, Options, Sku};

const CATALOGUE: &str = include_str!("../demo/catalogue.json");

/// How far apart the products were made, so that the newest first is an order.
const STEP: TimeDelta = TimeDelta::hours(7);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    categories: Vec<DemoCategory>,
    products: Vec<DemoProduct>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DemoCategory {
    slug: String,
    name: String,
    #[serde(default)]
    children: Vec<DemoCategory>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DemoProduct {
    slug: String,
    title: String,
    description: String,
    /// Slugs from the root down, with slashes between them.
    category: String,
    #[serde(default = "active")]
    status: Status,
    tags: Vec<String>,
    attributes: Map<String, Value>,
    variants: Vec<DemoVariant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DemoVariant {
    sku: String,
    title: Option<String>,
    #[serde(default)]
    options: BTreeMap<String, String>,
    /// Amounts in the smallest unit, by currency.
    prices: BTreeMap<String, i64>,
}

fn active() -> Status {
    Status::Active
}

/// Stores the demonstration data, and says how many products that made. What was stored before, be it deleted or changed
/// since, is left alone.
///
/// # Errors
/// The database could not be reached, or somebody else's products have the SKUs.
pub async fn seed(db: &PgPool, now: DateTime<Utc>) -> anyhow::Result<usize> {
    let catalogue: Catalogue = serde_json::from_str(CATALOGUE).context("demo/catalogue.json")?;
    let slugs: Vec<_> = catalogue.products.iter().map(|product| product.slug.clone()).collect();
    let mut tx = db.begin().await?;
    let known: HashSet<_> = products::known_slugs(&mut tx, &slugs).await?.into_iter().collect();
    let missing: Vec<_> = catalogue.products.into_iter().filter(|product| !known.contains(&product.slug)).collect();
    if missing.is_empty() {
        return Ok(0);
    }
    let mut ids = BTreeMap::new();
    plant(&mut tx, catalogue.categories, None, "", now, &mut ids).await?;
    let count = missing.len();
    for (age, product) in missing.into_iter().rev().enumerate() {
        let at = now - STEP * i32::try_from(age)?;
        let slug = product.slug.clone();
        store(&mut tx, product, &ids, at).await.with_context(|| format!("demo product {slug}"))?;
    }
    tx.commit().await?;
    Ok(count)
}

/// Makes the categories that are not there yet, and notes the ids of all by their path.
async fn plant(
    db: &mut PgConnection,
    level: Vec<DemoCategory>,
    parent_id: Option<CategoryId>,
    above: &str,
    now: DateTime<Utc>,
    ids: &mut BTreeMap<String, CategoryId>,
) -> anyhow::Result<()> {
    for DemoCategory { slug, name, children } in level {
        let path = format!("{above}{slug}");
        let slug = Slug::parse(&slug).map_err(|error| anyhow::anyhow!("category {slug}: {}", error.detail))?;
        let id = match categories::find_by_slug(db, parent_id, &slug).await? {
            Some(id) => id,
            None => categories::create(db, NewCategory { parent_id, slug, name, description: None }, now).await?.id,
        };
        Box::pin(plant(db, children, Some(id), &format!("{path}/"), now, ids)).await?;
        ids.insert(path, id);
    }
    Ok(())
}

async fn store(
    db: &mut PgConnection,
    product: DemoProduct,
    categories: &BTreeMap<String, CategoryId>,
    at: DateTime<Utc>,
) -> anyhow::Result<()> {
    let status = product.status;
    let category = categories.get(&product.category).context("its category is not in the tree")?;
    let new = product.parse(*category).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let id = products::create(db, new, None, at).await?.product.id;
    let steps: &[Move] = match status {
        Status::Draft => &[],
        Status::Active => &[Move::Publish],
        Status::Archived => &[Move::Publish, Move::Archive],
    };
    for step in steps {
        products::move_on(db, id, &OptionalIfMatch::default(), *step, at).await?;
    }
    Ok(())
}

impl DemoProduct {
    fn parse(self, category: CategoryId) -> Result<NewProduct, FieldErrors> {
        let mut errors = FieldErrors::default();
        let slug = errors.take("/slug", Slug::parse(&self.slug));
        let attributes = Attributes::parse(self.attributes, "/attributes", &mut errors);
        let tags = products::parse_tags(self.tags, "/tags", &mut errors);
        let variants = self.variants.into_iter().filter_map(|variant| variant.parse(&mut errors)).collect();
        match slug {
            Some(slug) if errors.is_empty() => Ok(NewProduct {
                slug,
                title: self.title,
                description: Some(self.description),
                attributes,
                tags,
                category_ids: vec![category],
                variants,
            }),
            _ => Err(errors),
        }
    }
}

impl DemoVariant {
    fn parse(self, errors: &mut FieldErrors) -> Option<NewVariant> {
        let sku = errors.take("/sku", Sku::parse(&self.sku));
        let options = Options::parse(self.options, "/options", errors);
        let mut prices = Vec::with_capacity(self.prices.len());
        for (code, amount_minor) in self.prices {
            let currency = errors.take("/prices", Currency::parse(&code))?;
            prices.push(NewPrice { amount_minor, currency, compare_at_minor: None, min_quantity: 1 });
        }
        Some(NewVariant { sku: sku?, title: self.title, options, prices })
    }
}
