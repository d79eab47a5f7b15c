//! Fields as they are asked for, `price:money?`, and as code, SQL and tests write them.

use anyhow::{Context as _, bail, ensure};
use heck::ToUpperCamelCase as _;
use serde::Serialize;

use super::names::{self, Noun};

/// Names that every resource has already, and those that the code between the fields uses.
const TAKEN: [&str; 13] = [
    "id",
    "owner_id",
    "version",
    "created_at",
    "updated_at",
    "deleted_at",
    "search",
    "q",
    "limit",
    "cursor",
    "errors",
    "now",
    "stored",
];
/// The largest integer that every JSON reader keeps exactly.
const LARGEST: &str = "9007199254740991";

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A line.
    String,
    /// Lines.
    Text,
    /// A whole number.
    Int,
    /// Yes or no.
    Bool,
    /// An amount and its currency.
    Money,
    /// A moment.
    Time,
    /// A day.
    Date,
    /// An id of something elsewhere.
    Uuid,
    /// One of a few words.
    Enum,
    /// The id of another resource of the service.
    Reference,
}

/// A field, with what the templates say of it.
#[derive(Debug, Clone, Serialize)]
pub struct Field {
    /// `price`.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether it can be left out.
    pub optional: bool,
    /// Whether no two of an owner may have the same.
    pub unique: bool,
    /// Of an enum: what it can be.
    pub values: Vec<Value>,
    /// Of a reference: to what.
    pub target: Option<Noun>,
    /// What it is, as a sentence.
    pub doc: String,
    /// Its type in Rust.
    pub r#type: String,
    /// Its type in SQL; of money, that of the amount.
    pub sql: &'static str,
    /// What checks a value.
    pub check: &'static str,
    /// What its schema says beside the type.
    pub limits: Vec<String>,
    /// Whether sqlx is to take the type as it is.
    pub is_cast: bool,
    /// What is stored of it.
    pub columns: Vec<Column>,
    /// A value for tests, as Rust, made of `number`.
    pub sample: String,
    /// Another one.
    pub other_sample: String,
    /// One that is refused, if there is one that its type allows.
    pub wrong_sample: Option<&'static str>,
}

/// One of the words of an enum.
#[derive(Debug, Clone, Serialize)]
pub struct Value {
    /// `dark_blue`.
    pub name: String,
    /// `DarkBlue`.
    pub variant: String,
}

/// A column of the table.
#[derive(Debug, Clone, Serialize)]
pub struct Column {
    /// `price_minor`.
    pub name: String,
    /// Its type in SQL.
    pub sql: &'static str,
    /// Its type in Rust.
    pub r#type: String,
    /// What must hold of it.
    pub condition: Option<String>,
    /// What it is, as a sentence.
    pub doc: String,
}

impl Kind {
    fn parse(name: &str) -> anyhow::Result<Self> {
        Ok(match name {
            "string" => Self::String,
            "text" => Self::Text,
            "int" => Self::Int,
            "bool" => Self::Bool,
            "money" => Self::Money,
            "time" => Self::Time,
            "date" => Self::Date,
            "uuid" => Self::Uuid,
            "enum" => Self::Enum,
            "reference" => Self::Reference,
            _ => bail!(
                "`{name}` is no type: string, text, int, bool, money, time, date, uuid, enum=ONE,OTHER and reference=RESOURCE are"
            ),
        })
    }

    /// The type in SQL, the check, and a value that it refuses.
    fn facts(self) -> (&'static str, &'static str, Option<&'static str>) {
        match self {
            Self::String => ("text", "values::short", Some(r#"" ""#)),
            Self::Text => ("text", "values::long", Some(r#""bell \u{7}""#)),
            Self::Int => ("bigint", "values::integer", Some("9_007_199_254_740_992_i64")),
            Self::Bool => ("boolean", "Ok", None),
            Self::Money => ("bigint", "Money::checked", Some(r#"{ "amount_minor": 1, "currency": "XXX" }"#)),
            Self::Time => ("timestamptz", "values::moment", Some(r#""-0001-01-01T00:00:00Z""#)),
            Self::Date => ("date", "values::day", Some(r#""-0001-01-01""#)),
            Self::Enum => ("text", "Ok", None),
            Self::Uuid | Self::Reference => ("uuid", "Ok", None),
        }
    }
}

impl Field {
    /// Reads `NAME:TYPE`, with a `?` after it for what can be left out, and `:unique` after that.
    /// `find` knows the resources that can be referred to.
    ///
    /// # Errors
    /// It is no such field, or one that cannot be made.
    pub fn parse(text: &str, of: &Noun, find: impl Fn(&str) -> Option<Noun>) -> anyhow::Result<Self> {
        Self::read(text, of, find).with_context(|| format!("field `{text}`"))
    }

    fn read<'a>(text: &'a str, of: &Noun, find: impl Fn(&str) -> Option<Noun>) -> anyhow::Result<Self> {
        let (name, rest) = text.split_once(':').context("write NAME:TYPE, such as price:money")?;
        let without = |text: &'a str, end: &str| text.strip_suffix(end).map_or((text, false), |rest| (rest, true));
        let (rest, is_optional_last) = without(rest, "?");
        let (rest, unique) = without(rest, ":unique");
        let (rest, is_optional) = without(rest, "?");
        let optional = is_optional || is_optional_last;
        let (kind, argument) = rest.split_once('=').map_or((rest, None), |(kind, argument)| (kind, Some(argument)));
        let kind = Kind::parse(kind)?;
        names::check(name)?;
        ensure!(!TAKEN.contains(&name), "the name is used by every resource");
        if unique {
            let can_be = [Kind::String, Kind::Int, Kind::Date, Kind::Uuid];
            ensure!(can_be.contains(&kind), "only string, int, date and uuid can be unique");
        }
        let mut values = Vec::new();
        let mut target = None;
        match (kind, argument) {
            (Kind::Enum, Some(words)) => values = read_values(words)?,
            (Kind::Enum, None) => bail!("write what it can be: {name}:enum=small,large"),
            (Kind::Reference, Some(noun)) => {
                let found = if noun == of.snake { Some(of.clone()) } else { find(noun) };
                let found = found.with_context(|| {
                    format!("the service has no resource `{noun}`; for something elsewhere take a uuid")
                })?;
                ensure!(
                    found != *of || optional,
                    "the first one would have nothing to refer to; make it optional with a `?`"
                );
                target = Some(found);
            }
            (Kind::Reference, None) => bail!("write to what: {name}:reference=RESOURCE"),
            (_, Some(_)) => bail!("this type takes no `=`"),
            (_, None) => {}
        }
        Ok(Self::describe(name, kind, of, Shape { optional, unique, values, target }))
    }

    fn describe(name: &str, kind: Kind, of: &Noun, shape: Shape) -> Self {
        let Shape { optional, unique, values, target } = shape;
        let (sql, check, wrong_sample) = kind.facts();
        let inner = match kind {
            Kind::String | Kind::Text => "String".to_owned(),
            Kind::Int => "i64".to_owned(),
            Kind::Bool => "bool".to_owned(),
            Kind::Money => "Money".to_owned(),
            Kind::Time => "DateTime<Utc>".to_owned(),
            Kind::Date => "NaiveDate".to_owned(),
            Kind::Uuid => "Uuid".to_owned(),
            Kind::Enum => format!("{}{}", of.pascal, name.to_upper_camel_case()),
            Kind::Reference => format!("{}Id", target.as_ref().map_or("", |target| &target.pascal)),
        };
        let limits = match kind {
            Kind::String => vec!["min_length = 1".to_owned(), "max_length = 200".to_owned()],
            Kind::Text => vec!["max_length = 5000".to_owned()],
            Kind::Int => {
                let largest = "9_007_199_254_740_991_i64";
                vec![format!("minimum = -{largest}"), format!("maximum = {largest}")]
            }
            _ => Vec::new(),
        };
        let doc = doc(name, kind);
        let columns = columns(name, kind, optional, &inner, &values, &doc);
        let (sample, other_sample) = samples(name, kind, unique, &values, target.as_ref());
        Self {
            name: name.to_owned(),
            kind,
            optional,
            unique,
            doc,
            r#type: inner,
            sql,
            check,
            limits,
            is_cast: matches!(kind, Kind::Enum | Kind::Reference),
            columns,
            sample,
            other_sample,
            wrong_sample,
            values,
            target,
        }
    }

    /// Whether a list can be asked for those with one value of it.
    pub fn is_filter(&self) -> bool {
        self.unique || matches!(self.kind, Kind::Bool | Kind::Enum | Kind::Reference)
    }

    /// Whether its words can be searched.
    pub fn is_searched(&self) -> bool {
        matches!(self.kind, Kind::String | Kind::Text)
    }
}

/// What is said of a field beside its name and its type.
struct Shape {
    optional: bool,
    unique: bool,
    values: Vec<Value>,
    target: Option<Noun>,
}

fn read_values(words: &str) -> anyhow::Result<Vec<Value>> {
    let mut values: Vec<Value> = Vec::new();
    for word in words.split(',') {
        names::check(word)?;
        ensure!(values.iter().all(|value| value.name != word), "`{word}` is there twice");
        values.push(Value { name: word.to_owned(), variant: word.to_upper_camel_case() });
    }
    ensure!(values.len() > 1, "an enum has at least two values");
    Ok(values)
}

/// `built_at` is when it was built, `is_ready` whether it is ready.
fn doc(name: &str, kind: Kind) -> String {
    let words = name.replace('_', " ");
    match kind {
        Kind::Bool => match words.split_once(' ') {
            Some(("is", rest)) => format!("Whether it is {rest}."),
            Some(("has", rest)) => format!("Whether it has {rest}."),
            _ => format!("Whether it is {words}."),
        },
        Kind::Time | Kind::Date => match words.strip_suffix(" at").or_else(|| words.strip_suffix(" on")) {
            Some(verb) if verb.ends_with('s') => format!("When it {verb}."),
            Some(verb) => format!("When it was {verb}."),
            None => format!("Its {words}."),
        },
        Kind::Reference => format!("The {}, by its id.", words.strip_suffix(" id").unwrap_or(&words)),
        _ => format!("Its {words}."),
    }
}

fn columns(name: &str, kind: Kind, optional: bool, inner: &str, values: &[Value], doc: &str) -> Vec<Column> {
    let typed = |inner: &str| if optional { format!("Option<{inner}>") } else { inner.to_owned() };
    let sentence = doc.trim_end_matches('.');
    if kind == Kind::Money {
        return vec![
            Column {
                name: format!("{name}_minor"),
                sql: "bigint",
                r#type: typed("i64"),
                condition: Some(format!("{name}_minor BETWEEN 0 AND {LARGEST}")),
                doc: format!("{sentence}: how much, in the currency's smallest unit."),
            },
            Column {
                name: format!("{name}_currency"),
                sql: "text",
                r#type: typed("String"),
                condition: Some(format!("{name}_currency ~ '^[A-Z]{{3}}$'")),
                doc: format!("{sentence}: the currency."),
            },
        ];
    }
    let condition = match kind {
        Kind::String => Some(format!("length({name}) BETWEEN 1 AND 200")),
        Kind::Text => Some(format!("length({name}) <= 5000")),
        Kind::Int => Some(format!("{name} BETWEEN -{LARGEST} AND {LARGEST}")),
        Kind::Enum => {
            let values: Vec<_> = values.iter().map(|value| format!("'{}'", value.name)).collect();
            Some(format!("{name} IN ({})", values.join(", ")))
        }
        _ => None,
    };
    let (sql, ..) = kind.facts();
    vec![Column { name: name.to_owned(), sql, r#type: typed(inner), condition, doc: doc.to_owned() }]
}

/// Two values, which differ whatever `number` is; and those of different numbers differ where they must.
fn samples(name: &str, kind: Kind, unique: bool, values: &[Value], target: Option<&Noun>) -> (String, String) {
    let word = name.replace('_', "");
    let same = |text: String| (text.clone(), text);
    match kind {
        // The second word is one that only this field of this one has.
        Kind::String => same(format!(r#"format!("the {word}{{number}}")"#)),
        Kind::Text => same(format!(r#"format!("the\n{word}{{number}}")"#)),
        Kind::Int => same("number".to_owned()),
        Kind::Bool => ("number.is_multiple_of(2)".to_owned(), "!number.is_multiple_of(2)".to_owned()),
        Kind::Money => {
            let amount = |currency| format!(r#"{{ "amount_minor": number, "currency": "{currency}" }}"#);
            (amount("EUR"), amount("JPY"))
        }
        Kind::Time => (r#""2026-03-04T05:06:07.123456Z""#.to_owned(), r#""1999-12-31T23:59:59Z""#.to_owned()),
        Kind::Date if unique => {
            let date = |day| format!(r#"format!("{{:04}}-{day}", 2000 + number % 1000)"#);
            (date("03-04"), date("05-06"))
        }
        Kind::Date => (r#""2026-03-04""#.to_owned(), r#""1999-12-31""#.to_owned()),
        Kind::Uuid => same(r#"format!("01890000-0000-7000-8000-{number:012}")"#.to_owned()),
        Kind::Enum => {
            let quoted = |value: Option<&Value>| format!(r#""{}""#, value.map_or("", |value| &value.name));
            (quoted(values.first()), quoted(values.last()))
        }
        Kind::Reference => same(format!("{}_id", target.map_or("", |target| &target.snake))),
    }
}
