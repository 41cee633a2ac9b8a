//! What caller and workers say to each other, and workers among themselves: bytes and where they are.

use bytes::Bytes;
use farcall_client::{Proxy, Remote};
use farcall_shared::descriptor::Descriptor;
use serde::{Deserialize, Serialize};

/// The longest block, and the longest input, in bytes: one message holds it.
pub const MAX_BLOCK_BYTES: usize = 64 << 20;

/// The most partitions of a job.
pub const MAX_PARTITIONS: u32 = 4_096;

/// Names a job; drawn at random by its caller.
pub type JobId = u64;

/// Names one block of data: what one mapping of a chunk gave for one partition, or what a partition or a merge gave.
///
/// No two blocks share one, wherever they are, so it tells one attempt from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlockId {
    /// Drawn at random by the worker that made it.
    pub worker: u64,
    /// Counted by that worker.
    pub number: u64,
}

/// Blocks, and the worker that has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Where the worker is.
    pub uri: String,
    /// What to take from it.
    pub blocks: Vec<BlockId>,
}

/// A part of the inputs, mapped as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The position of its first input.
    pub first: u64,
    /// Its inputs, each encoded on its own.
    pub inputs: Vec<Bytes>,
}

/// What a chunk gave for one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The block; none where no key fell into the partition.
    pub block: Option<BlockId>,
    /// Values that were emitted, before they were combined.
    pub values: u64,
    /// Keys.
    pub keys: u64,
    /// Bytes of the block.
    pub bytes: u64,
}

/// What a partition gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reduced {
    /// The output.
    pub block: BlockId,
    /// Different keys.
    pub keys: u64,
    /// The key with the most values, as its `Debug` shows it, and how many there were.
    pub heaviest: Option<(String, u64)>,
}

/// What a worker holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holdings {
    /// Jobs.
    pub jobs: u64,
    /// Blocks of all jobs.
    pub blocks: u64,
    /// Bytes of all blocks.
    pub bytes: u64,
}

/// Why a worker could not do a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// An input could not be read, or mapping it panicked.
    #[error("input {input} cannot be mapped: {why}")]
    Input {
        /// Its position, counted from 0.
        input: u64,
        /// What happened.
        why: String,
    },
    /// A block or job is not, or no longer, here.
    #[error("{what} is not here: its lease ended, or it never was")]
    Missing {
        /// Which.
        what: String,
    },
    /// Another worker no longer has what was to be fetched from it.
    #[error("{uri} no longer has the data: {why}")]
    Gone {
        /// The other worker.
        uri: String,
        /// What it said.
        why: String,
    },
    /// Another worker does not answer.
    #[error("{uri} cannot be reached from here: {why}")]
    Unreachable {
        /// The other worker.
        uri: String,
        /// How the call ended.
        why: String,
    },
    /// A bound was reached.
    #[error("{what}")]
    Full {
        /// Which, and by what.
        what: String,
    },
    /// What was asked for cannot be done by anybody.
    #[error("{what}")]
    Malformed {
        /// What is wrong.
        what: String,
    },
}

/// A worker of map-reduce jobs, as a remote object.
#[farcall_macros::remote(crate = farcall_shared)]
pub trait MapReducer {
    /// Opens a job, or renews its lease of `lease_ms` milliseconds (at most 1 h); `types` is the signature of the
    /// caller's types.
    #[idempotent]
    async fn renew(&self, job: JobId, types: u64, lease_ms: u64) -> Result<(), Fault>;

    /// Maps a chunk, combines what it gives, and keeps it as a block for each partition.
    #[idempotent]
    fn map(&self, job: JobId, chunk: Chunk, partitions: u32) -> Result<Vec<Share>, Fault>;

    /// Fetches blocks from other workers, and keeps them.
    #[idempotent]
    async fn collect(&self, job: JobId, sources: Vec<Source>) -> Result<(), Fault>;

    /// Reduces the blocks of a partition, all of them here, in their order.
    #[idempotent]
    fn reduce(&self, job: JobId, blocks: Vec<BlockId>) -> Result<Reduced, Fault>;

    /// Merges two outputs, both of them here; gives the output of both.
    #[idempotent]
    fn merge(&self, job: JobId, first: BlockId, second: BlockId) -> Result<BlockId, Fault>;

    /// A block that is here.
    #[idempotent]
    async fn fetch(&self, job: JobId, block: BlockId) -> Result<Bytes, Fault>;

    /// Frees all that is held for a job.
    #[idempotent]
    async fn forget(&self, job: JobId);

    /// How much is held.
    #[idempotent]
    async fn holdings(&self) -> Holdings;
}

/// A typed proxy for a worker of map-reduce jobs.
pub type WorkerProxy = MapReducerProxy<Remote>;

impl Proxy for WorkerProxy {
    fn descriptor() -> &'static Descriptor {
        Self::descriptor()
    }

    fn from_remote(remote: Remote) -> Self {
        Self::over(remote)
    }

    fn remote(&self) -> &Remote {
        &self.0
    }
}
