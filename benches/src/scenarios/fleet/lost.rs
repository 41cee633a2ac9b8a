//! A map that loses a worker in the middle: how much longer it takes than the same map with all of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use super::{Threads, Workers, check};
use crate::client::Client;
use crate::figure::Figure;
use crate::peers::PeerName;
use crate::scenarios::Room;

const WORKERS: usize = 8;
const ITEMS: i64 = 10_000;

/// So many have a result when the worker is lost.
const BEFORE: u64 = ITEMS as u64 / 4;

/// The longest that a map may take.
const LONGEST: Duration = Duration::from_secs(75);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost {
    pub(in crate::scenarios) loss: Loss,
}

/// How a worker is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It stays, connected, and does nothing.
    Frozen,
    Killed,
}

impl Room for Lost {
    fn measures(&self, peer: PeerName) -> bool {
        peer == PeerName::Farcall
    }

    fn may_be_pinned(&self) -> bool {
        false
    }

    fn serve(&self, _peer: PeerName, part: &str) -> anyhow::Result<()> {
        super::serve(part, WORKERS, Threads::One)
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        tokio::runtime::Runtime::new()?.block_on(async {
            let workers = Workers::connect(client).await?;
            workers.warm_up().await?;
            let victim = Victim::of(workers.odd_one().pid().await?)?;
            let healthy = map(&workers, || Ok(())).await.context("with all workers")?;
            let lost = map(&workers, || victim.lose(self.loss)).await?;
            Ok(vec![
                Figure::new("healthy", healthy.took.as_secs_f64(), "s"),
                Figure::new("total", lost.took.as_secs_f64(), "s"),
                Figure::new(
                    "ratio",
                    lost.took.as_secs_f64() / healthy.took.as_secs_f64(),
                    "x healthy",
                ),
                Figure::new("repeated", lost.repeated as f64, "items"),
            ])
        })
    }
}

/// A map that has its results, all of them and in their places.
struct Mapped {
    took: Duration,
    /// Calls beyond one for each item.
    repeated: u64,
}

/// Maps the items; has `strike` run when a quarter of them is done.
async fn map(
    workers: &Workers,
    strike: impl FnOnce() -> rustix::io::Result<()>,
) -> anyhow::Result<Mapped> {
    let calls = AtomicU64::new(0);
    let (mut strike, mut struck) = (Some(strike), None);
    let start = Instant::now();
    let map = workers.fleet.map_with(
        0..ITEMS,
        |worker, n| {
            calls.fetch_add(1, Ordering::Relaxed);
            worker.wait(n)
        },
        |progress| {
            if progress.done() >= BEFORE
                && let Some(strike) = strike.take()
            {
                struck = Some(strike());
            }
        },
    );
    let squares = tokio::time::timeout(LONGEST, map)
        .await
        .with_context(|| format!("the map had not ended after {LONGEST:?}"))??;
    let took = start.elapsed();
    struck.context("the middle was never reached")??;
    check(&squares, ITEMS)?;
    Ok(Mapped {
        took,
        repeated: calls.into_inner() - ITEMS as u64,
    })
}

/// A worker's process. If it was frozen it goes on when this is dropped.
struct Victim(Pid);

impl Victim {
    fn of(pid: i32) -> anyhow::Result<Self> {
        Pid::from_raw(pid).map(Self).context("no process")
    }

    fn lose(&self, loss: Loss) -> rustix::io::Result<()> {
        let signal = match loss {
            Loss::Frozen => Signal::STOP,
            Loss::Killed => Signal::KILL,
        };
        kill_process(self.0, signal)
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // One that was killed is no more.
        let _ = kill_process(self.0, Signal::CONT);
    }
}
