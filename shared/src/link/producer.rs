//! Streams that this side sends: each a task that takes items from its source as the peer gives credit.

use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::attached::Listed;
use super::cut::Whose;
use super::shared::{Shared, State};
use crate::descriptor::Runs;
use crate::object::panic_text;
use crate::streaming::{self, Sink, Source};
use crate::wire::codec::Codec;
use crate::wire::frame::flow::{self, Credit};
use crate::wire::status::{Refusal, Status};

/// What a stream may send before its consumer says anything, in bytes of whole frames. Both sides know it.
pub(super) const WINDOW_BYTES: i64 = 256 << 10;

/// More credit than this is no honest one.
const MAX_CREDIT: i64 = 1 << 32;

/// A stream writes so much, or so many items, before others get their turn.
const TURN_BYTES: usize = 32 << 10;
const TURN_ITEMS: usize = 1024;

/// After so much time a stream sends the items that it has, and others get their turn.
const TURN_TIME: Duration = Duration::from_millis(1);

/// While more than this waits to be written, streams wait too: what else is said on the connection stays quick.
pub(super) const BACKLOG_BYTES: usize = 128 << 10;

/// The same for large items, which go in pieces: without the largest one, so that it holds up none.
pub(super) const MOST_CUT_BYTES: usize = 1 << 20;

/// Streams that this side sends, by number.
#[derive(Debug, Default)]
pub(super) struct Producers {
    streams: HashMap<u32, Producer>,
    last: u32,
    /// How many wait for the backlog to be written.
    backlogged: usize,
}

#[derive(Debug)]
pub(super) struct Producer {
    credit: i64,
    stopped: bool,
    /// Waits for the backlog to be written.
    backlogged: bool,
    /// An item of its goes in pieces.
    in_pieces: bool,
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
            backlogged: false,
            in_pieces: false,
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
        let all = self.streams.values_mut();
        let stopped = all.filter_map(|producer| {
            producer.stopped = true;
            producer.waker.take()
        });
        stopped.collect()
    }

    /// Those that waited for the backlog to be written.
    pub(super) fn resume(&mut self) -> Vec<Waker> {
        self.backlogged = 0;
        let all = self.streams.values_mut();
        let waited = all.filter_map(|producer| {
            let waits = std::mem::take(&mut producer.backlogged);
            producer.waker.take_if(|_| waits)
        });
        waited.collect()
    }

    pub(super) fn are_backlogged(&self) -> bool {
        self.backlogged > 0
    }

    /// What a stream may send; nothing once it is to stop. Until it may send something, `waker` is kept in the place of the
    /// one that it then is.
    fn poll(
        &mut self,
        stream: u32,
        is_backlogged: bool,
        waker: &mut Option<Waker>,
    ) -> Poll<Option<i64>> {
        let Some(producer) = self.streams.get_mut(&stream) else {
            return Poll::Ready(None);
        };
        if producer.stopped {
            return Poll::Ready(None);
        }
        if producer.credit > 0 && !is_backlogged && !producer.in_pieces {
            return Poll::Ready(Some(producer.credit));
        }
        std::mem::swap(&mut producer.waker, waker);
        if is_backlogged && !std::mem::replace(&mut producer.backlogged, true) {
            self.backlogged += 1;
        }
        Poll::Pending
    }

    /// All of a large item is appended; gives whom to wake.
    pub(super) fn item_left(&mut self, stream: u32) -> Option<Waker> {
        let producer = self.streams.get_mut(&stream)?;
        producer.in_pieces = false;
        producer.waker.take()
    }

    pub(super) fn remove(&mut self, stream: u32) -> Option<Producer> {
        let producer = self.streams.remove(&stream)?;
        self.backlogged -= usize::from(producer.backlogged);
        Some(producer)
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

    pub(super) fn append(&mut self, other: &mut Self) {
        self.0.append(&mut other.0);
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|(number, ..)| *number)
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
                source: Some(source),
                codec,
                most_items: match runs {
                    Runs::Async => TURN_ITEMS,
                    Runs::Compute => 1,
                },
                alone: false,
                end: None,
            };
            match runs {
                Runs::Async => drop(host.tasks().spawn_on(pump.run(), host.runtime())),
                Runs::Compute => super::on_pool::spawn(host, pump.run()),
            }
        }
    }
}

/// One stream on its way out; dropped, it is over.
struct Pump {
    shared: Arc<Shared>,
    stream: u32,
    /// Gone at its end.
    source: Option<Box<dyn Source>>,
    codec: Codec,
    /// How many items are sent together. What computes may wait for ever inside of its next item, so each is sent at once.
    most_items: usize,
    /// The last one was too large to be sent with others.
    alone: bool,
    /// How it ended, once it did by itself.
    end: Option<Result<(), Refusal>>,
}

/// Items of one turn.
struct Turn {
    items: Sink,
    end: Option<Result<(), Refusal>>,
}

impl Pump {
    async fn run(mut self) {
        let (mut began, mut items) = (Instant::now(), 0);
        while let Some(mut turn) = poll_fn(|cx| self.poll_turn(cx)).await {
            items += turn.items.count();
            let end = turn.end.take();
            let put = self.put(turn);
            if end.is_some() || put.is_err() {
                self.end = Some(put.and(end.unwrap_or(Ok(()))));
                return;
            }
            if items >= TURN_ITEMS || began.elapsed() >= TURN_TIME {
                yield_once().await;
                (began, items) = (Instant::now(), 0);
            }
        }
    }

    /// Takes items as far as there is credit; nothing once it is to stop.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Option<Turn>> {
        // Asked again whenever it is woken: many streams that waited for their items must not all add to a backlog.
        let Some(credit) = std::task::ready!(self.poll_credit(cx)) else {
            return Poll::Ready(None);
        };
        self.poll_fill(cx, credit).map(Some)
    }

    fn poll_credit(&self, cx: &Context<'_>) -> Poll<Option<i64>> {
        let mut waker = Some(cx.waker().clone());
        let mut state = self.shared.state.lock();
        let is_backlogged =
            state.out.unsent() > BACKLOG_BYTES || state.out.cut.items() > MOST_CUT_BYTES;
        let credit = state.producers.poll(self.stream, is_backlogged, &mut waker);
        drop(state);
        drop(waker);
        credit
    }

    /// Takes items until there are enough for one turn, or none for now.
    fn poll_fill(&mut self, cx: &mut Context<'_>, credit: i64) -> Poll<Turn> {
        let turn = streaming::Turn {
            bytes: TURN_BYTES.min(usize::try_from(credit).unwrap_or(TURN_BYTES)),
            items: self.most_items,
            time: TURN_TIME,
        };
        let max_message_bytes = self.shared.remote.max_message_bytes as usize;
        let mut items = Sink::framed(self.stream, self.codec, max_message_bytes, turn, self.alone);
        let end = match self.poll_items(cx, &mut items) {
            Poll::Pending if items.count() == 0 => {
                std::task::ready!(self.poll_woken(cx));
                None
            }
            Poll::Pending | Poll::Ready(Some(Ok(()))) => None,
            Poll::Ready(None) => Some(Ok(())),
            Poll::Ready(error) => error,
        };
        self.alone = items.goes_alone();
        Poll::Ready(Turn { items, end })
    }

    fn poll_items(
        &mut self,
        cx: &mut Context<'_>,
        items: &mut Sink,
    ) -> Poll<Option<Result<(), Refusal>>> {
        let Some(source) = &mut self.source else {
            return Poll::Ready(None);
        };
        let poll = AssertUnwindSafe(|| source.poll_items(cx, items));
        catch_unwind(poll).unwrap_or_else(|panic| {
            items.undo();
            let text = panic_text(&*panic);
            Poll::Ready(Some(Err(Refusal::new(Status::Panicked, text))))
        })
    }

    /// Waits for the source, and for being stopped.
    fn poll_woken(&self, cx: &Context<'_>) -> Poll<()> {
        let mut waker = Some(cx.waker().clone());
        let mut state = self.shared.state.lock();
        let polled = match state.producers.streams.get_mut(&self.stream) {
            Some(producer) if !producer.stopped => {
                std::mem::swap(&mut producer.waker, &mut waker);
                Poll::Pending
            }
            _ => Poll::Ready(()),
        };
        drop(state);
        drop(waker);
        polled
    }

    /// Sends the items of a turn.
    fn put(&mut self, turn: Turn) -> Result<(), Refusal> {
        let (mut frames, last) = turn.items.finish();
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
        if let Some((mark, attachments)) = last {
            let limit = self.shared.remote.max_message_bytes as usize;
            let room = limit.saturating_sub(frames.len_since(mark));
            match state.list(&self.shared, attachments, self.codec, room) {
                Ok(made) => {
                    frames.bytes.extend_from_slice(&made.list);
                    flow::mark_attached(&mut frames.bytes, mark.bytes());
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
        let listed = state
            .out
            .append_with(&mut frames, (Whose::Item(self.stream), listed));
        if listed.is_none()
            && let Some(producer) = state.producers.streams.get_mut(&self.stream)
        {
            producer.in_pieces = true;
        }
        self.shared.ask_flush(guard);
        self.shared.begin(listed.unwrap_or_default());
        refused.map_or(Ok(()), Err)
    }
}

/// Tells its consumer that it is over, however that came: by its end, by being stopped, with its task or by a panic.
impl Drop for Pump {
    fn drop(&mut self) {
        // Its source goes before the end is told: what it holds is free then.
        let source = self.source.take();
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(source)));
        let stopped = || {
            Err(Refusal::new(
                Status::Cancelled,
                "its consumer wants no more",
            ))
        };
        // Stopped, nobody takes what is left of a large item.
        let gives_up = self.end.is_none();
        let end = match dropped {
            Ok(()) => self.end.take().unwrap_or_else(stopped),
            Err(panic) => Err(Refusal::new(Status::Panicked, panic_text(&*panic))),
        };
        let mut state = self.shared.state.lock();
        let producer = state.producers.remove(self.stream);
        let mut unsent = None;
        if state.closed.is_none() {
            let (status, text) = match &end {
                Ok(()) => (Status::Done, ""),
                Err(refusal) => (refusal.status, refusal.text.as_str()),
            };
            let is_item = |whose: &Whose| matches!(whose, Whose::Item(of) if *of == self.stream);
            if gives_up {
                unsent = state.give_up(is_item);
            }
            let State { out, .. } = &mut *state;
            let place = match out.cut.behind(is_item) {
                Some(behind) => behind,
                None => out.bytes(),
            };
            flow::put_end(place, self.stream, status as u16, text);
            self.shared.ask_flush(state);
        } else {
            drop(state);
        }
        drop((producer, unsent));
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
