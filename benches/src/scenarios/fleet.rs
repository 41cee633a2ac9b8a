//! Fleets: one computation spread over worker processes, which the server process starts.
//!
//! Caller and workers run as a program of a user would, with tokio's default runtime and on all cores.

mod long;
mod lost;
mod single;
mod trivial;
mod waiting;

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use farcall::{Daemon, Fleet};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::Arguments;
use crate::child::Started;
use crate::client::Client;
use crate::peers::{self, PeerName};

pub(super) use long::Long;
pub(super) use lost::{Loss, Lost};
pub(super) use single::{Failing, Slow};
pub(super) use trivial::Trivial;
pub(super) use waiting::Waiting;

/// The part of a server process that is one worker.
const WORKER: &str = "worker";

/// Until a worker tells its address.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a worker waits in `wait`.
const WAIT: Duration = Duration::from_millis(1);

/// Items for each worker that are not counted, first: connections open, and plain methods show how long they take.
const WARM_UP: u64 = 200;

#[farcall::remote]
trait Worker {
    /// Squares at once.
    #[idempotent]
    fn process(&self, data: i64) -> i64;
    /// Squares after `WAIT`.
    #[idempotent]
    fn wait(&self, data: i64) -> i64;
    /// How often `wait` was called, and how many nanoseconds it waited in all.
    async fn waits(&self) -> (u64, u64);
    /// Its process.
    async fn pid(&self) -> i32;
    /// From now on `wait` takes so many times as long.
    async fn turn_slow(&self, times: u32);
    /// From now on `wait` panics at once.
    async fn turn_failing(&self);
}

struct Waiter {
    times: AtomicU32,
    fails: AtomicBool,
    calls: AtomicU64,
    nanos: AtomicU64,
}

impl Worker for Waiter {
    fn process(&self, data: i64) -> i64 {
        data * data
    }

    fn wait(&self, data: i64) -> i64 {
        self.calls.fetch_add(1, Ordering::Relaxed);
        assert!(!self.fails.load(Ordering::Relaxed), "told to fail");
        let start = Instant::now();
        std::thread::sleep(WAIT * self.times.load(Ordering::Relaxed));
        let nanos = start.elapsed().as_nanos() as u64;
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        data * data
    }

    async fn waits(&self) -> (u64, u64) {
        let (calls, nanos) = (&self.calls, &self.nanos);
        (calls.load(Ordering::Relaxed), nanos.load(Ordering::Relaxed))
    }

    async fn pid(&self) -> i32 {
        std::process::id().cast_signed()
    }

    async fn turn_slow(&self, times: u32) {
        self.times.store(times, Ordering::Relaxed);
    }

    async fn turn_failing(&self) {
        // It is meant to; nobody wants to read of it thousands of times.
        std::panic::set_hook(Box::new(|_| {}));
        self.fails.store(true, Ordering::Relaxed);
    }
}

/// Threads of a worker for methods that are plain `fn`s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Threads {
    /// As many as farcall thinks right.
    Default,
    One,
}

/// The server process, or the worker that this part of it is.
fn serve(part: &str, workers: usize, threads: Threads) -> anyhow::Result<()> {
    match part {
        WORKER => serve_worker(threads),
        _ => serve_workers(workers),
    }
}

/// Starts the workers; an address for each, in one line.
fn serve_workers(count: usize) -> anyhow::Result<()> {
    let scenario = Arguments::parse().scenarios[0].name;
    let mut workers = Vec::with_capacity(count);
    for _ in 0..count {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--scenarios", scenario, "--peers", PeerName::Farcall.text()]);
        command.args(["--role", "server", "--part", WORKER]);
        workers.push(Started::new(command)?);
    }
    let addresses: Vec<String> = workers
        .iter()
        .map(|worker| worker.line(PATIENCE).context("a worker"))
        .collect::<anyhow::Result<_>>()?;
    peers::runtime()?.block_on(peers::ready(&addresses.join(",")))?;
    workers.into_iter().try_for_each(Started::end)
}

fn serve_worker(threads: Threads) -> anyhow::Result<()> {
    // One that is frozen would not see that its input closes.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let mut daemon = Daemon::builder();
        if threads == Threads::One {
            daemon = daemon.compute_threads(1);
        }
        let daemon = daemon.bind("127.0.0.1:0").await?;
        let waiter = Waiter {
            times: AtomicU32::new(1),
            fails: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
        };
        daemon.register("worker", Worker::serve(waiter))?;
        peers::ready(&daemon.address().to_string()).await
    })
}

/// The workers, as a caller sees them.
struct Workers {
    fleet: Fleet<WorkerProxy>,
    /// To speak with one of them.
    each: Vec<WorkerProxy>,
}

/// What workers did in `wait`.
#[derive(Clone, Copy, Debug, Default)]
struct Waits {
    calls: u64,
    nanos: u64,
}

impl Workers {
    async fn connect(client: &Client) -> anyhow::Result<Self> {
        let addresses = client.addresses.iter();
        let uris: Vec<String> = addresses.map(|a| format!("far:worker@{a}")).collect();
        let mut each = Vec::with_capacity(uris.len());
        for uri in &uris {
            each.push(WorkerProxy::connect(uri).await?);
        }
        let fleet = Fleet::of(&uris)?;
        Ok(Self { fleet, each })
    }

    /// The one that something happens to, where something does.
    fn odd_one(&self) -> &WorkerProxy {
        &self.each[0]
    }

    async fn warm_up(&self) -> anyhow::Result<()> {
        let items = WARM_UP as i64 * self.each.len() as i64;
        let squares = self.fleet.map(0..items, |worker, n| worker.wait(n)).await?;
        check(&squares, items)
    }

    /// What all did until now.
    async fn waits(&self) -> anyhow::Result<Waits> {
        let mut sum = Waits::default();
        for worker in &self.each {
            let one = Waits::of(worker).await?;
            sum.calls += one.calls;
            sum.nanos += one.nanos;
        }
        Ok(sum)
    }
}

impl Waits {
    async fn of(worker: &WorkerProxy) -> anyhow::Result<Self> {
        let (calls, nanos) = worker.waits().await?;
        Ok(Self { calls, nanos })
    }

    fn since(self, before: Self) -> Self {
        Self {
            calls: self.calls - before.calls,
            nanos: self.nanos - before.nanos,
        }
    }

    /// Of one call.
    fn mean(self) -> Duration {
        Duration::from_nanos(self.nanos / self.calls.max(1))
    }
}

/// Whether these are the squares of the numbers up to `items`, each once and in its place.
fn check(squares: &[i64], items: i64) -> anyhow::Result<()> {
    let found = squares.len();
    anyhow::ensure!(found as i64 == items, "{found} results of {items} items");
    let wrong = (0..items)
        .zip(squares)
        .find(|(n, square)| n * n != **square);
    match wrong {
        Some((n, square)) => anyhow::bail!("the result of item {n} is {square}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_that_are_lost_or_out_of_place_are_found() {
        assert!(check(&[0, 1, 4], 3).is_ok());
        for wrong in [&[0, 1][..], &[0, 4, 1], &[0, 1, 1, 4]] {
            assert!(check(wrong, 3).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_mean_of_no_wait_is_nothing() {
        assert_eq!(Waits::default().mean(), Duration::ZERO);
    }
}
