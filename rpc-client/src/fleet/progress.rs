//! How far a job has come.

use std::sync::Arc;
use std::time::{Duration, Instant};

use farcall_shared::error::CallError;

use super::FleetError;

/// How far a job has come, or how it ended.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Items with a result.
    pub ok: u64,
    /// Items whose call failed, was refused for good, or was given up.
    pub failed: u64,
    /// Items whose call may have run, and may not be repeated.
    pub unknown: u64,
    /// All items, where that is known before they were pulled.
    pub total: Option<u64>,
    /// Items that were sent to another member because the first one could not end them.
    pub retried: u64,
    /// Items that were sent a second time because the first call was late.
    pub hedged: u64,
    /// What each member did of it.
    pub shares: Vec<Share>,
    /// The first few errors, with the member's name.
    pub errors: Vec<String>,
    pub(super) began: Instant,
}

/// What one member did of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Its name.
    pub member: Arc<str>,
    /// Items it finished.
    pub ok: u64,
    /// Items whose call failed there, those that others finished included.
    pub failed: u64,
}

/// How many errors are kept for the report.
const MAX_ERRORS: usize = 10;

impl Progress {
    pub(super) fn new(total: Option<u64>) -> Self {
        Self {
            ok: 0,
            failed: 0,
            unknown: 0,
            total,
            retried: 0,
            hedged: 0,
            shares: Vec::new(),
            errors: Vec::new(),
            began: Instant::now(),
        }
    }

    /// Items that are over, with a result or without.
    pub fn done(&self) -> u64 {
        self.ok + self.failed + self.unknown
    }

    /// How long the job has been running.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Items per second since the job began.
    pub fn rate(&self) -> f64 {
        self.done() as f64 / self.elapsed().as_secs_f64().max(1e-9)
    }

    /// How long the rest takes at that rate; `None` while nothing is done or where the number of items is not known.
    pub fn eta(&self) -> Option<Duration> {
        let left = self.total?.saturating_sub(self.done()) as f64;
        let seconds = left / self.rate();
        (self.done() > 0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }

    pub(super) fn share(&mut self, member: &Arc<str>) -> &mut Share {
        let known = self.shares.iter().position(|share| share.member == *member);
        let place = known.unwrap_or_else(|| {
            self.shares.push(Share {
                member: Arc::clone(member),
                ok: 0,
                failed: 0,
            });
            self.shares.len() - 1
        });
        &mut self.shares[place]
    }

    pub(super) fn count(&mut self, error: &FleetError) {
        match error {
            FleetError::Item {
                error: CallError::Unknown { .. },
                ..
            } => self.unknown += 1,
            _ => self.failed += 1,
        }
    }

    pub(super) fn note_error(&mut self, member: &str, error: &dyn std::fmt::Display) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(format!("{member}: {error}"));
        }
    }
}
