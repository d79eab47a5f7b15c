//! `portico db diagram`: draws every schema as its migrations make it, in `docs/schemas.md`.

use std::fmt::Write as _;
use std::fs;

use anyhow::ensure;
use sqlx::{Connection as _, FromRow, PgConnection};

use crate::project::Project;
use crate::schemas::{drop_schema, services};

const PAGE: &str = "docs/schemas.md";

const HEAD: &str = "# Schemas

One schema for each service, which no other can reach. Written by `cargo portico db diagram` from the migrations; a test holds it to them.
PK: primary key, UK: unique by itself, FK: refers to another table. What may be null is marked.
";

const COLUMNS: &str = "
    SELECT c.relname::text AS table, a.attname::text AS name, format_type(a.atttypid, NULL) AS kind,
        NOT a.attnotnull AS is_nullable, concat_ws(', ', CASE WHEN EXISTS (
            SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)
        ) THEN 'PK' END, CASE WHEN EXISTS (
            SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f' AND a.attnum = ANY (k.conkey)
        ) THEN 'FK' END, CASE WHEN EXISTS (
            SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND NOT i.indisprimary
                AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum AND i.indpred IS NULL
        ) THEN 'UK' END) AS keys
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
        AND c.relname <> '_sqlx_migrations'
    ORDER BY c.relname, a.attnum";

const REFERENCES: &str = "
    SELECT child.relname::text AS child, parent.relname::text AS parent,
        string_agg(a.attname::text, ', ' ORDER BY a.attnum) AS columns, NOT bool_and(a.attnotnull) AS is_nullable
    FROM pg_constraint k
    JOIN pg_class child ON child.oid = k.conrelid
    JOIN pg_class parent ON parent.oid = k.confrelid
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
    WHERE k.contype = 'f' AND k.connamespace = $1::regnamespace
    GROUP BY k.oid, child.relname, parent.relname
    ORDER BY child.relname, columns";

#[derive(FromRow)]
struct Column {
    table: String,
    name: String,
    kind: String,
    is_nullable: bool,
    keys: String,
}

#[derive(FromRow)]
struct Reference {
    child: String,
    parent: String,
    columns: String,
    is_nullable: bool,
}

/// Writes the page, or with `only_check` says whether it is up to date.
///
/// # Errors
/// There is no Postgres, a migration is wrong, or the check found a difference.
pub async fn diagram(project: &Project, only_check: bool) -> anyhow::Result<()> {
    let path = project.root.join(PAGE);
    let page = draw(project).await?;
    if only_check {
        let there = fs::read_to_string(&path).unwrap_or_default();
        ensure!(there == page, "{PAGE} is not what the migrations make; run `cargo portico db diagram`");
        return Ok(());
    }
    fs::write(&path, page)?;
    println!("wrote {PAGE}");
    Ok(())
}

async fn draw(project: &Project) -> anyhow::Result<String> {
    let url = portico_localpg::test_cluster().await?;
    let mut db = PgConnection::connect(&url).await?;
    let mut page = HEAD.to_owned();
    for service in services(project)? {
        // Several may draw at once.
        let schema = format!("diagram_{}_{}", service.schema, std::process::id());
        service.migrate_anew(project, &url, &mut db, &schema).await?;
        let columns: Vec<Column> = sqlx::query_as(COLUMNS).bind(&schema).fetch_all(&mut db).await?;
        let references: Vec<Reference> = sqlx::query_as(REFERENCES).bind(&schema).fetch_all(&mut db).await?;
        drop_schema(&mut db, &schema).await?;
        write!(page, "\n## {}\n\n```mermaid\n{}```\n", service.schema, mermaid(&columns, &references))?;
    }
    db.close().await?;
    Ok(page)
}

/// The diagram as Mermaid reads it (<https://mermaid.js.org/syntax/entityRelationshipDiagram.html>).
fn mermaid(columns: &[Column], references: &[Reference]) -> String {
    let mut lines = vec!["erDiagram".to_owned()];
    for table in columns.chunk_by(|one, other| one.table == other.table) {
        lines.push(format!("    {} {{", table[0].table));
        lines.extend(table.iter().map(|column| format!("        {}", column.line())));
        lines.push("    }".to_owned());
    }
    lines.extend(references.iter().map(|Reference { child, parent, columns, is_nullable }| {
        let one = if *is_nullable { "|o" } else { "||" };
        format!("    {parent} {one}--o{{ {child} : \"{columns}\"")
    }));
    lines.join("\n") + "\n"
}

impl Column {
    fn line(&self) -> String {
        let note = if self.is_nullable { "\"null\"" } else { "" };
        let kind = short(&self.kind);
        let parts = [kind.as_str(), &self.name, &self.keys, note];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// A type in one word, as it is written in migrations.
fn short(kind: &str) -> String {
    kind.replace("timestamp with time zone", "timestamptz").replace("character varying", "varchar").replace(' ', "_")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[tokio::test]
    async fn the_page_is_what_the_migrations_make() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");

        diagram(&Project { root }, true).await.unwrap();
    }
}
