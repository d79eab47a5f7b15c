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

/// What a client does about a problem with this status.
pub fn advice(status: u16) -> &'static str {
    match status {
        401 => "Get a new access token (refresh, or sign in) and send it as Authorization: Bearer.",
        403 => "Another token will not help unless it has the scope or role the detail names.",
        404 | 410 => "Check the address; what it named is not there, or not visible to this caller.",
        405 => "Use one of the methods in the Allow header.",
        408 => "Send the request again, without a pause in its body.",
        409 | 412 => "Read the resource again, decide anew, and repeat the change on what is there now.",
        413 | 414 | 431 => "Send less at once.",
        415 => "Send the media type that the detail names.",
        422 => "Correct the fields that errors names; each entry has a pointer into the body.",
        428 => "Read the resource first, and send its ETag as If-Match.",
        429 => "Wait as long as Retry-After says, then try again.",
        500 => "Report it with the request id; the reason is in the logs under that id.",
        501 => "Do without it.",
        502..=504 => "Try again, after Retry-After if it is given; report it with the request id if it stays.",
        _ => "Correct the request as the detail says; repeated unchanged it will be refused again.",
    }
}
