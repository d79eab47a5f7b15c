//! The query string of the product list, read into what is asked for.
//!
//! Read by hand because attributes are named by the caller (`attr.color=teal`). The rules are those of every list: an
//! unknown parameter is refused, for a misspelt filter must never return everything.

use std::collections::BTreeSet;
use std::str::FromStr;

use portico_common::error::{ApiError, kinds};
use portico_common::page::Limit;
use portico_service::money::{Currency, LARGEST_AMOUNT};
use portico_service::values;
use serde::Serialize;

use super::model::Status;
use crate::categories::CategoryId;

/// How many filters on tags, attributes or categories, and how many alternatives in one of them.
const MOST_FILTERS: usize = 20;
const MOST_ALTERNATIVES: usize = 50;
const LONGEST_SEARCH: usize = 200;

/// What a list is sorted by; the id is always the tie-break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum SortKey {
    /// When it was made.
    CreatedAt,
    /// When it changed last.
    UpdatedAt,
    /// Its title.
    Title,
    /// What its cheapest variant costs in the currency that was asked for.
    Price,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sort {
    /// What it goes by.
    pub key: SortKey,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl Sort {
    const DEFAULT: Self = Self { key: SortKey::CreatedAt, descending: true };

    fn parse(raw: &str) -> Option<Self> {
        let (name, descending) = raw.strip_prefix('-').map_or((raw, false), |name| (name, true));
        let key = match name {
            "created_at" => SortKey::CreatedAt,
            "updated_at" => SortKey::UpdatedAt,
            "title" => SortKey::Title,
            "price" => SortKey::Price,
            _ => return None,
        };
        Some(Self { key, descending })
    }
}

/// Which products are asked for, and in which order. A cursor is bound to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// Any of these.
    pub statuses: BTreeSet<Status>,
    /// In each of these, or below it.
    pub categories: Vec<CategoryId>,
    /// For each of these, any of its tags.
    pub tags: Vec<Vec<String>>,
    /// For each of these, the attribute has any of the values.
    pub attributes: Vec<(String, Vec<String>)>,
    /// Has a price in this currency.
    pub currency: Option<String>,
    /// The lowest price is at least this.
    pub price_from: Option<i64>,
    /// The lowest price is below this.
    pub price_below: Option<i64>,
    /// Search finds it by this.
    pub text: Option<String>,
    /// The order.
    pub sort: Sort,
}

/// The query string, read.
#[derive(Debug)]
pub struct ListQuery {
    /// What is asked for.
    pub filter: Filter,
    /// How much of it.
    pub limit: Limit,
    /// From where on.
    pub cursor: Option<String>,
}

/// The parameters as they came; each that stands for one value at most once.
#[derive(Default)]
struct Raw {
    status: Option<String>,
    currency: Option<String>,
    price_from: Option<String>,
    price_below: Option<String>,
    text: Option<String>,
    sort: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
    categories: Vec<CategoryId>,
    tags: Vec<Vec<String>>,
    attributes: Vec<(String, Vec<String>)>,
}

impl ListQuery {
    /// Reads the pairs of a query string.
    ///
    /// # Errors
    /// `invalid_parameter`, naming the first parameter that is unknown, repeated or not valid.
    pub fn parse(pairs: Vec<(String, String)>) -> Result<Self, ApiError> {
        let mut raw = Raw::default();
        for (name, value) in pairs {
            raw.take(&name, value)?;
        }
        raw.finish()
    }
}

impl Raw {
    fn take(&mut self, name: &str, value: String) -> Result<(), ApiError> {
        let slot = match name {
            "status" => &mut self.status,
            "currency" => &mut self.currency,
            "price.gte" => &mut self.price_from,
            "price.lt" => &mut self.price_below,
            "q" => &mut self.text,
            "sort" => &mut self.sort,
            "limit" => &mut self.limit,
            "cursor" => &mut self.cursor,
            "category" => return push(&mut self.categories, name, number_or_id(name, &value)?),
            "tag" => return push(&mut self.tags, name, alternatives(name, &value)?),
            _ => return self.take_attribute(name, &value),
        };
        if slot.replace(value).is_some() {
            return Err(invalid(format!("{name} is given twice")));
        }
        Ok(())
    }

    fn take_attribute(&mut self, name: &str, value: &str) -> Result<(), ApiError> {
        match name.strip_prefix("attr.") {
            Some(attribute) if values::is_name(attribute) => {
                let values = alternatives(name, value)?;
                push(&mut self.attributes, name, (attribute.to_owned(), values))
            }
            _ => Err(invalid(format!("unknown parameter `{}`", name.escape_debug()))),
        }
    }

    fn finish(self) -> Result<ListQuery, ApiError> {
        let sort = self.sort.as_deref().map_or(Some(Sort::DEFAULT), Sort::parse).ok_or_else(|| {
            invalid("sort is one of created_at, updated_at, title, price, each with or without a leading hyphen")
        })?;
        let limit = self.limit.map(|limit| number_or_id("limit", &limit)).transpose()?;
        let filter = Filter {
            statuses: self.status.map_or_else(|| Ok(BTreeSet::from([Status::Active])), |raw| statuses(&raw))?,
            categories: self.categories,
            tags: self.tags,
            attributes: self.attributes,
            currency: self.currency.map(|code| currency(&code)).transpose()?,
            price_from: self.price_from.map(|raw| amount("price.gte", &raw)).transpose()?,
            price_below: self.price_below.map(|raw| amount("price.lt", &raw)).transpose()?,
            text: self.text.map(|text| search_text(&text)).transpose()?,
            sort,
        };
        filter.check_currency()?;
        Ok(ListQuery { filter, limit: Limit::parse(limit)?, cursor: self.cursor })
    }
}

impl Filter {
    fn check_currency(&self) -> Result<(), ApiError> {
        let needs_one = self.price_from.is_some() || self.price_below.is_some() || self.sort.key == SortKey::Price;
        if needs_one && self.currency.is_none() {
            return Err(invalid("filtering or sorting by price needs currency"));
        }
        Ok(())
    }
}

/// Checks what is searched for.
///
/// # Errors
/// `invalid_parameter`: nothing is left of it, or it is too long.
pub fn search_text(raw: &str) -> Result<String, ApiError> {
    values::line(raw, LONGEST_SEARCH).map_err(|error| invalid(format!("q: {}", error.detail)))
}

fn invalid(detail: impl Into<String>) -> ApiError {
    ApiError::new(&kinds::INVALID_PARAMETER, detail)
}

fn push<T>(list: &mut Vec<T>, name: &str, value: T) -> Result<(), ApiError> {
    if list.len() >= MOST_FILTERS {
        return Err(invalid(format!("{name} is one filter too many; {MOST_FILTERS} are allowed")));
    }
    list.push(value);
    Ok(())
}

fn alternatives(name: &str, raw: &str) -> Result<Vec<String>, ApiError> {
    let values: Vec<_> = raw.split(',').map(str::to_owned).collect();
    if values.len() > MOST_ALTERNATIVES || values.iter().any(String::is_empty) {
        return Err(invalid(format!("{name} is 1 to {MOST_ALTERNATIVES} values with commas between them")));
    }
    Ok(values)
}

fn number_or_id<T: FromStr>(name: &str, raw: &str) -> Result<T, ApiError> {
    raw.parse().map_err(|_| invalid(format!("{name} is not valid")))
}

fn amount(name: &str, raw: &str) -> Result<i64, ApiError> {
    raw.parse().ok().filter(|amount| (0..=LARGEST_AMOUNT).contains(amount)).ok_or_else(|| {
        invalid(format!("{name} is an integer in the currency's smallest unit, from 0 to {LARGEST_AMOUNT}"))
    })
}

fn currency(raw: &str) -> Result<String, ApiError> {
    let currency = Currency::parse(raw).map_err(|error| invalid(format!("currency: {}", error.detail)))?;
    Ok(currency.code().to_owned())
}

fn statuses(raw: &str) -> Result<BTreeSet<Status>, ApiError> {
    let find = |name: &str| Status::ALL.into_iter().find(|status| status.name() == name);
    raw.split(',')
        .map(find)
        .collect::<Option<_>>()
        .ok_or_else(|| invalid("status is one or several of draft, active, archived with commas between them"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<ListQuery, ApiError> {
        ListQuery::parse(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn nothing_asks_for_the_newest_active_products() {
        let filter = parse(&[]).unwrap().filter;

        assert_eq!(filter.statuses, BTreeSet::from([Status::Active]));
        assert_eq!(filter.sort, Sort { key: SortKey::CreatedAt, descending: true });
    }

    #[test]
    fn a_repeated_filter_means_and_and_a_comma_means_or() {
        let query = parse(&[("tag", "wool,silk"), ("tag", "sale"), ("attr.color", "red,blue"), ("attr.size", "5")]);

        let filter = query.unwrap().filter;
        assert_eq!(filter.tags, [vec!["wool", "silk"], vec!["sale"]]);
        let color = ("color".to_owned(), vec!["red".to_owned(), "blue".to_owned()]);
        assert_eq!(filter.attributes, [color, ("size".to_owned(), vec!["5".to_owned()])]);
    }

    #[test]
    fn what_is_misspelt_or_makes_no_sense_is_refused() {
        for pairs in [
            &[("stauts", "active")][..],
            &[("status", "actve")],
            &[("status", "")],
            &[("status", "active"), ("status", "draft")],
            &[("attr.", "x")],
            &[("attr.Color", "x")],
            &[("attr.color", "")],
            &[("tag", "a,,b")],
            &[("category", "not-an-id")],
            &[("price.gte", "1")],
            &[("price.gte", "1.5"), ("currency", "EUR")],
            &[("price.lt", "-1"), ("currency", "EUR")],
            &[("price.lt", "9007199254740992"), ("currency", "EUR")],
            &[("currency", "eur")],
            &[("sort", "price")],
            &[("sort", "rating")],
            &[("sort", "--title")],
            &[("limit", "0")],
            &[("limit", "101")],
            &[("limit", "many")],
            &[("q", "  ")],
        ] {
            assert_eq!(parse(pairs).unwrap_err().code(), "invalid_parameter", "{pairs:?}");
        }
        assert!(parse(&[("tag", "a"); MOST_FILTERS + 1]).is_err());
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(pairs in proptest::collection::vec(("\\PC{0,12}|attr\\.[a-z]{1,5}|tag|q", "\\PC{0,30}"), 0..6)) {
            match ListQuery::parse(pairs) {
                Ok(query) => prop_assert!(!query.filter.statuses.is_empty()),
                Err(error) => prop_assert_eq!(error.code(), "invalid_parameter"),
            }
        }
    }
}
