//! The queries in the code, and what Postgres says of each: the files of `.sqlx/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use anyhow::{Context as _, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use proc_macro2::{TokenStream, TokenTree};
use serde::Serialize;
use sqlx::{AssertSqlSafe, Connection as _, Describe, Executor as _, PgConnection, Postgres, SqlSafeStr as _};

use crate::project::Project;
use crate::schemas::{Service, drop_schema};

/// The files of `.sqlx/`, by name.
pub type Queries = BTreeMap<String, Vec<u8>>;

/// The macros whose first text is a query.
const MACROS: [&str; 3] = ["query", "query_as", "query_scalar"];

/// One file, as `sqlx::query!` reads it.
#[derive(Serialize)]
struct Answer<'a> {
    db_name: &'static str,
    query: &'a str,
    describe: Describe<Postgres>,
    hash: &'a str,
}

/// The queries of one file of Rust, as Postgres gets them.
///
/// # Errors
/// It is not Rust.
pub fn find(code: &str) -> anyhow::Result<Vec<String>> {
    let tokens = TokenStream::from_str(code).map_err(|error| anyhow!("{error}"))?;
    let mut found = Vec::new();
    collect(tokens, &mut found)?;
    Ok(found)
}

fn collect(tokens: TokenStream, found: &mut Vec<String>) -> anyhow::Result<()> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        if at >= 2 && is_bang(&tokens[at - 1]) && is_macro(&tokens[at - 2]) {
            found.push(query(group.stream())?);
        } else {
            collect(group.stream(), found)?;
        }
    }
    Ok(())
}

fn is_bang(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == '!')
}

fn is_macro(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Ident(ident) if MACROS.iter().any(|name| ident == name))
}

/// The first text among the arguments of a macro.
fn query(arguments: TokenStream) -> anyhow::Result<String> {
    let mut literals = arguments.into_iter().filter(|token| matches!(token, TokenTree::Literal(_)));
    let literal = literals.next().context("a query that is not written out")?;
    Ok(syn::parse2::<syn::LitStr>(literal.into())?.value())
}

/// The Rust files below a folder.
///
/// # Errors
/// It cannot be read.
pub fn sources(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

/// Makes the schema of a service in a database, under a name of its own, and asks about queries on it.
///
/// # Errors
/// The database refuses, a migration is wrong, or a query does not fit.
pub async fn ask(
    project: &Project,
    url: &str,
    admin: &mut PgConnection,
    service: &Service,
    queries: Vec<String>,
) -> anyhow::Result<Queries> {
    // Several may ask at once.
    let schema = format!("queries_{}_{}", service.schema, std::process::id());
    service.migrate_anew(project, url, admin, &schema).await?;
    let described = describe(&format!("{url}?options=-csearch_path%3D{schema}"), queries).await;
    drop_schema(admin, &schema).await?;
    described.with_context(|| format!("service {}", service.name))
}

/// Asks a database whose schema `address` names about queries.
///
/// # Errors
/// The database cannot be reached, or refuses a query.
async fn describe(address: &str, queries: Vec<String>) -> anyhow::Result<Queries> {
    let mut db = PgConnection::connect(address).await?;
    let mut answers = Queries::new();
    for query in queries {
        let asked = AssertSqlSafe(query.clone()).into_sql_str();
        let describe =
            db.describe(asked).await.with_context(|| format!("this query does not fit the schema:\n{query}"))?;
        let hash = hex::encode(digest(&SHA256, query.as_bytes()));
        let answer = Answer { db_name: "PostgreSQL", query: &query, describe, hash: &hash };
        let mut text = serde_json::to_vec_pretty(&answer)?;
        text.push(b'\n');
        answers.insert(format!("query-{hash}.json"), text);
    }
    db.close().await?;
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_found_wherever_they_stand_and_however_they_are_written() {
        let code = r#"
            fn f() { let a = { sqlx::query!("SELECT 1 \
                AS one", x) }; }
            mod m { async fn g() { query_as!(crate::Row, r"SELECT \a", y as _).fetch_one(db).await } }
            // sqlx::query!("not code")
            fn h() { other!("no query"); query("neither"); }
        "#;

        assert_eq!(find(code).unwrap(), ["SELECT 1 AS one", r"SELECT \a"]);
    }

    #[test]
    fn a_query_that_is_not_written_out_is_refused() {
        assert!(find("fn f() { sqlx::query!(QUERY) }").is_err());
        assert!(find("fn f( {").is_err());
    }
}
