//! Map-reduce over a fleet: combined, partitioned and reduced on the workers.
//!
//! [`MapReduce`] is the computation, which caller and workers share. A worker program hosts [`worker`]; the caller
//! has [`run`] send the inputs out in chunks. Each worker combines what a chunk gives, key by key, cuts it into partitions
//! by a hash of the key, and keeps it. Workers then fetch partitions from each other, reduce them, and merge what they
//! gave in a binary tree, until one output is left. Only that comes to the caller.
//!
//! What a lost worker had is made again by others, and every chunk counts once: a reducer is told which mapping of which
//! chunk to take. The workers keep all of it in memory, within [`WorkerLimits`], under a lease.

mod chunks;
mod compute;
mod contract;
mod error;
mod job;
mod loss;
mod plan;
mod report;
mod staff;
mod store;
mod worker;

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use farcall_client::Fleet;
use farcall_shared::object::Servant;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use contract::{
    BlockId, Chunk, Fault, Holdings, JobId, MAX_BLOCK_BYTES, MAX_PARTITIONS, MapReducer,
    MapReducerProxy, Reduced, Share, Source, WorkerProxy,
};
pub use error::{MapReduceError, Step};
pub use report::{PartitionReport, Report, WorkerReport};
pub use store::WorkerLimits;

/// How long workers keep the data of a job whose caller is gone, unless they are told otherwise: 30 s.
pub const DEFAULT_LEASE: Duration = Duration::from_secs(30);

/// How long one chunk, partition or merge may take, unless it is said otherwise: 10 min.
pub const DEFAULT_STEP_DEADLINE: Duration = Duration::from_secs(600);

/// A computation that maps inputs to keys and values, combines the values of each key, and merges what that gives.
///
/// All of it may run more than once and anywhere, so it should depend on its arguments alone. Values are combined and
/// outputs merged in the order of the inputs and of the partitions, so both need be associative only.
pub trait MapReduce: Send + Sync + 'static {
    /// What is mapped.
    type Input: Serialize + DeserializeOwned;
    /// What values are gathered by. Equal keys must be equal when encoded, too.
    type Key: Serialize + DeserializeOwned + Hash + Ord + Debug;
    /// What is gathered.
    type Value: Serialize + DeserializeOwned;
    /// What a partition gives, and in the end the whole.
    type Output: Serialize + DeserializeOwned;

    /// Gives keys and values for an input.
    fn map(&self, input: Self::Input, emit: &mut dyn FnMut(Self::Key, Self::Value));

    /// Adds a later value of a key to what there is: on the worker that maps, and again on the one that reduces.
    fn combine(&self, key: &Self::Key, so_far: &mut Self::Value, next: Self::Value);

    /// Makes the output of a partition, whose keys come in their order, each once. A partition may be empty.
    fn finish(&self, partition: impl Iterator<Item = (Self::Key, Self::Value)>) -> Self::Output;

    /// Makes one output of two that have no key in common.
    fn merge(&self, first: Self::Output, second: Self::Output) -> Self::Output;
}

/// How a job is cut and timed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Into how many partitions keys are spread, at most [`MAX_PARTITIONS`]. By default two for each worker that is known.
    pub partitions: Option<u32>,
    /// The most inputs of a chunk, which one call maps. By default what gives each worker 16 chunks, at most 1,024; and never
    /// more than 1 MiB of inputs unless one alone is longer.
    pub chunk_inputs: Option<usize>,
    /// How long workers keep the data of a job whose caller is gone. Default 30 s.
    pub lease: Duration,
    /// How long one chunk, partition or merge may take. Default 10 min.
    pub deadline: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            partitions: None,
            chunk_inputs: None,
            lease: DEFAULT_LEASE,
            deadline: DEFAULT_STEP_DEADLINE,
        }
    }
}

/// How far a step of a job has come; a step is begun again with what was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// Chunks, partitions or outputs that are done.
    pub done: u64,
    /// All of this step.
    pub total: u64,
}

impl Progress {
    fn of(step: Step, total: usize) -> Self {
        Self {
            step,
            done: 0,
            total: total as u64,
        }
    }
}

/// An object that works at jobs of this computation, for any number of callers.
pub fn worker<M: MapReduce>(computation: M) -> Servant {
    worker_with(computation, WorkerLimits::default())
}

/// As [`worker`], with bounds.
pub fn worker_with<M: MapReduce>(computation: M, limits: WorkerLimits) -> Servant {
    worker::Worker::new(computation, limits).serve()
}

/// Runs the computation over `inputs` on the workers of a fleet: the output, and how the work was spread.
///
/// Without inputs the output is what empty partitions give.
///
/// # Errors
/// Input for an input that cannot be mapped, Failed where another function of the computation fails, Full at a bound of a
/// worker, Workers when nobody answers for 10 s, Lost when workers are lost again and again.
///
/// # Cancel safety
/// Dropping the future cancels every call in flight; the workers free what they hold when its lease ends.
pub async fn run<M: MapReduce>(
    fleet: &Fleet<WorkerProxy>,
    inputs: impl IntoIterator<Item = M::Input>,
) -> Result<(M::Output, Report), MapReduceError> {
    run_with::<M>(fleet, inputs, &Settings::default(), |_| {}).await
}

/// As [`run`], with settings, telling how far it has come.
///
/// # Errors
/// As [`run`], and Partitions.
///
/// # Cancel safety
/// As [`run`].
pub async fn run_with<M: MapReduce>(
    fleet: &Fleet<WorkerProxy>,
    inputs: impl IntoIterator<Item = M::Input>,
    settings: &Settings,
    progress: impl FnMut(&Progress),
) -> Result<(M::Output, Report), MapReduceError> {
    job::run::<M, _>(fleet, inputs, settings, progress).await
}
