//! The calling side of sequences, and of calls whose arguments are written before there is a connection.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;

use super::super::attached::Listed;
use super::super::bound::{Bound, Posted, Which};
use super::super::caller::{Outcome, Pending, Slot, check_name, milliseconds, not_encoded, trace};
use super::super::clock::Tick;
use super::super::large::Until;
use super::super::oneway::cost;
use super::super::shared::{Shared, State};
use super::Mode;
use crate::attach::{self, Attachment};
use crate::context::{self, Notes, Trace};
use crate::error::NotSent;
use crate::object::Encoded;
use crate::wire::codec::Codec;
use crate::wire::frame::flow::{SEQUENCE_HEADER_BYTES, begin_sequence};
use crate::wire::frame::{self, CallFrame, LENGTH_BYTES, flag};
use crate::wire::frames::{Frames, Lent};

/// Arguments that are written, for any connection, and what travels with them.
#[derive(Debug)]
pub struct Written {
    bytes: Vec<u8>,
    lent: Vec<Lent>,
    /// What they refer to; streams are gone once they are sent.
    attachments: Mutex<Vec<Option<Attachment>>>,
    trace: Option<Trace>,
    /// What is said beside them.
    notes: Option<Notes>,
    /// The id of the call in which they were written.
    correlation: Option<u128>,
}

impl Written {
    /// Writes them.
    ///
    /// # Errors
    /// Unencodable, or TooLarge where no message could be so long.
    pub fn new<A: Serialize + ?Sized>(
        codec: Codec,
        arguments: &A,
        notes: Option<&Notes>,
    ) -> Result<Self, NotSent> {
        let (mut bytes, mut lent) = (Vec::new(), Vec::new());
        let limit = u32::MAX as usize;
        attach::writing(|| codec.encode_lending(arguments, &mut bytes, &mut lent, limit))
            .map_err(not_encoded)?;
        Ok(Self {
            bytes,
            lent,
            attachments: Mutex::new(attach::take().into_iter().map(Some).collect()),
            trace: trace(notes),
            notes: notes.cloned(),
            correlation: context::known_correlation(),
        })
    }

    fn lent_bytes(&self) -> usize {
        self.lent.iter().map(|lent| lent.data.len()).sum()
    }

    fn put(&self, out: &mut Frames) {
        let before = out.bytes.len();
        out.bytes.extend_from_slice(&self.bytes);
        out.lent.extend(self.lent.iter().map(|lent| Lent {
            at: before + lent.at,
            data: lent.data.clone(),
        }));
    }

    /// What was written, for whoever sends it by other means.
    ///
    /// # Errors
    /// Disconnected when streams in it went with an earlier attempt.
    pub fn encoded(&self) -> Result<Encoded, NotSent> {
        let mut frames = Frames::default();
        self.put(&mut frames);
        frames.count();
        let mut attachments = self.take(false)?;
        attachments.retain(|attachment| !matches!(attachment, Attachment::Notes(_)));
        Ok(Encoded {
            frames,
            attachments,
        })
    }

    /// What they refer to, and behind that what is said beside them. References stay for another attempt.
    fn take(&self, two_way: bool) -> Result<Vec<Attachment>, NotSent> {
        let mut attachments = Vec::new();
        for place in self.attachments.lock().iter_mut() {
            attachments.push(match place {
                Some(Attachment::Reference(reference)) => Attachment::Reference(reference.clone()),
                taken => taken.take().ok_or_else(streams_gone)?,
            });
        }
        let notes = self.notes.clone().unwrap_or_default();
        if let Some(id) = self.correlation.filter(|_| two_way) {
            // Unless another one was said.
            let _ = notes.correlation.set(id);
        }
        if notes.has_entries() {
            attachments.push(Attachment::Notes(Box::new(notes)));
        }
        Ok(attachments)
    }
}

/// A call that is ready to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Prepared<'a> {
    /// The method.
    pub method: Which<'a>,
    /// Its arguments.
    pub arguments: &'a Written,
    /// How long the caller waits.
    pub within: Duration,
    /// True when no reply is wanted.
    pub oneway: bool,
}

impl Prepared<'_> {
    fn frame(&self, handle: u32, id: u32) -> CallFrame<'_> {
        let oneway = if self.oneway { flag::ONEWAY } else { 0 };
        let (method, name, named) = match self.method {
            Which::Number(number) | Which::Batch(number, _) | Which::Raw(number, None, _) => {
                (number, None, 0)
            }
            Which::Name(name) | Which::Raw(_, Some(name), _) => (0, Some(name), flag::NAMED),
        };
        let traced = self.arguments.trace.map_or(0, |_| flag::TRACE);
        CallFrame {
            flags: oneway | named | traced,
            method,
            id,
            handle,
            deadline_ms: milliseconds(self.within),
            trace: self.arguments.trace,
            name,
            body: &[],
        }
    }

    /// How long its frame is.
    fn frame_bytes(&self) -> usize {
        let arguments = self.arguments.bytes.len() + self.arguments.lent_bytes();
        self.frame(0, 0).frame_bytes() + arguments
    }

    /// Appends the call, and behind its arguments the list of what they refer to.
    fn put(&self, out: &mut Frames, handle: u32, id: u32, list: &[u8]) {
        let start = frame::begin_call(&mut out.bytes, &self.frame(handle, id));
        self.arguments.put(out);
        if !list.is_empty() {
            out.bytes.extend_from_slice(list);
            frame::mark_attached(&mut out.bytes, start);
        }
        frame::end_with(&mut out.bytes, start, self.arguments.lent_bytes());
    }

    /// What it costs with this list.
    fn cost(&self, list: &[u8]) -> usize {
        match self.oneway {
            true => cost(self.frame_bytes() + list.len()),
            false => 0,
        }
    }

    fn check(&self) -> Result<(), NotSent> {
        if self.within.is_zero() {
            return Err(NotSent::Expired(self.within));
        }
        match self.method {
            Which::Name(name) => check_name(name),
            _ => Ok(()),
        }
    }
}

/// A sequence on its way.
#[derive(Debug)]
pub struct Departed {
    /// Until it is in the hands of the operating system.
    pub posted: Posted,
    /// Its calls; `None` for those that are one-way.
    pub calls: Vec<Option<InFlight>>,
}

/// A call in flight; its outcome when awaited.
///
/// # Cancel safety
/// Dropping it cancels the call at the callee.
#[derive(Debug)]
pub struct InFlight {
    bound: Bound,
    id: u32,
    began: Tick,
    over: bool,
}

impl InFlight {
    /// What it was made over.
    pub fn bound(&self) -> &Bound {
        &self.bound
    }
}

impl Future for InFlight {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        let mut pending = Pending::new(this.bound.shared(), (this.id, this.began));
        match Pin::new(&mut pending).poll(cx) {
            Poll::Ready(outcome) => {
                this.over = true;
                Poll::Ready(outcome)
            }
            Poll::Pending => {
                pending.stay();
                Poll::Pending
            }
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.over {
            drop(Pending::new(self.bound.shared(), (self.id, self.began)));
        }
    }
}

impl Bound {
    /// True when the peer runs sequences.
    pub fn takes_sequences(&self) -> bool {
        self.shared().remote.two_way
    }

    /// Sends calls in one message, to be run one after the other.
    ///
    /// # Errors
    /// When nothing was sent: Full when it has to [wait](Self::wait_for_room_for).
    pub fn depart(&self, mode: Mode, calls: &[Prepared<'_>]) -> Result<Departed, NotSent> {
        if !self.takes_sequences() {
            let text = format!(
                "{} runs no batches: its version is older",
                self.shared().peer
            );
            return Err(NotSent::Unsupported(text));
        }
        for call in calls {
            call.check()?;
        }
        let (until, slots) =
            self.shared()
                .start_sequence((self.handle(), self.codec()), mode, calls)?;
        let in_flight = |(id, began)| InFlight {
            bound: self.clone(),
            id,
            began,
            over: false,
        };
        Ok(Departed {
            posted: Posted(until),
            calls: slots.into_iter().map(|slot| slot.map(in_flight)).collect(),
        })
    }

    /// Sends a one-way call.
    ///
    /// # Errors
    /// As for [`post`](Self::post).
    pub fn post_written(&self, call: Prepared<'_>) -> Result<Posted, NotSent> {
        call.check()?;
        let shared = self.shared();
        let bytes = call.frame_bytes();
        let most = shared.remote.max_message_bytes as usize;
        if bytes - LENGTH_BYTES > most {
            return Err(too_large("call", bytes, most));
        }
        let state = shared.lock_to_post()?;
        let was_idle = state.is_idle();
        let (mut state, mut listed) = shared.list_calls(state, &[call], self.codec(), bytes)?;
        let before = state.out.frames().mark();
        let listed = listed.pop().unwrap_or_default();
        call.put(state.out.frames(), self.handle(), 0, &listed.list);
        state.out.frames().end(before);
        if state.out.was_large(before) {
            let until = shared.post_large(state, before, self.handle(), listed);
            return Ok(Posted(until));
        }
        let until = shared.post(state, before, was_idle);
        shared.begin(listed);
        Ok(Posted(until))
    }

    /// Waits until calls that were refused as Full may be tried again.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn wait_for_room_for(&self, calls: &[Prepared<'_>]) {
        let shared = self.shared();
        let answered = calls.iter().filter(|call| !call.oneway).count();
        let costs = answered < calls.len();
        shared
            .wait_until(|state| {
                let room = shared.has_room_for(state, answered, costs);
                (room || shared.refuses()).then_some(())
            })
            .await;
    }
}

/// The ids of a sequence's calls, and when they began; nothing for one-way calls.
type Slots = Vec<Option<(u32, Tick)>>;

impl Shared {
    fn has_room_for(&self, state: &State, answered: usize, costs: bool) -> bool {
        state.calls.len() + answered <= self.remote.max_calls_in_flight as usize
            && !self.is_stuffed(state)
            && (!costs || state.purse.allows())
    }

    /// Appends a sequence to the out buffer; gives when all of it is written, and the calls' ids.
    fn start_sequence(
        &self,
        (handle, codec): (u32, Codec),
        mode: Mode,
        calls: &[Prepared<'_>],
    ) -> Result<(Until, Slots), NotSent> {
        let oneways = calls.iter().filter(|call| call.oneway).count();
        let answered = calls.len() - oneways;
        let bytes = self.check_sequence(calls)?;
        let guard = self.state.lock();
        if self.refuses() {
            return Err(guard.refusal());
        }
        if !self.has_room_for(&guard, answered, oneways > 0) {
            return Err(NotSent::Full(guard.calls.len()));
        }
        let (mut guard, listed) = self.list_calls(guard, calls, codec, bytes)?;
        let state = &mut *guard;
        let began = state.batch_began(self.epoch);
        let mark = state.out.frames().mark();
        begin_sequence(state.out.bytes(), mode as u8);
        let mut slots = Vec::with_capacity(calls.len());
        let mut costs = 0;
        for (call, Listed { list, .. }) in calls.iter().zip(&listed) {
            let id = (!call.oneway).then(|| state.take_place(call, began));
            call.put(state.out.frames(), handle, id.unwrap_or(0), list);
            slots.push(id.map(|id| (id, began)));
            costs += call.cost(list);
        }
        state.out.frames().end(mark);
        state.awaited += answered;
        state.purse.spend(costs);
        let ids = slots.iter().flatten().map(|(id, _)| *id);
        if state.out.was_large(mark) {
            let calls = (ids.collect(), handle);
            let until = state.cut_calls(mark, calls, Listed::of_all(listed));
            self.ask_flush(guard);
            return Ok((until, slots));
        }
        let end = state.out.end();
        ids.for_each(|id| state.write_by(id, end));
        self.ask_flush(guard);
        for listed in listed {
            self.begin(listed);
        }
        Ok((Until::Written(end), slots))
    }

    /// Makes the lists of what calls refer to, that take so many bytes without.
    fn list_calls<'s>(
        &self,
        mut state: MutexGuard<'s, State>,
        calls: &[Prepared<'_>],
        codec: Codec,
        bytes: usize,
    ) -> Result<(MutexGuard<'s, State>, Vec<Listed>), NotSent> {
        let two_way = self.remote.two_way;
        let values = calls.iter().map(|call| call.arguments.take(two_way));
        let mut values = values.collect::<Result<Vec<_>, _>>()?;
        if values.iter().all(Vec::is_empty) {
            let listed = calls.iter().map(|_| Listed::default()).collect();
            return Ok((state, listed));
        }
        let Some(shared) = self.strong() else {
            return Err(state.refusal());
        };
        let room = (self.remote.max_message_bytes as usize).saturating_sub(bytes);
        match state.list_each(&shared, &mut values, codec, room) {
            Ok(listed) => Ok((state, listed)),
            Err(text) => {
                drop(state);
                drop(values);
                Err(NotSent::Unencodable(text))
            }
        }
    }

    /// Sees that calls fit into one message and into the table of calls; gives how long the message is, without what they
    /// refer to.
    fn check_sequence(&self, calls: &[Prepared<'_>]) -> Result<usize, NotSent> {
        let most_calls = self.remote.max_calls_in_flight as usize;
        if calls.len() > most_calls {
            return Err(NotSent::TooLarge(format!(
                "a batch of {} calls, while this connection allows {most_calls}",
                calls.len()
            )));
        }
        let bytes: usize = calls.iter().map(Prepared::frame_bytes).sum();
        let bytes = bytes + SEQUENCE_HEADER_BYTES;
        let most = self.remote.max_message_bytes as usize;
        match bytes - LENGTH_BYTES > most {
            true => Err(too_large("batch", bytes, most)),
            false => Ok(bytes),
        }
    }
}

impl State {
    /// Takes a place among the calls in flight.
    fn take_place(&mut self, call: &Prepared<'_>, began: Tick) -> u32 {
        let within_ms = milliseconds(call.within);
        // The current tick is not over yet.
        let deadline = began + Tick::from(within_ms) + 1;
        self.earliest = self.earliest.min(deadline);
        let slot = Slot::Awaited {
            waker: None,
            deadline,
            within_ms,
            end: u64::MAX,
        };
        self.calls.insert(slot) as u32
    }
}

#[cold]
fn too_large(what: &str, bytes: usize, most: usize) -> NotSent {
    NotSent::TooLarge(format!(
        "a {what} of {bytes} bytes, while the longest message this connection allows is {most}"
    ))
}

#[cold]
fn streams_gone() -> NotSent {
    let text = "its streams left over a connection that was lost";
    NotSent::Unencodable(text.into())
}
