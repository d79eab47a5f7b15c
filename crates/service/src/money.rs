//! Money: integers in the smallest unit of a currency (ISO 4217).

use portico_common::error::Invalid;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The largest amount that every JSON reader keeps exactly: 2^53 - 1.
pub const LARGEST_AMOUNT: i64 = (1 << 53) - 1;

/// A currency of ISO 4217 that has a smallest unit, so that amounts in it are integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Reads a code of three capital letters.
    ///
    /// # Errors
    /// ISO 4217 does not list it, or gives it no smallest unit (gold, test codes).
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        iso_currency::Currency::from_code(raw)
            .filter(|currency| currency.code() == raw && currency.exponent().is_some())
            .map(Self)
            .ok_or_else(|| Invalid::new("not_one_of", "use a currency code of ISO 4217, such as EUR"))
    }

    /// The code of three letters.
    pub fn code(self) -> &'static str {
        self.0.code()
    }
}

/// Checks an amount.
///
/// # Errors
/// It is negative, or larger than every JSON reader keeps exactly.
pub fn amount(raw: i64) -> Result<i64, Invalid> {
    if (0..=LARGEST_AMOUNT).contains(&raw) {
        return Ok(raw);
    }
    Err(Invalid::new("out_of_range", format!("an amount is from 0 to {LARGEST_AMOUNT}")))
}

/// An amount of money in a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// How much, in the currency's smallest unit.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64, example = 1999)]
    pub amount_minor: i64,
    /// The code of the currency (ISO 4217).
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: String,
}

impl Money {
    /// Checks both.
    ///
    /// # Errors
    /// The amount is negative or too large, or there is no such currency.
    pub fn checked(self) -> Result<Self, Invalid> {
        amount(self.amount_minor)?;
        Currency::parse(&self.currency)?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn currencies_are_those_of_iso_4217_with_a_smallest_unit() {
        for good in ["EUR", "USD", "JPY", "KWD", "CHF"] {
            assert_eq!(Currency::parse(good).unwrap().code(), good);
        }
        for bad in ["", "eur", "EURO", "EU", "XXX", "XAU", "ZZZ", "€"] {
            assert!(Currency::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_end_where_json_readers_lose_precision() {
        assert_eq!(LARGEST_AMOUNT, 9_007_199_254_740_991);
        assert!(amount(LARGEST_AMOUNT).is_ok());
        assert!(amount(LARGEST_AMOUNT + 1).is_err());
        assert!(amount(-1).is_err());
    }

    proptest! {
        #[test]
        fn an_amount_is_kept_exactly_or_refused(raw in any::<i64>()) {
            match amount(raw) {
                Ok(kept) => {
                    let text = serde_json::to_string(&kept).unwrap();
                    #[expect(clippy::cast_possible_truncation, reason = "what a reader with doubles only does")]
                    let read_as_double = text.parse::<f64>().unwrap() as i64;
                    prop_assert_eq!(read_as_double, raw);
                }
                Err(_) => prop_assert!(!(0..=LARGEST_AMOUNT).contains(&raw)),
            }
        }

        #[test]
        fn any_text_is_a_currency_or_refused(raw in "\\PC{0,5}") {
            if let Ok(currency) = Currency::parse(&raw) {
                prop_assert_eq!(currency.code(), raw);
            }
        }
    }
}
