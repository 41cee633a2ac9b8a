//! Whether a call is still wanted, for whoever computes its result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::Connection;

/// Tells whether a call is still wanted. Clones are the same.
///
/// # Examples
/// ```
/// use farcall_shared::context::Context;
///
/// fn grind(rounds: u64) -> u64 {
///     let cancellation = Context::current().map(|call| call.cancellation());
///     let wanted = || cancellation.as_ref().is_none_or(|c| !c.is_cancelled());
///     (0..rounds).take_while(|round| round % 1_000 != 0 || wanted()).sum()
/// }
/// assert_eq!(grind(4), 6);
/// ```
#[derive(Clone, Debug)]
pub struct Cancellation(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stopped: AtomicBool,
    until: Until,
}

/// What ends it by itself.
#[derive(Debug)]
enum Until {
    Deadline(Instant),
    /// The end of the connection.
    End(Arc<Connection>),
}

impl Cancellation {
    pub(crate) fn new(deadline: Instant) -> Self {
        Self::until(Until::Deadline(deadline))
    }

    pub(super) fn of_stream(connection: Arc<Connection>) -> Self {
        Self::until(Until::End(connection))
    }

    fn until(until: Until) -> Self {
        Self(Arc::new(Inner {
            stopped: AtomicBool::new(false),
            until,
        }))
    }

    /// True once nobody waits for the result; see [`Context::is_cancelled`](super::Context::is_cancelled).
    ///
    /// It reads the clock, some 30 ns: a loop of shorter rounds asks every hundredth or so.
    pub fn is_cancelled(&self) -> bool {
        let is_over = || match &self.0.until {
            Until::Deadline(deadline) => Instant::now() >= *deadline,
            Until::End(connection) => connection.has_ended(),
        };
        self.is_stopped() || is_over()
    }

    /// The call is not wanted any more.
    pub(crate) fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }

    /// True once it was stopped, whatever the time.
    pub(crate) fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }
}
