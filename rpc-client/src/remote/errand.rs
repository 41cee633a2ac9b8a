//! Calls that have more to them than an object: those of a fleet's items, and those with hooks.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use farcall_shared::context::{Metadata, MetadataTooLarge, Notes, Trace};
use farcall_shared::error::{CallError, Failure, NotSent};
use farcall_shared::hook::{Hook, Hooks};
use farcall_shared::link::Outcome;
use farcall_shared::wire::batch;
use farcall_shared::wire::codec::{Codec, DecodeError};
use parking_lot::Mutex;
use serde::Serialize;

use super::binding::Shared;
use super::chunk::{self, Chunk, Gathers};
use super::gathering::Gathering;
use super::{At, Remote, Selected};

/// An object, and what its calls have besides.
#[derive(Clone)]
pub(super) struct Errand {
    pub(super) object: Arc<Shared>,
    /// The chunk of a fleet's items that they belong to.
    pub(super) chunk: Option<Arc<Chunk>>,
    pub(super) hooks: Hooks,
    /// What is said beside the arguments.
    pub(super) notes: Result<Notes, MetadataTooLarge>,
    /// Where the metadata of replies goes.
    pub(super) replies: Option<Replies>,
    /// Does not travel with the other calls of its chunk.
    pub(super) alone: bool,
    /// Where its calls wait to be sent.
    pub(super) gathering: Option<Arc<Gathering>>,
}

/// Where the metadata of replies goes: the last one's is there.
pub(crate) type Replies = Arc<Mutex<Metadata>>;

impl Remote {
    /// Gathers a call of a fleet's item with the others of its chunk if that can be.
    #[inline]
    pub(super) fn join<A: Serialize>(
        &self,
        chunk: &Chunk,
        method: &Selected,
        arguments: &A,
        cx: &Context<'_>,
    ) -> Option<chunk::Joined> {
        let (Selected::Number(number), Some(descriptor)) = (method, &self.shared().descriptor)
        else {
            return None;
        };
        if matches!(&self.at, At::Errand(errand) if errand.alone) {
            return None;
        }
        let how = (self.shared().codec, self.deadline);
        chunk.join(*number, descriptor, how, arguments, cx)
    }

    /// Notes a call of a fleet's item.
    #[inline]
    pub(super) fn permitted(&self, chunk: &Chunk, method: &Selected) -> Result<(), CallError> {
        let Selected::Number(number) = method else {
            return Ok(());
        };
        if chunk.permits(*number, self.is_idempotent(method)) {
            return Ok(());
        }
        Err(CallError::NotSent {
            target: self.target(method),
            reason: NotSent::Superseded,
        })
    }

    /// What a gathered call came to.
    #[inline]
    pub(super) fn read<T>(
        &self,
        method: &Selected,
        ended: chunk::Reply<'_>,
        read: impl Fn(Codec, &[u8]) -> Result<T, DecodeError>,
    ) -> Result<T, CallError> {
        match ended {
            Ok(Some((batch::DONE, body))) => {
                read(self.shared().codec, body).map_err(|e| CallError::Failed {
                    target: self.target(method),
                    reason: Failure::Unreadable(e.0),
                })
            }
            ended => Err(chunk::error(
                ended,
                self.target(method),
                self.is_idempotent(method),
            )),
        }
    }

    /// The same object, with one more hook around each call, inside of those it has.
    pub fn with_hook(mut self, hook: impl Hook) -> Self {
        let mut errand = self.errand();
        errand.hooks = errand.hooks.with(hook);
        self.at = At::Errand(Arc::new(errand));
        self
    }

    /// The same object, with metadata for each call, in place of what the key has.
    pub fn with_metadata(self, key: &str, value: &[u8]) -> Self {
        self.saying(|notes| notes.metadata.set(key, value))
    }

    /// The same object, each call with this correlation id.
    pub fn with_correlation(self, id: u128) -> Self {
        self.saying(|notes| {
            notes.correlation = id.into();
            Ok(())
        })
    }

    /// The same object, each call with this trace.
    pub fn with_trace(self, trace: Trace) -> Self {
        self.saying(|notes| {
            notes.trace = Some(trace);
            Ok(())
        })
    }

    fn saying(mut self, say: impl FnOnce(&mut Notes) -> Result<(), MetadataTooLarge>) -> Self {
        let mut errand = self.errand();
        errand.notes = errand.notes.and_then(|mut notes| {
            say(&mut notes)?;
            Ok(notes)
        });
        errand.alone = true;
        self.at = At::Errand(Arc::new(errand));
        self
    }

    /// The same object, the metadata of whose replies goes there.
    pub(crate) fn with_replies(mut self, replies: Replies) -> Self {
        let mut errand = self.errand();
        errand.replies = Some(replies);
        errand.alone = true;
        self.at = At::Errand(Arc::new(errand));
        self
    }

    /// True when calls are to be [attended](Self::attend).
    #[inline]
    pub(super) fn is_attended(&self) -> bool {
        matches!(&self.at, At::Errand(errand) if !errand.hooks.is_empty() || errand.notes.is_err())
    }

    /// What is said beside the arguments.
    #[inline]
    pub(super) fn notes(&self) -> Option<&Notes> {
        match &self.at {
            At::Object(_) => None,
            At::Errand(errand) => errand.notes.as_ref().ok().filter(|notes| !notes.is_empty()),
        }
    }

    /// Puts the metadata of a reply where it is wanted.
    #[inline]
    pub(super) fn note_reply(&self, ended: &mut Outcome) {
        if let At::Errand(errand) = &self.at
            && let Some(replies) = &errand.replies
        {
            *replies.lock() = ended.take_metadata();
        }
    }

    /// Where its calls wait to be sent, if they do.
    #[inline]
    pub(super) fn gathering(&self) -> Option<Arc<Gathering>> {
        match &self.at {
            At::Object(_) => None,
            At::Errand(errand) => errand.gathering.clone(),
        }
    }

    /// The same object for the items of a chunk.
    pub(crate) fn with_chunk(mut self, chunk: Arc<Chunk>, deadline: Duration) -> Self {
        let mut errand = self.errand();
        errand.chunk = Some(chunk);
        self.at = At::Errand(Arc::new(errand));
        self.deadline = deadline;
        self
    }

    pub(super) fn errand(&self) -> Errand {
        match &self.at {
            At::Object(object) => Errand {
                object: Arc::clone(object),
                chunk: None,
                hooks: Hooks::default(),
                notes: Ok(Notes::default()),
                replies: None,
                alone: false,
                gathering: None,
            },
            At::Errand(errand) => Errand::clone(errand),
        }
    }

    /// Whether the calls of a chunk may come in one message where the object is bound.
    pub(crate) fn gathers(&self) -> Gathers {
        match self.shared().bound() {
            Some(bound) if bound.takes_batches() => Gathers::within(bound.max_message_bytes()),
            _ => Gathers::Nothing,
        }
    }

    /// The end of a gathered call that was not started.
    pub(crate) fn deferred(&self) -> CallError {
        chunk::error(Ok(None), Arc::clone(&self.shared().label), true)
    }

    /// Sends the calls that a chunk gathered; `None` if there are none.
    pub(crate) fn send_gathered(
        self,
        chunk: Arc<Chunk>,
    ) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        let (method, calls) = chunk.seal()?;
        let method = Selected::Batch(method, calls.into());
        let mut plain = self.errand();
        plain.hooks = Hooks::default();
        let plain = Self {
            at: At::Errand(Arc::new(plain)),
            ..self
        };
        let sent = plain.perform(method, (), |_, body| Ok(body.to_vec()));
        Some(Box::pin(async move { chunk.end(sent.await) }))
    }
}
