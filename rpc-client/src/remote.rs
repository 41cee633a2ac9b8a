//! `Remote`: one remote object, however often its connection breaks or its daemon moves.

mod attempts;
mod attended;
mod binding;
mod chunk;
mod departure;
mod errand;
mod gathering;
mod local;
mod python;
mod reference;
mod waited;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use farcall_shared::call::Call;
use farcall_shared::descriptor::{Described, Descriptor};
use farcall_shared::error::{CallError, NotSent};
use farcall_shared::link::{Bound, Outcome, Which, target};
use farcall_shared::uri::{Uri, UriError};
use farcall_shared::wire::codec::{Codec, DecodeError};
use parking_lot::RwLock;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use attempts::Attempts;
use binding::{Origin, Shared, Way};
pub(crate) use chunk::{Chunk, Gathers, License};
use errand::Errand;
pub(crate) use errand::Replies;
use gathering::Reply;
pub(crate) use gathering::{Gathering, Wanted};

use crate::DEFAULT_DEADLINE;
use crate::blocking::StartError;
use crate::peers::{Connections, Peers};
use crate::resolve::ResolveError;
use crate::retry::Retries;

/// Why a proxy could not be connected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URI is malformed.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// It leads nowhere.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Nothing that speaks farcall is there.
    #[error("cannot reach {uri}: {why}")]
    Unreachable {
        /// The object.
        uri: String,
        /// Why.
        why: String,
    },
    /// The daemon is there and refuses.
    #[error(transparent)]
    Refused(#[from] CallError),
    /// There is no runtime for [`blocking::connect`](crate::blocking::connect).
    #[error(transparent)]
    Start(#[from] StartError),
}

/// One remote object, untyped: what a typed proxy is made of. Cheap to clone; clones share all but deadline and retries.
#[derive(Clone)]
pub struct Remote {
    at: At,
    deadline: Duration,
    retries: Retries,
}

/// What the clones share.
#[derive(Clone)]
enum At {
    Object(Arc<Shared>),
    /// An object, and what the calls have besides: one count of references for all.
    Errand(Arc<Errand>),
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Remote").field(&self.shared().label).finish()
    }
}

/// A method, while a call goes through its attempts.
#[derive(Clone, Debug)]
pub(crate) enum Selected {
    Number(u16),
    Name(Arc<str>),
    /// Many calls of it at once.
    Batch(u16, Arc<[u8]>),
}

impl Selected {
    fn which(&self) -> Which<'_> {
        match self {
            Self::Number(number) => Which::Number(*number),
            Self::Name(name) => Which::Name(name),
            Self::Batch(number, calls) => Which::Batch(*number, calls),
        }
    }
}

impl Remote {
    #[inline]
    fn shared(&self) -> &Shared {
        match &self.at {
            At::Object(object) => object,
            At::Errand(errand) => &errand.object,
        }
    }

    /// The chunk of a fleet's items that the calls belong to.
    #[inline]
    fn chunk(&self) -> Option<&Chunk> {
        match &self.at {
            At::Object(_) => None,
            At::Errand(errand) => errand.chunk.as_deref(),
        }
    }

    /// Connects to the object that `uri` leads to, and sees that it is there. One attempt, at most the default deadline.
    ///
    /// # Errors
    /// See [`ConnectError`]; each names the culprit.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn connect(uri: &str, descriptor: &'static Descriptor) -> Result<Self, ConnectError> {
        let remote = Self::lazy(uri.parse()?, Some(descriptor.into()), Codec::Postcard);
        remote.check().await?;
        Ok(remote)
    }

    /// As [`connect`](Self::connect), over connections that are not the process's shared ones.
    ///
    /// # Errors
    /// See [`ConnectError`]; each names the culprit.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn connect_with(
        connections: &Connections,
        uri: &str,
        descriptor: &'static Descriptor,
    ) -> Result<Self, ConnectError> {
        let peers = Some(Arc::clone(&connections.0));
        let remote = Self::over(
            uri.parse()?,
            Some(descriptor.into()),
            Codec::Postcard,
            peers,
        );
        remote.check().await?;
        Ok(remote)
    }

    /// A remote object that is looked up at its first call.
    ///
    /// # Errors
    /// Uri.
    pub fn unconnected(uri: &str, descriptor: &'static Descriptor) -> Result<Self, ConnectError> {
        Ok(Self::lazy(
            uri.parse()?,
            Some(descriptor.into()),
            Codec::Postcard,
        ))
    }

    pub(crate) fn lazy(uri: Uri, descriptor: Option<Described>, codec: Codec) -> Self {
        Self::over(uri, descriptor, codec, None)
    }

    fn over(
        uri: Uri,
        descriptor: Option<Described>,
        codec: Codec,
        peers: Option<Arc<Peers>>,
    ) -> Self {
        let label = uri.to_string().into();
        Self::of(Origin::Uri(uri), label, descriptor, codec, peers)
    }

    fn of(
        origin: Origin,
        label: Arc<str>,
        descriptor: Option<Described>,
        codec: Codec,
        peers: Option<Arc<Peers>>,
    ) -> Self {
        Self {
            at: At::Object(Arc::new(Shared {
                peers,
                label,
                origin,
                descriptor,
                codec,
                first: OnceLock::new(),
                first_failed: AtomicBool::new(false),
                later: RwLock::default(),
                python: RwLock::default(),
                last_known: RwLock::default(),
                binding: tokio::sync::Mutex::default(),
                failed: AtomicU64::new(0),
            })),
            deadline: DEFAULT_DEADLINE,
            retries: Retries::default(),
        }
    }

    pub(crate) async fn check(&self) -> Result<(), ConnectError> {
        let bind = async {
            let way = self.shared().bind().await;
            match way.map_err(|e| e.into_connect_error(&self.shared().label))? {
                Way::Link(bound) => Ok(bound.accepted().await?),
                Way::Python(python) => self.greet_python(&python).await,
            }
        };
        match tokio::time::timeout(DEFAULT_DEADLINE, bind).await {
            Ok(end) => end,
            Err(_) => Err(ConnectError::Unreachable {
                uri: self.shared().label.to_string(),
                why: format!("no answer within {DEFAULT_DEADLINE:?}"),
            }),
        }
    }

    /// The same object, each call with this deadline, retries included.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The same object, with other retries.
    pub fn with_retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// What it was connected by; nothing for an object that arrived as a reference, or is in this process.
    pub fn uri(&self) -> Option<&Uri> {
        match &self.shared().origin {
            Origin::Uri(uri) => Some(uri),
            _ => None,
        }
    }

    /// How error texts call it: its URI, or where it is.
    pub fn label(&self) -> &Arc<str> {
        &self.shared().label
    }

    /// What this side knows of the object's methods; `None` for callers by name.
    pub fn descriptor(&self) -> Option<&Descriptor> {
        self.shared().descriptor.as_deref()
    }

    /// A call through all its attempts.
    ///
    /// Not an `async fn`: that would move its arguments once more when it is first polled.
    #[inline]
    #[allow(clippy::manual_async_fn)]
    pub(crate) fn perform<A, T, D>(
        self,
        method: Selected,
        arguments: A,
        read: D,
    ) -> impl Future<Output = Result<T, CallError>> + Send
    where
        A: Serialize + Send + Sync + 'static,
        D: Fn(Codec, &[u8]) -> Result<T, DecodeError> + Send + Sync + 'static,
        T: Send + 'static,
    {
        async move {
            if self.is_attended() {
                return self.attend(method, arguments, read).await;
            }
            if let Some(gathering) = self.gathering() {
                return self
                    .perform_gathered(gathering, method, arguments, read)
                    .await;
            }
            if let Some(chunk) = self.chunk() {
                self.permitted(chunk, &method)?;
                let join = |cx: &mut Context<'_>| self.join(chunk, &method, &arguments, cx);
                let joined = poll_fn(|cx| Poll::Ready(join(cx))).await;
                if let Some(joined) = joined {
                    // Nothing comes before the chunk was sent.
                    let mut sent = false;
                    return poll_fn(|cx| match std::mem::replace(&mut sent, true) {
                        false => Poll::Pending,
                        true => chunk.poll(joined, cx, |ended| self.read(&method, ended, &read)),
                    })
                    .await;
                }
            }
            // The first attempt as a rule is the last: what else a call may need is kept out of its future.
            let later;
            let bound = match self.shared().first() {
                Some(bound) => Some(bound),
                None => {
                    later = self.shared().bound();
                    later.as_ref()
                }
            };
            let first = match bound {
                None => First::NotBound,
                Some(bound) => {
                    let attempt = bound.attempt(method.which(), &arguments, self.deadline);
                    let mut attempt = attempt.with_notes(self.notes());
                    let mut ended = (&mut attempt).await;
                    self.note_reply(&mut ended);
                    match ended {
                        Outcome::NotSent(reason) if attempt.began().is_none() => {
                            First::NotStarted(bound.clone(), reason)
                        }
                        ended => match bound.conclude_with(method.which(), ended, &read) {
                            Ok(value) => return Ok(value),
                            Err(error) => First::Ended(bound.clone(), attempt.began(), error),
                        },
                    }
                }
            };
            let rest: Pin<Box<dyn Future<Output = _> + Send>> =
                Box::pin(self.go_on(method, arguments, read, first));
            rest.await
        }
    }

    /// The attempts after the first.
    async fn go_on<A, T, D>(
        self,
        method: Selected,
        arguments: A,
        read: D,
        first: First,
    ) -> Result<T, CallError>
    where
        A: Serialize + Send + Sync + 'static,
        D: Fn(Codec, &[u8]) -> Result<T, DecodeError> + Send + Sync,
    {
        if let Origin::Local(servant) = &self.shared().origin {
            return self.call_here(servant, &method, &arguments, read).await;
        }
        let mut attempts = Attempts::new(self.deadline, first.began());
        let mut next = None;
        match first {
            First::Ended(bound, _, error) => {
                attempts.after(&self, &method, Some(&bound), error).await?;
            }
            First::NotStarted(bound, reason) => next = Some((bound, Outcome::NotSent(reason))),
            First::NotBound => {}
        }
        loop {
            let Some((bound, ended)) = next.take() else {
                match self.bind_within(attempts.end, &method).await {
                    Ok(Way::Python(python)) => {
                        let within = attempts.left();
                        let called = self.call_python(&python, &method, &arguments, within, &read);
                        match called.await {
                            Ok(value) => return Ok(value),
                            Err(error) => attempts.after(&self, &method, None, error).await?,
                        }
                    }
                    Ok(Way::Link(bound)) => {
                        let ended = self.try_again(&bound, &method, &arguments, attempts.left());
                        let ended = ended.await;
                        next = Some((bound, ended));
                    }
                    Err(error) => attempts.after(&self, &method, None, error).await?,
                }
                continue;
            };
            if let Outcome::NotSent(NotSent::Full(_)) = ended {
                let room = tokio::time::timeout_at(attempts.end, bound.wait_for_room());
                if room.await.is_err() {
                    return Err(self.expired(&method));
                }
                let ended = self.try_again(&bound, &method, &arguments, attempts.left());
                let ended = ended.await;
                next = Some((bound, ended));
                continue;
            }
            match bound.conclude_with(method.which(), ended, &read) {
                Ok(value) => return Ok(value),
                Err(error) => attempts.after(&self, &method, Some(&bound), error).await?,
            }
        }
    }

    /// One of the attempts after the first.
    async fn try_again<A: Serialize + Sync>(
        &self,
        bound: &Bound,
        method: &Selected,
        arguments: &A,
        within: Duration,
    ) -> Outcome {
        let attempt = bound.attempt(method.which(), arguments, within);
        let mut ended = attempt.with_notes(self.notes()).await;
        self.note_reply(&mut ended);
        ended
    }

    async fn bind_within(&self, end: Instant, method: &Selected) -> Result<Way, CallError> {
        match tokio::time::timeout_at(end, self.shared().bind()).await {
            Ok(Ok(way)) => Ok(way),
            Ok(Err(error)) => Err(CallError::NotSent {
                target: self.target(method),
                reason: error.into_not_sent(),
            }),
            Err(_) => Err(self.expired(method)),
        }
    }

    #[cold]
    fn expired(&self, method: &Selected) -> CallError {
        CallError::NotSent {
            target: self.target(method),
            reason: NotSent::Expired(self.deadline),
        }
    }

    #[cold]
    fn target(&self, method: &Selected) -> Arc<str> {
        target(
            &self.shared().label,
            self.shared().descriptor.as_deref(),
            method.which(),
        )
    }

    fn is_idempotent(&self, method: &Selected) -> bool {
        match (method, &self.shared().descriptor) {
            (Selected::Number(number) | Selected::Batch(number, _), Some(descriptor)) => descriptor
                .methods
                .get(usize::from(*number))
                .is_some_and(|m| m.idempotent),
            _ => false,
        }
    }
}

/// How far the first attempt came.
enum First {
    /// It was sent at that time, and ended without a value.
    Ended(Bound, Option<Instant>, CallError),
    /// It could not be sent.
    NotStarted(Bound, NotSent),
    /// There is no connection yet.
    NotBound,
}

impl First {
    fn began(&self) -> Instant {
        match self {
            Self::Ended(_, Some(began), _) => *began,
            _ => Instant::now(),
        }
    }
}

impl Call for Remote {
    fn call<A, T>(
        self,
        method: u16,
        arguments: A,
    ) -> impl Future<Output = Result<T, CallError>> + Send
    where
        A: Serialize + Send + Sync + 'static,
        T: DeserializeOwned + Send + 'static,
    {
        self.perform(Selected::Number(method), arguments, Codec::decode)
    }

    async fn send<A>(self, method: u16, arguments: A) -> Result<(), CallError>
    where
        A: Serialize + Send + Sync + 'static,
    {
        if self.is_attended() {
            return self.attend_sending(method, arguments).await;
        }
        let selected = Selected::Number(method);
        if let Some(gathering) = self.gathering() {
            let sent = self.sent_with(&gathering, &selected, &arguments, Reply::None);
            if let Some(departure) = sent.await {
                return departure.map(drop);
            }
        }
        if let Some(chunk) = self.chunk() {
            self.permitted(chunk, &selected)?;
        }
        if let Origin::Local(servant) = &self.shared().origin {
            let ended = self.call_here(servant, &selected, &arguments, |_, _| Ok(()));
            return ended.await;
        }
        let encode = || python::written(&arguments).map_err(NotSent::Unencodable);
        let delivered = self.deliver(&selected, self.deadline, encode, |bound, left| {
            bound.post(selected.which(), &arguments, left, self.notes())
        });
        delivered.await
    }
}
