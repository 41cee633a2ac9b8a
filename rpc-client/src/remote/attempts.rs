//! The attempts of one call: how many there were, how much time is left, whether there is another.

use std::time::Duration;

use farcall_shared::error::CallError;
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

    /// Pauses before the next attempt, or gives the error when there is none.
    pub(super) async fn after(
        &mut self,
        remote: &Remote,
        method: &Selected,
        error: CallError,
    ) -> Result<(), CallError> {
        self.count = self.count.saturating_add(1);
        let idempotent = remote.is_idempotent(method);
        let most = match retry::decide(remote.retries, &error, idempotent, self.count) {
            Verdict::GiveUp => return Err(error),
            Verdict::Again(most) => most,
            Verdict::Elsewhere(most) => {
                *remote.shared.bound.write() = None;
                most
            }
        };
        let pause = retry::jittered(most);
        if self.left() <= pause {
            return Err(error);
        }
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }
}
