//! The problem kinds only this service answers with.

portico_common::problems! {
    INVALID_CREDENTIALS: 401 "invalid_credentials" "The address or the password is wrong";
    EMAIL_NOT_VERIFIED: 403 "email_not_verified" "The address was not verified yet";
    ACCOUNT_LOCKED: 403 "account_locked" "The account is locked";
    INVALID_GRANT: 400 "invalid_grant" "The refresh token is not accepted";
    INVALID_CODE: 400 "invalid_code" "The code is wrong, used or expired";
    OWN_ACCOUNT: 409 "own_account" "An admin cannot do this to the own account";
    TOO_MANY_ATTEMPTS: 429 "too_many_attempts" "Too many attempts";
    PASSWORD_GATE_BUSY: 503 "password_gate_busy" "Too many passwords are being checked";
}
