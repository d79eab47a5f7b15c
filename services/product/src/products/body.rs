//! Products in bodies: what callers send and what they are shown.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use portico_common::error::{ApiError, FieldErrors, Invalid};
use portico_common::extract::present;
use portico_service::values::{Slug, required};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::actions::CompleteProduct;
use super::attributes::Attributes;
use super::model::{self, NewProduct, Product, ProductId, ProductPatch, Status};
use crate::categories::CategoryId;
use crate::variants::{self, CreateVariant, VariantView};

const MOST_CATEGORIES: usize = 20;

/// A product to be made, as a draft, with its variants.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateProduct {
    /// Its name in addresses, unique among all products.
    #[schema(required, value_type = String, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 200, example = "wool-scarf")]
    slug: Option<String>,
    /// Its title, one line.
    #[schema(required, value_type = String, min_length = 1, max_length = 300, example = "Wool scarf")]
    title: Option<String>,
    /// What is to be said about it.
    #[serde(default)]
    #[schema(max_length = 20000)]
    description: Option<String>,
    /// What is said beyond the fields that all products have: texts, numbers, booleans and lists of texts by name.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"color": "teal"}))]
    attributes: Map<String, Value>,
    /// Lower-case words joined by hyphens, each once.
    #[serde(default)]
    #[schema(max_items = 50, example = json!(["wool"]))]
    tags: Vec<String>,
    /// The categories to put it into.
    #[serde(default)]
    #[schema(max_items = 20)]
    category_ids: Vec<CategoryId>,
    /// Its variants, in their order.
    #[serde(default)]
    #[schema(max_items = 100)]
    variants: Vec<CreateVariant>,
}

impl CreateProduct {
    /// Checks the body; all that is wrong is told at once.
    pub(super) fn parse(self) -> Result<NewProduct, ApiError> {
        let mut errors = FieldErrors::default();
        let slug = errors.take("/slug", required(self.slug).and_then(|slug| Slug::parse(&slug)));
        let title = errors.take("/title", required(self.title).and_then(|title| model::title(&title)));
        let description = self.description.map(|text| model::description(&text)).transpose();
        let description = errors.take("/description", description);
        let attributes = Attributes::parse(self.attributes, "/attributes", &mut errors);
        let tags = model::parse_tags(self.tags, "/tags", &mut errors);
        let category_ids = parse_category_ids(self.category_ids, &mut errors);
        let variants = variants::parse_all(self.variants, "/variants", &mut errors);
        match (slug, title, description) {
            (Some(slug), Some(title), Some(description)) if errors.is_empty() => {
                Ok(NewProduct { slug, title, description, attributes, tags, category_ids, variants })
            }
            _ => Err(errors.into()),
        }
    }
}

fn parse_category_ids(ids: Vec<CategoryId>, errors: &mut FieldErrors) -> Vec<CategoryId> {
    if ids.len() > MOST_CATEGORIES {
        let detail = format!("a product is in at most {MOST_CATEGORIES} categories");
        errors.add("/category_ids", Invalid::new("too_many", detail));
    }
    let mut seen = HashSet::new();
    for (index, id) in ids.iter().enumerate() {
        if !seen.insert(id) {
            let invalid = Invalid::new("duplicate", "this category is in the list already");
            errors.add(format!("/category_ids/{index}"), invalid);
        }
    }
    ids
}

/// A merge patch of a product (RFC 7396): what is absent stays, `null` clears, lists are replaced as a whole. The status
/// changes through `publish` and `archive`, variants through their own paths.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a merge patch")]
pub struct PatchProduct {
    /// The new slug.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, nullable = false, max_length = 200)]
    slug: Option<Option<String>>,
    /// The new title.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, nullable = false, min_length = 1, max_length = 300)]
    title: Option<Option<String>>,
    /// The new description; null removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 20000)]
    description: Option<Option<String>>,
    /// Attributes to set; null unsets one, or all of them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Object>)]
    attributes: Option<Option<Map<String, Value>>>,
    /// All tags anew; null removes them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>, max_items = 50)]
    tags: Option<Option<Vec<String>>>,
    /// All categories anew; null takes it out of them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<CategoryId>>, max_items = 20)]
    category_ids: Option<Option<Vec<CategoryId>>>,
}

impl PatchProduct {
    /// Checks the patch; all that is wrong is told at once.
    pub(super) fn parse(self) -> Result<ProductPatch, ApiError> {
        let mut errors = FieldErrors::default();
        let slug = self.slug.map(|slug| required(slug).and_then(|slug| Slug::parse(&slug))).transpose();
        let slug = errors.take("/slug", slug).flatten();
        let title = self.title.map(|title| required(title).and_then(|title| model::title(&title))).transpose();
        let title = errors.take("/title", title).flatten();
        let describe = |text: Option<String>| text.map(|text| model::description(&text)).transpose();
        let description = errors.take("/description", self.description.map(describe).transpose()).flatten();
        let attributes =
            self.attributes.map(|raw| Attributes::parse_patch(raw, "/attributes", &mut errors)).unwrap_or_default();
        let tags = self.tags.map(|raw| model::parse_tags(raw.unwrap_or_default(), "/tags", &mut errors));
        let category_ids = self.category_ids.map(|raw| parse_category_ids(raw.unwrap_or_default(), &mut errors));
        errors.finish()?;
        Ok(ProductPatch { slug, title, description, attributes, tags, category_ids })
    }
}

/// A product.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProductView {
    id: ProductId,
    #[schema(example = "wool-scarf")]
    slug: String,
    #[schema(example = "Wool scarf")]
    title: String,
    #[schema(required)]
    description: Option<String>,
    status: Status,
    /// Texts, numbers, booleans and lists of texts by name.
    #[schema(value_type = Object, example = json!({"color": "teal"}))]
    attributes: Map<String, Value>,
    tags: Vec<String>,
    /// The categories it was put into; it is in all above them, too.
    category_ids: Vec<CategoryId>,
    /// Its variants, in their order.
    variants: Vec<VariantView>,
    /// Grows by one with every change, also of variants and prices; in quotes it is the `ETag`.
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// When it was first published; null before that.
    #[schema(required)]
    published_at: Option<DateTime<Utc>>,
}

impl From<CompleteProduct> for ProductView {
    fn from(CompleteProduct { product, category_ids, variants }: CompleteProduct) -> Self {
        let Product {
            id,
            slug,
            title,
            description,
            status,
            attributes,
            tags,
            version,
            created_at,
            updated_at,
            published_at,
            deleted_at: _,
        } = product;
        let attributes = attributes.into_map();
        let variants = variants.into_iter().map(VariantView::from).collect();
        Self {
            id,
            slug,
            title,
            description,
            status,
            attributes,
            tags,
            category_ids,
            variants,
            version,
            created_at,
            updated_at,
            published_at,
        }
    }
}
