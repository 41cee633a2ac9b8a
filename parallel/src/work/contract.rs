//! What workers and clients say to a queue, for who wants to speak it without [`pull`](super::pull) and
//! [`WorkClient`](super::WorkClient).

use bytes::Bytes;
use farcall_shared::shape::Type;
use serde::{Deserialize, Serialize};

use super::{MAX_AT_A_TIME, MAX_CLIENTS, MAX_WORKER_NAME_BYTES, MAX_WORKERS, WorkError};

/// Names one hand-out of an item.
pub type LeaseId = u64;

/// Names the items of one client.
pub type JobId = u64;

/// What is worked at, and for how long a sign of life lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The type of the items.
    pub item: Type,
    /// The type of the results.
    pub result: Type,
    /// The lease of a worker that attends, in milliseconds.
    pub lease_ms: u64,
}

/// What a worker gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Taken {
    /// An item.
    Item {
        /// Its result is for this lease.
        lease: LeaseId,
        /// The item, in postcard.
        item: Bytes,
    },
    /// Nothing for now: ask again.
    Nothing,
    /// Nothing any more: all is done.
    Closed,
}

/// What became of an item that a client brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Put {
    /// It is there.
    Accepted,
    /// There was no room all the time: ask again.
    Full,
}

/// How an item ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The item, counted from 0 by whoever brought it.
    pub index: u64,
    /// The worker that had it last.
    pub worker: String,
    /// Its result in postcard, or why it has none.
    pub end: Result<Bytes, WorkError>,
}

/// Results of a job, as they came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Those from the position asked for on; empty when there were none for a while.
    pub outcomes: Vec<Outcome>,
    /// True when these are the last ones: the job is closed and all of it done.
    pub is_over: bool,
}

/// Why a queue refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The lease is over.
    #[error(
        "lease {lease} is over: it ran out, its worker was away, or its item has its result already"
    )]
    Over {
        /// The lease named.
        lease: LeaseId,
    },
    /// The worker was silent for too long.
    #[error("worker '{worker}' was silent for longer than its lease, and lost its items")]
    Lapsed {
        /// The worker.
        worker: String,
    },
    /// The queue does not know the job.
    #[error(
        "job {job:016x} is unknown: its client was away for too long, or the queue started anew"
    )]
    UnknownJob {
        /// The job named.
        job: JobId,
    },
    /// No items are accepted any more.
    #[error("the work is closed")]
    Closed,
    /// An item that is not the next one.
    #[error("item {index} of job {job:016x} does not follow item {last}")]
    Order {
        /// The job named.
        job: JobId,
        /// The item brought.
        index: u64,
        /// How many there are.
        last: u64,
    },
    /// Too many workers or clients.
    #[error("full: at most {MAX_WORKERS} workers and {MAX_CLIENTS} clients")]
    Full,
    /// A worker that cannot be.
    #[error(
        "a worker has a name of 1 to {MAX_WORKER_NAME_BYTES} bytes and up to {MAX_AT_A_TIME} items"
    )]
    Invalid,
}

/// Work to be pulled, as a remote object.
#[farcall_macros::remote(crate = farcall_shared)]
pub trait Work {
    /// What is worked at.
    #[idempotent]
    async fn terms(&self) -> Terms;

    /// A worker is there for as long as this call is in flight, and for one lease at most: before that it calls again, which
    /// ends the earlier call. When the call is cut or cancelled, its items are given back at once.
    #[idempotent]
    async fn attend(&self, worker: String) -> Result<(), Refusal>;

    /// An item for this place of a worker that attends; the same one as long as it is not finished. Waits for one.
    #[idempotent]
    async fn take(&self, worker: String, place: u32) -> Result<Taken, Refusal>;

    /// The end of an item, once for each lease.
    #[idempotent]
    async fn finish(&self, lease: LeaseId, end: Result<Bytes, WorkError>) -> Result<(), Refusal>;

    /// Makes a job, named by its client at random.
    #[idempotent]
    async fn open(&self, job: JobId) -> Result<(), Refusal>;

    /// The client of a job is there.
    #[idempotent]
    async fn keep(&self, job: JobId) -> Result<(), Refusal>;

    /// Brings the next item of a job. Waits for room.
    #[idempotent]
    async fn put(&self, job: JobId, index: u64, item: Bytes) -> Result<Put, Refusal>;

    /// The results of a job from a position on; those before it are forgotten. Waits for one.
    #[idempotent]
    async fn results(&self, job: JobId, from: u64) -> Result<Outcomes, Refusal>;

    /// A job gets no more items.
    #[idempotent]
    async fn close(&self, job: JobId) -> Result<(), Refusal>;

    /// Ends a job with all that is left of it.
    #[idempotent]
    async fn forget(&self, job: JobId);
}
