//! What happens in a pool, for who looks on.

use std::fmt;

/// What happened to a worker. Its `Display` is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A worker is ready and gets work.
    Ready {
        /// Its name.
        worker: String,
        /// The number of its process.
        pid: u32,
    },
    /// A worker ended although nobody asked it to; another takes its place.
    Lost {
        /// Its name.
        worker: String,
        /// How it ended.
        how: String,
    },
    /// A worker took as many calls as it may and ends after them; another takes its place.
    Spent {
        /// Its name.
        worker: String,
    },
    /// A worker that was to take another's place did not start; it is tried again.
    NotStarted {
        /// Its name.
        worker: String,
        /// Why, as one line.
        why: String,
    },
    /// No worker is left and none starts: the pool is at its end.
    GivenUp {
        /// Why the last one did not start, as one line.
        why: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { worker, pid } => write!(f, "{worker} is ready (process {pid})"),
            Self::Lost { worker, how } => {
                write!(f, "{worker} ended ({how}); another takes its place")
            }
            Self::Spent { worker } => write!(
                f,
                "{worker} took as many calls as it may; another takes its place"
            ),
            Self::NotStarted { worker, why } => write!(f, "{worker} did not start: {why}"),
            Self::GivenUp { why } => write!(f, "no worker is left and none starts: {why}"),
        }
    }
}
