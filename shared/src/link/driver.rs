//! The one task of a connection: reads, writes and keeps time.

mod flow_frames;
mod pieces;

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::MutexGuard;
use tokio::time::Instant;

use super::Host;
use super::alarm::Alarm;
use super::bound;
use super::buffers::{Buffers, TRUSTED_BYTES};
use super::callee::{Callee, Fault};
use super::clock::{Clock, Due, LINGER, NEVER, Tick};
use super::large::Finished;
use super::out::Flush;
use super::pieces::Pieces;
use super::producer::{BACKLOG_BYTES, MOST_CUT_BYTES};
use super::shared::{Shared, State};
use crate::net::Reading;
use crate::wire::blob;
use crate::wire::frame::flow::{self, PIECE_HEADER_BYTES, PieceHead};
use crate::wire::frame::{self, CallFrame, Frame, LENGTH_BYTES, ReplyFrame};
use crate::wire::frames::Frames;
use crate::wire::handshake::Side;

/// Room for one read.
const READ_BYTES: usize = 64 << 10;

/// A buffer larger than this is given back when it was of no use for a while.
const LARGE: usize = 128 << 10;

/// A message larger than this gets a buffer of its own, for whoever keeps a blob out of it.
const OWN_BYTES: usize = blob::MIN_BYTES;

/// Parked calls that begin before it is seen what their results add to what waits for the peer.
const RESUMED_AT_ONCE: usize = 16;

/// Replies handed to their callers before callers on other threads get at the state.
const REPLIES_PER_LOCK: usize = 64;

/// Reads in one turn before other tasks get theirs.
const READS_PER_TURN: usize = 8;

/// How often a turn reads and writes while pieces come and nobody waits for it to end.
const ROUNDS_PER_TURN: usize = 8;

/// How often a turn fills the socket with pieces before others get theirs.
const WRITES_PER_TURN: usize = 32;

/// Frames handled in one turn before other tasks get theirs: a flood on one connection must not hold up the others.
const FRAMES_PER_TURN: usize = 512;

thread_local! {
    /// A read buffer for whichever connection has something to read: an idle connection holds none.
    static SPARE: Cell<Option<BytesMut>> = const { Cell::new(None) };
}

/// The task of a connection, to be spawned by whoever owns the connection; ends when the connection does.
///
/// Dropping it ends the connection: callers learn their outcome, running calls are stopped.
pub struct Driver {
    shared: Arc<Shared>,
    reading: Reading,
    received: BytesMut,
    callee: Callee,
    /// Stops reading while the peer does not take its replies. Only one of two sides does, or they could wait for each other.
    chokes: bool,
    /// Frames made during this turn.
    replies: Frames,
    woken: Vec<Waker>,
    /// What is left to do for large frames that were sent in this turn.
    finished: Finished,
    /// The last ping of this turn.
    ping: Option<u64>,
    clock: Clock,
    alarm: Alarm,
    /// When the alarm rings.
    armed: Tick,
    /// The earliest deadline of the calls in flight when the driver last looked.
    earliest: Tick,
    /// Frames that this turn may still handle.
    budget: usize,
    buffers: Buffers,
    pieces: Pieces,
    /// The size of the large message that came last, when nothing else came since.
    expected: usize,
    /// How much of a large message is read before anything else.
    missing: usize,
    /// The largest message of this turn, or all that waited to be written, in bytes.
    moved: usize,
    /// True when this turn only lets other tasks add to the batch.
    yielded: bool,
    /// True when this turn left something unread or unhandled because the peer does not take its replies.
    held_back: bool,
    /// How many bytes of a peer that broke the protocol are still read away, so that it gets to know why.
    discards: Option<usize>,
}

/// The most bytes read away behind a fault.
const MOST_DISCARDED: usize = 1 << 20;

/// What is left to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// Nothing that is here.
    All,
    /// Maybe more, and others are to have their turn.
    Some,
    /// Maybe more, behind a piece.
    Piece,
}

/// Why a connection ends.
enum End {
    /// The peer or the network ended it.
    Lost(String),
    /// The peer broke the protocol; it is told.
    Fault(Fault),
    /// Everything in flight is answered after a go-away.
    Drained,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver")
            .field("peer", &self.shared.peer)
            .finish_non_exhaustive()
    }
}

impl Driver {
    pub(super) fn new(
        shared: Arc<Shared>,
        reading: Reading,
        received: BytesMut,
        host: Option<Arc<dyn Host>>,
    ) -> Self {
        Self {
            chokes: shared.side == Side::Accepted,
            callee: Callee::new(Arc::clone(&shared), host),
            reading,
            received,
            replies: Frames::default(),
            woken: Vec::new(),
            finished: Finished::default(),
            ping: None,
            clock: Clock::new(&shared.limits),
            alarm: Alarm::new(Arc::downgrade(&shared)),
            armed: NEVER,
            earliest: NEVER,
            budget: 0,
            buffers: Buffers::default(),
            pieces: Pieces::default(),
            expected: 0,
            missing: 0,
            moved: 0,
            yielded: false,
            held_back: false,
            discards: None,
            shared,
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        // Counted once, for all that borrows both it and the driver.
        let shared = Arc::clone(&self.shared);
        for round in 1.. {
            let here = self.callee.arrive();
            let read = self.read(&shared, cx);
            self.callee.depart(here);
            let read = read?;
            self.write(&shared, cx)?;
            match read {
                Read::Piece if round < ROUNDS_PER_TURN => {}
                Read::Piece | Read::Some => {
                    cx.waker().wake_by_ref();
                    break;
                }
                Read::All => break,
            }
        }
        if self.held_back && !self.is_choked() {
            // The socket was not asked for more in this turn, so it would not wake the next one.
            cx.waker().wake_by_ref();
        }
        self.keep_time()
    }

    /// Reads and handles what is there, up to some pieces.
    fn read(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Result<Read, End> {
        self.budget = FRAMES_PER_TURN;
        let mut received = std::mem::take(&mut self.received);
        // What came behind the handshake, or was left when the peer did not take its replies.
        let mut result = if received.is_empty() || self.is_choked() {
            Ok(())
        } else {
            self.handle_all(shared, &mut received)
        };
        if received.capacity() == 0 && self.expected == 0 {
            received = SPARE.take().unwrap_or_default();
        }
        let mut read = Read::All;
        for turn in 0.. {
            self.held_back = self.is_choked();
            if result.is_err() || self.held_back {
                break;
            }
            let piecemeal = self.pieces.are_coming();
            if piecemeal && self.has_to_write() {
                read = Read::Piece;
                break;
            }
            if turn == READS_PER_TURN || self.budget == 0 {
                read = Read::Some;
                break;
            }
            if piecemeal && self.pieces.is_inside() {
                match self.read_piece(shared, cx) {
                    Poll::Pending => break,
                    Poll::Ready(done) => result = done,
                }
                continue;
            }
            let most = self.make_room(&mut received);
            match self.reading.poll_read(cx, &mut received, most) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => result = Err(closed()),
                Poll::Ready(Ok(count)) => {
                    self.pieces.hear(count);
                    result = self.handle_all(shared, &mut received);
                }
                Poll::Ready(Err(e)) => result = Err(End::Lost(e.to_string())),
            }
        }
        self.tell_taken();
        if received.is_empty() && received.capacity() <= LARGE && self.expected == 0 {
            SPARE.set(Some(received));
        } else {
            self.received = received;
        }
        if let Some(token) = self.ping.take() {
            frame::put_pong(&mut self.replies.bytes, token);
        }
        if read == Read::Piece && !self.woken.is_empty() {
            // They run once this task lets go.
            read = Read::Some;
        }
        self.woken.drain(..).for_each(Waker::wake);
        if result.is_err() {
            shared.state.lock().out.frames().append(&mut self.replies);
        }
        result.map(|()| read)
    }

    /// Makes room for a read; gives how much it may read.
    fn make_room(&mut self, received: &mut BytesMut) -> usize {
        if self.missing > 0 {
            return self.missing;
        }
        if received.is_empty() && self.pieces.is_between() {
            // The content of the next piece is read to where it belongs.
            received.reserve(PIECE_HEADER_BYTES);
            return PIECE_HEADER_BYTES;
        }
        if received.is_empty() && self.expected > 0 {
            // Large messages often come in a row and of one size: such a one is then read right into its own buffer.
            if received.capacity() < self.expected {
                *received = self.buffers.take(self.expected);
            }
            return self.expected;
        }
        if received.capacity() - received.len() < READ_BYTES / 4 {
            received.reserve(READ_BYTES);
        }
        usize::MAX
    }

    /// A message of its own out of the read buffer.
    fn cut_out(&mut self, received: &mut BytesMut, bytes: usize) -> Bytes {
        self.expected = bytes;
        if received.len() == bytes && received.capacity() < 2 * bytes {
            return self.buffers.lend(std::mem::take(received));
        }
        let mut own = self.buffers.take(bytes);
        own.extend_from_slice(received.get(..bytes).unwrap_or_default());
        received.advance(bytes);
        self.buffers.lend(own)
    }

    /// A peer that does not take its replies gets no further calls read. The side that dialled always reads: so of two
    /// peers at least one does, and they cannot wait for each other.
    fn is_choked(&self) -> bool {
        self.chokes_at(self.replies.len() + self.shared.unsent.load(Ordering::Relaxed))
    }

    fn chokes_at(&self, backlog: usize) -> bool {
        self.chokes && backlog > self.shared.limits.max_unsent_bytes
    }

    fn is_stuffed(&self) -> bool {
        self.shared.unsent.load(Ordering::Relaxed) > self.shared.limits.max_unsent_bytes
    }

    /// Cuts and handles all whole frames, until the replies to them are more than the peer has to be given at once:
    /// small calls may have large results.
    fn handle_all(&mut self, shared: &Shared, received: &mut BytesMut) -> Result<(), End> {
        let now = Instant::now();
        self.clock.hear(shared.tick(now));
        self.callee.begin();
        let limit = shared.limits.max_message_bytes;
        let mut at = 0;
        let mut result = Ok(());
        // Held over a run of replies, and let go now and then for the callers on other threads.
        let mut state = None;
        let mut settled = 0;
        self.missing = 0;
        while let Some(rest) = received.get(at..).filter(|_| self.budget > 0) {
            match frame::frame_bytes(rest, limit) {
                Ok(Some(total)) if total <= rest.len() => {
                    self.budget -= 1;
                    if total <= OWN_BYTES {
                        self.expected = 0;
                    }
                    if total > OWN_BYTES {
                        received.advance(at);
                        at = 0;
                        state = None;
                        if let Some(head) = PieceHead::read(received) {
                            received.advance(PIECE_HEADER_BYTES);
                            match self.begin_piece(&head, received, now) {
                                Ok(taken) => received.advance(taken),
                                Err(end) => result = Err(end),
                            }
                            if result.is_err() || self.is_choked() {
                                break;
                            }
                            continue;
                        }
                        let mut message = self.cut_out(received, total);
                        message.advance(LENGTH_BYTES);
                        result = self.handle_large(message, now);
                        if result.is_err() || self.is_choked() {
                            break;
                        }
                        continue;
                    }
                    at += total;
                    let frame = &rest[LENGTH_BYTES..total];
                    if let Some(reply) = ReplyFrame::read(frame)
                        && reply.flags & flow::flag::ATTACHED == 0
                    {
                        settled += 1;
                        if settled % REPLIES_PER_LOCK == 0 {
                            state = None;
                        }
                        let state = state.get_or_insert_with(|| shared.state.lock());
                        result = Shared::settle(state, &reply, None, &mut self.woken)
                            .map_err(End::Fault);
                    } else {
                        state = None;
                        result = match CallFrame::read(frame) {
                            Some(call) => self.call(&call, now),
                            None => self.handle(frame, now),
                        };
                    }
                    if result.is_err() || self.is_choked() {
                        break;
                    }
                }
                Ok(Some(total)) => {
                    received.advance(at);
                    drop(state);
                    return self.begin_large(received, total, now);
                }
                Ok(None) => break,
                Err(e) => {
                    result = Err(End::Fault(e.to_string()));
                    break;
                }
            }
        }
        received.advance(at);
        result
    }

    /// Has the rest of a large message read into one buffer with its beginning, and nothing else.
    fn await_rest(&mut self, received: &mut BytesMut, bytes: usize) {
        let here = received.len();
        if received.capacity() < bytes {
            // Grows with what really arrives, never by all that is announced.
            let more = (bytes - here).min(here.max(TRUSTED_BYTES));
            if here > TRUSTED_BYTES / 2 {
                received.reserve(more);
            } else {
                let mut own = self.buffers.take(bytes);
                own.extend_from_slice(received);
                let mut small = std::mem::replace(received, own);
                small.clear();
                if small.capacity() <= LARGE {
                    SPARE.set(Some(small));
                }
            }
        }
        self.missing = (bytes - here).min(received.capacity() - here);
    }

    /// Handles a frame, without its length, that is worth not to be copied.
    fn handle_large(&mut self, frame: Bytes, now: Instant) -> Result<(), End> {
        self.moved = self.moved.max(frame.len());
        match ReplyFrame::read(&frame) {
            Some(reply) if reply.flags & flow::flag::ATTACHED == 0 => {
                let body = frame.slice_ref(reply.body);
                let mut state = self.shared.state.lock();
                Shared::settle(&mut state, &reply, Some(body), &mut self.woken).map_err(End::Fault)
            }
            _ => blob::reading(&frame, || self.handle(&frame, now)),
        }
    }

    #[inline]
    fn call(&mut self, call: &CallFrame<'_>, now: Instant) -> Result<(), End> {
        let started = self.callee.call(call, &mut self.replies, now);
        started.map_err(End::Fault)
    }

    /// Handles a frame of any kind; the two common ones as a rule are handled before.
    fn handle(&mut self, bytes: &[u8], now: Instant) -> Result<(), End> {
        let frame = Frame::parse(bytes).map_err(|e| End::Fault(e.to_string()))?;
        match frame {
            Frame::Call(call) => return self.call(&call, now),
            Frame::Reply(reply) if reply.flags & flow::flag::ATTACHED != 0 => {
                return self.attached_reply(&reply);
            }
            Frame::Reply(reply) => {
                let mut state = self.shared.state.lock();
                return Shared::settle(&mut state, &reply, None, &mut self.woken)
                    .map_err(End::Fault);
            }
            Frame::Bind(bind) => {
                return self
                    .callee
                    .bind(&bind, &mut self.replies.bytes)
                    .map_err(End::Fault);
            }
            Frame::Unbind(handle) => self.callee.unbind(handle),
            Frame::Cancel(id) => self.shared.cancel(id),
            Frame::Bound(bound) => {
                let answer = if bound.status == 0 {
                    Ok(())
                } else {
                    Err((bound.status, bound.text))
                };
                let mut state = self.shared.state.lock();
                let woken =
                    bound::settle(&mut state.binds, bound.handle, answer).map_err(End::Fault)?;
                drop(state);
                self.woken.extend(woken);
            }
            // One pong answers all pings of a turn: a flood of pings must not become a flood of pongs.
            Frame::Ping(token) => self.ping = Some(token).filter(|_| !self.is_stuffed()),
            Frame::GoAway(why) => {
                let mut state = self.shared.state.lock();
                state.peer_leaves = Some(format!("the peer is shutting down: {why}").into());
                self.shared.refuses.store(true, Ordering::Relaxed);
            }
            Frame::Fault(why) => {
                return Err(End::Lost(format!("the peer ended the connection: {why}")));
            }
            Frame::Flow(flow) => return self.flow(&flow, now),
            Frame::Pong(_) | Frame::Skipped(_) => {}
        }
        Ok(())
    }

    /// Writes the replies to what was read and what others appended.
    fn write(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Result<(), End> {
        self.callee.give_credit(&mut self.replies.bytes);
        let produced = !self.replies.is_empty();
        let mut state = shared.state.lock();
        if produced {
            state.out.append(&mut self.replies);
        }
        let waited = state.out.unsent();
        let large = !state.out.cut.is_idle();
        if !state.out.is_empty() || large && self.has_large_to_write(&state) {
            if !produced && state.out.flush == Flush::Asked && !self.yielded {
                // Tasks that are ready now add their frames to the batch before it goes: one write for all of them.
                self.yielded = true;
                drop(state);
                cx.waker().wake_by_ref();
                return Ok(());
            }
            if state.began.is_some() {
                state.postpone(shared.tick(Instant::now()));
                state.began = None;
            }
            self.flush(&mut state, cx)?;
        } else if state.out.flush == Flush::Asked {
            state.out.flush = Flush::Idle;
        }
        self.yielded = false;
        state.company.part();
        let backlog = state.out.backlog();
        shared.unsent.store(backlog, Ordering::Relaxed);
        self.resume_streams(&mut state);
        let crowded = state.crowd > 0 && backlog <= shared.limits.max_unsent_bytes;
        let posting = state.posting > 0;
        let awaits = if large { self.awaits(&mut state) } else { None };
        let drained = self.is_drained(&state);
        let peer_waits_for_us = state.peer_leaves.is_some();
        let mut parked = Vec::new();
        if backlog <= shared.limits.max_unsent_bytes / 2 {
            let some = state.parked.len().min(RESUMED_AT_ONCE);
            parked.extend(state.parked.drain(..some));
        }
        self.earliest = state.earliest;
        let held = state.out.capacity().max(self.replies.bytes.capacity());
        if state.out.has_spent() {
            let spent = state.out.spent();
            drop(state);
            drop(spent);
        } else {
            drop(state);
        }
        if large {
            self.finish(shared);
        }
        self.woken.drain(..).for_each(Waker::wake);
        self.callee.resume(parked);
        self.moved = self.moved.max(waited);
        let used = self.expected > 0 || self.pieces.was_used();
        let keeps = used || held.max(self.received.capacity()) > LARGE;
        if large || self.pieces.are_coming() || self.clock.watches() {
            self.watch_pieces(shared, awaits);
        }
        if keeps && (self.moved > OWN_BYTES || !self.clock.holds_large()) {
            self.clock.use_large(shared.tick(Instant::now()));
        }
        self.moved = 0;
        if drained && peer_waits_for_us {
            return Err(End::Drained);
        }
        if !drained || !shared.leaving.load(Ordering::Relaxed) {
            self.clock.go_on();
        } else {
            self.clock.drain(shared.tick(Instant::now()));
        }
        if crowded {
            shared.room.notify_waiters();
        }
        if posting {
            shared.written.notify_waiters();
        }
        Ok(())
    }

    fn flush(
        &mut self,
        state: &mut MutexGuard<'_, State>,
        cx: &mut Context<'_>,
    ) -> Result<(), End> {
        let lost = |e: io::Error| End::Lost(e.to_string());
        for turn in 1.. {
            let large = !state.out.cut.is_empty();
            if large {
                self.put_pieces(state);
            }
            if state.out.flush == Flush::Blocked {
                match state.out.poll_writable(cx) {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(ready) => ready.map_err(lost)?,
                }
            }
            if state.out.write().map_err(lost)? {
                self.clock.unblock();
                if !large || !state.out.cut.is_ready(self.heed(state)) {
                    return Ok(());
                }
                if turn >= WRITES_PER_TURN {
                    cx.waker().wake_by_ref();
                    return Ok(());
                }
                // Whoever waits for the lock has a small frame.
                MutexGuard::bump(state);
                continue;
            }
            state.out.flush = Flush::Blocked;
            let now = self.shared.tick(Instant::now());
            self.clock.block(now, state.out.written());
        }
        Ok(())
    }

    /// Has streams go on that waited for what was there to be written.
    fn resume_streams(&mut self, state: &mut State) {
        if state.producers.are_backlogged()
            && state.out.unsent() <= BACKLOG_BYTES / 2
            && state.out.cut.items() <= MOST_CUT_BYTES / 2
        {
            self.woken.append(&mut state.producers.resume());
        }
    }

    /// True when nothing is in flight either way.
    fn is_drained(&self, state: &State) -> bool {
        state.out.is_empty()
            && state.out.cut.is_empty()
            && state.awaited == 0
            && state.producers.len() == 0
            && state.consumers.are_done()
            && self.shared.running.load(Ordering::Relaxed) == 0
            && self.shared.oneways.load(Ordering::Relaxed) == 0
    }

    /// Does what is due, and has the alarm ring for what comes next. An alarm that rings too early costs less than moving it
    /// whenever something is heard.
    #[inline]
    fn keep_time(&mut self) -> Result<(), End> {
        let rang = self.shared.rang.load(Ordering::Relaxed);
        if !rang && self.clock.next().min(self.earliest) >= self.armed {
            return Ok(());
        }
        if rang {
            self.shared.rang.store(false, Ordering::Relaxed);
            self.armed = NEVER;
            self.tick(Instant::now())?;
        }
        self.arm(self.clock.next().min(self.earliest));
        Ok(())
    }

    fn arm(&mut self, due: Tick) {
        self.armed = due;
        self.alarm.set(self.shared.time(due).into_std());
    }

    fn tick(&mut self, now: Instant) -> Result<(), End> {
        let now = self.shared.tick(now);
        let reads = !self.is_choked();
        let mut unsent = Vec::new();
        let mut state = self.shared.state.lock();
        if state.earliest <= now {
            let expired = Shared::sweep(&mut state, now, &mut unsent);
            self.woken.extend(expired);
            if state.orphans > self.shared.remote.max_calls_in_flight as usize / 2 {
                return Err(End::Fault(
                    "the peer acknowledges no cancelled calls".into(),
                ));
            }
        }
        self.earliest = state.earliest;
        if self.clock.rests(now) {
            state.out.rest();
            self.replies = Frames::default();
            self.buffers.rest();
            self.expected = 0;
            self.pieces.rest();
            if self.received.is_empty() {
                self.received = BytesMut::new();
            }
        }
        let limits = &self.shared.limits;
        match self.clock.due(now, reads) {
            Due::Nothing => {}
            Due::Ping => frame::put_ping(state.out.bytes(), 0),
            Due::Silent => {
                let text = format!("the peer was silent for {:?}", limits.silence);
                return Err(End::Lost(text));
            }
            Due::Stalled => {
                let text = format!("the peer took nothing for {:?}", limits.stall);
                return Err(End::Lost(text));
            }
            Due::Unfinished => {
                let text = format!("large frames of which nothing came for {:?}", limits.stall);
                return Err(End::Fault(text));
            }
            Due::Drained => return Err(End::Drained),
        }
        if !state.out.is_empty() || !state.out.cut.is_empty() {
            self.shared.ask_flush(state);
        } else {
            drop(state);
        }
        self.woken.drain(..).for_each(Waker::wake);
        Ok(())
    }

    /// Reads and forgets until the peer closes, for a while.
    fn discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.shared.rang.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        let mut bytes = SPARE.take().unwrap_or_default();
        let end = loop {
            bytes.clear();
            bytes.reserve(READ_BYTES);
            match self.reading.poll_read(cx, &mut bytes, READ_BYTES) {
                Poll::Pending => break Poll::Pending,
                Poll::Ready(Ok(0) | Err(_)) => break Poll::Ready(()),
                Poll::Ready(Ok(count)) => {
                    let left = self.discards.unwrap_or(0).saturating_sub(count);
                    self.discards = Some(left);
                    if left == 0 {
                        break Poll::Ready(());
                    }
                }
            }
        };
        bytes.clear();
        SPARE.set(Some(bytes));
        end
    }

    /// Tells the peer why the connection ends, as far as the socket takes it.
    fn say(&mut self, fault: &str) {
        let mut state = self.shared.state.lock();
        frame::put_fault(state.out.bytes(), fault);
        let _ = state.out.write();
    }
}

fn closed() -> End {
    End::Lost("the peer closed the connection".into())
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.shared.driver.register(cx.waker());
        if this.discards.is_some() {
            return this.discard(cx);
        }
        let end = match this.turn(cx) {
            Ok(()) => return Poll::Pending,
            Err(end) => end,
        };
        match end {
            End::Lost(why) => this.shared.close(&why),
            End::Drained => this.shared.close("it was closed after a go-away"),
            End::Fault(why) => {
                tracing::warn!(peer = %this.shared.peer, "ending the connection: {why}");
                this.say(&why);
                this.shared.close(&why);
                // Closing with unread bytes would reset the connection and take the fault with it.
                this.discards = Some(MOST_DISCARDED);
                this.shared.rang.store(false, Ordering::Relaxed);
                let now = this.shared.tick(Instant::now());
                this.arm(now + LINGER);
                return this.discard(cx);
            }
        }
        Poll::Ready(())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.close("its task was stopped");
    }
}
