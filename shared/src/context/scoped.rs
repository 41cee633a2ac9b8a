//! A future that is a part of a call wherever it is polled.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use super::{Context, here};

/// A future that is a part of a call: its context is current whenever the future is polled, and when it is dropped.
pub struct Scoped<F> {
    context: Context,
    /// Taken when it is over.
    future: Option<F>,
}

impl<F> Scoped<F> {
    pub(crate) fn new(context: Context, future: F) -> Self {
        Self {
            context,
            future: Some(future),
        }
    }
}

impl<F: Future + Unpin> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let Some(future) = &mut this.future else {
            return Poll::Pending;
        };
        let _here = here::resume(this.context.clone());
        let polled = Pin::new(future).poll(cx);
        if polled.is_ready() {
            this.future = None;
        }
        polled
    }
}

impl<F> Unpin for Scoped<F> {}

impl<F> Drop for Scoped<F> {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            let _here = here::resume(self.context.clone());
            drop(future);
        }
    }
}

impl<F> fmt::Debug for Scoped<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scoped").field(&self.context).finish()
    }
}
