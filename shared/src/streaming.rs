//! Streams as values: items that follow a call, at the pace of whoever takes them.

mod generator;
mod local;
mod sink;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pub use futures_util::Stream;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::attach::{self, Attachment, Taken};
use crate::context;
use crate::descriptor::Runs;
use crate::error::{CallError, Failure};
pub use crate::link::Incoming;
use crate::wire::blob::Blob;
use crate::wire::codec::{Codec, DecodeError};
use crate::wire::status::{Refusal, Status, outcome};
use generator::Generator;
pub use generator::Yielder;
use local::{Fallible, Iterated, Plain, Values};
pub(crate) use sink::{Sink, Turn};

/// What formats and shapes call a stream.
pub(crate) const NAME: &str = "farcall:stream";

/// A stream of `T` as an argument, a result or a part of one.
///
/// Made of any stream or iterator where the items are, it arrives as a stream of `Result<T, CallError>`: an error in the
/// middle, a panic or a lost connection comes after the items before it, and is the last thing that comes. Whoever takes
/// nothing stops the producer; dropping it ends the producer's stream.
///
/// It can be sent once. A call that carries one is not repeated.
///
/// # Cancel safety
/// Waiting for the next item can be given up without losing one.
pub struct Streaming<T>(Origin<T>);

enum Origin<T> {
    /// From here; gone once it was sent.
    Here(Mutex<Option<Box<dyn Values<T>>>>),
    /// From the other end of a connection; gone once it was sent on.
    There(Mutex<Option<Arrived<T>>>),
}

/// A stream that arrives, and how its items are read.
struct Arrived<T> {
    items: Incoming,
    read: Read<T>,
}

type Read<T> = fn(Codec, &[u8]) -> Result<T, DecodeError>;

impl<T: Send + 'static> Streaming<T> {
    /// Of a stream that cannot fail. It is polled where calls wait.
    pub fn new(stream: impl Stream<Item = T> + Send + 'static) -> Self {
        Self::of(Plain(Box::pin(stream)))
    }

    /// Of a stream that may fail: its first error is its end.
    pub fn fallible<E: fmt::Display + 'static>(
        stream: impl Stream<Item = Result<T, E>> + Send + 'static,
    ) -> Self {
        Self::of(Fallible(Box::pin(stream)))
    }

    /// Of an iterator. It computes on the compute threads, no further ahead than the items are taken.
    pub fn iter<I>(items: I) -> Self
    where
        I: IntoIterator<Item = T>,
        I::IntoIter: Send + 'static,
    {
        Self::of(Iterated(items.into_iter()))
    }

    /// Of what `run` yields, which may borrow from `object` for as long as it lasts.
    pub fn generated<O, F, Fut>(runs: Runs, object: Arc<O>, run: F) -> Self
    where
        O: Send + Sync + 'static,
        F: FnOnce(Arc<O>, Yielder<T>) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::of(Generator::new(runs, object, run))
    }

    fn of(values: impl Values<T> + 'static) -> Self {
        Self(Origin::Here(Mutex::new(Some(Box::new(values)))))
    }
}

impl<T> Streaming<T> {
    /// The next item; `None` at the end. What comes after an error is the end.
    ///
    /// # Errors
    /// How the stream ended early: Failed when its producer failed or panicked, Unknown when the connection was lost.
    ///
    /// # Cancel safety
    /// Cancel safe: no item is lost.
    pub async fn next(&mut self) -> Option<Result<T, CallError>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<T> fmt::Debug for Streaming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Origin::Here(_) => "Streaming(from here)",
            Origin::There(_) => "Streaming(from the peer)",
        })
    }
}

impl<T> Stream for Streaming<T> {
    type Item = Result<T, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            Origin::Here(values) => {
                let Some(values) = values.get_mut() else {
                    return Poll::Ready(None);
                };
                values
                    .poll_value(cx)
                    .map(|value| value.map(|value| value.map_err(local_error)))
            }
            Origin::There(arrived) => match arrived.get_mut() {
                Some(arrived) => arrived.poll(cx),
                None => Poll::Ready(None),
            },
        }
    }
}

fn local_error(Refusal { status, text }: Refusal) -> CallError {
    outcome(
        status as u16,
        text,
        "a stream of this process".into(),
        false,
    )
}

impl<T> Arrived<T> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, CallError>>> {
        let read = self.read;
        self.items.poll_with(cx, read).map(|item| {
            let item = item?;
            Some(item.and_then(|read| {
                read.map_err(|e| CallError::Failed {
                    target: Arc::clone(self.items.target()),
                    reason: Failure::Unreadable(e.0),
                })
            }))
        })
    }
}

/// A stream that is sent on as it arrives.
impl<T> Values<T> for Arrived<T> {
    fn poll_value(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Refusal>>> {
        self.poll(cx).map(|item| {
            item.map(|item| item.map_err(|e| Refusal::new(Status::Error, e.to_string())))
        })
    }
}

impl<T: Serialize + Send + 'static> Serialize for Streaming<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let content = |place: u16| (place, None::<()>);
        attach::serialize(serializer, NAME, content, || {
            const SENT: &str = "this stream was sent already";
            let values: Box<dyn Values<T>> = match &self.0 {
                Origin::Here(values) => values.lock().take().ok_or(SENT)?,
                Origin::There(arrived) => Box::new(arrived.lock().take().ok_or(SENT)?),
            };
            Ok(Attachment::Outgoing(Box::new(Encoded {
                values: Some(values),
                context: context::Context::current().map(|call| call.of_stream()),
            })))
        })
    }
}

impl<'de, T: DeserializeOwned + 'static> Deserialize<'de> for Streaming<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let taken = attach::deserialize::<D, (u16, Option<T>)>(deserializer, NAME)?;
        Self::arrived(taken).map_err(serde::de::Error::custom)
    }
}

impl<T: DeserializeOwned + 'static> Streaming<T> {
    /// Of what arrived behind a value.
    pub(crate) fn arrived(taken: Taken) -> Result<Self, &'static str> {
        let items = match taken.attachment {
            Attachment::Incoming(items) => items,
            // Within this process.
            Attachment::Outgoing(source) => Incoming::local(source),
            Attachment::Reference(_) | Attachment::Value(_) | Attachment::Notes(_) => {
                return Err("something else stands where a stream is expected");
            }
        };
        Ok(Self(Origin::There(Mutex::new(Some(Arrived {
            items: items.read_as(taken.codec, taken.target),
            read: |codec, bytes| codec.decode::<Blob<T>>(bytes).map(|Blob(item)| item),
        })))))
    }
}

/// What a stream's items become on their way: how a link or a local call sees a stream, whatever its type.
pub trait Source: Send {
    /// Adds items, until there is no room for more: `Ok` then.
    ///
    /// `None` is the end, an error a premature one; neither is polled again. What was added before counts, in any case.
    fn poll_items(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut Sink,
    ) -> Poll<Option<Result<(), Refusal>>>;

    /// Where it is polled.
    fn runs(&self) -> Runs;
}

/// Values that are written as items.
struct Encoded<T> {
    /// Taken when it is dropped.
    values: Option<Box<dyn Values<T>>>,
    /// The call that gave them, which they are a part of.
    context: Option<context::Context>,
}

impl<T> Drop for Encoded<T> {
    fn drop(&mut self) {
        let values = self.values.take();
        context::run_in(&mut self.context, || drop(values));
    }
}

impl<T: Serialize + 'static> Source for Encoded<T> {
    fn poll_items(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut Sink,
    ) -> Poll<Option<Result<(), Refusal>>> {
        let Self { values, context } = self;
        let Some(values) = values else {
            return Poll::Ready(None);
        };
        let codec = sink.codec();
        let mut put = |value: T| {
            sink.put(|bytes, lent, limit| codec.encode_lending(&Blob(value), bytes, lent, limit))
        };
        context::run_in(context, || values.poll_values(cx, &mut put))
    }

    fn runs(&self) -> Runs {
        self.values.as_ref().map_or(Runs::Async, |it| it.runs())
    }
}
