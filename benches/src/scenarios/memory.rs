//! Memory of what does nothing: a connection after its first call, and a registered object.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Room, objects};
use crate::client::Client;
use crate::figure::Figure;
use crate::measure::What;
use crate::peers::{self, Caller, Load, PeerName};
use crate::run::Pair;

const CONNECTIONS: u64 = 1000;
const OBJECTS: u64 = 100_000;

/// Opened or registered first, so that code and tables that the first ones need are there already.
const WARM_UP: u64 = 10;

/// Until memory is looked at.
const REST: Duration = Duration::from_secs(1);

/// The part that registers objects.
const REGISTERED: &str = "objects";

#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory;

impl Room for Memory {
    fn round(&self, pair: &Pair<'_>) -> anyhow::Result<Vec<Figure>> {
        let mut figures = pair.measure("")?;
        if pair.peer() == PeerName::Farcall {
            figures.extend(pair.measure(REGISTERED)?);
        }
        Ok(figures)
    }

    fn serve(&self, peer: PeerName, part: &str) -> anyhow::Result<()> {
        match part {
            REGISTERED => objects::serve(),
            _ => peers::serve(peer, 1),
        }
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        peers::runtime()?.block_on(async {
            match client.part.as_str() {
                REGISTERED => registered_objects(client).await,
                _ => idle_connections(client).await,
            }
        })
    }
}

async fn idle_connections(client: &Client) -> anyhow::Result<Vec<Figure>> {
    let first = open(client, WARM_UP).await?;
    tokio::time::sleep(REST).await;
    let before = (client.server.resident_kib()?, client.own.resident_kib()?);
    let others = open(client, CONNECTIONS).await?;
    tokio::time::sleep(REST).await;
    let after = (client.server.resident_kib()?, client.own.resident_kib()?);
    drop((first, others));
    let each = |after: f64, before: f64| (after - before) / CONNECTIONS as f64;
    Ok(vec![
        Figure::new("server_per_connection", each(after.0, before.0), "KiB"),
        Figure::new("client_per_connection", each(after.1, before.1), "KiB"),
    ])
}

/// Opens connections, with one call over each: what is kept for the next call is part of them.
async fn open(client: &Client, count: u64) -> anyhow::Result<Vec<Box<dyn Caller>>> {
    let mut callers = Vec::new();
    for _ in 0..count {
        let caller = client.connect().await?;
        let called = AtomicBool::new(false);
        let once = || called.swap(true, Ordering::Relaxed);
        let load = Load {
            window: 1,
            stop: &once,
            latency: &|_| {},
        };
        caller.call_all(What::Process, load).await?;
        callers.push(caller);
    }
    Ok(callers)
}

async fn registered_objects(client: &Client) -> anyhow::Result<Vec<Figure>> {
    objects::register(client.address(), 0..WARM_UP).await?;
    let before = client.server.resident_kib()?;
    objects::register(client.address(), WARM_UP..WARM_UP + OBJECTS).await?;
    tokio::time::sleep(REST).await;
    let grown = client.server.resident_kib()? - before;
    let each = grown * 1024.0 / OBJECTS as f64;
    Ok(vec![Figure::new("per_object", each, "bytes")])
}
