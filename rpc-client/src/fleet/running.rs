//! The calls of a chunk of items while they run.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use farcall_shared::error::CallError;

use crate::remote::{Chunk, Remote};

/// Runs the futures of a chunk of items: first all of them up to their calls, then the calls in one message, then all to
/// their ends. Futures that do not end there are run on, each on its own.
pub(super) struct Running<Fut, R> {
    id: usize,
    chunk: Arc<Chunk>,
    remote: Remote,
    futures: Places<Fut>,
    left: usize,
    /// Futures that made one call each so far, which was gathered: its number, and the future's place.
    only_calls: Vec<(u32, usize)>,
    ends: Ends<R>,
    stage: Stage,
}

enum Stage {
    Begins,
    Sends(Pin<Box<dyn Future<Output = ()> + Send>>),
    Sent,
}

/// Where futures are: each in memory of its own, that is used again for the next one.
pub(super) type Places<Fut> = Vec<Pin<Box<Option<Fut>>>>;

/// How items ended, by place in the chunk; those that are in neither list were given up. Apart, because errors are large and
/// rare.
pub(super) struct Ends<R> {
    pub(super) values: Vec<(usize, R)>,
    pub(super) errors: Vec<(usize, CallError)>,
}

impl<R> Ends<R> {
    #[inline]
    fn note(&mut self, place: usize, result: Result<R, CallError>) {
        match result {
            Ok(value) => self.values.push((place, value)),
            Err(error) => self.errors.push((place, error)),
        }
    }
}

/// A chunk that ended.
pub(super) struct Ended<Fut, R> {
    pub(super) id: usize,
    /// Empty.
    pub(super) places: Places<Fut>,
    pub(super) ends: Ends<R>,
    pub(super) whole: Whole,
}

/// Whether the message with the gathered calls ended the items' futures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// Each future was one call.
    Yes,
    /// Some went on.
    No,
}

impl<Fut, R> Running<Fut, R> {
    pub(super) fn new(id: usize, chunk: Arc<Chunk>, remote: Remote, futures: Places<Fut>) -> Self {
        Self {
            id,
            chunk,
            remote,
            left: futures.len(),
            only_calls: Vec::new(),
            ends: Ends {
                values: Vec::with_capacity(futures.len()),
                errors: Vec::new(),
            },
            futures,
            stage: Stage::Begins,
        }
    }
}

/// Nothing in it is pinned but what boxes hold.
impl<Fut, R> Unpin for Running<Fut, R> {}

/// Tasks that an item's future spawned may still wait for the gathered calls.
impl<Fut, R> Drop for Running<Fut, R> {
    fn drop(&mut self) {
        let target = || Arc::clone(self.remote.label());
        self.chunk.abandon(target);
    }
}

impl<R, Fut: Future<Output = Result<R, CallError>>> Running<Fut, R> {
    fn poll_futures(&mut self, cx: &mut Context<'_>) {
        for (place, future) in self.futures.iter_mut().enumerate() {
            let Some(running) = future.as_mut().as_pin_mut() else {
                continue;
            };
            if let Poll::Ready(result) = running.poll(cx) {
                future.set(None);
                self.left -= 1;
                self.ends.note(place, result);
            }
        }
    }

    /// Polls futures up to their calls, which are gathered.
    fn begin(&mut self, cx: &mut Context<'_>) {
        self.chunk.begin(cx);
        self.only_calls.reserve(self.futures.len());
        for (place, future) in self.futures.iter_mut().enumerate() {
            let Some(running) = future.as_mut().as_pin_mut() else {
                continue;
            };
            let before = self.chunk.calls();
            if let Poll::Ready(result) = running.poll(cx) {
                future.set(None);
                self.left -= 1;
                self.ends.note(place, result);
            } else if let Some(number) = before.only_one_until(self.chunk.calls()) {
                self.only_calls.push((number, place));
            }
        }
    }

    /// Takes back the items whose only call was not started: for whoever wrote their futures it never happened.
    fn take_back(&mut self) {
        let Some(started) = self.chunk.started() else {
            return;
        };
        let first = self
            .only_calls
            .partition_point(|(number, _)| *number < started);
        for (_, place) in self.only_calls.drain(first..) {
            if let Some(future) = self
                .futures
                .get_mut(place)
                .filter(|future| future.is_some())
            {
                future.set(None);
                self.left -= 1;
                self.ends.errors.push((place, self.remote.deferred()));
            }
        }
    }

    fn ended(&mut self, whole: Whole) -> Poll<Ended<Fut, R>> {
        let mut places = std::mem::take(&mut self.futures);
        places.iter_mut().for_each(|place| place.set(None));
        Poll::Ready(Ended {
            id: self.id,
            places,
            ends: Ends {
                values: std::mem::take(&mut self.ends.values),
                errors: std::mem::take(&mut self.ends.errors),
            },
            whole,
        })
    }
}

impl<R, Fut: Future<Output = Result<R, CallError>>> Future for Running<Fut, R> {
    type Output = Ended<Fut, R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended<Fut, R>> {
        let this = &mut *self;
        if this.chunk.is_cancelled(cx) {
            return this.ended(Whole::Yes);
        }
        let mut whole = Whole::Yes;
        loop {
            match &mut this.stage {
                Stage::Begins => {
                    this.begin(cx);
                    let sends = this.remote.clone().send_gathered(Arc::clone(&this.chunk));
                    this.stage = sends.map_or(Stage::Sent, Stage::Sends);
                    if matches!(this.stage, Stage::Sent) {
                        break;
                    }
                }
                Stage::Sends(sends) => {
                    if sends.as_mut().poll(cx).is_pending() {
                        // Those that are not among the gathered calls may have been woken.
                        if this.chunk.gathered() < this.left {
                            this.poll_futures(cx);
                        }
                        break;
                    }
                    this.stage = Stage::Sent;
                    this.take_back();
                    this.poll_futures(cx);
                    break;
                }
                Stage::Sent => {
                    whole = Whole::No;
                    this.poll_futures(cx);
                    break;
                }
            }
        }
        if this.left > 0 {
            return Poll::Pending;
        }
        this.ended(whole)
    }
}
