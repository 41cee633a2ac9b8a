//! A future that is a part of a call wherever it is polled.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use super::{Context, run_in};

/// A future that is a part of a call: its context is current whenever the future is polled, and when it is dropped.
pub struct Scoped<F> {
    /// Gone after a panic.
    context: Option<Context>,
    /// Taken when it is over.
    future: Option<F>,
}

impl<F> Scoped<F> {
    pub(crate) fn new(context: Context, future: F) -> Self {
        Self {
            context: Some(context),
            future: Some(future),
        }
    }
}

impl<F: Future + Unpin> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let Self { context, future } = &mut *self;
        run_in(context, || {
            let Some(running) = future else {
                return Poll::Pending;
            };
            let polled = Pin::new(running).poll(cx);
            if polled.is_ready() {
                *future = None;
            }
            polled
        })
    }
}

impl<F> Unpin for Scoped<F> {}

impl<F> Drop for Scoped<F> {
    fn drop(&mut self) {
        let future = self.future.take();
        run_in(&mut self.context, || drop(future));
    }
}

impl<F> fmt::Debug for Scoped<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scoped").field(&self.context).finish()
    }
}
