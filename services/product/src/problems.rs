//! The kinds of problem that only this service answers with.

portico_common::problems! {
    GONE: 410 "gone" "It was deleted";
    SLUG_TAKEN: 409 "slug_taken" "That slug is taken";
    SKU_TAKEN: 409 "sku_taken" "That SKU is taken";
    OPTIONS_TAKEN: 409 "options_taken" "Another variant of the product has these options";
    VARIANT_LIMIT_REACHED: 409 "variant_limit_reached" "The product has as many variants as it can have";
    INVALID_TRANSITION: 409 "invalid_transition" "The product cannot go from its status to that one";
    CATEGORY_NOT_EMPTY: 409 "category_not_empty" "The category still holds something";
    IDEMPOTENCY_IN_FLIGHT: 409 "idempotency_in_flight" "A request with that Idempotency-Key is still running";
    IDEMPOTENCY_KEY_REUSED: 422 "idempotency_key_reused" "That Idempotency-Key was used for another request";
}
