//! A crew of workers: processes of this same program, or whoever a name service knows; and how to be one for others.

use anyhow::{Context as _, ensure};
use clap::{Args, value_parser};
use farcall::pool::{Event, Pool};
use farcall::progress::Bar;
use farcall::{Address, Daemon, Fleet, Proxy, Servant};

use crate::program;

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

/// Workers to call: processes of this same program, or those that a name service knows.
#[derive(Debug)]
pub enum Crew<P: Proxy> {
    /// This program's own.
    Own(Pool<P>),
    /// Whoever serves.
    Others(Fleet<P>),
}

impl<P: Proxy> Crew<P> {
    /// Starts what `options` ask for, or finds the workers `KIND.*`.
    ///
    /// `bar` makes way for a line about each worker that is lost.
    ///
    /// # Errors
    /// A worker does not start; the name service is out of reach, or knows no worker.
    pub async fn start(
        kind: &'static str,
        options: &CrewOptions,
        bar: &Bar,
    ) -> anyhow::Result<Self> {
        if let Some(names) = &options.ns {
            let hint = format!("{kind} --ns {names} --serve {kind}.1");
            return Ok(Self::Others(
                find(&format!("{kind}.*"), names, &hint).await?,
            ));
        }
        let bar = bar.clone();
        let mut pool = Pool::builder().name(kind).observe(move |event| {
            if !matches!(event, Event::Ready { .. }) {
                bar.suspend(|| program::complain(&format!("{kind}: {event}")));
            }
        });
        if let Some(workers) = options.workers {
            pool = pool.processes(workers.into());
        }
        Ok(Self::Own(pool.start().await?))
    }

    /// The workers, for calls.
    pub fn fleet(&self) -> &Fleet<P> {
        match self {
            Self::Own(pool) => pool,
            Self::Others(fleet) => fleet,
        }
    }

    /// Ends this program's own workers and waits until they have ended.
    pub async fn end(self) {
        if let Self::Own(pool) = self {
            pool.close().await;
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
    let daemon = Daemon::builder()
        .names(names.to_string())
        .bind(address)
        .await?;
    let uri = daemon.publish(name, object).await?;
    // Before anybody knows that it is there.
    let ended = daemon.run_until_ctrl_c();
    program::print(format_args!("Ready. Object uri = {uri}\n"))?;
    Ok(ended.await?)
}

/// An address to listen on.
pub fn listen_address(host: &str, port: u16) -> String {
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    Address::Tcp { host, port }.to_string()
}
