//! The one statement that is put together at run time: the list of products. Everything a caller says is bound; the text
//! itself is made of the literals below.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::{PgConnection, Postgres, QueryBuilder};

use crate::products::filter::{Filter, Sort, SortKey};
use crate::products::{Product, ProductId, Status};

const COLUMNS: &str = "SELECT p.id, p.slug, p.title, p.description, p.status, p.attributes, p.tags, p.version, \
     p.created_at, p.updated_at, p.published_at, p.deleted_at, ";

/// A product in a list, with what it costs if the list is about a currency.
#[derive(Debug, sqlx::FromRow)]
pub struct Listed {
    /// The product.
    #[sqlx(flatten)]
    pub product: Product,
    lowest_minor: Option<i64>,
}

/// Where a product stands in a sorted list; the content of a cursor.
#[derive(Debug, Serialize, Deserialize)]
pub struct Position {
    key: Key,
    id: ProductId,
}

#[derive(Debug, Serialize, Deserialize)]
enum Key {
    Time(DateTime<Utc>),
    Text(String),
    Amount(i64),
}

impl Listed {
    /// Where it stands in a list sorted so.
    pub fn position(&self, sort: Sort) -> Position {
        let key = match sort.key {
            SortKey::CreatedAt => Key::Time(self.product.created_at),
            SortKey::UpdatedAt => Key::Time(self.product.updated_at),
            SortKey::Title => Key::Text(self.product.title.clone()),
            SortKey::Price => Key::Amount(self.lowest_minor.unwrap_or_default()),
        };
        Position { key, id: self.product.id }
    }
}

/// A page of the products a filter lets through, from after a position.
///
/// # Errors
/// The database could not be reached.
pub async fn page(
    db: &mut PgConnection,
    filter: &Filter,
    after: Option<Position>,
    rows: i64,
) -> Result<Vec<Listed>, sqlx::Error> {
    let mut sql = QueryBuilder::new(COLUMNS);
    push_source(&mut sql, filter);
    push_status(&mut sql, filter);
    push_words(&mut sql, filter);
    push_attributes(&mut sql, filter);
    push_price(&mut sql, filter);
    push_order(&mut sql, filter.sort, after);
    sql.push(" LIMIT ").push_bind(rows);
    sql.build_query_as().fetch_all(db).await
}

fn push_source(sql: &mut QueryBuilder<Postgres>, filter: &Filter) {
    match &filter.currency {
        None => sql.push("NULL::bigint AS lowest_minor FROM products p"),
        Some(currency) => sql
            .push("r.lowest_minor FROM products p JOIN price_ranges r ON r.product_id = p.id AND r.currency = ")
            .push_bind(currency.clone()),
    };
}

/// The usual status stands in the text, where the planner sees that the partial indexes fit.
fn push_status(sql: &mut QueryBuilder<Postgres>, filter: &Filter) {
    sql.push(" WHERE p.deleted_at IS NULL");
    if filter.statuses.iter().eq([&Status::Active]) {
        sql.push(" AND p.status = 'active'");
    } else {
        let names: Vec<_> = filter.statuses.iter().map(|status| status.name()).collect();
        sql.push(" AND p.status = ANY(").push_bind(names).push(")");
    }
}

fn push_words(sql: &mut QueryBuilder<Postgres>, filter: &Filter) {
    for category in &filter.categories {
        sql.push(" AND EXISTS (SELECT FROM product_categories c WHERE c.product_id = p.id AND c.category_id = ")
            .push_bind(*category)
            .push(")");
    }
    for alternatives in &filter.tags {
        sql.push(" AND p.tags && ").push_bind(alternatives.clone());
    }
    if let Some(text) = &filter.text {
        sql.push(" AND p.search @@ (websearch_to_tsquery('english', ").push_bind(text.clone()).push(")");
        // As in `search::store`: an excluded word must not be let in by the other reading of it.
        if !text.split_whitespace().any(|word| word.starts_with('-')) {
            sql.push(" || websearch_to_tsquery('simple', ").push_bind(text.clone()).push(")");
        }
        sql.push(")");
    }
}

fn push_attributes(sql: &mut QueryBuilder<Postgres>, filter: &Filter) {
    for (name, alternatives) in &filter.attributes {
        let documents: Vec<_> = alternatives.iter().flat_map(|value| documents(name, value)).collect();
        sql.push(" AND p.attributes @> ANY(").push_bind(documents).push(")");
    }
}

/// What attributes contain if one has the value, be it a text, one of a list of texts, a number or a boolean.
fn documents(name: &str, value: &str) -> Vec<Value> {
    let text = Value::from(value);
    let scalar = serde_json::from_str(value).ok().filter(|scalar: &Value| scalar.is_number() || scalar.is_boolean());
    let values = [Some(Value::from(vec![text.clone()])), Some(text), scalar].into_iter().flatten();
    values.map(|value| Map::from_iter([(name.to_owned(), value)]).into()).collect()
}

fn push_price(sql: &mut QueryBuilder<Postgres>, filter: &Filter) {
    if let Some(from) = filter.price_from {
        sql.push(" AND r.lowest_minor >= ").push_bind(from);
    }
    if let Some(below) = filter.price_below {
        sql.push(" AND r.lowest_minor < ").push_bind(below);
    }
}

fn push_order(sql: &mut QueryBuilder<Postgres>, sort: Sort, after: Option<Position>) {
    let (key, id) = match sort.key {
        SortKey::CreatedAt => ("p.created_at", "p.id"),
        SortKey::UpdatedAt => ("p.updated_at", "p.id"),
        SortKey::Title => ("p.title", "p.id"),
        SortKey::Price => ("r.lowest_minor", "r.product_id"),
    };
    let (beyond, direction) = if sort.descending { (" < ", " DESC") } else { (" > ", " ASC") };
    if let Some(Position { key: seen, id: seen_id }) = after {
        sql.push(" AND (").push(key).push(", ").push(id).push(")").push(beyond).push("(");
        match seen {
            Key::Time(time) => sql.push_bind(time),
            Key::Text(text) => sql.push_bind(text),
            Key::Amount(amount) => sql.push_bind(amount),
        };
        sql.push(", ").push_bind(seen_id).push(")");
    }
    sql.push(" ORDER BY ").push(key).push(direction).push(", ").push(id).push(direction);
}
