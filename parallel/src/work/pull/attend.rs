//! The call that says that a worker is there: always one in flight, renewed before its lease ends.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{MissedTickBehavior, interval};

use crate::work::contract::Refusal;
use crate::work::persist::Distant;
use crate::work::{Pulled, QueueError};

/// How often a lease is renewed before it could end.
const RENEWALS: u32 = 3;

/// Attends for as long as it is polled.
///
/// A renewal is begun before the queue ends the call before it, so that there is no moment in which the worker's death would
/// go unnoticed until its lease ends.
pub(super) async fn attend(
    queue: Distant,
    worker: String,
    lease: Duration,
) -> Result<Pulled, QueueError> {
    match renew(queue, worker, lease).await {
        Ok(never) => match never {},
        Err(refusal) => Err(refusal.into()),
    }
}

async fn renew(queue: Distant, worker: String, lease: Duration) -> Result<Infallible, Refusal> {
    let mut calls = FuturesUnordered::new();
    let mut renewals = interval((lease / RENEWALS).max(Duration::from_millis(1)));
    renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let work = queue.within(lease);
    loop {
        tokio::select! {
            _ = renewals.tick() => calls.push(work.attend(worker.clone())),
            Some(ended) = calls.next() => match ended {
                // This process was frozen or cut off for longer than the lease; it goes on as a new worker would.
                Ok(Err(Refusal::Lapsed { .. })) => renewals.reset_immediately(),
                Ok(Err(refusal)) => return Err(refusal),
                // Renewed, or out of reach: the next renewal calls again, and whoever takes items notices.
                Ok(Ok(())) | Err(_) => {}
            },
        }
    }
}
