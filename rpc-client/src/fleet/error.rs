//! Why a fleet could not be found, or a job of it not be finished.

use std::time::Duration;

use farcall_shared::error::CallError;
use farcall_shared::uri::UriError;

use crate::blocking::StartError;
use crate::resolve::ResolveError;

/// Why a fleet could not be found or could not finish.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// The URI is malformed.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// It names one object, not many.
    #[error("'{0}' names one object; a fleet is found by farname:PATTERN or farmeta:TAG,TAG")]
    NoPattern(String),
    /// The name service could not say.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Nobody is there, or nobody answers.
    #[error("no member answers: '{looked_for}' leads to {known}{}{}", at(.names), after(.last))]
    Empty {
        /// What was looked for.
        looked_for: String,
        /// How many members are known by name.
        known: usize,
        /// The name service that was asked, if one was.
        names: Option<String>,
        /// The last call that failed.
        last: Option<String>,
    },
    /// A submitted item was cancelled, or the process is shutting down.
    #[error("the submitted item was cancelled")]
    Cancelled,
    /// A list of members has one that may lead to many objects.
    #[error("'{0}' may lead to many objects; Fleet::find takes it")]
    Pattern(String),
    /// The job took too long.
    #[error("the job's deadline of {deadline:?} was over when {done} items were done{}", of(.total))]
    Deadline {
        /// The deadline.
        deadline: Duration,
        /// Items that were over.
        done: u64,
        /// All items, if that is known.
        total: Option<u64>,
    },
    /// Too few members came in time.
    #[error("{known} of {wanted} members came within {within:?}: '{looked_for}'{}", at(.names))]
    TooFew {
        /// What was looked for.
        looked_for: String,
        /// How many members were wanted.
        wanted: usize,
        /// How many there are.
        known: usize,
        /// How long was waited.
        within: Duration,
        /// The name service that was asked, if one was.
        names: Option<String>,
    },
    /// Too few members gave a value.
    #[error("{wanted} values were wanted of {members} members of '{looked_for}', {failed} failed{}", after(.last))]
    Quorum {
        /// What was looked for.
        looked_for: String,
        /// How many values were wanted.
        wanted: usize,
        /// How many members were asked.
        members: usize,
        /// How many of them failed, when too few were left.
        failed: usize,
        /// The last one, by name, and how its call ended.
        last: Option<String>,
    },
    /// An item's call ended without a value, and may not or need not be sent elsewhere.
    #[error("item {index} has no result")]
    Item {
        /// The item, counted from 0.
        index: usize,
        /// How its call ended.
        #[source]
        error: CallError,
    },
    /// An item could not be finished by anybody.
    #[error("item {index} was given up after {attempts} attempts")]
    GivenUp {
        /// The item, counted from 0.
        index: usize,
        /// How often it was tried.
        attempts: u32,
        /// How the last one ended.
        #[source]
        error: CallError,
    },
    /// There is no runtime for a [`blocking::Fleet`](crate::blocking::Fleet).
    #[error(transparent)]
    Start(#[from] StartError),
}

fn at(names: &Option<String>) -> String {
    let at = |names| format!(" at the name service {names}");
    names.as_ref().map(at).unwrap_or_default()
}

fn of(total: &Option<u64>) -> String {
    let of = |total| format!(" of {total}");
    total.map(of).unwrap_or_default()
}

fn after(last: &Option<String>) -> String {
    last.as_ref()
        .map(|text| format!("; last: {text}"))
        .unwrap_or_default()
}
