//! What OpenAPI documents say of errors: the problems that kinds of endpoints share, beside those of all.

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
    ListProblems: [403];
    /// Of reading one thing.
    ReadProblems: [404, 410];
    /// Of making something at the top.
    CreateProblems: [409, 422];
    /// Of making something below something else.
    CreateBelowProblems: [404, 409, 410, 422];
    /// Of changing or deleting something.
    ChangeProblems: [404, 409, 410, 412, 428];
    /// Of an action on something.
    ActionProblems: [404, 409, 410, 412, 422];
}

fn problem(status: u16) -> (String, RefOr<Response>) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    let response =
        ResponseBuilder::new().description(description(status)).content("application/problem+json", content).build();
    (status.to_string(), response.into())
}

fn description(status: u16) -> &'static str {
    match status {
        403 => "The token lacks the scope",
        404 => "There is no such thing, or it is not for this reader",
        409 => "It conflicts with what is stored: a name is taken, or the state does not allow it",
        410 => "It was deleted, which those are told who may see all",
        412 => "It was changed since the version that If-Match names",
        422 => "Fields are not valid, all of them listed; or the Idempotency-Key was used for another request",
        428 => "If-Match is missing",
        _ => "An error",
    }
}
