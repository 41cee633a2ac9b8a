//! A crew of child processes: a name service and workers, which are this same program in other roles.

mod hand;

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, value_parser};
use farcall::{Address, Daemon, Fleet, Proxy, Servant};
use indicatif::ProgressBar;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::program;
use hand::Hand;
pub use hand::dismissed;

/// The first line of a worker, before its URI.
const WORKER_READY: &str = "Ready. Object uri = ";

/// The first line of a name service, before its URI.
const NAMES_READY: &str = "URI = ";

/// How many workers may be replaced, for each that was asked for: enough for accidents, too few for a crash loop.
const SPARES_PER_WORKER: u32 = 4;

/// Where the workers come from.
#[derive(Args, Clone, Debug)]
pub struct CrewOptions {
    /// How many workers to start [default: one for each core]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=256), conflicts_with = "ns")]
    pub workers: Option<u16>,
    /// Start nothing; use the workers that this name service knows
    #[arg(long, value_name = "HOST:PORT")]
    pub ns: Option<Address>,
    /// Be a worker for others: serve under this name until ctrl-c
    #[arg(long, value_name = "NAME", requires = "ns")]
    pub serve: Option<String>,
    /// With --serve: the address to listen on, by which others reach this machine [default: localhost]
    #[arg(long, value_name = "HOST", requires = "serve")]
    pub host: Option<String>,
}

/// A worker that the user asked this process to be.
#[derive(Clone, Debug)]
pub struct Place {
    /// The name to register.
    pub name: String,
    /// The name service to register in.
    pub names: Address,
    /// The address to listen on.
    pub address: String,
}

impl CrewOptions {
    /// The worker to be, where `--serve` asks for one of this kind.
    ///
    /// # Errors
    /// By that name the clients would not find it.
    pub fn place(&self, kind: &str) -> anyhow::Result<Option<Place>> {
        let (Some(name), Some(names)) = (&self.serve, &self.ns) else {
            return Ok(None);
        };
        ensure!(
            name.strip_prefix(kind)
                .is_some_and(|rest| rest.starts_with('.')),
            "a worker named '{name}' would not be found: {kind} looks for names like {kind}.*"
        );
        Ok(Some(Place {
            name: name.clone(),
            names: names.clone(),
            address: listen_address(self.host.as_deref().unwrap_or("localhost"), 0),
        }))
    }
}

/// What this process is to be.
#[derive(Debug)]
pub enum Role {
    /// The program that the user started.
    Main,
    /// The crew's name service.
    Names,
    /// One of the crew's workers.
    Worker {
        /// The name service to register in.
        names: Address,
        /// The name to register.
        name: String,
    },
}

impl Role {
    /// What the command line asks for; the roles of children are not the user's to know.
    ///
    /// # Errors
    /// The arguments of a hidden role are wrong.
    pub fn of_this_process() -> anyhow::Result<Self> {
        let arguments: Vec<OsString> = std::env::args_os().skip(1).take(3).collect();
        let arguments: Vec<&str> = arguments
            .iter()
            .map_while(|argument| argument.to_str())
            .collect();
        Ok(match arguments[..] {
            ["__ns", ..] => Self::Names,
            ["__worker", names, name] => Self::Worker {
                names: names.parse()?,
                name: name.to_owned(),
            },
            ["__worker", ..] => bail!("__worker needs HOST:PORT and NAME"),
            _ => Self::Main,
        })
    }
}

/// Workers to call: those of this crew, or those that a name service knows.
#[derive(Debug)]
pub struct Crew {
    kind: &'static str,
    names: Address,
    own: Option<Own>,
}

/// The child processes.
#[derive(Debug)]
struct Own {
    names: Hand,
    workers: JoinSet<()>,
    end: CancellationToken,
}

impl Crew {
    /// Starts what `options` ask for; ready when every worker is registered as `KIND.NUMBER`.
    ///
    /// A worker that dies is replaced by one with the next number, and `bar` makes way for a line that says so.
    ///
    /// # Errors
    /// A child process does not start.
    pub async fn start(
        kind: &'static str,
        options: &CrewOptions,
        bar: &ProgressBar,
    ) -> anyhow::Result<Self> {
        if let Some(names) = options.ns.clone() {
            return Ok(Self {
                kind,
                names,
                own: None,
            });
        }
        let wanted = options.workers.map_or_else(cores, u32::from);
        let (names_hand, uri) = Hand::start(&["__ns"], NAMES_READY).await?;
        let names: Address = uri
            .rsplit_once('@')
            .map_or(uri.as_str(), |(_, address)| address)
            .parse()?;
        let recruiter = Arc::new(Recruiter {
            kind,
            names: names.clone(),
            bar: bar.clone(),
            hired: AtomicU32::new(0),
            limit: wanted.saturating_mul(1 + SPARES_PER_WORKER),
        });
        let mut starting = JoinSet::new();
        for _ in 0..wanted {
            let recruiter = recruiter.clone();
            starting.spawn(async move { recruiter.hire().await });
        }
        let end = CancellationToken::new();
        let mut workers = JoinSet::new();
        while let Some(started) = starting.join_next().await {
            let (hand, name) = started.context("a task that started a worker ended")??;
            workers.spawn(keep(hand, name, recruiter.clone(), end.clone()));
        }
        Ok(Self {
            kind,
            names,
            own: Some(Own {
                names: names_hand,
                workers,
                end,
            }),
        })
    }

    /// The workers, for calls.
    ///
    /// # Errors
    /// The name service is out of reach, or knows no worker.
    pub async fn fleet<P: Proxy>(&self) -> anyhow::Result<Fleet<P>> {
        let Self { kind, names, .. } = self;
        find(
            &format!("{kind}.*"),
            names,
            &format!("{kind} --ns {names} --serve {kind}.1"),
        )
        .await
    }

    /// Ends the child processes and waits until they have ended.
    pub async fn end(self) {
        if let Some(mut own) = self.own {
            own.end.cancel();
            while own.workers.join_next().await.is_some() {}
            own.names.end().await;
        }
    }
}

/// Finds the workers whose names match `pattern`; `hint` is a command that would start one.
///
/// # Errors
/// The name service is out of reach, or knows no such worker.
pub async fn find<P: Proxy>(
    pattern: &str,
    names: &Address,
    hint: &str,
) -> anyhow::Result<Fleet<P>> {
    let fleet = Fleet::<P>::find(&format!("farname:{pattern}@{names}"))
        .await
        .with_context(|| {
            format!("cannot look for workers named {pattern} in the name service at {names}")
        })?;
    ensure!(
        !fleet.is_empty(),
        "no worker found: the name service at {names} knows no name like {pattern}; start one with: {hint}"
    );
    Ok(fleet)
}

/// Starts workers, each with a number of its own.
#[derive(Debug)]
struct Recruiter {
    kind: &'static str,
    names: Address,
    bar: ProgressBar,
    hired: AtomicU32,
    limit: u32,
}

impl Recruiter {
    async fn hire(&self) -> anyhow::Result<(Hand, String)> {
        let number = self.hired.fetch_add(1, Ordering::Relaxed) + 1;
        ensure!(
            number <= self.limit,
            "{} workers were started already",
            self.limit
        );
        let name = format!("{}.{number}", self.kind);
        let (hand, _uri) =
            Hand::start(&["__worker", &self.names.to_string(), &name], WORKER_READY).await?;
        Ok((hand, name))
    }
}

/// Keeps a place in the crew filled until `end`.
async fn keep(mut hand: Hand, mut name: String, recruiter: Arc<Recruiter>, end: CancellationToken) {
    loop {
        let how = tokio::select! {
            () = end.cancelled() => return hand.end().await,
            how = hand.ended() => how,
        };
        let hired = tokio::select! {
            () = end.cancelled() => return,
            hired = recruiter.hire() => hired,
        };
        let outcome = match &hired {
            Ok((_, successor)) => format!("{successor} takes its place"),
            Err(err) => format!("nobody takes its place: {err:#}"),
        };
        recruiter.bar.suspend(|| {
            program::complain(&format!(
                "{}: {name} ended ({how}); {outcome}",
                recruiter.kind
            ))
        });
        let Ok(successor) = hired else { return };
        (hand, name) = successor;
    }
}

fn cores() -> u32 {
    std::thread::available_parallelism()
        .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
        .min(256)
}

/// Serves names to a crew until it is dismissed.
///
/// # Errors
/// The name service cannot listen.
pub async fn serve_names() -> anyhow::Result<()> {
    let server = farcall::names::Server::bind("localhost:0", "memory").await?;
    program::print(format_args!(
        "{NAMES_READY}far:Far.NameServer@{}\n",
        server.address()
    ))?;
    server.run_until(dismissed()).await;
    Ok(())
}

/// Serves `object` to a crew until it is dismissed.
///
/// # Errors
/// The daemon cannot listen, or the name cannot be registered.
pub async fn work(object: Servant, name: &str, names: &Address) -> anyhow::Result<()> {
    let daemon = announce(object, name, names, "localhost:0").await?;
    daemon.run_until(dismissed()).await;
    Ok(())
}

/// Serves `object` under `name` to anybody, until ctrl-c or SIGTERM.
///
/// # Errors
/// The daemon cannot listen at `address`, or the name cannot be registered.
pub async fn serve(
    object: Servant,
    name: &str,
    names: &Address,
    address: &str,
) -> anyhow::Result<()> {
    let daemon = announce(object, name, names, address).await?;
    daemon.run_until_ctrl_c().await?;
    Ok(())
}

async fn announce(
    object: Servant,
    name: &str,
    names: &Address,
    address: &str,
) -> anyhow::Result<Daemon> {
    let daemon = Daemon::builder()
        .names(names.to_string())
        .bind(address)
        .await?;
    let uri = daemon.publish(name, object).await?;
    program::print(format_args!("{WORKER_READY}{uri}\n"))?;
    Ok(daemon)
}

/// An address to listen on.
pub fn listen_address(host: &str, port: u16) -> String {
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    Address::Tcp { host, port }.to_string()
}
