//! The one task of a connection: reads, writes and keeps time.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::time::{Instant, Sleep};

use super::Host;
use super::bound;
use super::callee::{Callee, Fault};
use super::out::Flush;
use super::shared::{Shared, State};
use crate::net::Reading;
use crate::wire::frame::{self, Frame, LENGTH_BYTES};

/// Room for one read.
const READ_BYTES: usize = 64 << 10;

/// A read buffer larger than this is given back when it is empty.
const KEPT_CAPACITY: usize = 128 << 10;

/// Reads in one turn before other tasks get theirs.
const READS_PER_TURN: usize = 8;

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
    hosts: bool,
    /// Frames made during this turn.
    replies: Vec<u8>,
    woken: Vec<Waker>,
    /// The last ping of this turn.
    ping: Option<u64>,
    clock: Clock,
    /// True when this turn only lets other tasks add to the batch.
    yielded: bool,
    /// True when this turn left something unread or unhandled because the peer does not take its replies.
    held_back: bool,
    /// How many bytes of a peer that broke the protocol are still read away, so that it gets to know why.
    discards: Option<usize>,
}

/// The most bytes read away behind a fault.
const MOST_DISCARDED: usize = 1 << 20;

/// What the driver waits for in time.
struct Clock {
    timer: Pin<Box<Sleep>>,
    armed: Instant,
    /// When the peer was last heard.
    heard: Instant,
    /// When it was pinged, if it was not heard since.
    pinged: Option<Instant>,
    /// Since when the socket has taken nothing.
    blocked: Option<(Instant, u64)>,
    /// Since when everything is answered after this side's go-away.
    drained: Option<Instant>,
}

/// How long the peer may take to close after a go-away: calls it sent before it read of it are still refused in words.
const LINGER: Duration = Duration::from_secs(1);

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
        let now = Instant::now();
        let armed = now + shared.limits.heartbeat;
        Self {
            hosts: host.is_some(),
            callee: Callee::new(Arc::clone(&shared), host),
            reading,
            received,
            replies: Vec::new(),
            woken: Vec::new(),
            ping: None,
            clock: Clock {
                timer: Box::pin(tokio::time::sleep_until(armed)),
                armed,
                heard: now,
                pinged: None,
                blocked: None,
                drained: None,
            },
            yielded: false,
            held_back: false,
            discards: None,
            shared,
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let produced = self.read(cx)?;
        self.write(cx, produced)?;
        if self.held_back && !self.is_choked() {
            // The socket was not asked for more in this turn, so it would not wake the next one.
            cx.waker().wake_by_ref();
        }
        self.keep_time(cx)
    }

    /// Reads and handles what is there; true when that made frames to write.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut received = std::mem::take(&mut self.received);
        // What came behind the handshake, or was left when the peer did not take its replies.
        let mut result = if received.is_empty() || self.is_choked() {
            Ok(())
        } else {
            self.handle_all(&mut received)
        };
        if received.capacity() == 0 {
            received = SPARE.take().unwrap_or_default();
        }
        for turn in 0.. {
            self.held_back = self.is_choked();
            if result.is_err() || self.held_back {
                break;
            }
            if turn == READS_PER_TURN {
                cx.waker().wake_by_ref();
                break;
            }
            if received.capacity() - received.len() < READ_BYTES / 4 {
                received.reserve(READ_BYTES);
            }
            match self.reading.poll_read(cx, &mut received) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => {
                    result = Err(End::Lost("the peer closed the connection".into()))
                }
                Poll::Ready(Ok(_)) => result = self.handle_all(&mut received),
                Poll::Ready(Err(e)) => result = Err(End::Lost(e.to_string())),
            }
        }
        if !received.is_empty() {
            self.received = received;
        } else if received.capacity() <= KEPT_CAPACITY {
            SPARE.set(Some(received));
        }
        if let Some(token) = self.ping.take() {
            frame::put_pong(&mut self.replies, token);
        }
        let produced = !self.replies.is_empty();
        if produced {
            self.shared.state.lock().out.append(&mut self.replies);
        }
        self.woken.drain(..).for_each(Waker::wake);
        result.map(|()| produced)
    }

    /// A peer that does not take its replies gets no further calls read. A side that only calls always reads:
    /// so of two peers at least one does, and they cannot wait for each other.
    fn is_choked(&self) -> bool {
        self.hosts
            && self.replies.len() + self.shared.unsent.load(Ordering::Relaxed)
                > self.shared.limits.max_unsent_bytes
    }

    fn is_stuffed(&self) -> bool {
        self.shared.unsent.load(Ordering::Relaxed) > self.shared.limits.max_unsent_bytes
    }

    /// Cuts and handles all whole frames, until the replies to them are more than the peer has to be given at once:
    /// small calls may have large results.
    fn handle_all(&mut self, received: &mut BytesMut) -> Result<(), End> {
        let now = Instant::now();
        self.clock.heard = now;
        self.clock.pinged = None;
        let limit = self.shared.limits.max_message_bytes;
        let mut at = 0;
        let mut result = Ok(());
        while let Some(rest) = received.get(at..) {
            match frame::frame_bytes(rest, limit) {
                Ok(Some(total)) if total <= rest.len() => {
                    result = self.handle(&rest[LENGTH_BYTES..total], now);
                    at += total;
                    if result.is_err() || self.is_choked() {
                        break;
                    }
                }
                Ok(Some(total)) => {
                    // Grows with what really arrives, never by what is only announced.
                    let more = (total - rest.len()).min(rest.len().max(READ_BYTES));
                    received.advance(at);
                    received.reserve(more);
                    return Ok(());
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

    #[inline]
    fn handle(&mut self, bytes: &[u8], now: Instant) -> Result<(), End> {
        match Frame::parse(bytes) {
            Ok(Frame::Reply(reply)) => {
                let mut state = self.shared.state.lock();
                let waker = Shared::settle(&mut state, reply.id, reply.status, reply.body)
                    .map_err(End::Fault)?;
                drop(state);
                self.woken.extend(waker);
                Ok(())
            }
            Ok(Frame::Call(call)) => self
                .callee
                .call(&call, &mut self.replies, now)
                .map_err(End::Fault),
            Ok(frame) => self.handle_rare(frame),
            Err(e) => Err(End::Fault(e.to_string())),
        }
    }

    fn handle_rare(&mut self, frame: Frame<'_>) -> Result<(), End> {
        match frame {
            Frame::Bind(bind) => {
                return self
                    .callee
                    .bind(&bind, &mut self.replies)
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
            }
            Frame::Fault(why) => {
                return Err(End::Lost(format!("the peer ended the connection: {why}")));
            }
            Frame::Pong(_) | Frame::Skipped(_) | Frame::Call(_) | Frame::Reply(_) => {}
        }
        Ok(())
    }

    fn write(&mut self, cx: &mut Context<'_>, produced: bool) -> Result<(), End> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state.lock();
        if !state.out.is_empty() {
            if !produced && state.out.flush == Flush::Asked && !self.yielded {
                // Tasks that are ready now add their frames to the batch before it goes: one write for all of them.
                self.yielded = true;
                drop(state);
                cx.waker().wake_by_ref();
                return Ok(());
            }
            self.flush(&mut state, cx)?;
        } else if state.out.flush == Flush::Asked {
            state.out.flush = Flush::Idle;
        }
        self.yielded = false;
        shared.unsent.store(state.out.unsent(), Ordering::Relaxed);
        let crowded = state.crowd > 0 && state.out.unsent() <= shared.limits.max_unsent_bytes;
        let drained = self.is_drained(&state);
        let peer_waits_for_us = state.peer_leaves.is_some();
        drop(state);
        if drained && peer_waits_for_us {
            return Err(End::Drained);
        }
        if !drained || !shared.leaving.load(Ordering::Relaxed) {
            self.clock.drained = None;
        } else if self.clock.drained.is_none() {
            self.clock.drained = Some(Instant::now());
        }
        if crowded {
            shared.room.notify_waiters();
        }
        Ok(())
    }

    fn flush(&mut self, state: &mut State, cx: &mut Context<'_>) -> Result<(), End> {
        let lost = |e: io::Error| End::Lost(e.to_string());
        loop {
            if state.out.flush == Flush::Blocked {
                match state.out.poll_writable(cx) {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(ready) => ready.map_err(lost)?,
                }
            }
            if state.out.write().map_err(lost)? {
                self.clock.blocked = None;
                return Ok(());
            }
            state.out.flush = Flush::Blocked;
            let written = state.out.written();
            match self.clock.blocked {
                Some((_, before)) if before == written => {}
                _ => self.clock.blocked = Some((Instant::now(), written)),
            }
        }
    }

    /// True when nothing is in flight either way.
    fn is_drained(&self, state: &State) -> bool {
        state.out.is_empty()
            && state.awaited == 0
            && self.shared.running.load(Ordering::Relaxed) == 0
    }

    fn keep_time(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        loop {
            // A timer that fires too early costs less than moving it whenever something is heard.
            let due = self.next_due();
            if due < self.clock.armed {
                self.arm(due);
            }
            if self.clock.timer.as_mut().poll(cx).is_pending() {
                return Ok(());
            }
            self.tick(Instant::now())?;
            let due = self.next_due();
            self.arm(due);
        }
    }

    fn arm(&mut self, due: Instant) {
        self.clock.armed = due;
        self.clock.timer.as_mut().reset(due);
    }

    /// When something has to be done at the earliest.
    fn next_due(&self) -> Instant {
        let limits = &self.shared.limits;
        let mut due = match self.clock.pinged {
            Some(_) => self.clock.heard + limits.silence,
            None => self.clock.heard + limits.heartbeat,
        };
        if let Some((since, _)) = self.clock.blocked {
            due = due.min(since + limits.stall);
        }
        if let Some(since) = self.clock.drained {
            due = due.min(since + LINGER);
        }
        match self.shared.state.lock().earliest {
            Some(deadline) => due.min(deadline),
            None => due,
        }
    }

    fn tick(&mut self, now: Instant) -> Result<(), End> {
        let limits = &self.shared.limits;
        if let Some((since, _)) = self.clock.blocked
            && now >= since + limits.stall
        {
            return Err(End::Lost(format!(
                "the peer took nothing for {:?}",
                limits.stall
            )));
        }
        if self
            .clock
            .drained
            .is_some_and(|since| now >= since + LINGER)
        {
            return Err(End::Drained);
        }
        let choked = self.is_choked();
        let mut state = self.shared.state.lock();
        if state.earliest.is_some_and(|deadline| deadline <= now) {
            let expired = Shared::sweep(&mut state, now);
            self.woken.extend(expired);
            if state.orphans > self.shared.remote.max_calls_in_flight as usize / 2 {
                return Err(End::Fault(
                    "the peer acknowledges no cancelled calls".into(),
                ));
            }
        }
        if choked {
            // Nothing is read, so nothing can be heard; the stall limit watches this peer.
            self.clock.heard = now;
            self.clock.pinged = None;
        } else if now >= self.clock.heard + limits.silence && self.clock.pinged.is_some() {
            return Err(End::Lost(format!(
                "the peer was silent for {:?}",
                limits.silence
            )));
        } else if now >= self.clock.heard + limits.heartbeat && self.clock.pinged.is_none() {
            self.clock.pinged = Some(now);
            frame::put_ping(state.out.frames(), 0);
        }
        if !state.out.is_empty() {
            self.shared.ask_flush(state);
        } else {
            drop(state);
        }
        self.woken.drain(..).for_each(Waker::wake);
        Ok(())
    }

    /// Reads and forgets until the peer closes, for a while.
    fn discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.clock.timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut bytes = SPARE.take().unwrap_or_default();
        let end = loop {
            bytes.clear();
            bytes.reserve(READ_BYTES);
            match self.reading.poll_read(cx, &mut bytes) {
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
        frame::put_fault(state.out.frames(), fault);
        let _ = state.out.write();
    }
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
                this.arm(Instant::now() + LINGER);
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
