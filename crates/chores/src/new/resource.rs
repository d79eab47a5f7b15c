//! A resource as the templates see it.

use std::collections::BTreeSet;

use anyhow::ensure;
use serde::Serialize;

use super::field::{Field, Kind};
use super::names::Noun;

/// The files of a body have four lines or so for each.
const MOST_FIELDS: usize = 20;
/// What Postgres keeps of a name.
const LONGEST_NAME: usize = 63;

/// A resource, and what the templates ask of its fields.
#[derive(Debug, Serialize)]
pub struct Resource {
    /// Its names.
    #[serde(flatten)]
    pub noun: Noun,
    /// All fields, in the order they were asked for.
    pub fields: Vec<Field>,
    /// What the table has for them.
    pub column_names: Vec<String>,
    /// Those that cannot be left out.
    pub required: Vec<Field>,
    /// Those of a few words.
    pub enums: Vec<Field>,
    /// Those that refer to something.
    pub references: Vec<Field>,
    /// Those that lists can be filtered by.
    pub filters: Vec<Field>,
    /// Those whose words can be searched.
    pub searched: Vec<Field>,
    /// Those that refuse some values of their type.
    pub refusable: Vec<Field>,
    /// What is referred to, each once.
    pub targets: Vec<Noun>,
    /// The same without the resource itself.
    pub others: Vec<Noun>,
    /// What there is among the fields.
    pub has: Has,
}

/// What there is among the fields.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "templates ask for one at a time")]
pub struct Has {
    date: bool,
    time: bool,
    money: bool,
    uuid: bool,
    unique: bool,
    /// More yes and no than clippy likes in one struct.
    many_bools: bool,
    /// A reference to the resource itself.
    itself: bool,
    /// Anything that a list can be narrowed by.
    filter: bool,
    /// Test values that depend on `number`.
    numbered: bool,
    /// The same in patches.
    numbered_patch: bool,
}

impl Resource {
    /// Reads the fields. `find` knows the resources that can be referred to.
    ///
    /// # Errors
    /// One is wrong, there are too few or too many, or two would be the same.
    pub fn parse(noun: Noun, fields: &[String], find: impl Fn(&str) -> Option<Noun>) -> anyhow::Result<Self> {
        ensure!(
            fields.len() <= MOST_FIELDS,
            "{} fields are more than {MOST_FIELDS}; add the rest by hand",
            fields.len()
        );
        let fields: Vec<_> = fields.iter().map(|text| Field::parse(text, &noun, &find)).collect::<Result<_, _>>()?;
        let has_own = fields.iter().any(|field| field.kind != Kind::Reference);
        ensure!(has_own, "give `{}` at least one field that is no reference, such as name:string", noun.snake);
        let column_names: Vec<_> =
            fields.iter().flat_map(|field| &field.columns).map(|column| column.name.clone()).collect();
        check_columns(&noun, &fields, &column_names)?;
        let those = |is: &dyn Fn(&Field) -> bool| fields.iter().filter(|field| is(field)).cloned().collect::<Vec<_>>();
        let mut targets: Vec<Noun> = Vec::new();
        for target in fields.iter().filter_map(|field| field.target.as_ref()) {
            if !targets.contains(target) {
                targets.push(target.clone());
            }
        }
        let others: Vec<_> = targets.iter().filter(|target| **target != noun).cloned().collect();
        Ok(Self {
            required: those(&|field| !field.optional),
            enums: those(&|field| field.kind == Kind::Enum),
            references: those(&|field| field.kind == Kind::Reference),
            filters: those(&Field::is_filter),
            searched: those(&Field::is_searched),
            refusable: those(&|field| field.wrong_sample.is_some()),
            has: Has::among(&fields, targets.len() > others.len()),
            column_names,
            targets,
            others,
            noun,
            fields,
        })
    }
}

impl Has {
    fn among(fields: &[Field], itself: bool) -> Self {
        let any = |kind: Kind| fields.iter().any(|field| field.kind == kind);
        let bools = fields.iter().filter(|field| field.kind == Kind::Bool && !field.optional).count();
        let numbered = |field: &&Field| field.sample.contains("number");
        Self {
            date: any(Kind::Date),
            time: any(Kind::Time),
            money: any(Kind::Money),
            uuid: any(Kind::Uuid),
            unique: fields.iter().any(|field| field.unique),
            many_bools: bools > 3,
            itself,
            filter: fields.iter().any(|field| field.is_filter() || field.is_searched()),
            numbered: fields.iter().any(|field| numbered(&field)) || any(Kind::Reference),
            numbered_patch: fields.iter().filter(|field| !field.optional).any(|field| numbered(&field)),
        }
    }
}

fn check_columns(noun: &Noun, fields: &[Field], column_names: &[String]) -> anyhow::Result<()> {
    let mut seen = BTreeSet::new();
    // Money is a method by the name of the field, and an amount and a currency in the table.
    let money = fields.iter().filter(|field| field.kind == Kind::Money).map(|field| &field.name);
    for name in column_names.iter().chain(money) {
        ensure!(seen.insert(name), "`{name}` is there twice");
        let constraint = format!("{}_{name}_check", noun.plural);
        ensure!(constraint.len() <= LONGEST_NAME, "`{name}` is too long for a table called `{}`", noun.plural);
    }
    Ok(())
}
