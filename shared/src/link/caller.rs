//! The calling side: starts calls, keeps the slots of those in flight, hands their outcome to whoever waits.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::MutexGuard;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::attached::Listed;
use super::clock::{NEVER, Tick};
use super::large::{GivenUp, IN_PIECES, Unsent, Until};
use super::out::Flush;
use super::shared::{Shared, State};
use crate::attach::{self, Attachment};
use crate::context::{self, Metadata, Notes};
use crate::error::{NotSent, Unknown};
use crate::wire::codec::{Codec, EncodeError};
use crate::wire::frame::{
    self, CALL_HEADER_BYTES, CallFrame, LENGTH_BYTES, ReplyFrame, Trace, flag, flow,
};
use crate::wire::frames::{Frames, Mark};
use crate::wire::status::Status;

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

impl Outcome {
    /// Takes out what came beside the result.
    pub fn take_metadata(&mut self) -> Metadata {
        let Self::Reply(Reply {
            body: Body::Attached(both),
            ..
        }) = self
        else {
            return Metadata::default();
        };
        match both.1.pop_if(|last| matches!(last, Attachment::Notes(_))) {
            Some(Attachment::Notes(notes)) => notes.metadata,
            _ => Metadata::default(),
        }
    }
}

/// An answer: a status and either a result or a text.
#[derive(Debug)]
pub struct Reply {
    /// See [`Status`](crate::wire::status::Status).
    pub status: u16,
    /// The encoded result when `status` is 0, else a text.
    pub body: Body,
}

/// The bytes of a reply; a few need no memory of their own.
#[derive(Debug)]
pub enum Body {
    /// So many of these.
    Short(u8, [u8; SHORT_BYTES]),
    /// Any number.
    Long(Bytes),
    /// Any number, and what they refer to.
    Attached(Box<(Bytes, Vec<Attachment>)>),
}

/// The longest body that is kept in its place.
const SHORT_BYTES: usize = 22;

impl Deref for Body {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or(bytes),
            Self::Long(bytes) => bytes,
            Self::Attached(both) => &both.0,
        }
    }
}

impl Body {
    /// The bytes and what they refer to.
    pub(super) fn into_parts(self) -> (Bytes, Vec<Attachment>) {
        match self {
            Self::Attached(both) => *both,
            Self::Long(bytes) => (bytes, Vec::new()),
            short => (Bytes::copy_from_slice(&short), Vec::new()),
        }
    }
}

/// What bytes are that are sent instead of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raw {
    /// Those of many calls.
    Batch,
    /// Those of one call, as another connection brought them.
    Arguments,
}

/// Whom and how to call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing<'a> {
    pub(super) handle: u32,
    pub(super) method: u16,
    pub(super) name: Option<&'a str>,
    /// Bytes instead of arguments, and what they are.
    pub(super) raw: Option<(Raw, &'a [u8])>,
    pub(super) codec: Codec,
    /// How long the caller waits.
    pub(super) within: Duration,
    /// What is said beside the arguments.
    pub(super) notes: Option<&'a Notes>,
}

/// One call in flight.
#[derive(Debug)]
pub(super) enum Slot {
    /// Its caller waits.
    Awaited {
        waker: Option<Waker>,
        /// A tick of the connection.
        deadline: Tick,
        within_ms: u32,
        /// The count of bytes written once all of the call is out, or [`IN_PIECES`].
        end: u64,
    },
    /// It ended and its caller has not looked yet.
    Ended(Outcome),
    /// Its deadline passed, its caller has not looked yet, and the callee has not acknowledged the cancel.
    Expired { within_ms: u32 },
    /// Its caller is gone, and the callee has not acknowledged the cancel.
    Orphan,
}

/// What became of a reply with attachments.
#[derive(Debug)]
pub(super) struct Settled {
    /// Those that nobody waits for, to be dropped where no lock is held.
    pub(super) unused: Vec<Attachment>,
    /// What the peer did wrong.
    pub(super) fault: Option<String>,
}

impl Slot {
    /// Moves the deadline of a call that is not written yet; of a large one, if it is of the batch that began then.
    pub(super) fn postpone(&mut self, written: u64, began: Tick, by: Tick) {
        if let Self::Awaited {
            deadline,
            end,
            within_ms,
            ..
        } = self
            && *end > written
            && (*end != IN_PIECES || *deadline == began + Tick::from(*within_ms) + 1)
        {
            *deadline += by;
        }
    }

    /// Ends the call with a reply; its body is `long`, or a copy. The copy is made in its place: a value that is made and
    /// moved at once waits for its own stores.
    #[inline]
    fn end(&mut self, reply: &ReplyFrame<'_>, long: Option<Bytes>) {
        let length = reply.body.len();
        let body = match long {
            Some(body) => Body::Long(body),
            None if length > SHORT_BYTES => Body::Long(Bytes::copy_from_slice(reply.body)),
            None => Body::Short(length as u8, [0; SHORT_BYTES]),
        };
        *self = Self::Ended(Outcome::Reply(Reply {
            status: reply.status,
            body,
        }));
        if let Self::Ended(Outcome::Reply(Reply { body, .. })) = self
            && let Body::Short(_, place) = body
            && let Some(place) = place.get_mut(..length)
        {
            place.copy_from_slice(reply.body);
        }
    }

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
    /// Encodes a call straight into the out buffer and gets it on its way; `waker` is woken when it ends.
    #[inline]
    pub(super) fn start<A: Serialize + ?Sized>(
        &self,
        call: &Outgoing<'_>,
        arguments: &A,
        waker: &Waker,
    ) -> Result<(u32, Tick), NotSent> {
        // Dropped after the guard.
        let _leftovers = attach::Leftovers;
        let mut guard = self.state.lock();
        let state = &mut *guard;
        if self.refuses.load(Ordering::Relaxed) {
            return Err(state.refusal());
        }
        let in_flight = state.calls.len();
        if in_flight >= self.remote.max_calls_in_flight as usize
            || state.out.unsent() > self.limits.max_unsent_bytes
        {
            return Err(NotSent::Full(in_flight));
        }
        let was_empty = state.out.is_empty();
        let began = state.batch_began(self.epoch);
        let place = state.calls.vacant_entry();
        let id = place.key() as u32;
        let within_ms = milliseconds(call.within);
        // The current tick is not over yet.
        let deadline = began + Tick::from(within_ms) + 1;
        let before = state.out.frames().mark();
        // Made before the call is encoded: a value that is made and moved at once waits for its own stores.
        let slot = Slot::Awaited {
            waker: Some(waker.clone()),
            deadline,
            within_ms,
            end: 0,
        };
        put_call(
            state.out.frames(),
            (0, id, within_ms),
            call,
            arguments,
            self.remote.max_message_bytes,
        )?;
        if let Slot::Awaited { end, .. } = place.insert(slot) {
            *end = state.out.end();
        }
        state.awaited += 1;
        let is_earliest = deadline < state.earliest;
        if is_earliest {
            state.earliest = deadline;
        }
        if call.notes.is_some() || context::is_known() {
            self.add_notes(call.notes);
        }
        if attach::any() {
            self.attach_to_call(guard, Some(id), before, call)?;
            return Ok((id, began));
        }
        if state.out.was_large(before) {
            self.cut_call(guard, (id, call.handle), before)?;
            return Ok((id, began));
        }
        // Callers whose call just ended are about to run, and as a rule call again.
        let alone = was_empty && in_flight == 0 && state.out.flush == Flush::Idle;
        // Alone, nobody adds to the batch: writing here saves a switch to the driver. An error is the driver's to find.
        if !alone || !state.out.write().unwrap_or(false) {
            self.ask_flush(guard);
            return Ok((id, began));
        }
        state.began = None;
        if is_earliest || state.out.has_spent() {
            let spent = state.out.spent();
            drop(guard);
            drop(spent);
            self.driver.wake();
        }
        Ok((id, began))
    }

    /// Has a call go in pieces that was just appended, or takes it back while too many do.
    #[cold]
    fn cut_call(
        &self,
        mut state: MutexGuard<'_, State>,
        call: (u32, u32),
        before: Mark,
    ) -> Result<(), NotSent> {
        self.take_back(&mut state, Some(call.0), before)?;
        state.cut_call(before, call, Listed::default());
        self.ask_flush(state);
        Ok(())
    }

    /// Encodes a one-way call into the out buffer; gives when all of it is written.
    pub(super) fn send<A: Serialize + ?Sized>(
        &self,
        call: &Outgoing<'_>,
        arguments: &A,
    ) -> Result<Until, NotSent> {
        let _leftovers = attach::Leftovers;
        let mut state = self.lock_to_post()?;
        let was_idle = state.is_idle();
        let within_ms = milliseconds(call.within);
        let before = state.out.frames().mark();
        put_call(
            state.out.frames(),
            (flag::ONEWAY, 0, within_ms),
            call,
            arguments,
            self.remote.max_message_bytes,
        )?;
        if call.notes.is_some() || context::is_known() {
            self.add_notes(call.notes);
        }
        if attach::any() {
            return self.attach_to_call(state, None, before, call);
        }
        if state.out.was_large(before) {
            self.take_back(&mut state, None, before)?;
            return Ok(self.post_large(state, before, call.handle, Listed::default()));
        }
        Ok(self.post(state, before, was_idle))
    }

    /// Leaves with the arguments what is said beside them, and what the call that this one is made in has.
    #[cold]
    fn add_notes(&self, said: Option<&Notes>) {
        let notes = said.cloned().unwrap_or_default();
        if let Some(id) = context::known_correlation().filter(|_| self.remote.two_way) {
            // Unless another one was said.
            let _ = notes.correlation.set(id);
        }
        if notes.has_entries() {
            attach::add(notes);
        }
    }

    /// Puts the list of attachments behind the call that was just encoded; gives when all of it is written.
    #[cold]
    fn attach_to_call(
        &self,
        mut guard: MutexGuard<'_, State>,
        id: Option<u32>,
        before: Mark,
        call: &Outgoing<'_>,
    ) -> Result<Until, NotSent> {
        let state = &mut *guard;
        let bytes = state.out.frames().len_since(before);
        let listed = self.list(state, attach::take(), call.codec, bytes);
        let frames = state.out.frames();
        frames.reopen(before);
        let listed = match listed {
            Ok(listed) => listed,
            Err((text, attachments)) => {
                frames.undo(before);
                if let Some(id) = id {
                    state.calls.remove(id as usize);
                    state.awaited -= 1;
                }
                drop(guard);
                drop(attachments);
                return Err(NotSent::Unencodable(text));
            }
        };
        frames.bytes.extend_from_slice(&listed.list);
        frame::mark_attached(&mut frames.bytes, before.bytes());
        frames.end(before);
        let end = state.out.end();
        let is_large = state.out.was_large(before);
        match id {
            None if is_large => return Ok(self.post_large(guard, before, call.handle, listed)),
            None => state.pay(before),
            Some(id) if is_large => {
                state.cut_call(before, (id, call.handle), listed);
                self.ask_flush(guard);
                return Ok(Until::Written(IN_PIECES));
            }
            Some(id) => state.write_by(id, end),
        }
        self.ask_flush(guard);
        self.begin(listed);
        Ok(Until::Written(end))
    }

    /// Waits until a one-way call is written.
    pub(super) async fn wait_until_written(&self, until: &Until) -> Result<(), NotSent> {
        self.wait_until_told(&self.written, posting, |state| match &state.closed {
            _ if state.out.written() >= until.end() => Some(Ok(())),
            Some(why) => Some(Err(NotSent::Disconnected(why.to_string()))),
            None => None,
        })
        .await
    }

    /// Waits until a call that was refused as Full may be tried again.
    pub(super) async fn wait_for_room(&self) {
        let most = self.remote.max_calls_in_flight as usize;
        self.wait_until(|state| {
            let full = state.calls.len() >= most || self.is_stuffed(state);
            (!full || state.closed.is_some()).then_some(())
        })
        .await;
    }

    /// Waits until the peer has taken so much that there may be more for it.
    pub(super) async fn wait_until_taken(&self) {
        self.wait_until(|state| (!self.is_stuffed(state) || state.closed.is_some()).then_some(()))
            .await;
    }

    /// True while more waits for the peer than it is to be given at once.
    pub(super) fn is_stuffed(&self, state: &State) -> bool {
        state.out.backlog() > self.limits.max_unsent_bytes
    }

    /// Waits until the state gives something.
    pub(super) async fn wait_until<T>(&self, given: impl Fn(&State) -> Option<T>) -> T {
        self.wait_until_told(&self.room, crowd, given).await
    }

    /// The same, counted among those that are told by this.
    async fn wait_until_told<T>(
        &self,
        told: &Notify,
        count: fn(&mut State) -> &mut usize,
        given: impl Fn(&State) -> Option<T>,
    ) -> T {
        loop {
            let mut told = std::pin::pin!(told.notified());
            told.as_mut().enable();
            {
                let mut state = self.state.lock();
                if let Some(given) = given(&state) {
                    return given;
                }
                *count(&mut state) += 1;
            }
            let _leaves = OnDrop(|| *count(&mut self.state.lock()) -= 1);
            told.await;
        }
    }

    /// Stores a reply, its body as `long` if that is given, and notes who is to be woken; or tells what the peer did
    /// wrong.
    #[inline]
    pub(super) fn settle(
        state: &mut State,
        reply: &ReplyFrame<'_>,
        long: Option<Bytes>,
        woken: &mut Vec<Waker>,
    ) -> Result<(), String> {
        debug_assert!(
            reply.flags & flow::flag::ATTACHED == 0,
            "see settle_attached"
        );
        let Some(slot) = state.calls.get_mut(reply.id as usize) else {
            return Err(never_made(reply.id));
        };
        match slot {
            Slot::Awaited { waker, .. } => {
                woken.extend(waker.take());
                slot.end(reply, long);
                state.awaited -= 1;
            }
            Slot::Expired { within_ms } => {
                // The cancel's own acknowledgement tells nothing that the caller does not know.
                if reply.status == Status::Cancelled as u16 {
                    let within = Duration::from_millis((*within_ms).into());
                    *slot = Slot::Ended(Outcome::Unknown(Unknown::Deadline(within)));
                } else {
                    slot.end(reply, long);
                }
                state.orphans -= 1;
            }
            Slot::Orphan => {
                state.calls.remove(reply.id as usize);
                state.orphans -= 1;
            }
            Slot::Ended(_) => return Err(format!("the peer answered call {} twice", reply.id)),
        }
        Ok(())
    }

    /// As [`settle`](Self::settle), for a reply with attachments.
    #[cold]
    pub(super) fn settle_attached(
        state: &mut State,
        (id, status): (u32, u16),
        body: Bytes,
        attachments: Vec<Attachment>,
        woken: &mut Vec<Waker>,
    ) -> Settled {
        let plain = ReplyFrame {
            flags: 0,
            status,
            id,
            body: &[],
        };
        let fault = Self::settle(state, &plain, Some(body), woken).err();
        let unused = match state.calls.get_mut(id as usize) {
            Some(Slot::Ended(Outcome::Reply(reply))) if fault.is_none() => {
                let body = std::mem::replace(&mut reply.body, Body::Long(Bytes::new()));
                reply.body = Body::Attached(Box::new((body.into_parts().0, attachments)));
                Vec::new()
            }
            _ => attachments,
        };
        Settled { unused, fault }
    }

    /// Expires the calls whose deadline is over; gives who is to be woken.
    pub(super) fn sweep(state: &mut State, now: Tick, unsent: &mut Vec<Unsent>) -> Vec<Waker> {
        state.postpone(now);
        let mut wakers = Vec::new();
        let mut large = Vec::new();
        let mut earliest = NEVER;
        let State {
            calls,
            out,
            awaited,
            orphans,
            ..
        } = state;
        for (id, slot) in calls.iter_mut() {
            let Slot::Awaited {
                waker,
                deadline,
                within_ms,
                end,
            } = slot
            else {
                continue;
            };
            if *deadline > now {
                earliest = earliest.min(*deadline);
                continue;
            }
            wakers.extend(waker.take());
            *awaited -= 1;
            let within_ms = *within_ms;
            if *end == IN_PIECES {
                large.push((id as u32, within_ms));
                continue;
            }
            *slot = Slot::Expired { within_ms };
            *orphans += 1;
            frame::put_cancel(out.bytes(), id as u32);
        }
        state.earliest = earliest;
        for (id, within_ms) in large {
            unsent.extend(state.expire_large(id, within_ms));
        }
        wakers
    }
}

impl State {
    /// Expires a call of which the last piece is not appended, as a rule without sending it.
    fn expire_large(&mut self, id: u32, within_ms: u32) -> Option<Unsent> {
        let given_up = self.give_up_call(id);
        let slot = self.calls.get_mut(id as usize)?;
        match given_up {
            GivenUp::Unsent(unsent) => {
                let within = Duration::from_millis(within_ms.into());
                *slot = Slot::Ended(Outcome::NotSent(NotSent::Expired(within)));
                Some(*unsent)
            }
            GivenUp::Cancelled => {
                *slot = Slot::Expired { within_ms };
                self.orphans += 1;
                None
            }
        }
    }

    /// Forgets a call of which the last piece is not appended, as a rule without sending it.
    fn forget_large(&mut self, id: u32) -> (Option<Slot>, Option<Unsent>) {
        self.awaited -= 1;
        match self.give_up_call(id) {
            GivenUp::Unsent(unsent) => (self.calls.try_remove(id as usize), Some(*unsent)),
            GivenUp::Cancelled => {
                self.orphans += 1;
                let slot = self.calls.get_mut(id as usize);
                (slot.map(|slot| std::mem::replace(slot, Slot::Orphan)), None)
            }
        }
    }
}

fn posting(state: &mut State) -> &mut usize {
    &mut state.posting
}

fn crowd(state: &mut State) -> &mut usize {
    &mut state.crowd
}

/// Appends a call of these flags, id and deadline.
#[inline]
fn put_call<A: Serialize + ?Sized>(
    out: &mut Frames,
    (flags, id, deadline_ms): (u8, u32, u32),
    call: &Outgoing<'_>,
    arguments: &A,
    max_message_bytes: u32,
) -> Result<(), NotSent> {
    if let Some(name) = call.name {
        check_name(name)?;
    }
    let kind = match call {
        Outgoing { name: Some(_), .. } => flag::NAMED,
        Outgoing {
            raw: Some((Raw::Batch, _)),
            ..
        } => flag::BATCH,
        _ => 0,
    };
    let trace = trace(call.notes);
    let traced = trace.map_or(0, |_| flag::TRACE);
    let before = out.mark();
    // Also forgets the header when the arguments' own code panics.
    let mut half = HalfFrame {
        out,
        before,
        whole: false,
    };
    let start = frame::begin_call(
        &mut half.out.bytes,
        &CallFrame {
            flags: flags | kind | traced,
            method: call.method,
            id,
            handle: call.handle,
            deadline_ms,
            trace,
            name: call.name,
            body: &[],
        },
    );
    let header = half.out.bytes.len() - start - LENGTH_BYTES;
    let limit = (max_message_bytes as usize).saturating_sub(header);
    let (bytes, lent) = half.out.parts();
    let written = attach::writing_locked(|| match call.raw {
        None => call.codec.encode_lending(arguments, bytes, lent, limit),
        Some((_, raw)) if raw.len() > limit => Err(EncodeError::TooLarge { limit }),
        Some((_, raw)) => {
            bytes.extend_from_slice(raw);
            Ok(())
        }
    });
    match written {
        Ok(()) => {
            half.whole = true;
            half.out.end(before);
            Ok(())
        }
        Err(e) => Err(not_encoded(e)),
    }
}

pub(super) fn check_name(name: &str) -> Result<(), NotSent> {
    match u16::try_from(name.len()) {
        Ok(_) => Ok(()),
        Err(_) => Err(NotSent::TooLarge(
            "a method's name takes at most 65,535 bytes".into(),
        )),
    }
}

/// The trace of a call: what was said, or that of the call it is made in.
#[inline]
pub(super) fn trace(said: Option<&Notes>) -> Option<Trace> {
    if said.is_none() && !context::is_known() {
        return None;
    }
    let said = said.and_then(|notes| notes.trace);
    said.or_else(context::known_trace)
}

#[cold]
pub(super) fn not_encoded(error: EncodeError) -> NotSent {
    match error {
        EncodeError::TooLarge { limit } => NotSent::TooLarge(format!(
            "the arguments take more than {limit} bytes, the longest message this connection allows"
        )),
        EncodeError::Serialize(text) => NotSent::Unencodable(text),
    }
}

#[cold]
fn never_made(id: u32) -> String {
    format!("the peer answered call {id}, which was never made")
}

/// Forgets a frame that was not finished.
struct HalfFrame<'a> {
    out: &'a mut Frames,
    before: Mark,
    whole: bool,
}

impl Drop for HalfFrame<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.whole {
            self.out.undo(self.before);
        }
    }
}

/// Rounds up: a deadline that is not over yet must not read as zero.
#[inline]
pub(super) fn milliseconds(within: Duration) -> u32 {
    let of_seconds = within.as_secs().saturating_mul(1000);
    let of_the_rest = u64::from(within.subsec_nanos().div_ceil(1_000_000));
    u32::try_from(of_seconds.saturating_add(of_the_rest)).unwrap_or(u32::MAX)
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A call in flight; its outcome when awaited.
#[derive(Debug)]
pub(super) struct Pending<'a> {
    shared: &'a Shared,
    id: u32,
    taken: bool,
    began: Tick,
}

impl<'a> Pending<'a> {
    #[inline]
    pub(super) fn new(shared: &'a Shared, (id, began): (u32, Tick)) -> Self {
        Self {
            shared,
            id,
            taken: false,
            began,
        }
    }

    /// Leaves the call in flight to whoever makes another one of these for it.
    pub(super) fn stay(mut self) {
        self.taken = true;
    }

    /// When it was made, to the millisecond.
    pub(super) fn began(&self) -> Instant {
        self.shared.time(self.began)
    }
}

impl Future for Pending<'_> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        let mut state = this.shared.state.lock();
        let key = this.id as usize;
        match state.calls.get_mut(key) {
            Some(Slot::Awaited { waker, .. }) => {
                match waker {
                    Some(known) if known.will_wake(cx.waker()) => {}
                    _ => *waker = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            Some(slot @ &mut Slot::Expired { within_ms }) => {
                *slot = Slot::Orphan;
                this.taken = true;
                let within = Duration::from_millis(within_ms.into());
                Poll::Ready(Outcome::Unknown(Unknown::Deadline(within)))
            }
            Some(Slot::Ended(_)) if !this.taken => {
                this.taken = true;
                let slot = state.calls.remove(key);
                let crowded = state.crowd > 0;
                drop(state);
                if crowded {
                    this.shared.room.notify_waiters();
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

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if self.taken {
            return;
        }
        let mut state = self.shared.state.lock();
        let key = self.id as usize;
        match state.calls.get_mut(key) {
            Some(Slot::Awaited { end: IN_PIECES, .. }) => {
                let unsent = state.forget_large(self.id);
                let crowded = state.crowd > 0;
                self.shared.ask_flush(state);
                drop(unsent);
                if crowded {
                    self.shared.room.notify_waiters();
                }
            }
            Some(slot @ Slot::Awaited { .. }) => {
                let slot = std::mem::replace(slot, Slot::Orphan);
                state.awaited -= 1;
                state.orphans += 1;
                if state.closed.is_none() {
                    frame::put_cancel(state.out.bytes(), self.id);
                    self.shared.ask_flush(state);
                } else {
                    drop(state);
                }
                // Its waker may be the last one.
                drop(slot);
            }
            Some(slot @ Slot::Expired { .. }) => *slot = Slot::Orphan,
            Some(Slot::Ended(_)) => {
                let slot = state.calls.remove(key);
                let crowded = state.crowd > 0;
                drop(state);
                // What its reply refers to is given back under the lock.
                drop(slot);
                if crowded {
                    self.shared.room.notify_waiters();
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
