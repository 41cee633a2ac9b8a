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
use crate::streaming::{Place, Source};
use crate::wire::blob;
use crate::wire::codec::{Codec, DecodeError};
use crate::wire::frame::flow::{self, Credit, ITEM_HEADER_BYTES};
use crate::wire::frames::Frames;
use crate::wire::status::{Refusal, Status, outcome};

/// Bytes before each of the small items that wait together.
const LENGTH_BYTES: usize = 4;

/// Streams that arrive on one connection, by number.
#[derive(Debug, Default)]
pub(super) struct Consumers {
    streams: HashMap<u32, Consumer>,
}

/// One of them.
#[derive(Debug)]
struct Consumer {
    waiting: VecDeque<Packet>,
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
    /// Small ones, each behind its length.
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
}

impl Consumers {
    /// True when no stream is wanted any more.
    pub(super) fn are_done(&self) -> bool {
        self.streams.values().all(|consumer| consumer.unwanted)
    }

    /// Keeps an item until it is taken.
    pub(super) fn receive(&mut self, stream: u32, item: Item<'_>) -> Result<Received, String> {
        let Some(consumer) = self.streams.get_mut(&stream) else {
            return Err(format!("an item of stream {stream}, which is not open"));
        };
        if consumer.ended.is_some() {
            return Err(format!("an item of stream {stream}, which has ended"));
        }
        if consumer.credit <= 0 {
            return Err(format!(
                "an item of stream {stream}, which has no credit left"
            ));
        }
        consumer.credit -= (item.len() + ITEM_HEADER_BYTES) as i64;
        if consumer.unwanted {
            let dropped = item.into_packet();
            return Ok(Received {
                waker: None,
                dropped,
            });
        }
        item.put(&mut consumer.waiting);
        Ok(Received {
            waker: consumer.waker.take(),
            dropped: None,
        })
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
    /// In a buffer of its own, or with attachments; and how many bytes it had with their list.
    Own(Bytes, Vec<Attachment>, usize),
}

impl Item<'_> {
    /// The bytes of its frame behind the header.
    fn len(&self) -> usize {
        match self {
            Self::Small(body) => body.len(),
            Self::Own(_, _, len) => *len,
        }
    }

    fn into_packet(self) -> Option<Packet> {
        match self {
            Self::Small(_) => None,
            Self::Own(body, attachments, cost) => Some(Packet::One(body, attachments, cost)),
        }
    }

    fn put(self, waiting: &mut VecDeque<Packet>) {
        let body = match self {
            Self::Small(body) => body,
            Self::Own(body, attachments, cost) => {
                waiting.push_back(Packet::One(body, attachments, cost));
                return;
            }
        };
        if !matches!(waiting.back(), Some(Packet::Many(_))) {
            waiting.push_back(Packet::Many(Vec::new()));
        }
        if let Some(Packet::Many(many)) = waiting.back_mut() {
            many.extend_from_slice(&(body.len() as u32).to_le_bytes());
            many.extend_from_slice(body);
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
                        && let Some((length, rest)) = rest.split_first_chunk::<LENGTH_BYTES>()
                    {
                        let length = u32::from_le_bytes(*length) as usize;
                        let taken = take(rest.get(..length).unwrap_or_default(), None);
                        self.at += LENGTH_BYTES + length;
                        self.owe(length);
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
            return Poll::Ready(Ok(()));
        }
        match consumer.ended.clone() {
            Some(ended) => {
                state.consumers.streams.remove(&self.stream);
                self.ended = Some(ended.clone());
                Poll::Ready(Err(ended))
            }
            None => {
                consumer.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Tells the producer that an item of so many bytes was taken, now and then.
    fn owe(&mut self, bytes: usize) {
        self.owed += (bytes + ITEM_HEADER_BYTES) as i64;
        if self.owed < WINDOW_BYTES / 2 {
            return;
        }
        let mut guard = self.shared.state.lock();
        let state = &mut *guard;
        let owed = std::mem::take(&mut self.owed);
        let Some(consumer) = state.consumers.streams.get_mut(&self.stream) else {
            return;
        };
        if consumer.ended.is_some() {
            return;
        }
        consumer.credit += owed;
        let credit = Credit {
            of: self.stream,
            bytes: u32::try_from(owed).unwrap_or(u32::MAX),
        };
        flow::put_credit(state.out.bytes(), credit);
        self.shared.ask_flush(guard);
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let mut guard = self.shared.state.lock();
        let state = &mut *guard;
        let Some(consumer) = state.consumers.streams.get_mut(&self.stream) else {
            return;
        };
        let waiting = std::mem::take(&mut consumer.waiting);
        if consumer.ended.is_some() || state.closed.is_some() {
            state.consumers.streams.remove(&self.stream);
            drop(guard);
        } else {
            consumer.unwanted = true;
            flow::put_stop(state.out.bytes(), self.stream);
            self.shared.ask_flush(guard);
        }
        drop(waiting);
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
    let mut frames = Frames::default();
    let mut place = Place {
        codec,
        frames: &mut frames,
        limit: usize::MAX,
    };
    let polled = std::task::ready!(source.poll_item(cx, &mut place));
    Poll::Ready(match polled {
        Some(Ok(())) => {
            let attachments = attach::take();
            let whole = Bytes::from(frames.into_bytes());
            Ok(blob::reading(&whole, || {
                attach::reading(codec, Arc::clone(target), attachments, || {
                    read(codec, &whole)
                })
            }))
        }
        Some(Err(Refusal { status, text })) => Err(Ended::Told(status as u16, text)),
        None => Err(Ended::Told(Status::Done as u16, String::new())),
    })
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
    fn poll_item(
        &mut self,
        cx: &mut Context<'_>,
        item: &mut Place<'_>,
    ) -> Poll<Option<Result<(), Refusal>>> {
        let limit = item.limit;
        let bytes = &mut item.frames.bytes;
        let next = std::task::ready!(self.poll(cx, |body, own| {
            if body.len() > limit {
                let text = "an item is over the limit of the connection that it is passed on over";
                return Err(Refusal::new(Status::BadResult, text));
            }
            bytes.extend_from_slice(body);
            if let Some((_, attachments)) = own {
                attach::put_all(attachments);
            }
            Ok(())
        }));
        Poll::Ready(match next {
            Ok(item) => Some(item),
            Err(Ended::Told(0, _)) => None,
            Err(Ended::Told(status, text)) => {
                Some(Err(Refusal::new(Status::from_number(status), text)))
            }
            Err(Ended::Lost(why)) => {
                let text = format!("the connection that it came from ended: {why}");
                Some(Err(Refusal::new(Status::Error, text)))
            }
        })
    }

    fn runs(&self) -> Runs {
        Runs::Async
    }
}
