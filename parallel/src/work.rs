//! Work that workers pull: items are handed out under a lease, each gets one result, and what a dead worker held is given
//! to the next one at once.
//!
//! | who | has |
//! |---|---|
//! | the dispatcher, which hosts the work | a [`WorkQueue`] |
//! | a worker, which computes | [`pull`], or a [`Worker`] for its options |
//! | another program that brings items and collects their results | a [`WorkClient`] |
//!
//! A worker attends: one call of it is in flight as long as it lives. When its process or its connection dies, that call
//! ends, and its items go back to the head of the queue. A worker that is there but frozen loses them when its lease runs
//! out. A result that comes after that is refused, so each item has exactly one. An item that was lost
//! [`max_losses`](WorkLimits::max_losses) times is given up with [`WorkError::Lost`], and the rest goes on.

mod client;
pub mod contract;
mod desk;
mod ledger;
mod payload;
mod persist;
mod pull;
mod queue;

use std::time::Duration;

use farcall_client::ConnectError;
use farcall_shared::error::CallError;
use serde::{Deserialize, Serialize};

pub use client::WorkClient;
use contract::Refusal;
pub use pull::{Pulled, Worker, pull, pull_async};
pub use queue::WorkQueue;

/// The longest item and the longest result, encoded: 64 MiB.
pub const MAX_ITEM_BYTES: usize = 64 << 20;

/// The most items that one worker has at a time.
pub const MAX_AT_A_TIME: u32 = 1024;

/// The longest name of a worker, in bytes.
pub const MAX_WORKER_NAME_BYTES: usize = 256;

/// The most workers that attend one queue.
pub const MAX_WORKERS: usize = 10_000;

/// The most clients that one queue works for at a time.
pub const MAX_CLIENTS: usize = 10_000;

/// How long a client's items and results outlive its last sign of life.
pub const CLIENT_LEASE: Duration = Duration::from_secs(60);

/// What a queue bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkLimits {
    /// How long a worker that gives no sign of life keeps its items; 10 s unless set. One whose connection ends loses them
    /// at once.
    pub lease: Duration,
    /// The most items, waiting or in work, and results that nobody took yet; 65,536 unless set. Past it whoever brings
    /// items waits.
    pub max_items: usize,
    /// An item that so many workers lost is given up; 3 unless set.
    pub max_losses: u32,
}

impl Default for WorkLimits {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(10),
            max_items: 65_536,
            max_losses: 3,
        }
    }
}

/// Why an item has no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum WorkError {
    /// The worker's function gave an error.
    #[error("worker '{worker}' failed: {text}")]
    Failed {
        /// The worker.
        worker: String,
        /// The error.
        text: String,
    },
    /// The worker's function panicked.
    #[error("worker '{worker}' panicked: {text}")]
    Panicked {
        /// The worker.
        worker: String,
        /// What it said.
        text: String,
    },
    /// The worker could not read the item.
    #[error("worker '{worker}' cannot read the item: {text}")]
    Item {
        /// The worker.
        worker: String,
        /// What is wrong.
        text: String,
    },
    /// The result cannot be written or read.
    #[error("the result of worker '{worker}' cannot be written or read: {text}")]
    Result {
        /// The worker.
        worker: String,
        /// What is wrong.
        text: String,
    },
    /// It was lost too often: its workers died, or were silent for longer than their lease.
    #[error("{losses} workers were lost over it, the last one was '{worker}'")]
    Lost {
        /// How many.
        losses: u32,
        /// The last one.
        worker: String,
    },
}

/// Why an item was not accepted, a result not brought, or a worker ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The URI is malformed.
    #[error(transparent)]
    Uri(#[from] ConnectError),
    /// The work is of other types than this program's.
    #[error("{uri} has {what} of the type {theirs}, not {ours}")]
    Types {
        /// The queue.
        uri: String,
        /// `items` or `results`.
        what: &'static str,
        /// The type it has.
        theirs: String,
        /// The type that this program is for.
        ours: String,
    },
    /// The item cannot be written.
    #[error("the item cannot be encoded: {0}")]
    Unencodable(String),
    /// The queue refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The queue could not be called, for longer than patience lasts.
    #[error("cannot call the work")]
    Call(#[from] CallError),
}
