//! Streams that this side sends: each a task that takes items from its source as the peer gives credit.

use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::attached::Listed;
use super::shared::Shared;
use crate::attach::{self, Attachment};
use crate::descriptor::Runs;
use crate::object::panic_text;
use crate::streaming::{Place, Source};
use crate::wire::codec::Codec;
use crate::wire::frame::flow::{self, Credit, ITEM_HEADER_BYTES};
use crate::wire::frames::{Frames, Mark};
use crate::wire::status::{Refusal, Status};

/// What a stream may send before its consumer says anything, in bytes of whole frames. Both sides know it.
pub(super) const WINDOW_BYTES: i64 = 256 << 10;

/// More credit than this is no honest one.
const MAX_CREDIT: i64 = 1 << 32;

/// A stream writes so much, or so many items, before others get their turn.
const TURN_BYTES: usize = 32 << 10;
const TURN_ITEMS: usize = 1024;

/// While more than this waits to be written, streams wait too: what else is said on the connection stays quick.
pub(super) const BACKLOG_BYTES: usize = 128 << 10;

/// Streams that this side sends, by number.
#[derive(Debug, Default)]
pub(super) struct Producers {
    streams: HashMap<u32, Producer>,
    last: u32,
    /// Pumps that wait for the backlog to be written.
    backlogged: Vec<Waker>,
}

#[derive(Debug)]
struct Producer {
    credit: i64,
    stopped: bool,
    /// Its pump.
    waker: Option<Waker>,
}

impl Producers {
    pub(super) fn len(&self) -> usize {
        self.streams.len()
    }

    /// A new stream; gives its number.
    pub(super) fn add(&mut self) -> u32 {
        // 0 is the credit of one-way calls. After 2^32 streams, numbers of those that are long gone come again.
        loop {
            self.last = self.last.wrapping_add(1).max(1);
            if !self.streams.contains_key(&self.last) {
                break;
            }
        }
        let producer = Producer {
            credit: WINDOW_BYTES,
            stopped: false,
            waker: None,
        };
        self.streams.insert(self.last, producer);
        self.last
    }

    /// The peer took some; gives whom to wake. Credit for a stream that has ended is late, not wrong.
    pub(super) fn grant(&mut self, Credit { of, bytes }: Credit) -> Result<Option<Waker>, String> {
        let Some(producer) = self.streams.get_mut(&of) else {
            return Ok(None);
        };
        producer.credit += i64::from(bytes);
        if producer.credit > MAX_CREDIT {
            return Err(format!(
                "the peer gives stream {of} more credit than there is"
            ));
        }
        Ok(producer.waker.take())
    }

    /// The peer wants no more of a stream; gives whom to wake.
    pub(super) fn stop(&mut self, stream: u32) -> Option<Waker> {
        let producer = self.streams.get_mut(&stream)?;
        producer.stopped = true;
        producer.waker.take()
    }

    /// Stops all; gives whom to wake.
    pub(super) fn stop_all(&mut self) -> Vec<Waker> {
        let mut wakers = std::mem::take(&mut self.backlogged);
        for producer in self.streams.values_mut() {
            producer.stopped = true;
            wakers.extend(producer.waker.take());
        }
        wakers
    }

    /// Those that waited for the backlog to be written.
    pub(super) fn resume(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.backlogged)
    }

    pub(super) fn are_backlogged(&self) -> bool {
        !self.backlogged.is_empty()
    }
}

/// Streams that begin once the message that names them is on its way.
#[derive(Default)]
pub(super) struct Pumps(Vec<(u32, Box<dyn Source>, Codec)>);

impl std::fmt::Debug for Pumps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pumps({})", self.0.len())
    }
}

impl Pumps {
    pub(super) fn push(&mut self, stream: u32, source: Box<dyn Source>, codec: Codec) {
        self.0.push((stream, source, codec));
    }

    /// Begins them; not while the link's lock is held.
    pub(super) fn start(self, shared: &Arc<Shared>) {
        if self.0.is_empty() {
            return;
        }
        let host = shared.state.lock().host.clone();
        for (stream, source, codec) in self.0 {
            // Without a host the connection is over.
            let Some(host) = &host else { return };
            let runs = source.runs();
            let pump = Pump {
                shared: Arc::clone(shared),
                stream,
                source,
                codec,
            };
            match runs {
                Runs::Async => drop(host.tasks().spawn_on(pump.run(), host.runtime())),
                Runs::Compute => super::on_pool::spawn(host, pump.run()),
            }
        }
    }
}

/// One stream on its way out.
struct Pump {
    shared: Arc<Shared>,
    stream: u32,
    source: Box<dyn Source>,
    codec: Codec,
}

/// Items of one turn.
#[derive(Default)]
struct Turn {
    frames: Frames,
    count: usize,
    /// The last item's, if it has some: it is the last of its turn, and not ended yet.
    attachments: Vec<Attachment>,
    last: Option<(Mark, usize)>,
    end: Option<Result<(), Refusal>>,
}

impl Pump {
    async fn run(mut self) {
        let end = loop {
            let Some(credit) = poll_fn(|cx| self.poll_credit(cx)).await else {
                break Err(Refusal::new(
                    Status::Cancelled,
                    "its consumer wants no more",
                ));
            };
            let mut turn = Turn::default();
            poll_fn(|cx| self.poll_fill(cx, credit, &mut turn)).await;
            let end = turn.end.take();
            let put = self.put(turn);
            if let Some(end) = end {
                break put.and(end);
            }
            if let Err(refusal) = put {
                break Err(refusal);
            }
            yield_once().await;
        };
        // Its source goes before the end is told: what it holds is free then.
        drop(self.source);
        let mut state = self.shared.state.lock();
        state.producers.streams.remove(&self.stream);
        if state.closed.is_some() {
            return;
        }
        let (status, text) = match &end {
            Ok(()) => (Status::Done, ""),
            Err(refusal) => (refusal.status, refusal.text.as_str()),
        };
        flow::put_end(state.out.bytes(), self.stream, status as u16, text);
        self.shared.ask_flush(state);
    }

    /// What it may send; nothing once it is to stop.
    fn poll_credit(&mut self, cx: &mut Context<'_>) -> Poll<Option<i64>> {
        let mut guard = self.shared.state.lock();
        let state = &mut *guard;
        let is_backlogged = state.out.unsent() > BACKLOG_BYTES;
        let Some(producer) = state.producers.streams.get_mut(&self.stream) else {
            return Poll::Ready(None);
        };
        if producer.stopped {
            return Poll::Ready(None);
        }
        if producer.credit > 0 && !is_backlogged {
            return Poll::Ready(Some(producer.credit));
        }
        producer.waker = Some(cx.waker().clone());
        if is_backlogged {
            state.producers.backlogged.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Takes items until there are enough for one turn, or none for now.
    fn poll_fill(&mut self, cx: &mut Context<'_>, credit: i64, turn: &mut Turn) -> Poll<()> {
        loop {
            let used = turn.frames.len();
            if used as i64 >= credit || used >= TURN_BYTES || turn.count >= TURN_ITEMS {
                return Poll::Ready(());
            }
            let before = turn.frames.mark();
            let start = flow::begin_item(&mut turn.frames.bytes, self.stream);
            let polled = self.poll_item(cx, &mut turn.frames);
            match polled {
                Poll::Ready(Some(Ok(()))) => {
                    turn.count += 1;
                    if attach::any() {
                        turn.attachments = attach::take();
                        turn.last = Some((before, start));
                        return Poll::Ready(());
                    }
                    turn.frames.end(before);
                }
                ended => {
                    turn.frames.undo(before);
                    match ended {
                        Poll::Pending if turn.count == 0 => return self.poll_stopped(cx),
                        Poll::Pending => return Poll::Ready(()),
                        Poll::Ready(None) => turn.end = Some(Ok(())),
                        Poll::Ready(Some(end)) => turn.end = Some(end),
                    }
                    return Poll::Ready(());
                }
            }
        }
    }

    fn poll_item(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut Frames,
    ) -> Poll<Option<Result<(), Refusal>>> {
        let limit =
            (self.shared.remote.max_message_bytes as usize).saturating_sub(ITEM_HEADER_BYTES);
        let (codec, source) = (self.codec, &mut self.source);
        let mut place = Place {
            codec,
            frames,
            limit,
        };
        let poll = AssertUnwindSafe(|| source.poll_item(cx, &mut place));
        catch_unwind(poll).unwrap_or_else(|panic| {
            drop(attach::take());
            let text = panic_text(&*panic);
            Poll::Ready(Some(Err(Refusal::new(Status::Panicked, text))))
        })
    }

    /// Waits for the source, and for being stopped.
    fn poll_stopped(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.state.lock();
        match state.producers.streams.get_mut(&self.stream) {
            Some(producer) if !producer.stopped => {
                producer.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    /// Sends the items of a turn.
    fn put(&mut self, turn: Turn) -> Result<(), Refusal> {
        let Turn {
            mut frames,
            attachments,
            last,
            ..
        } = turn;
        if frames.is_empty() {
            return Ok(());
        }
        let mut guard = self.shared.state.lock();
        let state = &mut *guard;
        if state.closed.is_some() {
            drop(guard);
            return Ok(());
        }
        let mut refused = None;
        let mut listed = Listed::default();
        if let Some((mark, start)) = last {
            let limit = self.shared.remote.max_message_bytes as usize;
            let room = limit.saturating_sub(frames.len_since(mark));
            match state.list(&self.shared, attachments, self.codec, room) {
                Ok(made) => {
                    frames.bytes.extend_from_slice(&made.list);
                    flow::mark_attached(&mut frames.bytes, start);
                    frames.end(mark);
                    listed = made;
                }
                Err((text, attachments)) => {
                    frames.undo(mark);
                    listed.used = attachments;
                    let text = format!("an item cannot be sent: {text}");
                    refused = Some(Refusal::new(Status::BadResult, text));
                }
            }
        }
        if let Some(producer) = state.producers.streams.get_mut(&self.stream) {
            producer.credit -= frames.len() as i64;
        }
        state.out.frames().append(&mut frames);
        self.shared.ask_flush(guard);
        listed.pumps.start(&self.shared);
        drop(listed.used);
        refused.map_or(Ok(()), Err)
    }
}

/// Lets other tasks have their turn.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
