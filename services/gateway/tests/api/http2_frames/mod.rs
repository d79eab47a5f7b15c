//! HTTP/2 frame by frame: each rule of RFC 9113 and RFC 7541 that somebody can break, broken.
//!
//! hyper does not tell every code that the RFCs name; where that harms nobody, the case says what else is allowed.

mod case;
mod fields;
mod floods;
mod flow;
pub mod frame;
mod hpack;
mod layout;
mod lying;
mod pseudo;
mod requests;
pub mod session;
mod settings;
mod states;
