//! The problems that only this service answers with.

portico_common::problems! {
    GONE: 410 "gone" "The profile was deleted";
    ACCOUNT_SUSPENDED: 403 "account_suspended" "The account is suspended";
    ILLEGAL_TRANSITION: 409 "illegal_transition" "The status cannot change that way";
    OWN_STATUS: 409 "own_status" "Nobody changes their own status";
}
