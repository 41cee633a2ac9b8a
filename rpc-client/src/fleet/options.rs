//! How a fleet treats its jobs.

use std::sync::Arc;
use std::time::Duration;

use super::balance::{Balance, PowerOfTwo};

/// How long a job waits while no member answers.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What can be set.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) balance: Arc<dyn Balance>,
    /// Of a whole job.
    pub(super) deadline: Option<Duration>,
    pub(super) patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            balance: Arc::new(PowerOfTwo),
            deadline: None,
            patience: PATIENCE,
        }
    }
}
