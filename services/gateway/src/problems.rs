//! What the gateway itself refuses, or cannot do.

portico_common::problems! {
    INVALID_REQUEST: 400 "invalid_request" "The request is not one this gateway passes on";
    INVALID_TARGET: 400 "invalid_target" "The path or query is ambiguous or not well-formed";
    TARGET_TOO_LONG: 414 "target_too_long" "The path and query are too long";
    EXPECTATION_FAILED: 417 "expectation_failed" "What the request expects is not done here";
    HEADERS_TOO_LARGE: 431 "headers_too_large" "The headers are too large";
    RATE_LIMITED: 429 "rate_limited" "Too many requests";
    LIMITS_UNAVAILABLE: 503 "limits_unavailable" "The gateway cannot count requests at the moment";
    VERSION_NOT_SUPPORTED: 505 "version_not_supported" "This version of HTTP is not spoken here";
    UPSTREAM_UNREACHABLE: 502 "upstream_unreachable" "The service cannot be reached";
    UPSTREAM_BROKEN: 502 "upstream_broken" "The service did not give a complete answer";
    NO_ROOM: 503 "no_room" "The gateway has no room for another body at the moment";
    NOT_READY: 503 "not_ready" "The gateway cannot check the request yet";
    OVERLOADED: 503 "overloaded" "The service has all it can do";
    UPSTREAM_TIMEOUT: 504 "upstream_timeout" "The service took too long";
}
