//! Map-reduce: exact over workers that die, bounded on workers that are asked for too much.

#![expect(
    clippy::disallowed_methods,
    reason = "a test awaits or aborts the tasks it spawns, and they end with its runtime"
)]

mod bounds;
mod losses;
mod results;

use std::collections::BTreeMap;
use std::sync::Arc;

use farcall::map_reduce::{
    self, Holdings, MapReduce, MapReduceError, Report, Settings, WorkerLimits, WorkerProxy,
};
use farcall::{Daemon, Fleet};

use crate::harness::{Gate, LOOPBACK, soon};

/// What a [`Tally`] gives: how often each word occurs.
pub(crate) type Counts = BTreeMap<String, u64>;

/// Where a computation stops, when it meets the word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Nowhere,
    /// Before it maps a line with this word.
    Map(&'static str),
    /// Before it finishes a partition with this word.
    Finish(&'static str),
    /// Before it merges outputs of which one has this word.
    Merge(&'static str),
}

/// Counts the words of lines; lines with the word `panic` panic.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// Where it waits before it maps a line; open, but for tests that see all workers map something.
    pub(crate) begin: Gate,
    pub(crate) gate: Gate,
    stop: Stop,
}

impl Tally {
    fn pass(&self, at: Stop) {
        if self.stop == at {
            self.gate.pass_blocking();
        }
    }

    fn word(&self) -> &'static str {
        match self.stop {
            Stop::Nowhere => "",
            Stop::Map(word) | Stop::Finish(word) | Stop::Merge(word) => word,
        }
    }
}

impl MapReduce for Tally {
    type Input = String;
    type Key = String;
    type Value = u64;
    type Output = Counts;

    fn map(&self, line: String, emit: &mut dyn FnMut(String, u64)) {
        self.begin.pass_blocking();
        assert!(!line.contains("panic"), "on purpose");
        if line.contains(self.word()) {
            self.pass(Stop::Map(self.word()));
        }
        for word in line.split_whitespace() {
            emit(word.to_owned(), 1);
        }
    }

    fn combine(&self, _: &String, so_far: &mut u64, next: u64) {
        *so_far += next;
    }

    fn finish(&self, partition: impl Iterator<Item = (String, u64)>) -> Counts {
        let counts: Counts = partition.collect();
        assert!(!counts.contains_key("broken"), "broken on purpose");
        if counts.contains_key(self.word()) {
            self.pass(Stop::Finish(self.word()));
        }
        counts
    }

    fn merge(&self, mut first: Counts, second: Counts) -> Counts {
        if first.contains_key(self.word()) || second.contains_key(self.word()) {
            self.pass(Stop::Merge(self.word()));
        }
        first.extend(second);
        first
    }
}

/// A worker in a daemon of its own.
pub(crate) struct Place {
    /// Its last handle: when it is dropped, its connections are cut.
    pub(crate) daemon: Option<Daemon>,
    pub(crate) uri: String,
    pub(crate) tally: Tally,
    pub(crate) proxy: WorkerProxy,
}

impl Place {
    pub(crate) async fn new(stop: Stop) -> Self {
        Self::with(stop, WorkerLimits::default()).await
    }

    pub(crate) async fn with(stop: Stop, limits: WorkerLimits) -> Self {
        let place = Self::before_it_begins(stop, limits).await;
        place.tally.begin.open_for_good();
        place
    }

    async fn before_it_begins(stop: Stop, limits: WorkerLimits) -> Self {
        let daemon = Daemon::builder()
            .compute_threads(2)
            .bind(LOOPBACK)
            .await
            .unwrap();
        let tally = Tally {
            begin: Gate::new(),
            gate: Gate::new(),
            stop,
        };
        let object = map_reduce::worker_with(tally.clone(), limits);
        let uri = daemon.register("tally", object).unwrap().to_string();
        let remote = soon(farcall::Remote::connect(&uri, WorkerProxy::descriptor()))
            .await
            .unwrap();
        Self {
            daemon: Some(daemon),
            uri,
            tally,
            proxy: WorkerProxy::over(remote),
        }
    }

    /// One that waits at `begin` before it maps.
    pub(crate) async fn waiting(stop: Stop) -> Self {
        Self::before_it_begins(stop, WorkerLimits::default()).await
    }

    pub(crate) async fn holdings(&self) -> Holdings {
        soon(self.proxy.holdings()).await.unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.tally.begin.open_for_good();
        self.tally.gate.open_for_good();
    }
}

/// So many workers that stop nowhere.
pub(crate) async fn places(count: usize) -> Vec<Place> {
    let mut places = Vec::new();
    for _ in 0..count {
        places.push(Place::new(Stop::Nowhere).await);
    }
    places
}

pub(crate) fn fleet<'a>(places: impl IntoIterator<Item = &'a Place>) -> Arc<Fleet<WorkerProxy>> {
    let uris = places.into_iter().map(|place| place.uri.clone());
    Arc::new(Fleet::of(uris).unwrap())
}

pub(crate) fn settings(partitions: u32, chunk_inputs: usize) -> Settings {
    Settings {
        partitions: Some(partitions),
        chunk_inputs: Some(chunk_inputs),
        ..Settings::default()
    }
}

pub(crate) type Outcome = Result<(Counts, Report), MapReduceError>;

pub(crate) async fn tally(
    fleet: &Fleet<WorkerProxy>,
    lines: &[String],
    settings: &Settings,
) -> Outcome {
    let lines = lines.iter().cloned();
    soon(map_reduce::run_with::<Tally>(
        fleet,
        lines,
        settings,
        |_| {},
    ))
    .await
}

/// The same without any worker.
pub(crate) fn counted_here(lines: &[String]) -> Counts {
    let mut counts = Counts::new();
    for word in lines.iter().flat_map(|line| line.split_whitespace()) {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}

/// Lines of the words `w0` to `w49`.
pub(crate) fn lines(count: usize) -> Vec<String> {
    let line = |n: usize| format!("w{} w{} w{}", n % 7, n % 11, n % 50);
    (0..count).map(line).collect()
}
