//! Public answers kept for those who ask next, on routes that ask for it.

mod bounds;
mod changes;
mod coalescing;
mod keys;
mod origin;
mod stale;
mod storing;
mod told;
mod who;

use http::Method;
use portico_testkit::{Client, Reply};
use tokio::time::timeout;

use crate::helpers::{Connection, PATIENCE, Suite};

use origin::Origin;

/// `ORIGIN` stands for the address of the service.
const ROUTES: &str = r#"
[services.shop]
url = "http://ORIGIN"
port = 1
internal_port = 2

[[routes]]
prefix = "/v1/public"
service = "shop"
token = "optional"
cache = true

[[routes]]
prefix = "/v1/hasty"
service = "shop"
token = "optional"
cache = true
timeout_secs = 0.5

[[routes]]
prefix = "/v1/patient"
service = "shop"
token = "optional"
cache = true
timeout_secs = 2

[[routes]]
prefix = "/v1/plain"
service = "shop"
token = "optional"
"#;

async fn suite(origin: &Origin) -> Suite {
    Suite::with_routes(&ROUTES.replace("ORIGIN", &origin.address.to_string())).await
}

/// What `Cache-Status` says.
fn status(reply: &Reply) -> &str {
    reply.header("cache-status")
}

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.bytes).into_owned()
}

/// Asks with headers.
async fn ask(client: &Client, path: &str, headers: &[(&str, &str)]) -> Reply {
    let request =
        headers.iter().fold(client.request(Method::GET, path), |request, (name, value)| request.header(*name, *value));
    client.send(request).await
}

/// The value of a series of the gateway, if it has one.
async fn metric(suite: &Suite, series: &str) -> Option<u64> {
    let mut connection = Connection::open(suite.gateway.internal).await;
    connection.write("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let text = String::from_utf8(connection.read_to_end().await).expect("text");
    let value = text.lines().find_map(|line| line.strip_prefix(&format!("portico_gateway_{series} ")));
    value.map(|value| value.parse().expect("a whole number"))
}

/// Waits until a series has a value. Only a failing test waits until the end.
async fn until_metric(suite: &Suite, series: &str, expected: u64) {
    let reached = async { while metric(suite, series).await != Some(expected) {} };
    timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{series} is never {expected}"));
}
