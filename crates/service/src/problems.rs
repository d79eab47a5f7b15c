//! The kinds of problem that every service with resources can answer with.

portico_common::problems! {
    GONE: 410 "gone" "It was deleted";
    TAKEN: 409 "taken" "Another one has that value";
    IDEMPOTENCY_IN_FLIGHT: 409 "idempotency_in_flight" "A request with that Idempotency-Key is still running";
    IDEMPOTENCY_KEY_REUSED: 422 "idempotency_key_reused" "That Idempotency-Key was used for another request";
}
