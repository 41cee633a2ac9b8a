//! One item on its way through a fleet.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::JoinHandle;

use super::FleetError;

/// The result of an item that was submitted, when awaited. Dropping it cancels the item's call.
#[derive(Debug)]
#[must_use = "dropping it cancels the call"]
pub struct Submitted<R>(JoinHandle<Result<R, FleetError>>);

impl<R: Send + 'static> Submitted<R> {
    pub(super) fn new(task: JoinHandle<Result<R, FleetError>>) -> Self {
        Self(task)
    }

    /// True once there is a result, or it was cancelled.
    pub fn is_done(&self) -> bool {
        self.0.is_finished()
    }

    /// Cancels the item's call, unless it ended; awaited, it then gives [`FleetError::Cancelled`].
    pub fn cancel(&self) {
        self.0.abort();
    }
}

impl<R> Future for Submitted<R> {
    type Output = Result<R, FleetError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|ended| match ended {
            Ok(end) => end,
            // A closure of the caller's that panicked does so here.
            Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
            Err(_) => Err(FleetError::Cancelled),
        })
    }
}

impl<R> Drop for Submitted<R> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
