//! Calls that have more to them than an object: those of a fleet's items, and those with hooks.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use farcall_shared::error::{CallError, Failure, NotSent};
use farcall_shared::hook::{Hook, Hooks};
use farcall_shared::wire::batch;
use farcall_shared::wire::codec::{Codec, DecodeError};
use serde::Serialize;

use super::binding::Shared;
use super::chunk::{self, Chunk, Gathers};
use super::{At, Remote, Selected};

/// An object, and what its calls have besides.
#[derive(Clone)]
pub(super) struct Errand {
    pub(super) object: Arc<Shared>,
    /// The chunk of a fleet's items that they belong to.
    pub(super) chunk: Option<Arc<Chunk>>,
    pub(super) hooks: Hooks,
}

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

    /// The same object without hooks, and those.
    pub(super) fn without_hooks(mut self) -> (Self, Hooks) {
        let mut errand = self.errand();
        let hooks = std::mem::take(&mut errand.hooks);
        self.at = At::Errand(Arc::new(errand));
        (self, hooks)
    }

    #[inline]
    pub(super) fn has_hooks(&self) -> bool {
        matches!(&self.at, At::Errand(errand) if !errand.hooks.is_empty())
    }

    /// The same object for the items of a chunk.
    pub(crate) fn with_chunk(mut self, chunk: Arc<Chunk>, deadline: Duration) -> Self {
        let mut errand = self.errand();
        errand.chunk = Some(chunk);
        self.at = At::Errand(Arc::new(errand));
        self.deadline = deadline;
        self
    }

    fn errand(&self) -> Errand {
        match &self.at {
            At::Object(object) => Errand {
                object: Arc::clone(object),
                chunk: None,
                hooks: Hooks::default(),
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
        let (plain, _) = self.without_hooks();
        let sent = plain.perform(method, (), |_, body| Ok(body.to_vec()));
        Some(Box::pin(async move { chunk.end(sent.await) }))
    }
}
