//! Where cases are played: a gateway, a strict upstream behind it, and clients that are not polite.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use portico_common::clock::Clock;
use portico_common::server::ServerConfig;
use portico_gateway::{ProxyConfig, RouteFile, serve};
use portico_testkit::{Issuer, RunningService, User};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::answers;
use super::case::{Case, End, Ending, TOKEN};
use super::judge::judge;
use crate::helpers::{ROUTES, StrictUpstream, config};
use crate::logs;

/// Half of the gateway's own patience: what only that ends counts as a hang.
const BOUND: Duration = Duration::from_secs(5);
/// Longer cases are not written byte by byte.
const LONGEST_DRIP: usize = 600;

const VICTIM: &str = "GET /v1/open/victim HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// A gateway with a strict upstream behind it.
pub struct Stage {
    pub gateway: RunningService,
    pub upstream: StrictUpstream,
    token: String,
    _issuer: Issuer,
}

/// What a client has heard until the connection was closed or it had heard enough.
pub struct Heard {
    pub bytes: Vec<u8>,
    pub is_closed: bool,
}

/// How a case is cut into writes.
#[derive(Debug, Clone, Copy)]
enum Delivery {
    AtOnce,
    ByteByByte,
    CutAt(usize),
}

/// Plays every case of a family, and fails with the names of those that went wrong.
///
/// # Panics
/// A case went wrong.
pub async fn play(cases: Vec<Case>) {
    let stage = Stage::start().await;
    let mut failures = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let is_new = cases[..index].iter().all(|earlier| earlier.name != case.name);
        assert!(is_new, "two cases are named `{}`", case.name);
        if let Err(failure) = stage.play_in_every_way(case).await {
            failures.push(failure);
        }
    }
    let (count, total) = (failures.len(), cases.len());
    assert!(failures.is_empty(), "{count} of {total} cases went wrong:\n{}\n", failures.join("\n"));
}

impl Stage {
    pub async fn start() -> Self {
        Self::with_patience(2 * BOUND).await
    }

    /// A gateway that waits so long for a head, or for another request.
    pub async fn with_patience(patience: Duration) -> Self {
        logs::capture();
        let (issuer, upstream) = (Issuer::start().await, StrictUpstream::start().await);
        let routes = RouteFile::parse(&ROUTES.replace("UPSTREAM", &upstream.address.to_string())).expect("routes");
        let tokens = issuer.config();
        let gateway = RunningService::start(|server, listeners, lifecycle| {
            let server = ServerConfig { header_timeout: patience, idle_timeout: patience, ..server };
            let config = config(server, ProxyConfig::default(), tokens);
            serve(config, routes, listeners, Clock::system(), lifecycle)
        })
        .await;
        let token = issuer.token(&User::customer());
        Self { gateway, upstream, token, _issuer: issuer }
    }

    async fn play_in_every_way(&self, case: &Case) -> Result<(), String> {
        let drip = (case.bytes.len() <= LONGEST_DRIP).then_some(Delivery::ByteByByte);
        let cuts = (1..case.bytes.len()).map(Delivery::CutAt).filter(|_| case.is_cut_everywhere);
        for delivery in [Delivery::AtOnce].into_iter().chain(drip).chain(cuts) {
            let played = self.play(case, delivery).await;
            played.map_err(|error| format!("- {} ({delivery:?}): {error:#}", case.name))?;
        }
        Ok(())
    }

    async fn play(&self, case: &Case, delivery: Delivery) -> anyhow::Result<()> {
        let before = self.upstream.count();
        let rest = if case.ending == Ending::Victim { VICTIM } else { "" };
        let pieces = pieces(&self.bytes_of(case), rest.as_bytes(), delivery);
        let heard = self.deliver(case, pieces).await;
        if !matches!(delivery, Delivery::CutAt(_)) {
            self.check_health(before).await?;
        }

        let numbered = self.upstream.since(before).into_iter().zip(before..).map(|(arrival, number)| (number, arrival));
        let arrivals: Vec<_> = numbered.filter(|(_, arrival)| !arrival.target.contains("/fence/")).collect();
        let complaints = self.upstream.complaints();
        ensure!(complaints.is_empty(), "the upstream complains: {}", complaints.join("; "));
        judge(case, &heard?, &arrivals)
    }

    /// Writes a case at once, and reads what comes of it.
    pub async fn hear(&self, case: &Case) -> anyhow::Result<Heard> {
        self.deliver(case, vec![case.bytes.clone()]).await
    }

    async fn deliver(&self, case: &Case, pieces: Vec<Vec<u8>>) -> anyhow::Result<Heard> {
        timeout(BOUND, deliver(self.gateway.public, case, pieces))
            .await
            .context("neither an answer nor a close in time")?
    }

    fn bytes_of(&self, case: &Case) -> Vec<u8> {
        let at = case.bytes.windows(TOKEN.len()).position(|window| window == TOKEN.as_bytes());
        let mut bytes = case.bytes.clone();
        if let Some(at) = at {
            bytes.splice(at..at + TOKEN.len(), self.token.bytes());
        }
        bytes
    }

    /// Another client, by whatever connections to the upstream there are, gets its own answer.
    ///
    /// What a case has sneaked in has arrived by then.
    pub async fn check_health(&self, number: usize) -> anyhow::Result<()> {
        let path = format!("/v1/open/fence/{number}");
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let case = Case::new("fence", &request, super::case::last(1)).alone();
        let heard = self.hear(&case).await.context("another client")?;
        let text = String::from_utf8_lossy(&heard.bytes);
        ensure!(text.starts_with("HTTP/1.1 200 ") && text.ends_with(&path), "another client gets {text:?}");
        Ok(())
    }
}

/// What is written at once. What follows a case in the same packet is what an attacker counts on.
fn pieces(case: &[u8], rest: &[u8], delivery: Delivery) -> Vec<Vec<u8>> {
    let all = [case, rest].concat();
    match delivery {
        Delivery::AtOnce => vec![all],
        Delivery::ByteByByte => case.chunks(1).chain([rest]).map(<[u8]>::to_vec).collect(),
        Delivery::CutAt(place) => vec![all[..place].to_vec(), all[place..].to_vec()],
    }
}

/// Writes and reads at once, until the gateway closes or the client of a case without a victim has heard enough.
async fn deliver(address: SocketAddr, case: &Case, pieces: Vec<Vec<u8>>) -> anyhow::Result<Heard> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut from, mut to) = stream.into_split();
    let writing = async {
        for piece in pieces {
            // A gateway that has closed does not hear the rest.
            if to.write_all(&piece).await.is_err() {
                break;
            }
            yield_now().await;
        }
        if case.ending == Ending::Leave {
            let _gone = to.shutdown().await;
        }
        std::future::pending().await
    };
    let reading = async {
        let mut bytes = Vec::new();
        loop {
            match from.read_buf(&mut bytes).await {
                Ok(0) | Err(_) => return Heard { bytes, is_closed: true },
                Ok(_) if is_enough(case, &bytes) => return Heard { bytes, is_closed: false },
                Ok(_) => {}
            }
        }
    };
    tokio::select! {
        heard = reading => Ok(heard),
        never = writing => never,
    }
}

fn is_enough(case: &Case, bytes: &[u8]) -> bool {
    let may_stop = case.ending == Ending::Silence && case.expect.end != End::Closes;
    may_stop && answers::split(bytes, false).is_ok_and(|(answers, _)| answers.len() >= case.expect.answers.len())
}
