//! Requests that are written to be read in two ways, and answers that are.
//!
//! Each case is what one client writes on one connection, followed by the request of a victim who could share the
//! connection. Whatever the case, these promises are checked: the upstream gets as many whole requests as there are
//! answers that are not the gateway's own, in the same order; each is of a form that everybody reads alike and says
//! nothing that only the gateway may say; the client is answered or cut off in time; nothing fails with a 5xx that
//! the case does not name; another client is not affected. Beyond that a case names the answers it expects. What is
//! doubtful is refused, and never reaches the upstream.
//!
//! Cases are written at once and byte by byte, some in all pairs of pieces.

mod answers;
mod case;
mod chunks;
mod codings;
mod headers;
mod hosts;
mod identity;
mod judge;
mod lengths;
mod limits;
mod lines;
mod methods;
mod octets;
mod paths;
mod pieces;
mod pipelines;
mod request_line;
mod smuggling;
mod stage;
mod targets;
mod trailers;
mod truncated;
mod tunnels;
