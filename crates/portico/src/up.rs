//! `portico up`: the whole suite on this machine, until Ctrl-C.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use portico_auth::mail::Mailbox;
use portico_common::clock::Clock;
use portico_common::config::Secret;
use portico_common::lifecycle::Lifecycle;
use portico_common::telemetry::{self, LogFormat, TelemetryConfig, TraceConfig};
use portico_gateway::RouteFile;
use portico_localpg::{Cluster, Options, Search};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

use crate::guests::{self, Guest};
use crate::secrets::Secrets;
use crate::suite::{Plan, Suite};
use crate::watch::{self, Log};
use crate::{banner, demo, dev, production};
use portico_chores::project::{self, Project};
use portico_chores::state::State;

/// The gateway logs every request; the services' own lines would say it twice, and so would those of
/// their servers, which the banner sums up.
const LOG: &str = "info,portico_common::middleware=warn,portico_common::server=error,sqlx=warn";

/// How `portico up` behaves.
#[derive(Debug, Clone, clap::Args)]
pub struct UpArgs {
    /// Address the gateway listens on; 0.0.0.0 opens it to the network
    #[arg(long, env = "PORTICO_HOST", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,

    /// Port of the gateway; 0 takes a free one
    #[arg(long, env = "PORTICO_PORT", default_value_t = 8080)]
    pub port: u16,

    /// Port of the development pages, which listen on loopback only; 0 takes a free one
    #[arg(long, env = "PORTICO_DEV_PORT", default_value_t = 8090)]
    pub dev_port: u16,

    /// Forget all data first
    #[arg(long)]
    fresh: bool,

    /// Log as JSON, and say what is ready as one JSON object
    #[arg(long)]
    json: bool,

    /// What to log: a level, or levels by module
    #[arg(long, env = "PORTICO_LOG", default_value = LOG)]
    log: String,

    /// Folder for the data, instead of .portico in the checkout
    #[arg(long, env = "PORTICO_DATA")]
    data: Option<PathBuf>,

    /// A running Postgres to use, with a role that may make roles and schemas, instead of one started here
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<Secret>,

    /// What this machine is for; only `development` and `test` get demo accounts, and everything else is refused
    #[arg(long = "env", env = "PORTICO_ENV", default_value = "development", value_name = "NAME")]
    environment: String,

    /// Services of examples/guests to start behind the gateway, by the names of their folders
    #[arg(long, value_name = "GUEST", value_delimiter = ',')]
    with: Vec<String>,

    /// Build and replace a service when its code changes, while all else goes on
    #[arg(long)]
    watch: bool,

    /// Where traces go
    #[command(flatten)]
    traces: TraceConfig,
}

impl UpArgs {
    fn log_format(&self) -> LogFormat {
        if self.json { LogFormat::Json } else { LogFormat::Text }
    }
}

/// Runs the suite until it is told to stop.
///
/// # Errors
/// Something did not start, or failed while running.
pub async fn up(args: &UpArgs) -> anyhow::Result<()> {
    production::check_environment(&args.environment)?;
    let started = Instant::now();
    telemetry::init(&TelemetryConfig {
        log: args.log.clone(),
        log_format: args.log_format(),
        traces: args.traces.clone(),
    })?;
    let lifecycle = Lifecycle::new();
    lifecycle.stop_on_signal()?;

    let project = Project::find()?;
    let guests = guests::find(&project, &args.with)?;
    let data = args.data.clone().unwrap_or_else(|| project.data());
    let dev = bind_dev(args.dev_port).await?;
    let mut cluster = tokio::select! {
        prepared = prepare(args, &data, &guests) => prepared?,
        () = lifecycle.stopping() => return Ok(()),
    };
    let database_url = cluster_url(args, &cluster)?;
    let up = Up { args, project, data, guests, started, lifecycle };
    let outcome = tokio::select! {
        outcome = up.run(&database_url, dev) => outcome,
        error = cluster.exited() => Err(error).context("the database ended, and the suite with it"),
    };
    up.lifecycle.stop();
    let stopped = cluster.stop().await;
    remove(&up.data.join("state.json"))?;
    outcome.and(stopped.map_err(Into::into))
}

/// What takes time before anything can be started: guests that are set up for the first time, and the database.
async fn prepare(args: &UpArgs, data: &Path, guests: &[Guest]) -> anyhow::Result<Cluster> {
    for guest in guests {
        guest.set_up().await?;
    }
    open_cluster(args, data).await
}

/// One start of the suite.
struct Up<'a> {
    args: &'a UpArgs,
    project: Project,
    data: PathBuf,
    guests: Vec<Guest>,
    started: Instant,
    lifecycle: Lifecycle,
}

impl Up<'_> {
    async fn run(&self, database_url: &Url, dev: TcpListener) -> anyhow::Result<()> {
        let plan = self.plan(database_url, &dev)?;
        let (suite, mut guests) = tokio::select! {
            running = self.start(&plan) => running?,
            () = self.lifecycle.stopping() => return Ok(()),
        };
        let state = State {
            pid: std::process::id(),
            gateway: suite.address.clone(),
            is_loopback: suite.gateway.ip().is_loopback(),
            dev: format!("http://{}", dev.local_addr()?),
            database_url: database_url.to_string(),
            services: suite.services.clone(),
            guests: self.guests.iter().map(|guest| (guest.name.clone(), guest.addresses())).collect(),
            logins: demo::logins(&plan.secrets),
        };
        let pages = serve_dev(dev, &state, &plan.mailbox, &self.lifecycle);
        project::write(&self.data.join("state.json"), &state)?;
        announce(self.args, &state, self.started.elapsed())?;
        let outcome = suite.run().await;
        while guests.join_next().await.is_some() {}
        outcome?;
        pages.await.context("the development pages")?
    }

    fn plan(&self, database_url: &Url, dev: &TcpListener) -> anyhow::Result<Plan> {
        let routes_file = self.project.root.join("portico.toml");
        let routes = self.guests.iter().map(Guest::routes).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Plan {
            routes: RouteFile::read(&routes_file)?,
            routes_file,
            guests: routes.concat(),
            gateway: SocketAddr::new(self.args.host, self.args.port),
            database_url: database_url.clone(),
            prefix: String::new(),
            secrets: load_secrets(&self.data.join("secrets.json"))?,
            link_base_url: format!("http://{}", dev.local_addr()?).parse()?,
            mailbox: Mailbox::new(),
            clock: Clock::system(),
            traces: self.args.traces.clone(),
        })
    }

    async fn start_suite(&self, plan: &Plan) -> anyhow::Result<Suite> {
        if !self.args.watch {
            return Suite::start(plan, &self.lifecycle).await;
        }
        let log = Log { filter: self.args.log.clone(), format: self.args.log_format() };
        watch::start(plan, &self.project.root, log, &self.lifecycle).await
    }

    /// The suite with its demo data, and the guests, which ask it for its keys.
    async fn start(&self, plan: &Plan) -> anyhow::Result<(Suite, JoinSet<()>)> {
        if self.args.database_url.is_some() {
            production::claim_database(plan).await?;
        }
        let suite = self.start_suite(plan).await?;
        demo::seed(plan).await.context("making the demo data")?;
        let mut running = JoinSet::new();
        for guest in &self.guests {
            let guest = guest.start(&suite.address, &self.data.join("guests")).await?;
            running.spawn(guest.run(self.lifecycle.clone()));
        }
        Ok((suite, running))
    }
}

fn serve_dev(
    listener: TcpListener,
    state: &State,
    mailbox: &Mailbox,
    lifecycle: &Lifecycle,
) -> JoinHandle<anyhow::Result<()>> {
    tokio::spawn(dev::serve(listener, state.clone(), mailbox.clone(), lifecycle.clone()))
}

fn announce(args: &UpArgs, state: &State, took: Duration) -> anyhow::Result<()> {
    if args.json {
        println!("{}", serde_json::to_string(&serde_json::json!({ "ready": state }))?);
    } else {
        banner::print(state, took);
    }
    Ok(())
}

async fn bind_dev(port: u16) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    bound.with_context(|| format!("the development pages cannot use port {port}; choose another with --dev-port"))
}

async fn open_cluster(args: &UpArgs, data: &Path) -> anyhow::Result<Cluster> {
    if args.fresh {
        anyhow::ensure!(
            args.database_url.is_none(),
            "--fresh only forgets data of our own; drop the schemas of DATABASE_URL by hand"
        );
        Cluster::erase(data).await?;
        remove(&data.join("secrets.json"))?;
    }
    project::make_private(data)?;
    let url = args.database_url.as_ref().map(parse_url).transpose()?;
    Ok(Cluster::persistent(Options { dir: data.to_owned(), url, search: Search::from_env() }).await?)
}

fn cluster_url(args: &UpArgs, cluster: &Cluster) -> anyhow::Result<Url> {
    match &args.database_url {
        Some(url) => parse_url(url),
        None => Ok(cluster.url("postgres").parse()?),
    }
}

fn parse_url(url: &Secret) -> anyhow::Result<Url> {
    // The parser's own message would repeat the address, and the password with it.
    url.expose().parse().map_err(|_| anyhow::anyhow!("DATABASE_URL is not an address"))
}

fn load_secrets(path: &Path) -> anyhow::Result<Secrets> {
    let mut secrets = project::read(path)?.unwrap_or_else(Secrets::generate);
    secrets.complete();
    project::write(path, &secrets)?;
    Ok(secrets)
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}
