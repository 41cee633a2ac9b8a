//! Streams that arrive: their items wait here until they are taken, and what is taken gives the producer new credit.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::producer::WINDOW_BYTES;
use super::shared::Shared;
use crate::attach::{self, Attachment};
use crate::descriptor::Runs;
use crate::error::{CallError, Target, Unknown};
use crate::streaming::{Sink, Source};
use crate::wire::blob;
use crate::wire::codec::{Codec, DecodeError, EncodeError};
use crate::wire::frame::flow::{self, Credit, ITEM_HEADER_BYTES, PACKED_HEADER_BYTES};
use crate::wire::frames::Lent;
use crate::wire::status::{Refusal, Status, outcome};

/// Streams that arrive on one connection, by number.
#[derive(Debug, Default)]
pub(super) struct Consumers {
    streams: HashMap<u32, Consumer>,
}

/// One of them.
#[derive(Debug)]
struct Consumer {
    waiting: VecDeque<Packet>,
    /// What frames cost beside what waits, until it is taken over.
    overhead: i64,
    /// How much more the producer may send.
    credit: i64,
    ended: Option<Ended>,
    waker: Option<Waker>,
    /// Nobody takes its items any more; the producer was told.
    unwanted: bool,
}

/// Items that wait.
#[derive(Debug)]
pub(super) enum Packet {
    /// Small ones, each behind its length, as they are sent together.
    Many(Vec<u8>),
    /// One that is large or has attachments, and what it costs.
    One(Bytes, Vec<Attachment>, usize),
}

/// How a stream ended.
#[derive(Clone, Debug)]
enum Ended {
    /// As its producer says: a status and a text.
    Told(u16, String),
    /// The connection is over.
    Lost(Arc<str>),
}

/// What became of an item.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// Who waits for it.
    pub(super) waker: Option<Waker>,
    /// Nobody: to be dropped where no lock is held.
    pub(super) dropped: Option<Packet>,
    /// What the producer did that none may do.
    pub(super) fault: Option<String>,
}

impl Consumers {
    /// True when nothing more comes that is wanted.
    pub(super) fn are_done(&self) -> bool {
        let mut all = self.streams.values();
        all.all(|consumer| consumer.unwanted || consumer.ended.is_some())
    }

    /// Keeps an item until it is taken.
    pub(super) fn receive(&mut self, stream: u32, item: Item<'_>) -> Received {
        let consumer = match self.receiving(stream) {
            Ok(consumer) => consumer,
            Err(fault) => {
                return Received {
                    fault: Some(fault),
                    dropped: item.into_packet(),
                    ..Received::default()
                };
            }
        };
        consumer.credit -= (item.len() + ITEM_HEADER_BYTES) as i64;
        if consumer.unwanted {
            return Received {
                dropped: item.into_packet(),
                ..Received::default()
            };
        }
        consumer.overhead += item.overhead();
        item.put(&mut consumer.waiting);
        Received {
            waker: consumer.waker.take(),
            ..Received::default()
        }
    }

    /// A stream that may get an item, or what its producer did wrong.
    fn receiving(&mut self, stream: u32) -> Result<&mut Consumer, String> {
        let wrong = match self.streams.get_mut(&stream) {
            None => "is not open",
            Some(consumer) if consumer.ended.is_some() => "has ended",
            Some(consumer) if consumer.credit <= 0 => "has no credit left",
            Some(consumer) => return Ok(consumer),
        };
        Err(format!("an item of stream {stream}, which {wrong}"))
    }

    /// The producer says that a stream is over; gives whom to wake.
    pub(super) fn end(
        &mut self,
        stream: u32,
        status: u16,
        text: &str,
    ) -> Result<Option<Waker>, String> {
        let Some(consumer) = self.streams.get_mut(&stream) else {
            return Err(format!("the end of stream {stream}, which is not open"));
        };
        if consumer.unwanted {
            self.streams.remove(&stream);
            return Ok(None);
        }
        if consumer.ended.is_some() {
            return Err(format!("the end of stream {stream}, which has ended"));
        }
        consumer.ended = Some(Ended::Told(status, text.into()));
        Ok(consumer.waker.take())
    }

    /// The connection is over; gives whom to wake.
    pub(super) fn lose_all(&mut self, why: &Arc<str>) -> Vec<Waker> {
        let consumers = self.streams.values_mut();
        let lost = consumers.filter_map(|consumer| {
            consumer
                .ended
                .get_or_insert_with(|| Ended::Lost(Arc::clone(why)));
            consumer.waker.take()
        });
        lost.collect()
    }
}

/// An item as it arrived.
#[derive(Debug)]
pub(super) enum Item<'a> {
    /// Still in the read buffer.
    Small(&'a [u8]),
    /// Several, still there, each behind its length.
    Packed(&'a [u8]),
    /// In a buffer of its own, or with attachments; and how many bytes it had with their list.
    Own(Bytes, Vec<Attachment>, usize),
}

impl Item<'_> {
    /// The bytes of its frame behind the header.
    fn len(&self) -> usize {
        match self {
            Self::Small(body) | Self::Packed(body) => body.len(),
            Self::Own(_, _, len) => *len,
        }
    }

    /// What its frame costs beside what waits of it.
    fn overhead(&self) -> i64 {
        let kept = match self {
            Self::Small(_) => PACKED_HEADER_BYTES,
            Self::Packed(_) | Self::Own(..) => 0,
        };
        (ITEM_HEADER_BYTES - kept) as i64
    }

    fn into_packet(self) -> Option<Packet> {
        match self {
            Self::Small(_) | Self::Packed(_) => None,
            Self::Own(body, attachments, cost) => Some(Packet::One(body, attachments, cost)),
        }
    }

    fn put(self, waiting: &mut VecDeque<Packet>) {
        if let Self::Own(body, attachments, cost) = self {
            waiting.push_back(Packet::One(body, attachments, cost));
            return;
        }
        if !matches!(waiting.back(), Some(Packet::Many(_))) {
            waiting.push_back(Packet::Many(Vec::new()));
        }
        let Some(Packet::Many(many)) = waiting.back_mut() else {
            return;
        };
        match self {
            Self::Small(body) => {
                many.extend_from_slice(&(body.len() as u16).to_le_bytes());
                many.extend_from_slice(body);
            }
            Self::Packed(all) => many.extend_from_slice(all),
            Self::Own(..) => {}
        }
    }
}

/// A stream that the peer named; nothing when there are too many, and the peer is told to stop it.
pub(super) fn open(shared: &Arc<Shared>, stream: u32) -> Result<Option<Remote>, String> {
    let mut state = shared.state.lock();
    if stream == flow::ONEWAY_CALLS || state.consumers.streams.contains_key(&stream) {
        return Err(format!("stream {stream} is open already"));
    }
    let refused = state.consumers.streams.len() >= shared.limits.max_streams as usize;
    if state.consumers.streams.len() >= 2 * shared.limits.max_streams as usize {
        return Err("the peer opens ever more streams that were refused".into());
    }
    let ended = state.closed.clone().map(Ended::Lost);
    let consumer = Consumer {
        waiting: VecDeque::new(),
        overhead: 0,
        credit: WINDOW_BYTES,
        ended,
        waker: None,
        unwanted: refused,
    };
    state.consumers.streams.insert(stream, consumer);
    if refused {
        flow::put_stop(state.out.bytes(), stream);
        shared.ask_flush(state);
        return Ok(None);
    }
    drop(state);
    Ok(Some(Remote {
        shared: Arc::clone(shared),
        stream,
        packets: VecDeque::new(),
        at: 0,
        owed: 0,
        ended: None,
    }))
}

/// A stream that comes over a connection.
pub(super) struct Remote {
    shared: Arc<Shared>,
    stream: u32,
    /// Taken over from the connection, not yet by the reader.
    packets: VecDeque<Packet>,
    /// Where the next small item of the first packet is.
    at: usize,
    /// Taken, and the producer does not know yet.
    owed: i64,
    ended: Option<Ended>,
}

impl Remote {
    /// Looks at the next item, if there is one.
    fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&[u8], Option<(&Bytes, Vec<Attachment>)>) -> R,
    ) -> Poll<Result<R, Ended>> {
        loop {
            match self.packets.front_mut() {
                Some(Packet::Many(many)) => {
                    if let Some(rest) = many.get(self.at..)
                        && let Some((length, rest)) =
                            rest.split_first_chunk::<PACKED_HEADER_BYTES>()
                    {
                        let length = usize::from(u16::from_le_bytes(*length));
                        // Before it is read: an item whose type panics is not read again.
                        self.at += PACKED_HEADER_BYTES + length;
                        let taken = take(rest.get(..length).unwrap_or_default(), None);
                        self.owe(PACKED_HEADER_BYTES + length);
                        return Poll::Ready(Ok(taken));
                    }
                    self.packets.pop_front();
                    self.at = 0;
                }
                Some(Packet::One(body, attachments, cost)) => {
                    let (body, attachments) = (body.clone(), std::mem::take(attachments));
                    let cost = *cost;
                    self.packets.pop_front();
                    self.owe(cost);
                    return Poll::Ready(Ok(take(&body, Some((&body, attachments)))));
                }
                None => match std::task::ready!(self.poll_more(cx)) {
                    Ok(()) => {}
                    Err(ended) => return Poll::Ready(Err(ended)),
                },
            }
        }
    }

    /// Takes over what waits at the connection.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        if let Some(ended) = &self.ended {
            return Poll::Ready(Err(ended.clone()));
        }
        let mut state = self.shared.state.lock();
        let Some(consumer) = state.consumers.streams.get_mut(&self.stream) else {
            let lost = Ended::Lost("its end was taken already".into());
            return Poll::Ready(Err(lost));
        };
        if !consumer.waiting.is_empty() {
            std::mem::swap(&mut consumer.waiting, &mut self.packets);
            self.owed += std::mem::take(&mut consumer.overhead);
            return Poll::Ready(Ok(()));
        }
        match consumer.ended.clone() {
            Some(ended) => {
                let consumer = state.consumers.streams.remove(&self.stream);
                drop(state);
                drop(consumer);
                self.ended = Some(ended.clone());
                Poll::Ready(Err(ended))
            }
            None => {
                let before = consumer.waker.replace(cx.waker().clone());
                drop(state);
                drop(before);
                Poll::Pending
            }
        }
    }

    /// So many bytes were taken; the producer is told now and then.
    #[inline]
    fn owe(&mut self, bytes: usize) {
        self.owed += bytes as i64;
        if self.owed >= WINDOW_BYTES / 2 {
            self.pay();
        }
    }

    fn pay(&mut self) {
        let mut guard = self.shared.state.lock();
        let state = &mut *guard;
        let Some(consumer) = state.consumers.streams.get_mut(&self.stream) else {
            return;
        };
        if consumer.ended.is_some() {
            return;
        }
        let bytes = u32::try_from(self.owed).unwrap_or(u32::MAX);
        self.owed -= i64::from(bytes);
        consumer.credit += i64::from(bytes);
        let credit = Credit {
            of: self.stream,
            bytes,
        };
        flow::put_credit(state.out.bytes(), credit);
        self.shared.ask_flush(guard);
    }
}

impl Remote {
    /// Has its producer stop; gives all that waits, to be dropped where no lock is held.
    fn stop(&mut self) -> impl Iterator<Item = Packet> + use<> {
        let taken = std::mem::take(&mut self.packets);
        taken.into_iter().chain(self.leave())
    }

    /// Has its producer stop, if it did not end; gives what waits at the connection.
    fn leave(&mut self) -> VecDeque<Packet> {
        // Its number may be another stream's by now.
        let was_left = self.ended.replace(Ended::Lost("it was left".into()));
        if was_left.is_some() {
            return VecDeque::new();
        }
        let mut guard = self.shared.state.lock();
        let state = &mut *guard;
        let Some(consumer) = state.consumers.streams.get_mut(&self.stream) else {
            return VecDeque::new();
        };
        let waiting = std::mem::take(&mut consumer.waiting);
        let waker = consumer.waker.take();
        if consumer.ended.is_some() || state.closed.is_some() {
            state.consumers.streams.remove(&self.stream);
            drop(guard);
        } else {
            consumer.unwanted = true;
            flow::put_stop(state.out.bytes(), self.stream);
            self.shared.ask_flush(guard);
        }
        drop(waker);
        waiting
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        // Streams in items of streams in items: a peer says how many, so they are not dropped inside of each other.
        let mut packets: Vec<Packet> = self.stop().collect();
        while let Some(packet) = packets.pop() {
            let Packet::One(_, attachments, _) = packet else {
                continue;
            };
            for attachment in attachments {
                if let Attachment::Incoming(Incoming {
                    feed: Feed::Remote(mut inner),
                    ..
                }) = attachment
                {
                    packets.extend(inner.stop());
                }
            }
        }
    }
}

/// A stream that arrives, untyped.
pub struct Incoming {
    feed: Feed,
    codec: Codec,
    target: Target,
    over: bool,
}

enum Feed {
    Remote(Remote),
    /// Within this process.
    Local(Box<dyn Source>),
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incoming({})", self.target)
    }
}

impl Incoming {
    pub(super) fn over(remote: Remote) -> Self {
        Self::of(Feed::Remote(remote))
    }

    /// A stream that never left this process.
    pub(crate) fn local(source: Box<dyn Source>) -> Self {
        Self::of(Feed::Local(source))
    }

    fn of(feed: Feed) -> Self {
        Self {
            feed,
            codec: Codec::Postcard,
            target: "a stream".into(),
            over: false,
        }
    }

    /// Says how its items are written, and what its errors name.
    pub(crate) fn read_as(mut self, codec: Codec, target: Target) -> Self {
        self.codec = codec;
        self.target = target;
        self
    }

    /// What its errors name.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The next item, read by `read`.
    pub(crate) fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        read: fn(Codec, &[u8]) -> Result<T, DecodeError>,
    ) -> Poll<Option<Result<Result<T, DecodeError>, CallError>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let (codec, target) = (self.codec, &self.target);
        let next = match &mut self.feed {
            Feed::Remote(remote) => std::task::ready!(remote.poll(cx, |body, own| match own {
                None => read(codec, body),
                Some((whole, attachments)) => blob::reading(whole, || {
                    attach::reading(codec, Arc::clone(target), attachments, || read(codec, body))
                }),
            })),
            Feed::Local(source) => {
                std::task::ready!(poll_local(&mut **source, cx, codec, target, read))
            }
        };
        Poll::Ready(match next {
            Ok(item) => Some(Ok(item)),
            Err(ended) => {
                self.over = true;
                error(ended, &self.target).map(Err)
            }
        })
    }

    /// The same stream, to be passed on as it is.
    pub(super) fn into_source(self) -> Box<dyn Source> {
        match self.feed {
            Feed::Local(source) => source,
            Feed::Remote(remote) => Box::new(remote),
        }
    }
}

/// The next item of a stream within this process: written and read, as if it had travelled.
fn poll_local<T>(
    source: &mut dyn Source,
    cx: &mut Context<'_>,
    codec: Codec,
    target: &Target,
    read: fn(Codec, &[u8]) -> Result<T, DecodeError>,
) -> Poll<Result<Result<T, DecodeError>, Ended>> {
    let mut sink = Sink::bare(codec);
    let polled = source.poll_items(cx, &mut sink);
    if sink.count() == 0 {
        return polled.map(|ended| match ended {
            Some(Err(Refusal { status, text })) => Err(Ended::Told(status as u16, text)),
            _ => Err(Ended::Told(Status::Done as u16, String::new())),
        });
    }
    let attachments = attach::take();
    let (frames, _) = sink.finish();
    let whole = Bytes::from(frames.into_bytes());
    Poll::Ready(Ok(blob::reading(&whole, || {
        attach::reading(codec, Arc::clone(target), attachments, || {
            read(codec, &whole)
        })
    })))
}

/// The error that a stream's end is; `None` for a good end.
fn error(ended: Ended, target: &Target) -> Option<CallError> {
    match ended {
        Ended::Told(0, _) => None,
        Ended::Told(status, text) => Some(outcome(status, text, Arc::clone(target), false)),
        Ended::Lost(why) => Some(CallError::Unknown {
            target: Arc::clone(target),
            reason: Unknown::Disconnected(why.to_string()),
            idempotent: false,
        }),
    }
}

/// Passed on to another connection, item by item, unread.
impl Source for Remote {
    fn poll_items(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut Sink,
    ) -> Poll<Option<Result<(), Refusal>>> {
        loop {
            let next =
                std::task::ready!(self.poll(cx, |body, own| sink.put(|bytes, lent, limit| {
                    if body.len() > limit {
                        return Err(EncodeError::TooLarge { limit });
                    }
                    let (whole, attachments) = own.unzip();
                    match whole {
                        Some(whole) if whole.len() >= blob::MIN_BYTES => lent.push(Lent {
                            at: bytes.len(),
                            data: whole.clone(),
                        }),
                        _ => bytes.extend_from_slice(body),
                    }
                    attach::put_all(attachments.unwrap_or_default());
                    Ok(())
                })));
            return Poll::Ready(match next {
                Ok(Ok(true)) => continue,
                Ok(full) => Some(full.map(drop)),
                Err(Ended::Told(0, _)) => None,
                Err(Ended::Told(status, text)) => {
                    Some(Err(Refusal::new(Status::from_number(status), text)))
                }
                Err(Ended::Lost(why)) => {
                    let text = format!("the connection that it came from ended: {why}");
                    Some(Err(Refusal::new(Status::Error, text)))
                }
            });
        }
    }

    fn runs(&self) -> Runs {
        Runs::Async
    }
}
