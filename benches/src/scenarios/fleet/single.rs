//! Single calls, from a few callers at a time, while one of the workers is slow or fails.

use std::time::{Duration, Instant};

use anyhow::Context;
use farcall::{CallError, Fleet, FleetError};
use tokio::task::JoinSet;

use super::{Threads, Waits, WorkerProxy, Workers};
use crate::client::Client;
use crate::figure::{Figure, percentile};
use crate::peers::PeerName;
use crate::scenarios::Room;

const WORKERS: usize = 8;

/// Each has one call in flight.
const CALLERS: usize = 8;

/// Calls that are not counted, first.
const WARM_UP: Duration = Duration::from_millis(500);

/// How much longer the slow one takes.
const TIMES: u32 = 20;

/// What the fleet has to find out who is slow.
const TO_NOTICE: Duration = Duration::from_secs(2);

/// One becomes slow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slow;

/// One fails at once, so that it always has nothing to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failing;

impl Room for Slow {
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
            let fleet = &workers.fleet;
            single_calls(fleet, WARM_UP).await?;
            let healthy = single_calls(fleet, client.time).await?.p99_ms()?;
            workers.odd_one().turn_slow(TIMES).await?;
            single_calls(fleet, TO_NOTICE).await?;
            let slow = single_calls(fleet, client.time).await?.p99_ms()?;
            Ok(vec![
                Figure::new("healthy_p99", healthy, "ms"),
                Figure::new("slow_p99", slow, "ms"),
                Figure::new("ratio", slow / healthy, "x healthy"),
            ])
        })
    }
}

impl Room for Failing {
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
            single_calls(&workers.fleet, WARM_UP).await?;
            let failing = workers.odd_one();
            failing.turn_failing().await?;
            let before = (workers.waits().await?, Waits::of(failing).await?);
            let ended = single_calls(&workers.fleet, client.time).await?;
            let all = workers.waits().await?.since(before.0).calls as f64;
            let its = Waits::of(failing).await?.since(before.1).calls as f64;
            let failed = ended.failed as f64;
            Ok(vec![
                Figure::new("share", its / all * WORKERS as f64, "x fair"),
                Figure::new(
                    "failed",
                    failed / (ended.nanos.len() as f64 + failed),
                    "of all",
                ),
                Figure::new("calls", all, ""),
            ])
        })
    }
}

/// Calls that ended.
#[derive(Default)]
struct Singles {
    /// How long each took that brought a value.
    nanos: Vec<u64>,
    /// Those whose method failed.
    failed: u64,
}

impl Singles {
    /// Of calls none of which failed.
    fn p99_ms(mut self) -> anyhow::Result<f64> {
        anyhow::ensure!(self.failed == 0, "{} calls failed", self.failed);
        let p99 = percentile(&mut self.nanos, 0.99).context("no call ended")?;
        Ok(p99 as f64 / 1e6)
    }
}

/// Each caller calls, one call after the other, for that time.
async fn single_calls(fleet: &Fleet<WorkerProxy>, time: Duration) -> anyhow::Result<Singles> {
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(caller(fleet.clone(), time));
    }
    let mut all = Singles::default();
    while let Some(ended) = callers.join_next().await {
        let one = ended??;
        all.nanos.extend(one.nanos);
        all.failed += one.failed;
    }
    Ok(all)
}

async fn caller(fleet: Fleet<WorkerProxy>, time: Duration) -> anyhow::Result<Singles> {
    let (mut ended, start) = (Singles::default(), Instant::now());
    while start.elapsed() < time {
        let began = Instant::now();
        match call(&fleet).await {
            Ok(square) => {
                anyhow::ensure!(square == 9, "a wrong answer");
                ended.nanos.push(began.elapsed().as_nanos() as u64);
            }
            Err(FleetError::Item {
                error: CallError::Failed { .. },
                ..
            }) => ended.failed += 1,
            Err(e) => return Err(e.into()),
        }
    }
    Ok(ended)
}

/// One call to whichever member the fleet picks.
async fn call(fleet: &Fleet<WorkerProxy>) -> Result<i64, FleetError> {
    fleet.call(|worker| worker.wait(3)).await
}
