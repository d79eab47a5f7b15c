//! What the gateway itself refuses, or cannot do.

portico_common::problems! {
    INVALID_REQUEST: 400 "invalid_request" "The request is not one this gateway passes on";
    INVALID_TARGET: 400 "invalid_target" "The path or query is ambiguous or not well-formed";
    TARGET_TOO_LONG: 414 "target_too_long" "The path and query are too long";
    UPGRADE_NOT_SUPPORTED: 501 "upgrade_not_supported" "The protocol cannot be changed here";
    UPSTREAM_UNREACHABLE: 502 "upstream_unreachable" "The service cannot be reached";
    UPSTREAM_BROKEN: 502 "upstream_broken" "The service did not give a complete answer";
    NOT_READY: 503 "not_ready" "The gateway cannot check tokens yet";
    UPSTREAM_TIMEOUT: 504 "upstream_timeout" "The service took too long";
}
