//! What a stream is made of where its items are.

use std::fmt::Display;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;

use crate::descriptor::Runs;
use crate::wire::status::{Refusal, Status};

/// Values that come one after the other.
pub(super) trait Values<T>: Send {
    /// The next value; `None` is the end, an error a premature one.
    fn poll_value(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Refusal>>>;

    /// Gives values to `put` for as long as that wants more: `Ok` then. `None` is the end, an error a premature one.
    fn poll_values(&mut self, cx: &mut Context<'_>, put: &mut Put<'_, T>) -> Poll<Ended> {
        loop {
            match std::task::ready!(self.poll_value(cx)) {
                Some(Ok(value)) => match put(value) {
                    Ok(true) => {}
                    full => return Poll::Ready(Some(full.map(drop))),
                },
                Some(Err(refusal)) => return Poll::Ready(Some(Err(refusal))),
                None => return Poll::Ready(None),
            }
        }
    }

    /// Where it is polled.
    fn runs(&self) -> Runs {
        Runs::Async
    }
}

/// Takes a value; true when it takes another one.
pub(super) type Put<'a, T> = dyn FnMut(T) -> Result<bool, Refusal> + 'a;

/// How far values came; see [`Values::poll_values`].
pub(super) type Ended = Option<Result<(), Refusal>>;

/// Those of a stream that cannot fail.
pub(super) struct Plain<S>(pub(super) Pin<Box<S>>);

impl<S: Stream + Send> Values<S::Item> for Plain<S> {
    fn poll_value(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<S::Item, Refusal>>> {
        self.0.as_mut().poll_next(cx).map(|item| item.map(Ok))
    }
}

/// Those of a stream that may fail.
pub(super) struct Fallible<S>(pub(super) Pin<Box<S>>);

impl<T, E: Display, S: Stream<Item = Result<T, E>> + Send> Values<T> for Fallible<S> {
    fn poll_value(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Refusal>>> {
        self.0.as_mut().poll_next(cx).map(|item| {
            item.map(|item| item.map_err(|e| Refusal::new(Status::Error, e.to_string())))
        })
    }
}

/// Those of an iterator, which computes.
pub(super) struct Iterated<I>(pub(super) I);

impl<I: Iterator + Send> Values<I::Item> for Iterated<I> {
    fn poll_value(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<I::Item, Refusal>>> {
        Poll::Ready(self.0.next().map(Ok))
    }

    fn runs(&self) -> Runs {
        Runs::Compute
    }
}
