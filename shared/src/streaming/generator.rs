//! A stream that may borrow from its object: a future that yields.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use parking_lot::Mutex;

use super::local::{Ended, Put, Values};
use crate::descriptor::Runs;
use crate::wire::status::Refusal;

/// How many values a stream may be ahead of whoever takes them, where they own nothing: taking each by itself costs more than
/// making it. Others are made one by one, since nothing says how large they are.
const AHEAD: usize = 64;

/// Takes what a stream's future yields.
#[derive(Debug)]
pub struct Yielder<T>(Arc<Mutex<Yielded<T>>>);

/// Values between the future and whoever takes them.
#[derive(Debug)]
struct Yielded<T> {
    values: VecDeque<T>,
    /// How many there may be.
    most: usize,
}

/// A future, and what it yielded last.
pub(super) struct Generator<T, F> {
    runs: Runs,
    /// Gone at its end.
    future: Option<Pin<Box<F>>>,
    yielded: Arc<Mutex<Yielded<T>>>,
    /// Those that are about to be taken.
    values: VecDeque<T>,
}

impl<T, F> Generator<T, F> {
    pub(super) fn new<O>(
        runs: Runs,
        object: Arc<O>,
        run: impl FnOnce(Arc<O>, Yielder<T>) -> F,
    ) -> Self {
        let most = match runs {
            Runs::Async if !std::mem::needs_drop::<T>() => AHEAD,
            // What computes may wait for ever inside of its next value.
            _ => 1,
        };
        let values = VecDeque::new();
        let yielded = Arc::new(Mutex::new(Yielded { values, most }));
        let future = run(object, Yielder(Arc::clone(&yielded)));
        Self {
            runs,
            future: Some(Box::pin(future)),
            yielded,
            values: VecDeque::new(),
        }
    }
}

impl<T> Yielder<T> {
    /// Yields all items of a stream.
    pub async fn stream(self, items: impl Stream<Item = T>) {
        let mut items = std::pin::pin!(items);
        self.yield_all(|cx| items.as_mut().poll_next(cx)).await;
    }

    /// Yields all items of an iterator.
    pub async fn iter(self, mut items: impl Iterator<Item = T>) {
        self.yield_all(|_| Poll::Ready(items.next())).await;
    }

    /// Yields as many items as there may be, and is polled again when those are taken.
    async fn yield_all(self, mut next: impl FnMut(&mut Context<'_>) -> Poll<Option<T>>) {
        poll_fn(|cx| {
            let mut yielded = self.0.lock();
            while yielded.values.len() < yielded.most {
                match next(cx) {
                    Poll::Ready(Some(item)) => yielded.values.push_back(item),
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Pending
        })
        .await;
    }
}

impl<T, F: Future<Output = ()>> Generator<T, F> {
    /// Has the future yield, if there is nothing to take.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        if !self.values.is_empty() {
            return Poll::Ready(Some(()));
        }
        let Some(future) = &mut self.future else {
            return Poll::Ready(None);
        };
        let polled = future.as_mut().poll(cx);
        std::mem::swap(&mut self.yielded.lock().values, &mut self.values);
        if polled.is_ready() {
            self.future = None;
        }
        match self.values.is_empty() {
            true => polled.map(|()| None),
            false => Poll::Ready(Some(())),
        }
    }
}

impl<T: Send, F: Future<Output = ()> + Send> Values<T> for Generator<T, F> {
    fn poll_value(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Refusal>>> {
        let more = std::task::ready!(self.poll_more(cx));
        Poll::Ready(more.and_then(|()| self.values.pop_front().map(Ok)))
    }

    fn poll_values(&mut self, cx: &mut Context<'_>, put: &mut Put<'_, T>) -> Poll<Ended> {
        while let Some(()) = std::task::ready!(self.poll_more(cx)) {
            while let Some(value) = self.values.pop_front() {
                match put(value) {
                    Ok(true) => {}
                    full => return Poll::Ready(Some(full.map(drop))),
                }
            }
        }
        Poll::Ready(None)
    }

    fn runs(&self) -> Runs {
        self.runs
    }
}
