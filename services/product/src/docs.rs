//! What the OpenAPI document says of errors: the problems that kinds of endpoints share.

use std::collections::BTreeMap;

use portico_common::error::Problem;
use utoipa::ToSchema as _;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

type Responses = BTreeMap<String, RefOr<Response>>;

macro_rules! shared_problems {
    ($($(#[$meta:meta])* $name:ident: [$($status:literal),*];)*) => {
        $(
            $(#[$meta])*
            pub struct $name;

            impl utoipa::IntoResponses for $name {
                fn responses() -> Responses {
                    [$($status),*].into_iter().map(problem).collect()
                }
            }
        )*
    };
}

shared_problems! {
    /// Of lists.
    ListProblems: [400, 401, 403];
    /// Of reading one thing.
    ReadProblems: [400, 401, 404, 410];
    /// Of making something at the top.
    CreateProblems: [400, 401, 403, 409, 413, 415, 422];
    /// Of making something below something else.
    CreateBelowProblems: [400, 401, 403, 404, 409, 410, 413, 415, 422];
    /// Of changing something.
    ChangeProblems: [400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 428];
    /// Of deleting something.
    DeleteProblems: [400, 401, 403, 404, 409, 410, 412, 428];
    /// Of an action on something.
    ActionProblems: [400, 401, 403, 404, 409, 410, 412, 422];
}

fn problem(status: u16) -> (String, RefOr<Response>) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    let response =
        ResponseBuilder::new().description(description(status)).content("application/problem+json", content).build();
    (status.to_string(), response.into())
}

fn description(status: u16) -> &'static str {
    match status {
        400 => "Malformed: the JSON, a parameter, an id or a cursor",
        401 => "No token where one is needed, or one that is not accepted",
        403 => "The token lacks the scope",
        404 => "There is no such thing, or it is not for this reader",
        409 => "It conflicts with what is stored: a name is taken, or the state does not allow it",
        410 => "It was deleted; readers are told so with products:read_all only",
        412 => "It was changed since the version that If-Match names",
        413 => "The body is too large",
        415 => "The body has the wrong media type",
        422 => "Fields are not valid, all of them listed; or the Idempotency-Key was used for another request",
        428 => "If-Match is missing",
        _ => "An error",
    }
}
