//! Calls with hooks around them: one pair of looks for all attempts of a call.

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use farcall_shared::call::Call as _;
use farcall_shared::error::{CallError, NotSent};
use farcall_shared::hook::{Attended, CallInfo};
use farcall_shared::wire::codec::{Codec, DecodeError};
use serde::Serialize;

use super::errand::Replies;
use super::{At, Remote, Selected};

impl Remote {
    /// A call through all its attempts, inside of the hooks. In a box: the futures of other calls need not have room for it.
    pub(super) fn attend<A, T, D>(
        self,
        method: Selected,
        arguments: A,
        read: D,
    ) -> Pin<Box<dyn Future<Output = Result<T, CallError>> + Send>>
    where
        A: Serialize + Send + Sync + 'static,
        D: Fn(Codec, &[u8]) -> Result<T, DecodeError> + Send + Sync + 'static,
        T: Send + 'static,
    {
        Box::pin(async move {
            let asked = self.ask(&method)?;
            let Asked { plain, attended } = asked;
            let unanswered = plain.gathering().is_some_and(|all| all.is_unanswered());
            let mut call = pin!(plain.perform(method, arguments, read));
            if unanswered {
                // Nobody polls it again: once it waits to be sent, that was all.
                let Poll::Ready(ended) = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await
                else {
                    let _ = attended.tell(Ok(()));
                    return pending().await;
                };
                return attended.tell(ended);
            }
            attended.tell(call.await)
        })
    }

    /// The same for a call that brings nothing.
    pub(super) fn attend_sending<A>(
        self,
        method: u16,
        arguments: A,
    ) -> Pin<Box<dyn Future<Output = Result<(), CallError>> + Send>>
    where
        A: Serialize + Send + Sync + 'static,
    {
        Box::pin(async move {
            let asked = self.ask(&Selected::Number(method))?;
            let ended = asked.plain.send(method, arguments).await;
            asked.attended.tell(ended)
        })
    }

    /// Asks the hooks whether a call may be made.
    fn ask(self, method: &Selected) -> Result<Asked, CallError> {
        let not_sent = |reason| CallError::NotSent {
            target: self.target(method),
            reason,
        };
        let mut errand = self.errand();
        if let Err(e) = &errand.notes {
            return Err(not_sent(NotSent::TooLarge(e.to_string())));
        }
        let service = self.descriptor().map(|it| it.service.as_str());
        let call = CallInfo::new(
            Arc::clone(&self.shared().label),
            service.unwrap_or_default().into(),
            self.name_of(method).into(),
        );
        let hooks = std::mem::take(&mut errand.hooks);
        let begun = hooks.begin(call);
        let attended = begun.map_err(|why| not_sent(NotSent::Refused(why.to_string())))?;
        let wanted = errand.replies.take();
        let replies = Replies::default();
        errand.replies = Some(Arc::clone(&replies));
        Ok(Asked {
            plain: Self {
                at: At::Errand(Arc::new(errand)),
                ..self
            },
            attended: Watched {
                attended,
                replies,
                wanted,
            },
        })
    }

    fn name_of<'a>(&'a self, method: &'a Selected) -> &'a str {
        match method {
            Selected::Name(name) => name,
            Selected::Number(number) | Selected::Batch(number, _) => {
                let methods = self.descriptor().map(|it| it.methods.as_slice());
                let method = methods.and_then(|all| all.get(usize::from(*number)));
                method.map_or("a method", |method| &method.name)
            }
        }
    }
}

/// A call that may be made.
struct Asked {
    /// The object without hooks.
    plain: Remote,
    attended: Watched,
}

/// What the hooks still have to be told.
struct Watched {
    attended: Attended,
    /// Where the metadata of the reply comes.
    replies: Replies,
    /// Who else wants it.
    wanted: Option<Replies>,
}

impl Watched {
    /// Tells the hooks how the call ended, and gives that, or what they made of it.
    fn tell<T>(mut self, ended: Result<T, CallError>) -> Result<T, CallError> {
        let metadata = std::mem::take(&mut *self.replies.lock());
        if let Some(wanted) = self.wanted {
            *wanted.lock() = metadata.clone();
        }
        self.attended.replied(metadata);
        self.attended.end(ended.as_ref().map(|_| ()))?;
        ended
    }
}
