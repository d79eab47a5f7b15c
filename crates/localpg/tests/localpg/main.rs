//! A real Postgres, found, started, supervised and stopped, as the user the tests run as.

// Marked as tests, although nothing here is anything else, so that clippy allows `unwrap` in their helpers too.
#[cfg(test)]
mod crash;
#[cfg(test)]
mod persistent;
#[cfg(test)]
mod resolution;
#[cfg(test)]
mod support;
