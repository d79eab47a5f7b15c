//! Tokens: signed access tokens and opaque refresh tokens.

mod access;
mod refresh;

pub(crate) use access::{AccessToken, TokenIssuer};
pub(crate) use refresh::RefreshToken;
