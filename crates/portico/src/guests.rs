//! `--with NAME`: services of `examples/guests`, started behind the gateway together with the suite.
//!
//! A folder there with a `guest.toml` is a guest, in whatever language: the file says what is called once, what is
//! called each time, and which routes lead there.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use portico_chores::project::{Project, make_private};
use portico_chores::state::GuestAddresses;
use portico_common::lifecycle::Lifecycle;
use portico_gateway::RouteEntry;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use tokio::process::Command;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::child::{Child, Launch, Output};

const FOLDER: &str = "examples/guests";
const READY_WITHIN: Duration = Duration::from_mins(1);
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// What `guest.toml` says. In commands `{port}` stands for the port to listen on, on loopback, and `{data}` for a
/// folder that stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declaration {
    /// Commands that are called once, in this order.
    #[serde(default)]
    setup: Vec<Vec<String>>,
    /// Files that have them called again when they change.
    #[serde(default)]
    setup_files: Vec<String>,
    /// The command that serves.
    command: Vec<String>,
    /// A path that is answered with 200 when it does.
    ready: String,
    /// The routes that lead to it.
    routes: Vec<RouteEntry>,
}

/// A guest that is to be started.
#[derive(Debug)]
pub struct Guest {
    /// The name of its folder.
    pub name: String,
    folder: PathBuf,
    data: PathBuf,
    port: u16,
    declaration: Declaration,
}

/// A guest that answers.
pub struct RunningGuest {
    name: String,
    child: Child,
}

/// Finds guests by their names, and a free port for each.
///
/// # Errors
/// There is no guest of that name, or its `guest.toml` is wrong.
pub fn find(project: &Project, names: &[String]) -> anyhow::Result<Vec<Guest>> {
    let known = known(project);
    let mut guests: Vec<Guest> = Vec::new();
    for name in names {
        ensure!(known.contains(name), "there is no guest `{name}` in {FOLDER}, only: {}", known.join(", "));
        if guests.iter().all(|guest| guest.name != *name) {
            guests.push(Guest::read(project, name)?);
        }
    }
    Ok(guests)
}

fn known(project: &Project) -> Vec<String> {
    let entries = fs::read_dir(project.root.join(FOLDER)).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().join("guest.toml").is_file());
    let mut names: Vec<_> = folders.filter_map(|folder| folder.file_name().into_string().ok()).collect();
    names.sort();
    names
}

impl Guest {
    fn read(project: &Project, name: &str) -> anyhow::Result<Self> {
        let folder = project.root.join(FOLDER).join(name);
        let file = folder.join("guest.toml");
        let read = || anyhow::Ok(toml::from_str(&fs::read_to_string(&file)?)?);
        let declaration: Declaration = read().with_context(|| file.display().to_string())?;
        ensure!(!declaration.command.is_empty(), "{}: `command` is empty", file.display());
        // What is made there is made from the checkout, so it is gone with `cargo clean`.
        let data = project.root.join("target").join("guests").join(name);
        Ok(Self { name: name.to_owned(), folder, data, port: free_port()?, declaration })
    }

    /// Where it listens, and where clients reach it.
    pub fn addresses(&self) -> GuestAddresses {
        let routes = self.declaration.routes.iter().map(|route| route.prefix.clone());
        GuestAddresses { address: format!("http://127.0.0.1:{}", self.port), routes: routes.collect() }
    }

    /// The routes that lead to it.
    ///
    /// # Errors
    /// Its address is none.
    pub fn routes(&self) -> anyhow::Result<Vec<RouteEntry>> {
        let url: Url = self.addresses().address.parse()?;
        let routes = self.declaration.routes.iter().cloned();
        Ok(routes.map(|route| RouteEntry { url: Some(url.clone()), ..route }).collect())
    }

    /// Calls what must be called once, if it has not been called for these files.
    ///
    /// # Errors
    /// A command is not there, or fails.
    pub async fn set_up(&self) -> anyhow::Result<()> {
        self.set_up_once().await.with_context(|| format!("the guest `{}` cannot be set up", self.name))
    }

    async fn set_up_once(&self) -> anyhow::Result<()> {
        fs::create_dir_all(&self.data).with_context(|| self.data.display().to_string())?;
        // Another runner may be at it.
        let lock = File::create(self.data.join("lock"))?;
        while lock.try_lock().is_err() {
            sleep(Duration::from_millis(100)).await;
        }
        let (stamp, state) = (self.data.join("stamp"), self.state()?);
        if fs::read_to_string(&stamp).is_ok_and(|text| text == state) {
            return Ok(());
        }
        for command in &self.declaration.setup {
            let command = self.fill_in(command);
            tracing::info!(guest = self.name, command = command.join(" "), "setting up");
            self.call(&command).await?;
        }
        fs::write(&stamp, state).with_context(|| stamp.display().to_string())
    }

    /// What the commands of the setup go by.
    fn state(&self) -> anyhow::Result<String> {
        let mut state = format!("{:?}\n", self.declaration.setup);
        for name in &self.declaration.setup_files {
            let file = self.folder.join(name);
            state += &fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        }
        Ok(state)
    }

    async fn call(&self, command: &[String]) -> anyhow::Result<()> {
        let (program, arguments) = command.split_first().context("a command of `setup` is empty")?;
        let mut process = Command::new(program);
        process.args(arguments).current_dir(&self.folder).stdin(Stdio::null()).kill_on_drop(true);
        // What the runner itself prints can be read by a program.
        let status = process.stdout(std::io::stderr()).status().await;
        let status = status.with_context(|| format!("`{program}` cannot be started; is it installed?"))?;
        ensure!(status.success(), "`{}` failed ({status}); see above", command.join(" "));
        Ok(())
    }

    /// Starts it, and waits until it answers; its output goes to a file in `logs`.
    ///
    /// # Errors
    /// It ends, or does not answer in time.
    pub async fn start(&self, issuer: &str, logs: &Path) -> anyhow::Result<RunningGuest> {
        make_private(logs)?;
        let log = logs.join(format!("{}.log", self.name));
        let variables = [("PORTICO_ISSUER", issuer.to_owned()), ("PORT", self.port.to_string())];
        let command = self.fill_in(&self.declaration.command);
        let launch =
            Launch { command: &command, folder: &self.folder, variables: &variables, output: Output::File(&log) };
        let mut child = Child::start(&launch)?;
        tokio::select! {
            ready = self.until_ready() => ready?,
            how = child.ended() => bail!("the guest `{}` does not run, {how}", self.name),
        }
        Ok(RunningGuest { name: self.name.clone(), child })
    }

    async fn until_ready(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        let (name, path) = (&self.name, &self.declaration.ready);
        let client = Client::builder().timeout(ASK_TIMEOUT).redirect(Policy::none()).no_proxy().build()?;
        let ask = || client.get(format!("{}{path}", self.addresses().address)).send();
        while !ask().await.is_ok_and(|answer| answer.status() == StatusCode::OK) {
            ensure!(Instant::now() < deadline, "the guest `{name}` does not answer {path} with 200");
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    fn fill_in(&self, command: &[String]) -> Vec<String> {
        let (port, data) = (self.port.to_string(), self.data.display().to_string());
        command.iter().map(|word| word.replace("{port}", &port).replace("{data}", &data)).collect()
    }
}

impl RunningGuest {
    /// Lets it run until the suite stops. Should it end before, that is said, and the suite goes on without it.
    pub async fn run(mut self, lifecycle: Lifecycle) {
        tokio::select! {
            how = self.child.ended() => tracing::error!(guest = self.name, "{how}"),
            () = lifecycle.stopping() => {}
        }
        self.child.stop().await;
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
