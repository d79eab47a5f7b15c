//! Prices in bodies. Their endpoint is with the variants, whose version they share.

use std::collections::HashSet;

use portico_common::error::{FieldErrors, Invalid};
use portico_service::money::{self, Currency};
use portico_service::values::required;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{self, NewPrice, Price};

const MOST_PRICES: usize = 200;

/// A price to be stored.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceBody {
    /// What one piece costs, an integer in the currency's smallest unit: 1999 is 19.99 in EUR and 1999 in JPY.
    #[schema(required, value_type = i64, minimum = 0, maximum = 9_007_199_254_740_991_i64, example = 1999)]
    amount_minor: Option<i64>,
    /// The ISO 4217 code of the currency.
    #[schema(required, value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
    currency: Option<String>,
    /// The former or recommended price, not below `amount_minor`.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    compare_at_minor: Option<i64>,
    /// From how many pieces on this price holds; 1 when left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1_000_000)]
    min_quantity: Option<i64>,
}

impl PriceBody {
    fn parse(self, at: &str, errors: &mut FieldErrors) -> Option<NewPrice> {
        let amount = required(self.amount_minor).and_then(money::amount);
        let amount_minor = errors.take(format!("{at}/amount_minor"), amount);
        let currency = required(self.currency).and_then(|code| Currency::parse(&code));
        let currency = errors.take(format!("{at}/currency"), currency);
        let compare_at = self.compare_at_minor.map(|raw| compare_at(raw, amount_minor)).transpose();
        let compare_at_minor = errors.take(format!("{at}/compare_at_minor"), compare_at);
        let min_quantity = errors.take(format!("{at}/min_quantity"), model::quantity(self.min_quantity.unwrap_or(1)));
        Some(NewPrice {
            amount_minor: amount_minor?,
            currency: currency?,
            compare_at_minor: compare_at_minor?,
            min_quantity: min_quantity?,
        })
    }
}

fn compare_at(raw: i64, amount_minor: Option<i64>) -> Result<i64, Invalid> {
    let compare_at = money::amount(raw)?;
    if amount_minor.is_some_and(|amount| compare_at < amount) {
        return Err(Invalid::new("out_of_range", "the price to compare with is not below amount_minor"));
    }
    Ok(compare_at)
}

/// Checks a whole list of prices, noting under `at` all that is wrong with it.
pub fn parse_all(bodies: Vec<PriceBody>, at: &str, errors: &mut FieldErrors) -> Vec<NewPrice> {
    if bodies.len() > MOST_PRICES {
        errors.add(at, Invalid::new("too_many", format!("a variant has at most {MOST_PRICES} prices")));
        return Vec::new();
    }
    let mut tiers = HashSet::new();
    let mut prices = Vec::with_capacity(bodies.len());
    for (index, body) in bodies.into_iter().enumerate() {
        let at = format!("{at}/{index}");
        let Some(price) = body.parse(&at, errors) else { continue };
        if !tiers.insert((price.currency, price.min_quantity)) {
            errors.add(at, Invalid::new("duplicate", "there is another price for this currency and min_quantity"));
        }
        prices.push(price);
    }
    prices
}

/// A price.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PriceView {
    /// What one piece costs, in the currency's smallest unit.
    #[schema(example = 1999)]
    pub amount_minor: i64,
    /// The ISO 4217 code of the currency.
    #[schema(example = "EUR")]
    pub currency: String,
    /// The former or recommended price.
    #[schema(required)]
    pub compare_at_minor: Option<i64>,
    /// From how many pieces on this price holds.
    pub min_quantity: i32,
}

impl From<Price> for PriceView {
    fn from(price: Price) -> Self {
        let Price { variant_id: _, currency, amount_minor, compare_at_minor, min_quantity } = price;
        Self { amount_minor, currency, compare_at_minor, min_quantity }
    }
}

/// The prices of a variant, as callers see them.
pub fn view_all(prices: Vec<Price>) -> Vec<PriceView> {
    prices.into_iter().map(PriceView::from).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use portico_testkit::told;

    #[test]
    fn all_that_is_wrong_is_told_with_its_place() {
        let mut errors = FieldErrors::default();
        let prices = json!([
            { "amount_minor": -1, "currency": "EURO", "min_quantity": 0 },
            { "amount_minor": 100, "currency": "EUR", "compare_at_minor": 99 },
            { "amount_minor": 5, "currency": "USD" },
            { "amount_minor": 6, "currency": "USD", "min_quantity": 1 },
            {},
        ]);

        parse_all(serde_json::from_value(prices).unwrap(), "/prices", &mut errors);

        let expected = [
            ("/prices/0/amount_minor", "out_of_range"),
            ("/prices/0/currency", "not_one_of"),
            ("/prices/0/min_quantity", "out_of_range"),
            ("/prices/1/compare_at_minor", "out_of_range"),
            ("/prices/3", "duplicate"),
            ("/prices/4/amount_minor", "required"),
            ("/prices/4/currency", "required"),
        ];
        assert_eq!(told(errors), expected);
    }

    #[test]
    fn an_amount_is_an_integer_and_nothing_else() {
        for bad in ["1999.0", "19.99", "\"1999\"", "1e3", "9223372036854775808", "true", "[1]"] {
            let body = format!(r#"{{"amount_minor":{bad},"currency":"EUR"}}"#);

            assert!(serde_json::from_str::<PriceBody>(&body).is_err(), "{bad}");
        }
    }
}
