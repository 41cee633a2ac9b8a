//! A quiet connection beside one that floods the server, and beside one that asks much and never reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{MixedProxy, Slowest, WARM_UP, connect, latencies, relay::Relay};
use crate::client::Client;
use crate::figure::Figure;
use crate::measure::What;
use crate::peers::{self, Caller, Load, PeerName, farcall};
use crate::scenarios::Room;

/// Calls in flight of the one that floods.
const FLOOD: usize = 10_000;

/// Calls of the one that never reads, and the bytes of each: 256 MiB of results in all.
const DEAF_CALLS: usize = 4_096;
const DEAF_BYTES: usize = 64 << 10;

/// How long it may stay deaf: past it, either side gives up a connection without a sign of life.
const LONGEST_DEAFNESS: Duration = Duration::from_secs(5);

/// Looks at the server's memory while one does not read.
const LOOKS: u32 = 5;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Flood;

impl Room for Flood {
    fn measures(&self, peer: PeerName) -> bool {
        peer == PeerName::Farcall
    }

    fn may_be_pinned(&self) -> bool {
        false
    }

    fn serve(&self, _peer: PeerName, _part: &str) -> anyhow::Result<()> {
        super::serve(0)
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        tokio::runtime::Runtime::new()?.block_on(async {
            let quiet = connect(client.address()).await?;
            latencies(&quiet, WARM_UP).await?;
            let idle = Slowest::of(latencies(&quiet, client.time).await?);
            let flood = beside_flood(client, &quiet).await?;
            latencies(&quiet, WARM_UP).await?;
            let (deaf, growth) = beside_deaf(client, &quiet).await?;
            let slowest = [("idle", &idle), ("flood", &flood), ("deaf", &deaf)];
            let mut figures = slowest
                .map(|(when, slowest)| slowest.figures(when))
                .concat();
            figures.push(flood.ratio("ratio_flood", &idle));
            figures.push(deaf.ratio("ratio_deaf", &idle));
            figures.push(Figure::new("growth", growth, "MiB"));
            Ok(figures)
        })
    }
}

async fn beside_flood(client: &Client, quiet: &MixedProxy) -> anyhow::Result<Slowest> {
    let over = Arc::new(AtomicBool::new(false));
    let flood = on_its_own({
        let (over, address) = (Arc::clone(&over), client.address().to_owned());
        async move || {
            let caller = farcall::connect_plain(&address).await?;
            let stop = || over.load(Ordering::Relaxed);
            let load = Load {
                window: FLOOD,
                stop: &stop,
                latency: &|_| {},
            };
            caller.call_all(What::Process, load).await
        }
    })?;
    latencies(quiet, WARM_UP).await?;
    let latencies = latencies(quiet, client.time).await;
    over.store(true, Ordering::Relaxed);
    let ended = flood.join();
    let calls = ended.map_err(|_| anyhow::anyhow!("the flood panicked"))??;
    anyhow::ensure!(calls > FLOOD as u64, "the flood had {calls} calls only");
    Ok(Slowest::of(latencies?))
}

/// What the quiet one feels, and by how many MiB the server grew.
async fn beside_deaf(client: &Client, quiet: &MixedProxy) -> anyhow::Result<(Slowest, f64)> {
    let before = client.server.resident_kib()?;
    let relay = Relay::start(client.address())?;
    let address = relay.address().to_owned();
    let (tell, told) = tokio::sync::oneshot::channel();
    // It never ends by itself: the process does.
    let deaf = on_its_own(async move || {
        let proxy = connect(&address).await?;
        proxy.process(3).await?;
        relay.stop_reading();
        // Whoever waits for it may have given up.
        let _ = tell.send(());
        let data = Bytes::from(vec![7; DEAF_BYTES]);
        let mut calls = JoinSet::new();
        for _ in 0..DEAF_CALLS {
            let echo = proxy.echo(data.clone());
            calls.spawn(echo);
        }
        // None is answered.
        calls.join_all().await;
        Ok(0)
    })?;
    if told.await.is_err() {
        deaf.join()
            .map_err(|_| anyhow::anyhow!("the deaf one panicked"))??;
        anyhow::bail!("the deaf one did not begin");
    }
    let look = client.time.min(LONGEST_DEAFNESS) / LOOKS;
    let (mut all, mut most) = (Vec::new(), before);
    for _ in 0..LOOKS {
        all.extend(latencies(quiet, look).await?);
        most = client.server.resident_kib()?.max(most);
    }
    anyhow::ensure!(!deaf.is_finished(), "the deaf one was answered");
    Ok((Slowest::of(all), (most - before) / 1024.0))
}

/// Has this thread yield to the daemon and to who is measured, as if it were on another machine: what is measured is what the
/// daemon does with a flood, not how the system shares two cores among the flood's maker and the others.
fn step_back() -> anyhow::Result<()> {
    let me = Some(rustix::thread::gettid());
    Ok(rustix::process::setpriority_process(me, 15)?)
}

/// A thread with a runtime of its own, so that the quiet one does not wait for others at its own end.
fn on_its_own<F>(work: F) -> anyhow::Result<JoinHandle<anyhow::Result<u64>>>
where
    F: AsyncFnOnce() -> anyhow::Result<u64> + Send + 'static,
{
    let runtime = peers::runtime()?;
    Ok(std::thread::spawn(move || {
        step_back()?;
        runtime.block_on(work())
    }))
}
