//! A stream that may borrow from its object: a future that yields.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt};
use parking_lot::Mutex;

use super::local::Values;
use crate::descriptor::Runs;
use crate::wire::status::Refusal;

/// Takes what a stream's future yields.
#[derive(Debug)]
pub struct Yielder<T>(Arc<Mutex<Option<T>>>);

/// A future, and what it yielded last.
pub(super) struct Generator<T, F> {
    runs: Runs,
    /// Gone at its end.
    future: Option<Pin<Box<F>>>,
    yielded: Arc<Mutex<Option<T>>>,
}

impl<T, F> Generator<T, F> {
    pub(super) fn new<O>(
        runs: Runs,
        object: Arc<O>,
        run: impl FnOnce(Arc<O>, Yielder<T>) -> F,
    ) -> Self {
        let yielded = Arc::new(Mutex::new(None));
        let future = run(object, Yielder(Arc::clone(&yielded)));
        Self {
            runs,
            future: Some(Box::pin(future)),
            yielded,
        }
    }
}

impl<T> Yielder<T> {
    /// Yields all items of a stream.
    pub async fn stream(self, items: impl Stream<Item = T>) {
        let mut items = std::pin::pin!(items);
        while let Some(item) = items.next().await {
            self.put(item).await;
        }
    }

    /// Yields all items of an iterator.
    pub async fn iter(self, items: impl Iterator<Item = T>) {
        for item in items {
            self.put(item).await;
        }
    }

    /// Yields one item: pending once, for whoever polls to take it.
    async fn put(&self, item: T) {
        *self.0.lock() = Some(item);
        let mut is_taken = false;
        std::future::poll_fn(|_| match std::mem::replace(&mut is_taken, true) {
            false => Poll::Pending,
            true => Poll::Ready(()),
        })
        .await;
    }
}

impl<T: Send, F: Future<Output = ()> + Send> Values<T> for Generator<T, F> {
    fn poll_value(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Refusal>>> {
        let Some(future) = &mut self.future else {
            return Poll::Ready(None);
        };
        let polled = future.as_mut().poll(cx);
        if let Some(item) = self.yielded.lock().take() {
            if polled.is_ready() {
                self.future = None;
            }
            return Poll::Ready(Some(Ok(item)));
        }
        match polled {
            Poll::Ready(()) => {
                self.future = None;
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn runs(&self) -> Runs {
        self.runs
    }
}
