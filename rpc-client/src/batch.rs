//! Batches: calls of any methods of one object that travel in one message, are run one after the other, and answered as
//! each is done.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use farcall_shared::error::CallError;
use farcall_shared::link::Mode;
use futures_util::Stream;

use crate::Proxy;
use crate::remote::{Gathering, Remote, Wanted};

/// Calls of one object that will travel in one message.
///
/// The object's daemon runs them one after the other, in the order in which they were added, whatever else it runs
/// meanwhile for others or for this caller. Each is a call like any other, with a deadline of its own, which counts from
/// [`send`](Self::send).
///
/// Dropped unsent, its calls end as [`NotSent`](CallError::NotSent).
#[derive(Debug)]
#[must_use = "its calls are made when it is sent"]
pub struct Batch<P> {
    /// Its calls are gathered.
    proxy: P,
    remote: Remote,
    gathering: Arc<Gathering>,
    mode: Mode,
}

impl<P> Batch<P> {
    pub(crate) fn new(remote: &Remote, proxy: impl FnOnce(Remote) -> P) -> Self {
        let (gathers, gathering) = remote.clone().gather(Wanted::Replies);
        Self {
            proxy: proxy(gathers),
            remote: remote.clone(),
            gathering,
            mode: Mode::GoOn,
        }
    }

    pub(crate) fn proxy(&self) -> &P {
        &self.proxy
    }

    /// How many calls were added.
    pub fn len(&self) -> usize {
        self.gathering.len()
    }

    /// True when no call was added.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same batch, which ends at the first call that brings no value, or whose method gives an `Err`: those behind it
    /// end as [`Rejected`](CallError::Rejected), skipped. A call that is dropped or expired brought no value either.
    pub fn stop_at_first_error(mut self) -> Self {
        self.mode = Mode::StopAtFirstError;
        self
    }

    /// Sends the calls; ends when they are on their way. Their results come to what [`add`](Self::add) gave.
    ///
    /// As long as nothing of it left this process it is sent again over a new connection, all of it; after that never,
    /// whatever its methods are marked with. Where there is no call, or all were dropped, nothing is sent.
    ///
    /// # Errors
    /// NotSent when nothing was sent: all its calls end so, too. TooLarge when they are more than one message or the
    /// connection takes, Unsupported when the daemon's version knows no batches.
    ///
    /// Unknown when its first deadline was over before all of it could be written.
    ///
    /// # Cancel safety
    /// Dropped before it ends, the calls are either all made, or all end as NotSent.
    pub async fn send(self) -> Result<(), CallError> {
        self.remote.send_batch(self.mode, &self.gathering).await
    }
}

impl<P: Proxy> Batch<P> {
    /// Adds the call that `call` makes, with its arguments as they are now. It is not sent yet.
    ///
    /// What comes back is the closure's future, begun: it brings the call's result once the batch was sent and the
    /// call was run. Dropping it takes the call out of the batch, or cancels it, unless its method is one-way.
    ///
    /// All calls that the closure's future makes when it is first polled belong to the batch. Those that it makes
    /// later, such as one with the result of another, travel by themselves.
    pub fn add<F, Fut>(&mut self, call: F) -> Added<Fut>
    where
        F: FnOnce(P) -> Fut,
        Fut: Future,
    {
        Added::begin(call(self.proxy.clone()))
    }

    /// Adds a call for each item; gives their results as a stream, each as it comes, in the order of the items.
    ///
    /// Dropping the stream takes the calls that are not over out of the batch, or cancels them.
    pub fn add_each<T, F, Fut>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut call: F,
    ) -> Replies<Fut>
    where
        F: FnMut(P, T) -> Fut,
        Fut: Future,
    {
        let calls = items.into_iter();
        Replies(
            calls
                .map(|item| self.add(|proxy| call(proxy, item)))
                .collect(),
        )
    }
}

impl<P> Drop for Batch<P> {
    fn drop(&mut self) {
        self.remote.abandon(&self.gathering);
    }
}

/// A call of a [`Batch`]: the future that [`add`](Batch::add) was given, after its first poll.
#[must_use = "dropping it takes the call out of its batch"]
pub struct Added<F: Future>(State<F>);

enum State<F: Future> {
    Begun(Pin<Box<F>>),
    Over(Option<F::Output>),
}

impl<F: Future> Added<F> {
    /// Makes the future's first calls.
    pub(crate) fn begin(future: F) -> Self {
        let mut future = Box::pin(future);
        let mut nobody = Context::from_waker(Waker::noop());
        Self(match future.as_mut().poll(&mut nobody) {
            Poll::Pending => State::Begun(future),
            Poll::Ready(output) => State::Over(Some(output)),
        })
    }
}

impl<F: Future> Unpin for Added<F> {}

impl<F: Future> Future for Added<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match &mut self.0 {
            State::Begun(future) => future.as_mut().poll(cx),
            State::Over(output) => output.take().map_or(Poll::Pending, Poll::Ready),
        }
    }
}

impl<F: Future> fmt::Debug for Added<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Added").finish_non_exhaustive()
    }
}

/// The results of calls of a [`Batch`], in their order.
#[derive(Debug)]
#[must_use = "dropping it takes its calls out of their batch"]
pub struct Replies<F: Future>(VecDeque<Added<F>>);

impl<F: Future> Unpin for Replies<F> {}

impl<F: Future> Replies<F> {
    /// The next result; `None` after the last one.
    ///
    /// # Cancel safety
    /// Cancel safe: no result is lost.
    pub async fn next(&mut self) -> Option<F::Output> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<F: Future> Stream for Replies<F> {
    type Item = F::Output;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let Some(first) = self.0.front_mut() else {
            return Poll::Ready(None);
        };
        let Poll::Ready(output) = Pin::new(first).poll(cx) else {
            return Poll::Pending;
        };
        self.0.pop_front();
        Poll::Ready(Some(output))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}
