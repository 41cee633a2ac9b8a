//! A host that calls objects of its clients: what they plug in runs where they are.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use farcall::Proxy as _;
use farcall_examples::hosting::Hosting;
use farcall_examples::plugin::{Chain, Filter, FilterProxy, HOST, Host as _, HostProxy};
use farcall_examples::program;
use tokio::sync::watch;

/// Filters that clients plug into a running program
///
/// The host has each line of its stdin go through all filters and prints what comes out. A filter whose client dies is
/// dropped with a message.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  plugin host --port 4242          # then type lines
  plugin offer far:plugin-host@localhost:4242 shout
  plugin offer far:plugin-host@localhost:4242 reverse --items 3"
)]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Filters the lines of stdin, until they end
    Host(Hosting),
    /// Plugs a filter into a host, until ctrl-c
    Offer(Offer),
}

#[derive(Args, Debug)]
struct Offer {
    /// The host, as `plugin host` prints it
    uri: String,
    /// What to do with each line
    kind: Kind,
    /// Take the filter back after so many lines
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    items: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// In capitals
    Shout,
    /// Backwards
    Reverse,
    /// Without lines that are as the one before
    Uniq,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().role {
        Role::Host(hosting) => program::unless_interrupted(host(&hosting)).await,
        Role::Offer(options) => offer(options).await,
    };
    program::exit("plugin", outcome)
}

async fn host(hosting: &Hosting) -> anyhow::Result<()> {
    let chain = Arc::new(Chain::default());
    let daemon = hosting.host(HOST, Arc::clone(&chain).serve()).await?;
    let mut lines = program::stdin_lines();
    while let Some(line) = lines.recv().await {
        if let Some(line) = chain.pass(line).await {
            program::print(format_args!("{line}\n"))?;
        }
    }
    daemon.shutdown().await;
    Ok(())
}

/// A filter of this process's. It is dropped when the host lets go of it, or with the connection.
struct Plug {
    kind: Kind,
    last: Mutex<Option<String>>,
    items: watch::Sender<u64>,
}

impl Filter for Plug {
    fn apply(&self, item: String) -> Option<String> {
        self.items.send_modify(|items| *items += 1);
        match self.kind {
            Kind::Shout => Some(item.to_uppercase()),
            Kind::Reverse => Some(item.chars().rev().collect()),
            Kind::Uniq => {
                let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                let is_new = last.as_ref() != Some(&item);
                *last = Some(item.clone());
                is_new.then_some(item)
            }
        }
    }
}

async fn offer(Offer { uri, kind, items }: Offer) -> anyhow::Result<()> {
    let (count, mut counted) = watch::channel(0);
    let plug = Plug {
        kind,
        last: Mutex::default(),
        items: count,
    };
    let name = format!("{kind:?} of process {}", std::process::id());
    let host = HostProxy::connect(&uri).await?;
    let added = host.add_filter(name.clone(), FilterProxy::local(plug));
    added.await?.map_err(anyhow::Error::msg)?;
    program::print(format_args!("Plugged in: {name}\n"))?;
    tokio::select! {
        enough = counted.wait_for(|count| *count >= items) => {
            enough.with_context(|| format!("{uri} is gone, or has dropped the filter"))?;
        }
        stopped = program::interrupted() => stopped?,
    }
    let back = host.remove_filter(name).await?;
    let back = back.with_context(|| format!("{uri} has dropped the filter"))?;
    ensure!(
        back.reference().servant().is_some(),
        "{uri} gave back another filter"
    );
    program::print(format_args!(
        "Back here, after {} lines\n",
        *counted.borrow()
    ))
}
