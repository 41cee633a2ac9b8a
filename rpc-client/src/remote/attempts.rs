//! The attempts of one call: how many there were, how much time is left, whether there is another.

use std::time::Duration;

use farcall_shared::error::CallError;
use farcall_shared::link::Bound;
use tokio::time::Instant;

use super::{Remote, Selected};
use crate::retry::{self, Verdict};

/// The attempts of one call.
pub(super) struct Attempts {
    count: u32,
    pub(super) end: Instant,
}

impl Attempts {
    pub(super) fn new(deadline: Duration, began: Instant) -> Self {
        // Longer than any deadline that is honoured, and far from overflow.
        let capped = deadline.min(Duration::from_secs(365 * 24 * 3600));
        Self {
            count: 0,
            end: began + capped,
        }
    }

    pub(super) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Pauses before the next attempt over another binding than `bound` if need be, or gives the error when there is none.
    pub(super) async fn after(
        &mut self,
        remote: &Remote,
        method: &Selected,
        bound: Option<&Bound>,
        error: CallError,
    ) -> Result<(), CallError> {
        if remote.shared().is_lost() {
            return Err(error);
        }
        self.count = self.count.saturating_add(1);
        let idempotent = remote.is_idempotent(method);
        let verdict = retry::decide(remote.retries, &error, idempotent, self.count);
        let pause = match verdict {
            Verdict::GiveUp => return Err(error),
            Verdict::Again(most) | Verdict::Elsewhere(most) => retry::jittered(most),
        };
        if self.left() <= pause {
            return Err(error);
        }
        if let (Verdict::Elsewhere(_), Some(bound)) = (verdict, bound) {
            remote.shared().forget(bound);
        }
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }
}
