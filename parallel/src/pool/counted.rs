//! An object that takes a number of calls and no more, and knows when the last of them is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use farcall_shared::descriptor::Descriptor;
use farcall_shared::object::{Object, Request, Scratch, Servant, Started};
use farcall_shared::wire::status::{Refusal, Status};
use tokio_util::sync::CancellationToken;

/// A worker's object.
pub(super) struct Counted {
    object: Servant,
    count: Arc<Count>,
}

/// How many calls it may still take, and how long those that it took may last.
#[derive(Debug)]
pub(super) struct Count {
    left: AtomicU64,
    /// Set once none is left.
    pub(super) spent: CancellationToken,
    born: Instant,
    /// The latest deadline of a call, in milliseconds after the birth.
    latest_ms: AtomicU64,
}

impl Counted {
    pub(super) fn new(object: Servant, count: Arc<Count>) -> Self {
        Self { object, count }
    }
}

impl Object for Counted {
    fn descriptor(&self) -> &Descriptor {
        self.object.object().descriptor()
    }

    fn start(&self, request: Request<'_>, scratch: &mut Scratch<'_>) -> Started {
        if !self.count.take(request.deadline()) {
            let text = "this worker has taken as many calls as it may";
            return Started::Done(Err(Refusal::new(Status::Draining, text)));
        }
        self.object.object().start(request, scratch)
    }
}

impl Count {
    pub(super) fn new(most: u64) -> Self {
        Self {
            left: AtomicU64::new(most),
            spent: CancellationToken::new(),
            born: Instant::now(),
            latest_ms: AtomicU64::new(0),
        }
    }

    /// Takes one call; false when there is none to take.
    fn take(&self, deadline: Instant) -> bool {
        let one_less = |left: u64| left.checked_sub(1);
        let Ok(before) = (self.left).fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
        else {
            return false;
        };
        let latest = deadline.saturating_duration_since(self.born).as_millis();
        let latest = u64::try_from(latest).unwrap_or(u64::MAX);
        self.latest_ms.fetch_max(latest, Ordering::Relaxed);
        if before == 1 {
            self.spent.cancel();
        }
        true
    }

    /// How long the calls that it took may still last.
    pub(super) fn remaining(&self) -> Duration {
        let latest = Duration::from_millis(self.latest_ms.load(Ordering::Relaxed));
        latest.saturating_sub(self.born.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_so_many_and_no_more() {
        let count = Count::new(3);
        let now = Instant::now();
        assert_eq!(
            [0; 5].map(|_| count.take(now)),
            [true, true, true, false, false]
        );
        assert!(count.spent.is_cancelled());
    }

    #[test]
    fn it_may_last_as_long_as_the_latest_deadline() {
        let count = Count::new(9);
        assert_eq!(count.remaining(), Duration::ZERO);
        let (minute, now) = (Duration::from_secs(60), Instant::now());
        count.take(now + minute);
        count.take(now);
        assert!(count.remaining() > minute / 2 && count.remaining() <= minute);
    }
}
