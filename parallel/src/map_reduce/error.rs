//! Why a job has no result, by who is to blame.

use std::fmt;

use farcall_client::FleetError;

/// A step of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Mapping a chunk.
    Map,
    /// Reducing a partition.
    Reduce,
    /// Merging two outputs, or getting the last one.
    Merge,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Map => "map",
            Self::Reduce => "reduce",
            Self::Merge => "merge",
        })
    }
}

/// Why a job has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MapReduceError {
    /// An input cannot be sent or read, or mapping it panicked.
    #[error("input {index} cannot be mapped: {why}")]
    Input {
        /// Its position, counted from 0.
        index: u64,
        /// What happened.
        why: String,
    },
    /// A step failed in a way that would be the same elsewhere: the computation panicked, types differ.
    #[error("the {step} step failed at {worker}: {why}")]
    Failed {
        /// The step.
        step: Step,
        /// The worker.
        worker: String,
        /// What happened.
        why: String,
    },
    /// A bound was reached.
    #[error("the {step} step is too large for {worker}: {why}")]
    Full {
        /// The step.
        step: Step,
        /// The worker.
        worker: String,
        /// Which bound, and by what.
        why: String,
    },
    /// Workers were lost again and again.
    #[error("given up after {rounds} rounds, in the {step} step: {worker} was lost: {why}")]
    Lost {
        /// How often what was lost was made again.
        rounds: u32,
        /// The step in which the last worker was lost.
        step: Step,
        /// That worker.
        worker: String,
        /// How it was noticed.
        why: String,
    },
    /// Nobody works, or a call ended in a way that is not worth another try.
    #[error("the {step} step cannot be done")]
    Workers {
        /// The step.
        step: Step,
        /// What the fleet says.
        #[source]
        source: FleetError,
    },
    /// More partitions than there may be.
    #[error("{asked} partitions were asked for: there may be 1 to {most}")]
    Partitions {
        /// How many were asked for.
        asked: u32,
        /// The most.
        most: u32,
    },
    /// The result cannot be read as the caller's type.
    #[error("the output cannot be read: {why}")]
    Output {
        /// What is wrong with it.
        why: String,
    },
}
