//! Names, in all the ways that code writes them.

use anyhow::ensure;
use heck::{ToKebabCase as _, ToShoutySnakeCase as _, ToUpperCamelCase as _};
use serde::Serialize;

/// In letters. Postgres cuts names of more than 63, and those of constraints have a table and a column in them.
const LONGEST: usize = 30;

/// A service.
#[derive(Debug, Clone, Serialize)]
pub struct Service {
    /// In addresses, folders and `portico.toml`: `purchase-orders`.
    pub kebab: String,
    /// In Rust and in SQL: `purchase_orders`.
    pub snake: String,
    /// In the environment: `PURCHASE_ORDERS`.
    pub shouty: String,
    /// Where it listens for the gateway.
    pub port: u16,
    /// Where it listens for the other services.
    pub internal_port: u16,
}

/// A resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Noun {
    /// `order_item`.
    pub snake: String,
    /// Module and table: `order_items`.
    pub plural: String,
    /// `OrderItem`.
    pub pascal: String,
    /// `OrderItems`.
    pub pascals: String,
    /// In addresses: `order-items`.
    pub path: String,
    /// In sentences: `order item`.
    pub words: String,
    /// In sentences: `order items`.
    pub words_plural: String,
    /// In sentences: `an order item`.
    pub a: String,
    /// In names of tests: `an_order_item`.
    pub a_snake: String,
}

impl Service {
    /// # Errors
    /// It is no name for a service.
    pub fn parse(name: &str, port: u16, internal_port: u16) -> anyhow::Result<Self> {
        let snake = name.replace('-', "_");
        check(&snake)?;
        Ok(Self { kebab: snake.to_kebab_case(), shouty: snake.to_shouty_snake_case(), snake, port, internal_port })
    }
}

impl Noun {
    /// `singular` as `order_item` or `order-item`, with its plural if that is out of the ordinary.
    ///
    /// # Errors
    /// It is no name for a resource.
    pub fn parse(singular: &str, plural: Option<&str>) -> anyhow::Result<Self> {
        let snake = singular.replace('-', "_");
        check(&snake)?;
        let plural = match plural {
            Some(plural) => plural.replace('-', "_"),
            None => pluralizer::pluralize(&snake, 2, false),
        };
        check(&plural)?;
        let words = snake.replace('_', " ");
        let article = article(&words);
        Ok(Self {
            pascal: snake.to_upper_camel_case(),
            pascals: plural.to_upper_camel_case(),
            path: plural.to_kebab_case(),
            words_plural: plural.replace('_', " "),
            a: format!("{article} {words}"),
            a_snake: format!("{article}_{snake}"),
            words,
            plural,
            snake,
        })
    }
}

/// Checks a name in the form that Rust and SQL share.
///
/// # Errors
/// It is not lower-case words with underscores between them, too long, or a word of the language.
pub fn check(snake: &str) -> anyhow::Result<()> {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit())
    };
    ensure!(
        snake.split('_').all(is_word),
        "`{snake}` is no name: write lower-case English words, letters first, with an underscore between them"
    );
    ensure!(snake.len() <= LONGEST, "`{snake}` is longer than {LONGEST} letters");
    let is_free =
        [snake.to_owned(), snake.to_upper_camel_case()].iter().all(|name| syn::parse_str::<syn::Ident>(name).is_ok());
    ensure!(is_free, "`{snake}` is a word of Rust");
    Ok(())
}

fn article(words: &str) -> &'static str {
    let sounds_like_a_consonant = ["uni", "use", "uti", "eu", "one"].iter().any(|start| words.starts_with(start));
    if words.starts_with(['a', 'e', 'i', 'o', 'u']) && !sounds_like_a_consonant { "an" } else { "a" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noun_is_known_in_all_its_forms() {
        let noun = Noun::parse("order-item", None).unwrap();

        assert_eq!((noun.snake.as_str(), noun.plural.as_str()), ("order_item", "order_items"));
        assert_eq!((noun.pascal.as_str(), noun.pascals.as_str()), ("OrderItem", "OrderItems"));
        assert_eq!((noun.path.as_str(), noun.a.as_str()), ("order-items", "an order item"));
    }

    #[test]
    fn plurals_and_articles_are_those_of_english() {
        let said = |noun: &str| {
            let noun = Noun::parse(noun, None).unwrap();
            format!("{}, {}", noun.a, noun.plural)
        };

        assert_eq!(said("category"), "a category, categories");
        assert_eq!(said("tax"), "a tax, taxes");
        assert_eq!(said("invoice"), "an invoice, invoices");
        assert_eq!(said("unit"), "a unit, units");
        assert_eq!(said("person"), "a person, people");
        assert_eq!(Noun::parse("order", Some("purchases")).unwrap().plural, "purchases");
    }

    #[test]
    fn names_that_code_cannot_have_are_refused() {
        for name in ["", "_", "a__b", "Order", "1order", "a_1", "über", "a b", "a;b", "../x", "type", "self", "async"]
        {
            assert!(check(name).is_err(), "{name:?}");
        }
        assert!(check(&"a".repeat(31)).is_err());
    }
}
