//! The calls of a fleet's items: gathered with the others of their chunk, or on their own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use farcall_shared::error::{CallError, Failure, NotSent};
use farcall_shared::wire::batch;
use farcall_shared::wire::codec::{Codec, DecodeError};
use serde::Serialize;

use super::binding::Shared;
use super::chunk::{self, Chunk, Gathers};
use super::{At, Remote, Selected};

/// An object, and the chunk of items that the calls belong to.
pub(super) struct Errand {
    pub(super) object: Arc<Shared>,
    pub(super) chunk: Arc<Chunk>,
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

    /// The same object for the items of a chunk.
    pub(crate) fn with_chunk(mut self, chunk: Arc<Chunk>, deadline: Duration) -> Self {
        let object = match &self.at {
            At::Object(object) => Arc::clone(object),
            At::Errand(errand) => Arc::clone(&errand.object),
        };
        self.at = At::Errand(Arc::new(Errand { object, chunk }));
        self.deadline = deadline;
        self
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
        let sent = self.perform(method, (), |_, body| Ok(body.to_vec()));
        Some(Box::pin(async move { chunk.end(sent.await) }))
    }
}
