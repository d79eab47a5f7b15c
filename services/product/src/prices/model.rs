//! What a price is.

use portico_common::error::Invalid;

use crate::variants::VariantId;

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

/// A checked price, not stored yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPrice {
    /// What one piece costs, in the currency's smallest unit.
    pub amount_minor: i64,
    /// The currency.
    pub currency: Currency,
    /// The former or recommended price, to be shown struck through.
    pub compare_at_minor: Option<i64>,
    /// From how many pieces on it holds.
    pub min_quantity: i32,
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

/// Checks from how many pieces on a price holds.
///
/// # Errors
/// It is less than one, or more than a million.
pub fn quantity(raw: i64) -> Result<i32, Invalid> {
    match i32::try_from(raw) {
        Ok(quantity @ 1..=1_000_000) => Ok(quantity),
        _ => Err(Invalid::new("out_of_range", "a quantity is from 1 to 1000000")),
    }
}

/// A stored price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// The variant it is for.
    pub variant_id: VariantId,
    /// The code of the currency.
    pub currency: String,
    /// What one piece costs, in the currency's smallest unit.
    pub amount_minor: i64,
    /// The former or recommended price.
    pub compare_at_minor: Option<i64>,
    /// From how many pieces on it holds.
    pub min_quantity: i32,
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
