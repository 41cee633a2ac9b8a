//! The calling side: starts calls, keeps the slots of those in flight, hands their outcome to whoever waits.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde::Serialize;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::Link;
use super::out::Flush;
use super::shared::{Shared, State};
use crate::error::{NotSent, Unknown};
use crate::wire::codec::{Codec, EncodeError};
use crate::wire::frame::{self, CALL_HEADER_BYTES, CallFrame, LENGTH_BYTES, flag};

/// How a call ended, as far as the connection knows.
#[derive(Debug)]
pub enum Outcome {
    /// The callee answered.
    Reply(Reply),
    /// Nothing reached the callee.
    NotSent(NotSent),
    /// The callee may have run it.
    Unknown(Unknown),
}

/// An answer: a status and either a result or a text.
#[derive(Debug)]
pub struct Reply {
    /// See [`Status`](crate::wire::status::Status).
    pub status: u16,
    /// The encoded result when `status` is 0, else a text.
    pub body: SmallVec<[u8; 32]>,
}

/// Whom and how to call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing<'a> {
    pub(super) handle: u32,
    pub(super) method: u16,
    pub(super) name: Option<&'a str>,
    pub(super) codec: Codec,
    /// How long the caller waits, from `now` on.
    pub(super) within: Duration,
    pub(super) now: Instant,
}

/// One call in flight.
#[derive(Debug)]
pub(super) enum Slot {
    /// Its caller waits.
    Awaited {
        waker: Option<Waker>,
        deadline: Instant,
        /// The count of bytes written once all of the call is out.
        end: u64,
    },
    /// It ended and its caller has not looked yet.
    Ended(Outcome),
    /// Its deadline passed, its caller has not looked yet, and the callee has not acknowledged the cancel.
    Expired,
    /// Its caller is gone, and the callee has not acknowledged the cancel.
    Orphan,
}

impl Slot {
    /// Ends the call because the connection is over; gives who is to be woken.
    pub(super) fn disconnect(&mut self, written: u64, why: &Arc<str>) -> Option<Waker> {
        let Self::Awaited { waker, end, .. } = self else {
            return None;
        };
        let waker = waker.take();
        *self = Self::Ended(if *end > written {
            Outcome::NotSent(NotSent::Disconnected(why.to_string()))
        } else {
            Outcome::Unknown(Unknown::Disconnected(why.to_string()))
        });
        waker
    }
}

impl Shared {
    /// Encodes a call straight into the out buffer and gets it on its way.
    pub(super) fn start<A: Serialize + ?Sized>(
        &self,
        call: &Outgoing<'_>,
        arguments: &A,
    ) -> Result<u32, NotSent> {
        let mut state = self.state.lock();
        if let Some(why) = state.refuses_calls() {
            return Err(NotSent::Disconnected(why.to_string()));
        }
        let in_flight = state.calls.len();
        if in_flight >= self.remote.max_calls_in_flight as usize
            || state.out.unsent() > self.limits.max_unsent_bytes
        {
            return Err(NotSent::Full(in_flight));
        }
        let id = state.calls.vacant_key() as u32;
        let was_empty = state.out.is_empty();
        self.put_call(&mut state, call, id, 0, arguments)?;
        let deadline = call.now + call.within;
        let end = state.out.end();
        state.calls.insert(Slot::Awaited {
            waker: None,
            deadline,
            end,
        });
        state.awaited += 1;
        let is_earliest = state.earliest.is_none_or(|earliest| deadline < earliest);
        if is_earliest {
            state.earliest = Some(deadline);
        }
        let alone = was_empty && state.awaited == 1 && state.out.flush == Flush::Idle;
        // Alone, nobody adds to the batch: writing here saves a switch to the driver. An error is the driver's to find.
        let written = alone && state.out.write().unwrap_or(false);
        if !written {
            self.ask_flush(state);
        } else if is_earliest {
            drop(state);
            self.driver.wake();
        }
        Ok(id)
    }

    /// Encodes a one-way call into the out buffer; gives the count of bytes written once all of it is out.
    pub(super) fn send<A: Serialize + ?Sized>(
        &self,
        call: &Outgoing<'_>,
        arguments: &A,
    ) -> Result<u64, NotSent> {
        let mut state = self.state.lock();
        if let Some(why) = state.refuses_calls() {
            return Err(NotSent::Disconnected(why.to_string()));
        }
        if state.out.unsent() > self.limits.max_unsent_bytes {
            return Err(NotSent::Full(state.calls.len()));
        }
        let was_empty = state.out.is_empty();
        self.put_call(&mut state, call, 0, flag::ONEWAY, arguments)?;
        let end = state.out.end();
        let alone = was_empty && state.out.flush == Flush::Idle;
        let written = alone && state.out.write().unwrap_or(false);
        if !written {
            self.ask_flush(state);
        }
        Ok(end)
    }

    /// Waits until so many bytes are written.
    pub(super) async fn wait_until_written(&self, end: u64) -> Result<(), NotSent> {
        loop {
            let mut told = std::pin::pin!(self.room.notified());
            told.as_mut().enable();
            {
                let mut state = self.state.lock();
                if state.out.written() >= end {
                    return Ok(());
                }
                if let Some(why) = &state.closed {
                    return Err(NotSent::Disconnected(why.to_string()));
                }
                state.crowd += 1;
            }
            let _leaves = OnDrop(|| self.state.lock().crowd -= 1);
            told.await;
        }
    }

    fn put_call<A: Serialize + ?Sized>(
        &self,
        state: &mut State,
        call: &Outgoing<'_>,
        id: u32,
        flags: u8,
        arguments: &A,
    ) -> Result<(), NotSent> {
        let named = if call.name.is_some() { flag::NAMED } else { 0 };
        if call
            .name
            .is_some_and(|name| name.len() > usize::from(u16::MAX))
        {
            return Err(NotSent::TooLarge(
                "a method's name takes at most 65,535 bytes".into(),
            ));
        }
        let out = state.out.frames();
        let before = out.len();
        let start = frame::begin_call(
            out,
            &CallFrame {
                flags: flags | named,
                method: call.method,
                id,
                handle: call.handle,
                deadline_ms: milliseconds(call.within),
                trace: None,
                name: call.name,
                body: &[],
            },
        );
        let header = out.len() - before - LENGTH_BYTES;
        let limit = (self.remote.max_message_bytes as usize).saturating_sub(header);
        // Also forgets the header when the arguments' own code panics.
        let mut half = HalfFrame {
            out,
            before,
            whole: false,
        };
        let result = call.codec.encode(arguments, half.out, limit);
        half.whole = result.is_ok();
        if half.whole {
            frame::end(half.out, start);
        }
        result.map_err(|e| match e {
            EncodeError::TooLarge { limit } => NotSent::TooLarge(format!(
                "the arguments take more than {limit} bytes, the longest message this connection allows"
            )),
            EncodeError::Serialize(text) => NotSent::Unencodable(text),
        })
    }

    /// Waits until a call that was refused as Full may be tried again.
    pub(super) async fn wait_for_room(&self) {
        let mut told = std::pin::pin!(self.room.notified());
        told.as_mut().enable();
        {
            let mut state = self.state.lock();
            let full = state.calls.len() >= self.remote.max_calls_in_flight as usize
                || state.out.unsent() > self.limits.max_unsent_bytes;
            if !full || state.closed.is_some() {
                return;
            }
            state.crowd += 1;
        }
        let _leaves = OnDrop(|| self.state.lock().crowd -= 1);
        told.await;
    }

    /// Stores a reply; gives who is to be woken, or what the peer did wrong.
    #[inline]
    pub(super) fn settle(
        state: &mut State,
        id: u32,
        status: u16,
        body: &[u8],
    ) -> Result<Option<Waker>, String> {
        let Some(slot) = state.calls.get_mut(id as usize) else {
            return Err(format!("the peer answered call {id}, which was never made"));
        };
        match slot {
            Slot::Awaited { waker, .. } => {
                let waker = waker.take();
                *slot = Slot::Ended(Outcome::Reply(Reply {
                    status,
                    body: SmallVec::from_slice(body),
                }));
                state.awaited -= 1;
                Ok(waker)
            }
            Slot::Expired => {
                *slot = Slot::Ended(Outcome::Reply(Reply {
                    status,
                    body: SmallVec::from_slice(body),
                }));
                state.orphans -= 1;
                Ok(None)
            }
            Slot::Orphan => {
                state.calls.remove(id as usize);
                state.orphans -= 1;
                Ok(None)
            }
            Slot::Ended(_) => Err(format!("the peer answered call {id} twice")),
        }
    }

    /// Expires the calls whose deadline is over; gives who is to be woken.
    pub(super) fn sweep(state: &mut State, now: Instant) -> Vec<Waker> {
        let mut wakers = Vec::new();
        let mut earliest = None::<Instant>;
        let State {
            calls,
            out,
            awaited,
            orphans,
            ..
        } = state;
        for (id, slot) in calls.iter_mut() {
            let Slot::Awaited {
                waker, deadline, ..
            } = slot
            else {
                continue;
            };
            if *deadline > now {
                earliest = Some(earliest.map_or(*deadline, |e| e.min(*deadline)));
                continue;
            }
            wakers.extend(waker.take());
            *slot = Slot::Expired;
            *awaited -= 1;
            *orphans += 1;
            frame::put_cancel(out.frames(), id as u32);
        }
        state.earliest = earliest;
        wakers
    }
}

/// Forgets a frame that was not finished.
struct HalfFrame<'a> {
    out: &'a mut Vec<u8>,
    before: usize,
    whole: bool,
}

impl Drop for HalfFrame<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.whole {
            self.out.truncate(self.before);
        }
    }
}

/// Rounds up: a deadline that is not over yet must not read as zero.
#[inline]
fn milliseconds(within: Duration) -> u32 {
    let whole = u32::try_from(within.as_millis()).unwrap_or(u32::MAX);
    whole.saturating_add(u32::from(!within.subsec_nanos().is_multiple_of(1_000_000)))
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A call in flight; its outcome when awaited.
///
/// # Cancel safety
/// Dropping it cancels the call at the callee.
#[derive(Debug)]
pub struct Pending {
    link: Link,
    id: u32,
    within: Duration,
    taken: bool,
}

impl Pending {
    pub(super) fn new(link: Link, id: u32, within: Duration) -> Self {
        Self {
            link,
            id,
            within,
            taken: false,
        }
    }
}

impl Future for Pending {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        let mut state = this.link.0.state.lock();
        let key = this.id as usize;
        match state.calls.get_mut(key) {
            Some(Slot::Awaited { waker, .. }) => {
                match waker {
                    Some(known) if known.will_wake(cx.waker()) => {}
                    _ => *waker = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            Some(slot @ Slot::Expired) => {
                *slot = Slot::Orphan;
                this.taken = true;
                Poll::Ready(Outcome::Unknown(Unknown::Deadline(this.within)))
            }
            Some(Slot::Ended(_)) if !this.taken => {
                this.taken = true;
                let slot = state.calls.remove(key);
                let crowded = state.crowd > 0;
                drop(state);
                if crowded {
                    this.link.0.room.notify_waiters();
                }
                match slot {
                    Slot::Ended(outcome) => Poll::Ready(outcome),
                    _ => Poll::Ready(lost()),
                }
            }
            _ => {
                this.taken = true;
                Poll::Ready(lost())
            }
        }
    }
}

/// A future polled after its end; no call is lost by it.
#[cold]
fn lost() -> Outcome {
    Outcome::Unknown(Unknown::Cancelled("its outcome was already taken".into()))
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.taken {
            return;
        }
        let mut state = self.link.0.state.lock();
        let key = self.id as usize;
        match state.calls.get_mut(key) {
            Some(slot @ Slot::Awaited { .. }) => {
                *slot = Slot::Orphan;
                state.awaited -= 1;
                state.orphans += 1;
                if state.closed.is_none() {
                    frame::put_cancel(state.out.frames(), self.id);
                    self.link.0.ask_flush(state);
                }
            }
            Some(slot @ Slot::Expired) => *slot = Slot::Orphan,
            Some(Slot::Ended(_)) => {
                state.calls.remove(key);
                let crowded = state.crowd > 0;
                drop(state);
                if crowded {
                    self.link.0.room.notify_waiters();
                }
            }
            _ => {}
        }
    }
}

const _: () = assert!(
    CALL_HEADER_BYTES <= 24,
    "an ordinary call has a small header"
);
