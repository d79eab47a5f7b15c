//! Mints access tokens for `bench/gateway`: `mint COUNT FOLDER` writes FOLDER/jwks.json and FOLDER/tokens.txt.
//!
//! Each line is a token (ES256, RFC 9068) of another user, good for a day; all lines are of one length.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::thread;

use portico_testkit::{Issuer, User};

const DAY_SECONDS: i64 = 86_400;

/// How many tokens are held in memory before they are written.
const BATCH: usize = 20_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [count, folder] = arguments.as_slice() else {
        return Err("usage: mint COUNT FOLDER".into());
    };
    let (count, folder) = (count.parse::<usize>()?, Path::new(folder));

    let issuer = Issuer::start().await;
    fs::write(folder.join("jwks.json"), serde_json::to_vec(&issuer.jwks)?)?;
    let mut lines = BufWriter::new(File::create(folder.join("tokens.txt"))?);
    for done in (0..count).step_by(BATCH) {
        for token in mint(&issuer, BATCH.min(count - done)) {
            writeln!(lines, "{token}")?;
        }
    }
    Ok(lines.flush()?)
}

/// Signs on all cores.
fn mint(issuer: &Issuer, count: usize) -> Vec<String> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let shares = (0..cores).map(|core| (core + 1) * count / cores - core * count / cores);
    thread::scope(|scope| {
        let signers: Vec<_> =
            shares.map(|share| scope.spawn(move || (0..share).map(|_| token(issuer)).collect::<Vec<_>>())).collect();
        signers.into_iter().flat_map(|signer| signer.join().expect("signing does not panic")).collect()
    })
}

fn token(issuer: &Issuer) -> String {
    let mut claims = issuer.claims(&User::customer());
    claims.exp = claims.iat + DAY_SECONDS;
    issuer.sign(&Issuer::header(), &claims)
}
