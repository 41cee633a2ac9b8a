//! How gathered calls are sent: a batch in one message, one-way calls each by itself.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use farcall_shared::error::{CallError, NotSent, Unknown};
use farcall_shared::link::{Bound, Departed, Mode, Posted, Prepared};
use farcall_shared::object::Encoded;
use tokio::time::Instant;

use super::attempts::Attempts;
use super::binding::Way;
use super::gathering::{Gathered, Gathering, Gone, Wanted};
use super::{Remote, Selected, python};

/// What error texts call a batch where they name a method otherwise.
pub(super) const A_BATCH: &str = "a batch";

/// Ends when calls without replies are on their way.
pub(crate) type Sending = Pin<Box<dyn Future<Output = Result<(), CallError>> + Send>>;

/// The calls of a batch on their way. Whatever becomes of it, everybody who waits for one of them is told.
pub(super) struct Leaving {
    pub(super) calls: Vec<Gathered>,
    pub(super) in_flight: Vec<Gone>,
    /// Why those that are not in flight never will be.
    error: CallError,
}

impl Leaving {
    fn new(calls: Vec<Gathered>, error: CallError) -> Self {
        Self {
            calls,
            in_flight: Vec::new(),
            error,
        }
    }

    /// Forgets the calls that nobody wants any more.
    fn thin_out(&mut self) {
        self.calls.retain(|call| !call.is_withdrawn());
    }

    fn prepared(&self, gone: Duration) -> Vec<Prepared<'_>> {
        self.calls.iter().map(|call| call.prepared(gone)).collect()
    }

    /// How long the most impatient of them waits.
    fn patience(&self) -> Option<Duration> {
        self.calls.iter().map(|call| call.within).min()
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let mut in_flight = std::mem::take(&mut self.in_flight).into_iter();
        for call in self.calls.drain(..) {
            call.go(in_flight.next().ok_or_else(|| self.error.clone()));
        }
    }
}

impl Remote {
    /// Tells those who wait for calls of a batch that nobody sends it.
    pub(crate) fn abandon(&self, gathering: &Gathering) {
        let calls = gathering.take();
        let error = self.not_made("its batch was dropped before it was sent");
        drop(Leaving::new(calls, error));
    }

    /// Sends the gathered calls in one message; ends when it is on its way.
    pub(crate) async fn send_batch(
        &self,
        mode: Mode,
        gathering: &Gathering,
    ) -> Result<(), CallError> {
        let given_up = self.not_made("the sending of its batch was given up");
        let mut leaving = Leaving::new(gathering.take(), given_up);
        let ended = self.depart(mode, &mut leaving).await;
        if let Err(error) = &ended {
            leaving.error = error.clone();
        }
        ended
    }

    /// Sends a batch as often as it takes; never again once a part of it may have been sent.
    async fn depart(&self, mode: Mode, leaving: &mut Leaving) -> Result<(), CallError> {
        let batch = Selected::Name(A_BATCH.into());
        let Some(patience) = leaving.patience() else {
            return Ok(());
        };
        self.travels(&batch)?;
        let began = Instant::now();
        let mut attempts = Attempts::new(patience, began);
        loop {
            leaving.thin_out();
            let bound = match self.shared().bound() {
                Some(bound) => bound,
                None => match self.bind_within(attempts.end, &batch).await? {
                    Way::Link(bound) => bound,
                    Way::Python(python) => {
                        let end = attempts.end;
                        return self.depart_to_python(mode, &python, leaving, end).await;
                    }
                },
            };
            let calls = leaving.prepared(began.elapsed());
            let reason = match bound.depart(mode, &calls) {
                Ok(Departed { posted, calls }) => {
                    leaving.in_flight = calls.into_iter().map(Gone::from).collect();
                    let posted = bound.posted(posted);
                    match tokio::time::timeout_at(attempts.end, posted).await {
                        Ok(Ok(())) => return Ok(()),
                        Ok(Err(reason)) => {
                            leaving.in_flight.clear();
                            reason
                        }
                        Err(_) => return Err(self.half_sent(&batch, patience)),
                    }
                }
                Err(NotSent::Full(_)) => {
                    let room = bound.wait_for_room_for(&calls);
                    match tokio::time::timeout_at(attempts.end, room).await {
                        Ok(()) => continue,
                        Err(_) => NotSent::Expired(patience),
                    }
                }
                Err(NotSent::Expired(_)) => NotSent::Expired(patience),
                Err(reason) => reason,
            };
            let target = self.target(&batch);
            let error = CallError::NotSent { target, reason };
            attempts.after(self, &batch, Some(&bound), error).await?;
        }
    }

    #[cold]
    fn half_sent(&self, batch: &Selected, patience: Duration) -> CallError {
        CallError::Unknown {
            target: self.target(batch),
            reason: Unknown::Deadline(patience),
            idempotent: false,
        }
    }

    /// Makes the calls of `call` without replies.
    ///
    /// They are made here and now, and the closure's future is gone when this returns: what comes back sends them.
    pub(crate) fn oneway<F: Future>(self, call: impl FnOnce(Self) -> F) -> Sending {
        let (gathers, gathering) = self.clone().gather(Wanted::Nothing);
        let mut calls = Box::pin(call(gathers));
        let _ = calls.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(calls);
        Box::pin(self.deliver_all(gathering.take_all()))
    }

    async fn deliver_all(self, calls: Result<Vec<Gathered>, CallError>) -> Result<(), CallError> {
        let mut leaving = Leaving::new(calls?, self.not_made("one before it was not sent"));
        let Leaving {
            calls, in_flight, ..
        } = &mut leaving;
        if calls.is_empty() {
            return Err(self.not_made("the closure made no call at once"));
        }
        for call in calls {
            let post = |bound: &Bound, left| {
                bound.post_written(call.prepared(call.within.saturating_sub(left)))
            };
            let encode = || call.encoded(python::CODEC);
            let delivered = self.deliver(&call.method, call.within, encode, post);
            delivered.await?;
            in_flight.push(Gone::Unanswered);
        }
        Ok(())
    }

    /// Sends a one-way call as often as it takes.
    pub(super) async fn deliver(
        &self,
        method: &Selected,
        within: Duration,
        encode: impl Fn() -> Result<Encoded, NotSent>,
        post: impl Fn(&Bound, Duration) -> Result<Posted, NotSent>,
    ) -> Result<(), CallError> {
        self.travels(method)?;
        let mut attempts = Attempts::new(within, Instant::now());
        loop {
            let bound = match self.shared().bound() {
                Some(bound) => bound,
                None => match self.bind_within(attempts.end, method).await? {
                    Way::Link(bound) => bound,
                    Way::Python(python) => {
                        let written = encode().map_err(self.not_sent(method))?;
                        let left = attempts.left();
                        return self.send_to_python(&python, method, written, left).await;
                    }
                },
            };
            let posted = match post(&bound, attempts.left()) {
                Ok(posted) => bound.posted(posted).await,
                Err(NotSent::Full(_)) => {
                    let credit = tokio::time::timeout_at(attempts.end, bound.wait_for_credit());
                    match credit.await {
                        Ok(()) => continue,
                        Err(_) => return Err(self.expired(method)),
                    }
                }
                Err(reason) => Err(reason),
            };
            let Err(reason) = posted else {
                return Ok(());
            };
            let target = self.target(method);
            let error = CallError::NotSent { target, reason };
            attempts.after(self, method, Some(&bound), error).await?;
        }
    }
}
