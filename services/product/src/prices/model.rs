//! What a price is.

use portico_common::error::Invalid;
use portico_service::money::Currency;

use crate::variants::VariantId;

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
