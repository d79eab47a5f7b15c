//! Categories in bodies: what callers send and what they are shown.

use chrono::{DateTime, Utc};
use portico_common::error::{ApiError, FieldErrors, Invalid};
use portico_common::extract::present;
use portico_service::values::{self, Slug, required};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{Category, CategoryId, CategoryPatch, NewCategory};

/// A category to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCategory {
    /// The category it is below; null or absent for a root.
    #[serde(default)]
    parent_id: Option<CategoryId>,
    /// Its name in addresses, which its siblings do not have.
    #[schema(required, value_type = String, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 200, example = "scarves")]
    slug: Option<String>,
    /// Its name.
    #[schema(required, value_type = String, min_length = 1, max_length = 200, example = "Scarves")]
    name: Option<String>,
    /// What is in it.
    #[serde(default)]
    #[schema(max_length = 5000)]
    description: Option<String>,
}

impl CreateCategory {
    /// Checks the body.
    pub(super) fn parse(self) -> Result<NewCategory, ApiError> {
        let mut errors = FieldErrors::default();
        let slug = errors.take("/slug", required(self.slug).and_then(|slug| Slug::parse(&slug)));
        let name = errors.take("/name", required(self.name).and_then(|name| name_of(&name)));
        let description = errors.take("/description", self.description.as_deref().map(described).transpose());
        match (slug, name, description) {
            (Some(slug), Some(name), Some(description)) => {
                Ok(NewCategory { parent_id: self.parent_id, slug, name, description })
            }
            _ => Err(errors.into()),
        }
    }
}

fn name_of(raw: &str) -> Result<String, Invalid> {
    values::line(raw, 200)
}

fn described(raw: &str) -> Result<String, Invalid> {
    values::prose(raw, 5000)
}

/// A merge patch of a category (RFC 7396): what is absent stays, `null` clears.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a merge patch")]
pub struct PatchCategory {
    /// The new slug.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, nullable = false, max_length = 200)]
    slug: Option<Option<String>>,
    /// The new name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, nullable = false, min_length = 1, max_length = 200)]
    name: Option<Option<String>>,
    /// The new description; null removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 5000)]
    description: Option<Option<String>>,
}

impl PatchCategory {
    /// Checks the patch.
    pub(super) fn parse(self) -> Result<CategoryPatch, ApiError> {
        let mut errors = FieldErrors::default();
        let slug = self.slug.map(|slug| required(slug).and_then(|slug| Slug::parse(&slug))).transpose();
        let slug = errors.take("/slug", slug).flatten();
        let name = self.name.map(|name| required(name).and_then(|name| name_of(&name))).transpose();
        let name = errors.take("/name", name).flatten();
        let description = self.description.map(|text| text.as_deref().map(described).transpose()).transpose();
        let description = errors.take("/description", description).flatten();
        errors.finish()?;
        Ok(CategoryPatch { slug, name, description })
    }
}

/// A category.
#[derive(Debug, Serialize, ToSchema)]
pub struct CategoryView {
    id: CategoryId,
    /// The category it is below; null for a root.
    #[schema(required)]
    parent_id: Option<CategoryId>,
    #[schema(example = "scarves")]
    slug: String,
    #[schema(example = "Scarves")]
    name: String,
    #[schema(required)]
    description: Option<String>,
    /// From the root of the tree to the category itself.
    path: Vec<CategoryId>,
    /// Grows by one with every change; in quotes it is the `ETag`.
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Category> for CategoryView {
    fn from(category: Category) -> Self {
        let Category { id, parent_id, slug, name, description, path, version, created_at, updated_at, deleted_at: _ } =
            category;
        Self { id, parent_id, slug, name, description, path, version, created_at, updated_at }
    }
}
