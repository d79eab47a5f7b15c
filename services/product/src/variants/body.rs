//! Variants in bodies: what callers send and what they are shown.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use portico_common::error::{ApiError, FieldErrors, Invalid};
use portico_common::extract::present;
use portico_service::values::{self, required};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::actions::PricedVariant;
use super::model::{MOST_VARIANTS, NewVariant, Options, Sku, Variant, VariantId, VariantPatch};
use crate::prices::{self, PriceBody, PriceView};
use crate::products::ProductId;

const LONGEST_TITLE: usize = 300;

/// A variant to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateVariant {
    /// What the shop calls it; unique among all variants. Letters, digits, `.`, `_` and `-`.
    #[schema(required, value_type = String, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length = 64, example = "WS-1")]
    sku: Option<String>,
    /// Its own title, where the product's does not suffice.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 300)]
    title: Option<String>,
    /// What makes it differ from its siblings, such as `{"size": "L"}`; unique in the product unless empty.
    #[serde(default)]
    #[schema(nullable = false)]
    options: BTreeMap<String, String>,
    /// Its prices, at most one for a currency and a quantity.
    #[serde(default)]
    prices: Vec<PriceBody>,
}

impl CreateVariant {
    /// Checks the body of a request that makes one variant.
    pub(super) fn parse(self) -> Result<NewVariant, ApiError> {
        let mut errors = FieldErrors::default();
        match self.parse_among(&mut Siblings::default(), "", &mut errors) {
            Some(new) if errors.is_empty() => Ok(new),
            _ => Err(errors.into()),
        }
    }

    fn parse_among(self, siblings: &mut Siblings, at: &str, errors: &mut FieldErrors) -> Option<NewVariant> {
        let sku = required(self.sku).and_then(|sku| siblings.add_sku(Sku::parse(&sku)?));
        let sku = errors.take(format!("{at}/sku"), sku);
        let title = self.title.map(|title| values::line(&title, LONGEST_TITLE)).transpose();
        let title = errors.take(format!("{at}/title"), title);
        let at_options = format!("{at}/options");
        let options = siblings.add_options(Options::parse(self.options, &at_options, errors));
        let options = errors.take(at_options, options);
        let prices = prices::parse_all(self.prices, &format!("{at}/prices"), errors);
        Some(NewVariant { sku: sku?, title: title?, options: options?, prices })
    }
}

/// What the variants before this one have taken already.
#[derive(Default)]
struct Siblings {
    skus: HashSet<Sku>,
    options: Vec<Options>,
}

impl Siblings {
    fn add_sku(&mut self, sku: Sku) -> Result<Sku, Invalid> {
        if self.skus.insert(sku.clone()) {
            return Ok(sku);
        }
        Err(Invalid::new("duplicate", "another variant of this product has that SKU"))
    }

    fn add_options(&mut self, options: Options) -> Result<Options, Invalid> {
        if options != Options::default() && self.options.contains(&options) {
            return Err(Invalid::new("duplicate", "another variant of this product has the same options"));
        }
        self.options.push(options.clone());
        Ok(options)
    }
}

/// Checks the variants of a new product, noting under `at` all that is wrong with them.
pub fn parse_all(bodies: Vec<CreateVariant>, at: &str, errors: &mut FieldErrors) -> Vec<NewVariant> {
    if bodies.len() > MOST_VARIANTS {
        let detail = format!("a product has at most {MOST_VARIANTS} variants");
        errors.add(at, Invalid::new("too_many", detail));
        return Vec::new();
    }
    let mut siblings = Siblings::default();
    let parse =
        |(index, body): (usize, CreateVariant)| body.parse_among(&mut siblings, &format!("{at}/{index}"), errors);
    bodies.into_iter().enumerate().filter_map(parse).collect()
}

/// A merge patch of a variant (RFC 7396): what is absent stays, `null` clears, `prices` are replaced as a whole.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a merge patch")]
pub struct PatchVariant {
    /// The new SKU.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, nullable = false, max_length = 64)]
    sku: Option<Option<String>>,
    /// The new title; null removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 300)]
    title: Option<Option<String>>,
    /// Options to set; null unsets one, or all of them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<BTreeMap<String, Option<String>>>)]
    options: Option<Option<BTreeMap<String, Option<String>>>>,
    /// All prices anew; null removes them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<PriceBody>>)]
    prices: Option<Option<Vec<PriceBody>>>,
}

impl PatchVariant {
    /// Checks the patch.
    pub(super) fn parse(self) -> Result<VariantPatch, ApiError> {
        let mut errors = FieldErrors::default();
        let sku = self.sku.map(|sku| required(sku).and_then(|sku| Sku::parse(&sku))).transpose();
        let sku = errors.take("/sku", sku).flatten();
        let line = |title: Option<String>| title.map(|title| values::line(&title, LONGEST_TITLE)).transpose();
        let title = errors.take("/title", self.title.map(line).transpose()).flatten();
        let options = self.options.map(|raw| Options::parse_patch(raw, "/options", &mut errors));
        let prices = self.prices.map(|raw| prices::parse_all(raw.unwrap_or_default(), "/prices", &mut errors));
        errors.finish()?;
        Ok(VariantPatch { sku, title, options: options.unwrap_or_default(), prices })
    }
}

/// All prices of a variant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutPrices {
    /// The prices, at most one for a currency and a quantity; they replace all there were.
    prices: Vec<PriceBody>,
}

impl PutPrices {
    /// Checks the prices.
    pub(super) fn parse(self) -> Result<VariantPatch, ApiError> {
        let mut errors = FieldErrors::default();
        let prices = prices::parse_all(self.prices, "/prices", &mut errors);
        errors.finish()?;
        Ok(VariantPatch { prices: Some(prices), ..VariantPatch::default() })
    }
}

/// The prices of a variant.
#[derive(Debug, Serialize, ToSchema)]
pub struct PricesView {
    /// The prices, by currency and quantity.
    prices: Vec<PriceView>,
}

impl From<PricedVariant> for PricesView {
    fn from(priced: PricedVariant) -> Self {
        Self { prices: prices::view_all(priced.prices) }
    }
}

/// A variant.
#[derive(Debug, Serialize, ToSchema)]
pub struct VariantView {
    id: VariantId,
    /// The product it is a variant of.
    product_id: ProductId,
    /// What the shop calls it.
    #[schema(example = "WS-1")]
    sku: String,
    /// Its own title, where the product's does not suffice.
    #[schema(required)]
    title: Option<String>,
    /// What makes it differ from its siblings.
    options: BTreeMap<String, String>,
    /// Its prices, by currency and quantity.
    prices: Vec<PriceView>,
    /// Grows by one with every change; in quotes it is the `ETag`.
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<PricedVariant> for VariantView {
    fn from(PricedVariant { variant, prices }: PricedVariant) -> Self {
        let Variant {
            id,
            product_id,
            sku,
            title,
            option_values,
            version,
            created_at,
            updated_at,
            position: _,
            deleted_at: _,
        } = variant;
        let (options, prices) = (option_values.into_map(), prices::view_all(prices));
        Self { id, product_id, sku, title, options, prices, version, created_at, updated_at }
    }
}
