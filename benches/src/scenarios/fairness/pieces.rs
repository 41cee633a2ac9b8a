//! A cheap call beside large blobs that pass over the same connection, one way, the other way, and both ways.
//!
//! The same blobs over another connection tell what the machine's cores, memory and loopback are to blame for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use tokio::task::JoinSet;

use super::{MixedProxy, Slowest, WARM_UP, connect, latencies};
use crate::client::Client;
use crate::figure::Figure;
use crate::peers::PeerName;
use crate::scenarios::Room;

const BLOB_BYTES: usize = 64 << 20;

/// Idle and beside a blob are measured in turn so often: the machine's mood is the same for both.
const TURNS: u32 = 4;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Pieces;

/// Which way blobs go.
#[derive(Clone, Copy)]
enum Way {
    Argument,
    Result,
    Echo,
}

impl Room for Pieces {
    fn measures(&self, peer: PeerName) -> bool {
        peer == PeerName::Farcall
    }

    fn may_be_pinned(&self) -> bool {
        false
    }

    fn serve(&self, _peer: PeerName, _part: &str) -> anyhow::Result<()> {
        super::serve(BLOB_BYTES)
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        tokio::runtime::Runtime::new()?.block_on(async {
            let proxy = connect(client.address()).await?;
            let other = connect(client.address()).await?;
            let blob = Bytes::from(vec![7; BLOB_BYTES]);
            let mut figures = Vec::new();
            for (name, way) in [
                ("argument", Way::Argument),
                ("result", Way::Result),
                ("echo", Way::Echo),
            ] {
                figures.extend(beside(client, (&proxy, &other), &blob, name, way).await?);
            }
            Ok(figures)
        })
    }
}

async fn beside(
    client: &Client,
    (proxy, other): (&MixedProxy, &MixedProxy),
    blob: &Bytes,
    name: &str,
    way: Way,
) -> anyhow::Result<Vec<Figure>> {
    let (mut idle, mut busy, mut elsewhere) = (Vec::new(), Vec::new(), Vec::new());
    let (mut passed, mut while_busy) = (0, Duration::ZERO);
    for _ in 0..TURNS {
        latencies(proxy, WARM_UP).await?;
        idle.extend(latencies(proxy, client.time / TURNS).await?);
        let blobs = Blobs::start(proxy, blob, way);
        latencies(proxy, WARM_UP).await?;
        let (before, began) = (blobs.passed(), Instant::now());
        busy.extend(latencies(proxy, client.time / TURNS).await?);
        // Whole blobs only, so that the rate is of what arrived.
        passed += blobs.passed() - before;
        while_busy += began.elapsed();
        blobs.end().await?;
        let blobs = Blobs::start(other, blob, way);
        latencies(proxy, WARM_UP).await?;
        elsewhere.extend(latencies(proxy, client.time / TURNS).await?);
        blobs.end().await?;
    }
    let (idle, busy) = (Slowest::of(idle), Slowest::of(busy));
    let elsewhere = Slowest::of(elsewhere);
    let rate = (passed * BLOB_BYTES as u64 >> 20) as f64 / while_busy.as_secs_f64();
    let mut figures = [
        idle.figures(&format!("{name}_idle")),
        busy.figures(&format!("{name}_busy")),
        elsewhere.figures(&format!("{name}_elsewhere")),
    ]
    .concat();
    figures.push(busy.ratio(&format!("{name}_ratio"), &idle));
    figures.push(elsewhere.ratio(&format!("{name}_elsewhere_ratio"), &idle));
    figures.push(Figure::new(format!("{name}_rate"), rate, "MiB/s"));
    Ok(figures)
}

/// A blob after the other.
struct Blobs {
    passing: JoinSet<anyhow::Result<()>>,
    passed: Arc<AtomicU64>,
    over: Arc<AtomicU64>,
}

impl Blobs {
    fn start(proxy: &MixedProxy, blob: &Bytes, way: Way) -> Self {
        let (passed, over) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let mut passing = JoinSet::new();
        let (proxy, blob) = (proxy.clone(), blob.clone());
        let (count, stop) = (Arc::clone(&passed), Arc::clone(&over));
        passing.spawn(async move {
            while stop.load(Ordering::Relaxed) == 0 {
                let bytes = match way {
                    Way::Argument => proxy.length(blob.clone()).await? as usize,
                    Way::Result => proxy.blob().await?.len(),
                    Way::Echo => proxy.echo(blob.clone()).await?.len(),
                };
                anyhow::ensure!(bytes == BLOB_BYTES, "a blob of {bytes} bytes arrived");
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
        Self {
            passing,
            passed,
            over,
        }
    }

    fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    async fn end(mut self) -> anyhow::Result<()> {
        self.over.store(1, Ordering::Relaxed);
        let ended = self.passing.join_next().await.context("no blob")?;
        ended?.context("a blob did not pass")
    }
}
