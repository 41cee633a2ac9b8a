//! Work that is pulled: every item has one result, whatever becomes of the workers.

mod clients;
mod ends;
mod losses;

use std::collections::BTreeMap;
use std::fmt::Debug;

use farcall::work::contract::{LeaseId, Taken, WorkProxy};
use farcall::work::{Pulled, QueueError, WorkError, WorkLimits, WorkQueue, Worker};
use farcall::{Connections, Daemon, Remote};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use crate::harness::{Gate, LOOPBACK, soon};

/// A daemon that hosts a queue as `work`.
pub(crate) struct Shop<T, R> {
    pub(crate) queue: WorkQueue<T, R>,
    pub(crate) daemon: Daemon,
    pub(crate) uri: String,
}

impl<T: Serialize + DeserializeOwned, R: DeserializeOwned + Debug> Shop<T, R> {
    pub(crate) async fn new() -> Self {
        Self::with(WorkLimits::default()).await
    }

    pub(crate) async fn with(limits: WorkLimits) -> Self {
        let queue = WorkQueue::with_limits(limits);
        let daemon = Daemon::bind(LOOPBACK).await.unwrap();
        let uri = daemon.register("work", queue.serve()).unwrap().to_string();
        Self { queue, daemon, uri }
    }

    pub(crate) async fn push(&self, items: impl IntoIterator<Item = T>) {
        for item in items {
            soon(self.queue.push(item)).await.unwrap();
        }
    }

    /// Results until there are no more, by item; each item has one.
    pub(crate) async fn rest(&self) -> BTreeMap<u64, Result<R, WorkError>> {
        let mut results = BTreeMap::new();
        while let Some((index, result)) = soon(self.queue.next_result()).await {
            let earlier = results.insert(index, result);
            assert!(earlier.is_none(), "item {index} has two results");
        }
        results
    }
}

/// A worker without a loop, over a connection of its own.
pub(crate) struct Hand {
    pub(crate) work: WorkProxy<Remote>,
    name: &'static str,
    attending: JoinSet<()>,
}

impl Hand {
    /// Attends until it is dropped or `dies`, or for one lease.
    pub(crate) async fn attends(uri: &str, name: &'static str) -> Self {
        let descriptor = WorkProxy::<Remote>::descriptor();
        let connections = Connections::new();
        let remote = Remote::connect_with(&connections, uri, descriptor);
        let work = WorkProxy::over(soon(remote).await.unwrap());
        let mut attending = JoinSet::new();
        let call = work.attend(name.into());
        attending.spawn(async move { drop(call.await) });
        Self {
            work,
            name,
            attending,
        }
    }

    pub(crate) async fn take(&self) -> LeaseId {
        match soon(self.work.take(self.name.into(), 0)).await {
            Ok(Ok(Taken::Item { lease, .. })) => lease,
            other => panic!("{other:?}"),
        }
    }

    /// Its call is cut off.
    pub(crate) fn dies(self) {
        drop(self.attending);
    }
}

/// A worker's task.
pub(crate) type Pulling = JoinSet<Result<Pulled, QueueError>>;

/// A worker that squares numbers as it is let through the gate.
pub(crate) fn squares(tasks: &mut Pulling, uri: &str, gate: &Gate) {
    let (worker, gate) = (Worker::of(uri), gate.clone());
    tasks.spawn(worker.pull_async(move |n: u64| {
        let gate = gate.clone();
        async move {
            gate.pass().await;
            Ok::<_, String>(n * n)
        }
    }));
}

pub(crate) fn all_squares(items: u64) -> BTreeMap<u64, Result<u64, WorkError>> {
    (0..items).map(|n| (n, Ok(n * n))).collect()
}
