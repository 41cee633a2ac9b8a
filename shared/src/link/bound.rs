//! An object bound on one connection: a handle, and typed calls to it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::Link;
use super::caller::{Body, Outcome, Outgoing, Pending, Raw, Reply};
use super::large::Until;
use super::shared::Shared;
use crate::attach;
use crate::call::Call;
use crate::context::Notes;
use crate::descriptor::{Described, Descriptor};
use crate::error::{CallError, Failure, NotSent, Target};
use crate::names::MAX_NAME_BYTES;
use crate::wire::blob;
use crate::wire::codec::{Codec, DecodeError};
use crate::wire::frame;
use crate::wire::status::{Status, outcome};

/// How long a call over a bare connection may take: 10 s.
const DEADLINE: Duration = Duration::from_secs(10);

/// What to bind.
#[derive(Clone, Debug)]
pub struct Bind {
    /// The object's id at the peer.
    pub object: Arc<str>,
    /// The run of the daemon that is meant, 0 for any.
    pub incarnation: u64,
    /// How arguments and results are written.
    pub codec: Codec,
    /// The methods as this side knows them; `None` calls by name.
    pub descriptor: Option<Described>,
    /// How error texts call the object, usually its URI.
    pub label: Arc<str>,
}

/// An object of the peer. Clones are the same binding; the last one gives it back.
#[derive(Clone, Debug)]
pub struct Bound(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    link: Link,
    handle: u32,
    codec: Codec,
    descriptor: Option<Described>,
    label: Arc<str>,
}

/// What is known of a binding.
#[derive(Debug)]
pub(super) enum BindSlot {
    /// No answer yet.
    Asked(Vec<Waker>),
    /// The peer has the object.
    Accepted,
    /// The peer refused.
    Refused(u16, String),
    /// The connection is over.
    Lost(Arc<str>),
    /// Given back before the answer came.
    Abandoned,
}

impl BindSlot {
    pub(super) fn disconnect(&mut self, why: &Arc<str>) -> Vec<Waker> {
        match std::mem::replace(self, Self::Lost(Arc::clone(why))) {
            Self::Asked(wakers) => wakers,
            other => {
                *self = other;
                Vec::new()
            }
        }
    }
}

impl Link {
    /// Binds an object; calls may follow at once, the peer's answer comes in its time.
    ///
    /// # Errors
    /// Disconnected, or Full when the peer's limit of bindings is reached.
    pub fn bind(&self, bind: &Bind) -> Result<Bound, NotSent> {
        let mut state = self.0.state.lock();
        if let Some(why) = state.refuses_calls() {
            return Err(NotSent::Disconnected(why.to_string()));
        }
        if bind.object.len() > MAX_NAME_BYTES {
            return Err(NotSent::TooLarge(format!(
                "an object's id takes at most {MAX_NAME_BYTES} bytes"
            )));
        }
        if state.binds.len() >= self.0.limits.max_bindings as usize {
            return Err(NotSent::Full(state.binds.len()));
        }
        let handle = state.binds.insert(BindSlot::Asked(Vec::new())) as u32;
        let methods = bind
            .descriptor
            .as_ref()
            .map(|d| d.methods.as_slice())
            .unwrap_or_default();
        frame::put_bind(
            state.out.bytes(),
            &frame::Bind {
                handle,
                codec: bind.codec as u8,
                incarnation: bind.incarnation,
                object: &bind.object,
                methods: methods
                    .iter()
                    .map(|m| (m.name.as_str(), m.signature))
                    .collect(),
            },
        );
        self.0.ask_flush(state);
        Ok(Bound(Arc::new(Inner {
            link: self.clone(),
            handle,
            codec: bind.codec,
            descriptor: bind.descriptor.clone(),
            label: Arc::clone(&bind.label),
        })))
    }
}

impl Bound {
    /// True when both are clones of one binding.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// False once no further calls can be made over it.
    #[inline]
    pub fn is_open(&self) -> bool {
        !self.shared().refuses.load(Ordering::Relaxed)
    }

    /// True when the peer runs many calls that come in one message.
    pub fn takes_batches(&self) -> bool {
        self.shared().remote.takes_batches
    }

    /// The longest message that both sides take, in bytes.
    pub fn max_message_bytes(&self) -> usize {
        self.shared().remote.max_message_bytes as usize
    }

    /// How arguments and results are written.
    pub fn codec(&self) -> Codec {
        self.0.codec
    }

    /// The connection.
    pub fn link(&self) -> &Link {
        &self.0.link
    }

    /// Waits for the peer's answer to the binding, at most 10 s.
    ///
    /// # Errors
    /// Rejected when the peer has no such object or another incarnation; NotSent when the connection ended.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn accepted(&self) -> Result<(), CallError> {
        match tokio::time::timeout(DEADLINE, self.answered()).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::NotSent {
                target: Arc::clone(&self.0.label),
                reason: NotSent::Expired(DEADLINE),
            }),
        }
    }

    async fn answered(&self) -> Result<(), CallError> {
        std::future::poll_fn(|cx| {
            let mut state = self.0.link.0.state.lock();
            Poll::Ready(match state.binds.get_mut(self.0.handle as usize) {
                Some(BindSlot::Asked(wakers)) => {
                    if !wakers.iter().any(|known| known.will_wake(cx.waker())) {
                        wakers.push(cx.waker().clone());
                    }
                    return Poll::Pending;
                }
                Some(BindSlot::Refused(status, text)) => Err(outcome(
                    *status,
                    text.clone(),
                    Arc::clone(&self.0.label),
                    false,
                )),
                Some(BindSlot::Lost(why)) => Err(CallError::NotSent {
                    target: Arc::clone(&self.0.label),
                    reason: NotSent::Disconnected(why.to_string()),
                }),
                Some(BindSlot::Accepted | BindSlot::Abandoned) | None => Ok(()),
            })
        })
        .await
    }

    /// One attempt at a call: starts when first polled, and ends with its outcome.
    #[inline]
    pub fn attempt<'a, A: Serialize + ?Sized>(
        &'a self,
        method: Which<'a>,
        arguments: &'a A,
        within: Duration,
    ) -> Attempt<'a, A> {
        Attempt {
            bound: self,
            method,
            arguments,
            within,
            notes: None,
            pending: None,
        }
    }

    #[inline]
    fn start<A: Serialize + ?Sized>(
        &self,
        method: Which<'_>,
        arguments: &A,
        (within, notes): (Duration, Option<&Notes>),
        waker: &Waker,
    ) -> Result<Pending<'_>, NotSent> {
        let within = self.clamp(within)?;
        let started =
            self.shared()
                .start(&self.outgoing(method, within, notes), arguments, waker)?;
        Ok(Pending::new(self.shared(), started))
    }

    /// Sends a one-way call, with what is said beside its arguments.
    ///
    /// # Errors
    /// When nothing was sent: Full when it has to [wait](Self::wait_for_credit).
    pub fn post<A: Serialize + ?Sized>(
        &self,
        method: Which<'_>,
        arguments: &A,
        within: Duration,
        notes: Option<&Notes>,
    ) -> Result<Posted, NotSent> {
        let within = self.clamp(within)?;
        let call = self.outgoing(method, within, notes);
        self.shared().send(&call, arguments).map(Posted)
    }

    /// Waits until a one-way call is in the hands of the operating system.
    ///
    /// # Errors
    /// Disconnected, when the connection ended first.
    ///
    /// # Cancel safety
    /// Cancel safe; the call stays sent.
    pub async fn posted(&self, posted: Posted) -> Result<(), NotSent> {
        self.0.link.0.wait_until_written(&posted.0).await
    }

    /// Waits until a one-way call that was refused as Full may be tried again.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn wait_for_credit(&self) {
        self.0.link.0.wait_for_credit().await;
    }

    #[inline]
    fn outgoing<'a>(
        &self,
        method: Which<'a>,
        within: Duration,
        notes: Option<&'a Notes>,
    ) -> Outgoing<'a> {
        let (method, name, raw) = match method {
            Which::Number(number) => (number, None, None),
            Which::Name(name) => (0, Some(name), None),
            Which::Batch(number, calls) => (number, None, Some((Raw::Batch, calls))),
            Which::Raw(number, name, arguments) => {
                (number, name, Some((Raw::Arguments, arguments)))
            }
        };
        Outgoing {
            raw,
            handle: self.0.handle,
            method,
            name,
            codec: self.0.codec,
            within,
            notes,
        }
    }

    pub(super) fn handle(&self) -> u32 {
        self.0.handle
    }

    #[inline]
    pub(super) fn shared(&self) -> &Shared {
        &self.0.link.0
    }

    #[inline]
    fn clamp(&self, within: Duration) -> Result<Duration, NotSent> {
        if within.is_zero() {
            return Err(NotSent::Expired(within));
        }
        Ok(within.min(self.0.link.0.limits.max_deadline))
    }

    /// Waits until a call that was refused as Full may be tried again.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn wait_for_room(&self) {
        self.0.link.0.wait_for_room().await;
    }

    /// Turns how a call ended into its result or its error.
    ///
    /// # Errors
    /// Every outcome but a value.
    #[inline]
    pub fn conclude<T: DeserializeOwned>(
        &self,
        method: Which<'_>,
        ended: Outcome,
    ) -> Result<T, CallError> {
        self.conclude_with(method, ended, |codec, body| codec.decode(body))
    }

    /// As [`conclude`](Self::conclude), with the result read by `read`.
    ///
    /// # Errors
    /// Every outcome but a value.
    #[inline]
    pub fn conclude_with<T>(
        &self,
        method: Which<'_>,
        ended: Outcome,
        read: impl FnOnce(Codec, &[u8]) -> Result<T, DecodeError>,
    ) -> Result<T, CallError> {
        let body = match &ended {
            Outcome::Reply(Reply { status, body }) if *status == Status::Done as u16 => body,
            _ => return Err(self.error(method, ended)),
        };
        if let Body::Attached(_) = body {
            return self.conclude_attached(method, ended, read);
        }
        let result = match body {
            Body::Long(body) if body.len() >= blob::MIN_BYTES => {
                blob::reading(body, || read(self.0.codec, body))
            }
            body => read(self.0.codec, body),
        };
        result.map_err(|e| CallError::Failed {
            target: self.target(method),
            reason: Failure::Unreadable(e.0),
        })
    }

    /// The result of a reply with attachments.
    #[cold]
    fn conclude_attached<T>(
        &self,
        method: Which<'_>,
        ended: Outcome,
        read: impl FnOnce(Codec, &[u8]) -> Result<T, DecodeError>,
    ) -> Result<T, CallError> {
        let Outcome::Reply(reply) = ended else {
            return Err(self.error(method, ended));
        };
        let (body, attachments) = reply.body.into_parts();
        let (codec, target) = (self.0.codec, self.target(method));
        let result = attach::reading(codec, Arc::clone(&target), attachments, || {
            blob::reading(&body, || read(codec, &body))
        });
        result.map_err(|e| CallError::Failed {
            target,
            reason: Failure::Unreadable(e.0),
        })
    }

    #[cold]
    fn error(&self, method: Which<'_>, ended: Outcome) -> CallError {
        let target = self.target(method);
        let idempotent = self.is_idempotent(method);
        match ended {
            Outcome::Reply(Reply { status, body }) => outcome(
                status,
                String::from_utf8_lossy(&body).into_owned(),
                target,
                idempotent,
            ),
            Outcome::NotSent(reason) => CallError::NotSent { target, reason },
            Outcome::Unknown(reason) => CallError::Unknown {
                target,
                reason,
                idempotent,
            },
        }
    }

    /// True when the method is marked so.
    pub fn is_idempotent(&self, method: Which<'_>) -> bool {
        let (Which::Number(number) | Which::Batch(number, _) | Which::Raw(number, None, _)) =
            method
        else {
            return false;
        };
        let methods = self
            .0
            .descriptor
            .as_ref()
            .map(|d| d.methods.as_slice())
            .unwrap_or_default();
        methods
            .get(usize::from(number))
            .is_some_and(|m| m.idempotent)
    }

    /// How error texts name a method of this object.
    pub fn target(&self, method: Which<'_>) -> Target {
        target(&self.0.label, self.0.descriptor.as_deref(), method)
    }
}

/// One attempt at a call.
///
/// # Cancel safety
/// Dropping it cancels the call at the callee.
#[derive(Debug)]
pub struct Attempt<'a, A: ?Sized> {
    bound: &'a Bound,
    method: Which<'a>,
    arguments: &'a A,
    within: Duration,
    notes: Option<&'a Notes>,
    pending: Option<Pending<'a>>,
}

impl<'a, A: ?Sized> Attempt<'a, A> {
    /// The same, with what is said beside the arguments.
    #[inline]
    pub fn with_notes(mut self, notes: Option<&'a Notes>) -> Self {
        self.notes = notes;
        self
    }

    /// When it was sent, to the millisecond, if it was.
    pub fn began(&self) -> Option<Instant> {
        self.pending.as_ref().map(Pending::began)
    }
}

impl<A: Serialize + ?Sized> Future for Attempt<'_, A> {
    type Output = Outcome;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        if let Some(pending) = &mut this.pending {
            return Pin::new(pending).poll(cx);
        }
        let started = this.bound.start(
            this.method,
            this.arguments,
            (this.within, this.notes),
            cx.waker(),
        );
        match started {
            Ok(pending) => {
                this.pending = Some(pending);
                Poll::Pending
            }
            Err(reason) => Poll::Ready(Outcome::NotSent(reason)),
        }
    }
}

/// A one-way call on its way.
#[derive(Clone, Debug)]
pub struct Posted(pub(super) Until);

/// A method, for texts.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// By its number.
    Number(u16),
    /// By its name.
    Name(&'a str),
    /// By its number, many calls at once, as [`batch`](crate::wire::batch) writes them; further arguments are ignored.
    Batch(u16, &'a [u8]),
    /// By its number or its name, with arguments that are encoded already; further ones are ignored.
    Raw(u16, Option<&'a str>, &'a [u8]),
}

/// How error texts name a method of an object: `process of far:worker.1@host:4242`.
pub fn target(label: &str, descriptor: Option<&Descriptor>, method: Which<'_>) -> Target {
    let name = match method {
        Which::Name(name) | Which::Raw(_, Some(name), _) => name,
        Which::Number(number) | Which::Batch(number, _) | Which::Raw(number, None, _) => {
            let methods = descriptor.map(|d| d.methods.as_slice()).unwrap_or_default();
            methods
                .get(usize::from(number))
                .map_or("a method", |m| &m.name)
        }
    };
    format!("{name} of {label}").into()
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Its wakers, if it has some, are dropped after the guard.
        let _slot;
        let mut state = self.link.0.state.lock();
        _slot = state.unbind(self.handle);
        if state.closed.is_none() {
            self.link.0.ask_flush(state);
        }
    }
}

/// Calls without reconnecting or retrying, with a deadline of 10 s: for farcall's own use.
impl Call for Bound {
    async fn call<A, T>(self, method: u16, arguments: A) -> Result<T, CallError>
    where
        A: Serialize + Send + Sync + 'static,
        T: DeserializeOwned + Send + 'static,
    {
        let method = Which::Number(method);
        let ended = self.attempt(method, &arguments, DEADLINE).await;
        self.conclude(method, ended)
    }

    async fn send<A>(self, method: u16, arguments: A) -> Result<(), CallError>
    where
        A: Serialize + Send + Sync + 'static,
    {
        let method = Which::Number(method);
        let end = Instant::now() + DEADLINE;
        let written = loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.post(method, &arguments, left, None) {
                Ok(posted) => break self.posted(posted).await,
                Err(NotSent::Full(_)) => {
                    let credit = tokio::time::timeout_at(end, self.wait_for_credit());
                    if credit.await.is_err() {
                        break Err(NotSent::Expired(DEADLINE));
                    }
                }
                Err(reason) => break Err(reason),
            }
        };
        written.map_err(|reason| CallError::NotSent {
            target: self.target(method),
            reason,
        })
    }
}

/// Stores the peer's answer to a bind; gives who is to be woken, or what the peer did wrong.
pub(super) fn settle(
    binds: &mut slab::Slab<BindSlot>,
    handle: u32,
    answer: Result<(), WireRefusal<'_>>,
) -> Result<Vec<Waker>, String> {
    let key = handle as usize;
    match binds.get_mut(key) {
        Some(BindSlot::Abandoned) => {
            binds.remove(key);
            Ok(Vec::new())
        }
        Some(slot @ BindSlot::Asked(_)) => {
            let new = match answer {
                Ok(()) => BindSlot::Accepted,
                Err((status, text)) => BindSlot::Refused(status, text.to_owned()),
            };
            match std::mem::replace(slot, new) {
                BindSlot::Asked(wakers) => Ok(wakers),
                _ => Ok(Vec::new()),
            }
        }
        _ => Err(format!(
            "the peer answered a bind of handle {handle}, which was never asked"
        )),
    }
}

/// A status of the wire and its text.
pub(super) type WireRefusal<'a> = (u16, &'a str);
