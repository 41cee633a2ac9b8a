//! A farcall daemon that registers as many objects as it is told to.

use std::ops::Range;

use farcall::{Connections, Daemon, Remote};

use crate::peers::{self, farcall::Plain, farcall::PlainProxy, farcall::Squarer};

#[farcall::remote]
trait Registrar {
    /// Registers the objects of these numbers, by the names that `name` gives.
    async fn register(&self, from: u64, to: u64) -> Result<(), String>;
}

struct Registry(Daemon);

impl Registrar for Registry {
    async fn register(&self, from: u64, to: u64) -> Result<(), String> {
        for number in from..to {
            let registered = self.0.register(&name(number), Plain::serve(Squarer));
            registered.map_err(|e| e.to_string())?;
        }
        Ok(())
    }
}

fn name(number: u64) -> String {
    format!("object-{number:06}")
}

pub(super) fn serve() -> anyhow::Result<()> {
    peers::runtime()?.block_on(async {
        let daemon = Daemon::bind("127.0.0.1:0").await?;
        daemon.register("registrar", Registrar::serve(Registry(daemon.clone())))?;
        peers::ready(&daemon.address().to_string()).await
    })
}

/// Registers the objects of these numbers in the daemon at this address.
pub(super) async fn register(address: &str, numbers: Range<u64>) -> anyhow::Result<()> {
    let uri = format!("far:registrar@{address}");
    let registrar = RegistrarProxy::connect(&uri).await?;
    let registered = registrar.register(numbers.start, numbers.end).await?;
    registered.map_err(anyhow::Error::msg)
}

/// One of them, over a connection shared with the others.
pub(super) async fn connect(
    connections: &Connections,
    address: &str,
    number: u64,
) -> anyhow::Result<PlainProxy> {
    let uri = format!("far:{}@{address}", name(number));
    let remote = Remote::connect_with(connections, &uri, PlainProxy::descriptor()).await?;
    Ok(PlainProxy::over(remote))
}
