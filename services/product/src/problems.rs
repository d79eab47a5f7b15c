//! The kinds of problem that only this service answers with.

portico_common::problems! {
    SLUG_TAKEN: 409 "slug_taken" "That slug is taken";
    SKU_TAKEN: 409 "sku_taken" "That SKU is taken";
    OPTIONS_TAKEN: 409 "options_taken" "Another variant of the product has these options";
    VARIANT_LIMIT_REACHED: 409 "variant_limit_reached" "The product has as many variants as it can have";
    INVALID_TRANSITION: 409 "invalid_transition" "The product cannot go from its status to that one";
    CATEGORY_NOT_EMPTY: 409 "category_not_empty" "The category still holds something";
}
