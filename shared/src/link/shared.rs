//! What a link's handles, its driver and its running calls share.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use parking_lot::{Mutex, MutexGuard};
use slab::Slab;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::attached::Listed;
use super::bound::BindSlot;
use super::caller::Slot;
use super::clock::{NEVER, Tick};
use super::consumer::Consumers;
use super::cut::Whose;
use super::exports::Exports;
use super::oneway::{Company, Purse};
use super::out::{Flush, Out};
use super::producer::Producers;
use super::{Host, Job, Limits};
use crate::attach::Attachment;
use crate::context::{Cancellation, Connection};
use crate::error::NotSent;
use crate::net::{Peer, Writing};
use crate::object::{Answer, Encoded};
use crate::wire::codec::Codec;
use crate::wire::frame::{self, REPLY_HEADER_BYTES, flow};
use crate::wire::handshake::Side;
use crate::wire::status::{Refusal, Status};

#[inline]
fn tick(epoch: Instant, now: Instant) -> Tick {
    Tick::try_from(now.saturating_duration_since(epoch).as_millis()).unwrap_or(NEVER)
}

/// What the peer said in its hello.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remote {
    pub(super) incarnation: u64,
    pub(super) max_message_bytes: u32,
    pub(super) max_calls_in_flight: u32,
    pub(super) takes_batches: bool,
    /// Knows streams, references, pieces and sequences.
    pub(super) two_way: bool,
}

pub(super) struct Shared {
    /// Itself.
    me: Weak<Shared>,
    pub(super) peer: Peer,
    /// What the calls of the peer have in common.
    pub(super) connection: Arc<Connection>,
    pub(super) remote: Remote,
    pub(super) limits: Limits,
    /// Tick 0.
    pub(super) epoch: Instant,
    /// True once no new calls can be made: stored under the lock of `state`, and a hint to who does not hold it.
    pub(super) refuses: AtomicBool,
    pub(super) state: Mutex<State>,
    /// Wakes the driver.
    pub(super) driver: AtomicWaker,
    /// True when the alarm rang and the driver has not looked yet.
    pub(super) rang: AtomicBool,
    /// Told when the connection is over.
    pub(super) over: Notify,
    /// Told when a call ended while somebody waited for room.
    pub(super) room: Notify,
    /// Told when something was written while somebody waited for that.
    pub(super) written: Notify,
    /// No further calls are taken from the peer.
    pub(super) leaving: AtomicBool,
    /// How many calls of the peer are running that will be answered.
    pub(super) running: AtomicUsize,
    /// How many one-way calls of the peer are running.
    pub(super) oneways: AtomicUsize,
    /// What those that ended cost the peer, until the driver gives it back.
    pub(super) owed: AtomicUsize,
    /// The backlog of what is unsent, in bytes, when it was last counted.
    pub(super) unsent: AtomicUsize,
    /// How many references of the peer's are held here.
    pub(super) held: AtomicUsize,
    /// Which side this is.
    pub(super) side: Side,
}

pub(super) struct State {
    pub(super) out: Out,
    /// Calls made by this side, by id.
    pub(super) calls: Slab<Slot>,
    /// How many of `calls` are still awaited by their caller.
    pub(super) awaited: usize,
    /// How many of `calls` were given up and not yet acknowledged.
    pub(super) orphans: usize,
    /// What this side may still send of one-way calls.
    pub(super) purse: Purse,
    /// Whether one-way calls come one by one.
    pub(super) company: Company,
    /// How many callers wait for room.
    pub(super) crowd: usize,
    /// How many callers wait until their one-way call is written.
    pub(super) posting: usize,
    /// No later than the earliest deadline among `calls`.
    pub(super) earliest: Tick,
    /// When the batch that waits to be written got its first call.
    pub(super) began: Option<Tick>,
    /// Objects bound by this side, by handle.
    pub(super) binds: Slab<BindSlot>,
    /// Handles that are given back as soon as the large calls over them are on their way.
    pub(super) leaving: Vec<u32>,
    /// Calls of the peer that are running, by id.
    pub(super) running: HashMap<u32, Running>,
    /// Calls that want to compute, while the peer does not take the results there are.
    pub(super) parked: Vec<Parked>,
    /// Counts running calls, to tell an id's uses apart.
    pub(super) started: u64,
    /// What hosts the objects of this side; gone once the connection is over.
    pub(super) host: Option<Arc<dyn Host>>,
    /// What this side handed out.
    pub(super) exports: Exports,
    /// Streams that this side sends.
    pub(super) producers: Producers,
    /// Streams that arrive here.
    pub(super) consumers: Consumers,
    /// Why the peer takes no more calls.
    pub(super) peer_leaves: Option<Arc<str>>,
    /// Why the connection is over.
    pub(super) closed: Option<Arc<str>>,
}

/// A call of the peer that waits for the peer to take results.
pub(super) struct Parked {
    pub(super) id: u32,
    pub(super) use_of_id: u64,
    pub(super) job: Job,
}

/// A call of the peer that did not end at once.
pub(super) struct Running {
    pub(super) use_of_id: u64,
    /// Has a job in the compute pool not begin, or not answer.
    pub(super) cancellation: Cancellation,
    pub(super) runs: Runs,
}

/// Where a call runs.
pub(super) enum Runs {
    /// In the compute pool, or in a task that is not known yet.
    Somewhere,
    /// In a task of its own.
    Alone(AbortHandle),
    /// In turn with others, in a task that is told to look which of them are still wanted.
    InTurn(Arc<Notify>),
}

impl Running {
    pub(super) fn stop(self) {
        self.cancellation.stop();
        match self.runs {
            Runs::Somewhere => {}
            Runs::Alone(task) => task.abort(),
            Runs::InTurn(told) => told.notify_one(),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl State {
    /// Why no new call can be made.
    #[inline]
    pub(super) fn refuses_calls(&self) -> Option<Arc<str>> {
        match (&self.closed, &self.peer_leaves) {
            (None, None) => None,
            (Some(why), _) | (None, Some(why)) => Some(Arc::clone(why)),
        }
    }

    /// Why no new call can be made, as the outcome of one.
    #[cold]
    pub(super) fn refusal(&self) -> NotSent {
        let why = self.refuses_calls();
        NotSent::Disconnected(why.map_or_else(String::new, |why| why.to_string()))
    }

    /// The time, read once for a batch: its calls count their deadlines from its beginning, and are
    /// [given](Self::postpone) what the driver takes longer than that to write it.
    #[inline]
    pub(super) fn batch_began(&mut self, epoch: Instant) -> Tick {
        match self.out.flush {
            Flush::Blocked => tick(epoch, Instant::now()),
            _ => *self
                .began
                .get_or_insert_with(|| tick(epoch, Instant::now())),
        }
    }

    /// Gives the calls of the batch that is not written yet the time that passed since it began.
    pub(super) fn postpone(&mut self, now: Tick) {
        let Some(began) = self.began else {
            return;
        };
        let late = now.saturating_sub(began);
        if late == 0 {
            return;
        }
        self.began = Some(now);
        let written = self.out.written();
        for (_, slot) in &mut self.calls {
            slot.postpone(written, began, late);
        }
    }
}

impl Shared {
    pub(super) fn new(
        (socket, peer, side): (Writing, Peer, Side),
        remote: Remote,
        limits: Limits,
        host: Option<Arc<dyn Host>>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            connection: Arc::new(Connection::new(peer.clone())),
            peer,
            remote,
            limits,
            epoch: Instant::now(),
            refuses: AtomicBool::new(false),
            state: Mutex::new(State {
                out: Out::new(socket, &remote),
                calls: Slab::new(),
                awaited: 0,
                orphans: 0,
                purse: Purse::new(remote.two_way),
                company: Company::default(),
                crowd: 0,
                posting: 0,
                earliest: NEVER,
                began: None,
                binds: Slab::new(),
                leaving: Vec::new(),
                running: HashMap::new(),
                parked: Vec::new(),
                started: 0,
                host,
                exports: Exports::default(),
                producers: Producers::default(),
                consumers: Consumers::default(),
                peer_leaves: None,
                closed: None,
            }),
            driver: AtomicWaker::new(),
            rang: AtomicBool::new(false),
            over: Notify::new(),
            room: Notify::new(),
            written: Notify::new(),
            leaving: AtomicBool::new(false),
            running: AtomicUsize::new(0),
            oneways: AtomicUsize::new(0),
            owed: AtomicUsize::new(0),
            unsent: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            side,
        })
    }

    /// Itself, for what outlives the call.
    pub(super) fn strong(&self) -> Option<Arc<Self>> {
        self.me.upgrade()
    }

    /// The alarm rings.
    pub(super) fn ring(&self) {
        self.rang.store(true, Ordering::Release);
        self.driver.wake();
    }

    #[inline]
    pub(super) fn tick(&self, now: Instant) -> Tick {
        tick(self.epoch, now)
    }

    /// When a tick is.
    pub(super) fn time(&self, tick: Tick) -> Instant {
        self.epoch + Duration::from_millis(tick)
    }

    /// True once no new calls can be made.
    #[inline]
    pub(super) fn refuses(&self) -> bool {
        self.refuses.load(Ordering::Relaxed)
    }

    pub(super) fn is_open(&self) -> bool {
        let state = self.state.lock();
        state.closed.is_none() && state.peer_leaves.is_none()
    }

    /// Has the driver write what was appended, with whatever else comes until it runs.
    #[inline]
    pub(super) fn ask_flush(&self, mut state: MutexGuard<'_, State>) {
        if state.out.flush != Flush::Idle {
            return;
        }
        state.out.flush = Flush::Asked;
        drop(state);
        self.driver.wake();
    }

    /// Sends the answer of a call that ran; nothing if it was cancelled meanwhile.
    pub(super) fn answer(&self, id: u32, use_of_id: u64, codec: Codec, answer: Answer) {
        let mut state = self.state.lock();
        match state.running.get(&id) {
            Some(running) if running.use_of_id == use_of_id => {}
            _ => return,
        }
        state.running.remove(&id);
        self.running.fetch_sub(1, Ordering::Relaxed);
        if state.closed.is_some() {
            // What it refers to is dropped without the lock.
            drop(state);
            return;
        }
        let listed = self.put_answer(&mut state, id, codec, answer);
        self.unsent.store(state.out.backlog(), Ordering::Relaxed);
        self.ask_flush(state);
        self.begin(listed);
    }

    /// Appends the reply that an answer makes; gives what begins now.
    fn put_answer(&self, state: &mut State, id: u32, codec: Codec, answer: Answer) -> Listed {
        let Encoded {
            mut frames,
            attachments,
        } = match answer {
            Ok(encoded) => encoded,
            Err(Refusal { status, text }) => {
                frame::put_refusal(state.out.bytes(), status as u16, id, &text);
                return Listed::default();
            }
        };
        let listed = match self.list(state, attachments, codec, REPLY_HEADER_BYTES + frames.len()) {
            Ok(listed) => listed,
            Err((text, used)) => {
                frame::put_refusal(state.out.bytes(), Status::BadResult as u16, id, &text);
                return Listed {
                    used,
                    ..Listed::default()
                };
            }
        };
        let out = state.out.frames();
        let mark = out.mark();
        let start = frame::begin_reply(&mut out.bytes, Status::Done as u16, id);
        out.extend(&mut frames);
        if !listed.list.is_empty() {
            out.bytes.extend_from_slice(&listed.list);
            flow::mark_attached(&mut out.bytes, start);
        }
        out.end(mark);
        let cut = state.out.cut_off(mark, Whose::Reply(id), listed);
        cut.unwrap_or_default()
    }

    /// Makes the list of attachments of a frame that takes so many bytes without it.
    pub(super) fn list(
        &self,
        state: &mut State,
        attachments: Vec<Attachment>,
        codec: Codec,
        bytes: usize,
    ) -> Result<Listed, (String, Vec<Attachment>)> {
        if attachments.is_empty() {
            return Ok(Listed::default());
        }
        let Some(shared) = self.strong() else {
            return Err(("the connection is over".into(), attachments));
        };
        let room = (self.remote.max_message_bytes as usize).saturating_sub(bytes);
        state.list(&shared, attachments, codec, room)
    }

    /// Begins the streams that a message named, and drops what it referred to; not while the lock is held.
    pub(super) fn begin(&self, listed: Listed) {
        if let Some(shared) = self.strong() {
            listed.pumps.start(&shared);
        }
    }

    pub(super) fn go_away(&self, why: &str) {
        self.leaving.store(true, Ordering::Relaxed);
        let mut state = self.state.lock();
        frame::put_go_away(state.out.bytes(), why);
        // The driver also has to see whether anything is in flight at all.
        self.ask_flush(state);
    }

    pub(super) fn close_by_us(&self, why: &str) {
        self.go_away(why);
        let mut state = self.state.lock();
        if state.peer_leaves.is_none() {
            state.peer_leaves = Some(why.into());
            self.refuses.store(true, Ordering::Relaxed);
        }
        drop(state);
        self.driver.wake();
    }

    /// Ends everything: callers learn their outcome, running calls are stopped, what was kept for the peer is released.
    pub(super) fn close(&self, why: &str) {
        let why: Arc<str> = why.into();
        let mut state = self.state.lock();
        if state.closed.is_some() {
            return;
        }
        state.closed = Some(Arc::clone(&why));
        self.refuses.store(true, Ordering::Relaxed);
        let written = state.out.written();
        let mut wakers = Vec::new();
        for (_, slot) in &mut state.calls {
            wakers.extend(slot.disconnect(written, &why));
        }
        for (_, bind) in &mut state.binds {
            wakers.append(&mut bind.disconnect(&why));
        }
        let running = std::mem::take(&mut state.running);
        let parked = std::mem::take(&mut state.parked);
        let exports = std::mem::take(&mut state.exports);
        let host = state.host.take();
        wakers.append(&mut state.producers.stop_all());
        wakers.append(&mut state.consumers.lose_all(&why));
        let unsent = state.out.close();
        drop(state);
        drop((parked, exports, host, unsent));
        running.into_values().for_each(Running::stop);
        wakers.into_iter().for_each(std::task::Waker::wake);
        self.room.notify_waiters();
        self.written.notify_waiters();
        self.over.notify_waiters();
        self.connection.end();
    }
}
