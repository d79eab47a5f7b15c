//! What a product is.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use portico_common::error::{FieldErrors, Invalid};
use portico_service::values::{self, Slug};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::attributes::{Attributes, AttributesPatch};
use crate::categories::CategoryId;
use crate::variants::NewVariant;

const MOST_TAGS: usize = 50;
const LONGEST_TAG: usize = 50;

portico_common::typed_id!(
    /// Names a product.
    ProductId
);

/// Where a product is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProductStatus)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Status {
    /// Being prepared; only editors see it.
    Draft,
    /// Shown to everybody.
    Active,
    /// Taken off the shelf; only editors see it.
    Archived,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Draft, Self::Active, Self::Archived];

    /// The name of it, as in JSON and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Archived => "archived",
        }
    }

    /// Where a move leads from here, if it is allowed.
    pub fn after(self, step: Move) -> Option<Self> {
        match (self, step) {
            (Self::Draft | Self::Archived, Move::Publish) => Some(Self::Active),
            (Self::Active, Move::Archive) => Some(Self::Archived),
            (Self::Active, Move::Publish) | (Self::Draft | Self::Archived, Move::Archive) => None,
        }
    }
}

/// A step in the life of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Onto the shelf.
    Publish,
    /// Off the shelf.
    Archive,
}

/// Checks tags: lower-case words joined by hyphens, each once. Notes under `at` all that is wrong.
pub fn parse_tags(raw: Vec<String>, at: &str, errors: &mut FieldErrors) -> Vec<String> {
    if raw.len() > MOST_TAGS {
        errors.add(at, Invalid::new("too_many", format!("a product has at most {MOST_TAGS} tags")));
        return Vec::new();
    }
    let mut seen = HashSet::new();
    for (index, tag) in raw.iter().enumerate() {
        if tag.len() > LONGEST_TAG || !values::is_hyphenated(tag) {
            let detail = format!("a tag is lower-case words joined by hyphens, at most {LONGEST_TAG} characters");
            errors.add(format!("{at}/{index}"), Invalid::new("format", detail));
        } else if !seen.insert(tag) {
            errors.add(format!("{at}/{index}"), Invalid::new("duplicate", "this tag is in the list already"));
        }
    }
    raw
}

/// Checks a title.
///
/// # Errors
/// It is empty, longer than 300 characters, or not one line.
pub fn title(raw: &str) -> Result<String, Invalid> {
    values::line(raw, 300)
}

/// Checks a description.
///
/// # Errors
/// It is longer than 20000 characters, or holds control characters.
pub fn description(raw: &str) -> Result<String, Invalid> {
    values::prose(raw, 20_000)
}

/// A checked product, not stored yet; it begins as a draft.
#[derive(Debug, Clone, PartialEq)]
pub struct NewProduct {
    /// Its slug.
    pub slug: Slug,
    /// Its title.
    pub title: String,
    /// What is to be said about it.
    pub description: Option<String>,
    /// What is said beyond the fields that all have.
    pub attributes: Attributes,
    /// Its tags.
    pub tags: Vec<String>,
    /// The categories to put it into.
    pub category_ids: Vec<CategoryId>,
    /// Its variants.
    pub variants: Vec<NewVariant>,
}

/// A checked merge patch of a product; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProductPatch {
    /// The new slug.
    pub slug: Option<Slug>,
    /// The new title.
    pub title: Option<String>,
    /// The new description, or none.
    #[expect(clippy::option_option, reason = "absent, null and a value are three things in a merge patch")]
    pub description: Option<Option<String>>,
    /// The attributes to set and unset.
    pub attributes: AttributesPatch,
    /// All tags anew.
    pub tags: Option<Vec<String>>,
    /// All categories anew.
    pub category_ids: Option<Vec<CategoryId>>,
}

/// A stored product.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// Its slug, unique among all that are not deleted.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// What is to be said about it.
    pub description: Option<String>,
    /// Where it is in its life.
    pub status: Status,
    /// What is said beyond the fields that all have.
    pub attributes: Attributes,
    /// Its tags.
    pub tags: Vec<String>,
    /// Grows by one with every change, also of its variants; its `ETag`.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
    /// When it was first published.
    pub published_at: Option<DateTime<Utc>>,
    /// When it was deleted.
    pub deleted_at: Option<DateTime<Utc>>,
}

impl Product {
    /// Whether everybody may see it.
    pub fn is_public(&self) -> bool {
        self.status == Status::Active && self.deleted_at.is_none()
    }

    /// The product after a patch, its categories aside.
    ///
    /// # Errors
    /// It would have too many attributes.
    pub fn patched(&self, patch: ProductPatch) -> Result<Self, Invalid> {
        let ProductPatch { slug, title, description, attributes, tags, category_ids: _ } = patch;
        Ok(Self {
            slug: slug.map_or_else(|| self.slug.clone(), String::from),
            title: title.unwrap_or_else(|| self.title.clone()),
            description: description.unwrap_or_else(|| self.description.clone()),
            attributes: self.attributes.patched(attributes)?,
            tags: tags.unwrap_or_else(|| self.tags.clone()),
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portico_testkit::told;

    #[test]
    fn a_product_goes_from_draft_to_active_to_archived_and_back() {
        let allowed: Vec<_> = Status::ALL
            .into_iter()
            .flat_map(|from| [Move::Publish, Move::Archive].map(|step| (from, step, from.after(step))))
            .filter_map(|(from, _, to)| Some((from, to?)))
            .collect();

        let expected =
            [(Status::Draft, Status::Active), (Status::Active, Status::Archived), (Status::Archived, Status::Active)];
        assert_eq!(allowed, expected);
    }

    #[test]
    fn a_status_has_one_name_everywhere() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
        }
    }

    #[test]
    fn tags_are_lower_case_words_each_once() {
        let mut errors = FieldErrors::default();
        let raw = ["wool", "Wool", "made-in-wales", "wool", ""].map(str::to_owned);

        parse_tags(raw.into(), "/tags", &mut errors);

        assert_eq!(told(errors), [("/tags/1", "format"), ("/tags/3", "duplicate"), ("/tags/4", "format")]);
    }
}
