//! What a category is.

use chrono::{DateTime, Utc};
use portico_service::values::Slug;

/// How deep the tree can be.
pub const DEEPEST: usize = 8;

portico_common::typed_id!(
    /// Names a category.
    CategoryId
);

/// A checked category, not stored yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCategory {
    /// The category it is below; none for a root.
    pub parent_id: Option<CategoryId>,
    /// Its slug, which its siblings do not have.
    pub slug: Slug,
    /// Its name.
    pub name: String,
    /// What is in it.
    pub description: Option<String>,
}

/// A checked merge patch of a category; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryPatch {
    /// The new slug.
    pub slug: Option<Slug>,
    /// The new name.
    pub name: Option<String>,
    /// The new description, or none.
    #[expect(clippy::option_option, reason = "absent, null and a value are three things in a merge patch")]
    pub description: Option<Option<String>>,
}

/// A stored category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Its id.
    pub id: CategoryId,
    /// The category it is below.
    pub parent_id: Option<CategoryId>,
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What is in it.
    pub description: Option<String>,
    /// From the root of the tree to the category itself.
    pub path: Vec<CategoryId>,
    /// Grows by one with every change; its `ETag`.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
    /// When it was deleted.
    pub deleted_at: Option<DateTime<Utc>>,
}

impl Category {
    /// The category after a patch.
    pub fn patched(&self, patch: CategoryPatch) -> Self {
        let CategoryPatch { slug, name, description } = patch;
        Self {
            slug: slug.map_or_else(|| self.slug.clone(), String::from),
            name: name.unwrap_or_else(|| self.name.clone()),
            description: description.unwrap_or_else(|| self.description.clone()),
            ..self.clone()
        }
    }
}
