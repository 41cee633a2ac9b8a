//! `Remote`: one remote object, however often its connection breaks or its daemon moves.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use farcall_shared::call::Call;
use farcall_shared::descriptor::{Described, Descriptor};
use farcall_shared::error::{CallError, NotSent};
use farcall_shared::link::{Bind, Bound, Outcome, Pending, Which, target};
use farcall_shared::uri::{ObjectUri, Uri, UriError};
use farcall_shared::wire::codec::{Codec, DecodeError};
use parking_lot::RwLock;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::DEFAULT_DEADLINE;
use crate::peers::{PeerError, Peers};
use crate::resolve::{ResolveError, resolve};
use crate::retry::{self, Retries, Verdict};

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
}

/// One remote object, untyped: what a typed proxy is made of. Cheap to clone; clones share all but deadline and retries.
#[derive(Clone)]
pub struct Remote {
    shared: Arc<Shared>,
    deadline: Duration,
    retries: Retries,
}

struct Shared {
    uri: Uri,
    label: Arc<str>,
    descriptor: Option<Described>,
    codec: Codec,
    bound: RwLock<Option<Bound>>,
    /// Where the object was last, for when the name service is away.
    last_known: RwLock<Option<ObjectUri>>,
    /// Held by whoever looks the object up; the others wait for the outcome.
    binding: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Remote").field(&self.shared.label).finish()
    }
}

/// A method, while a call goes through its attempts.
#[derive(Clone, Debug)]
pub(crate) enum Selected {
    Number(u16),
    Name(Arc<str>),
}

impl Selected {
    fn which(&self) -> Which<'_> {
        match self {
            Self::Number(number) => Which::Number(*number),
            Self::Name(name) => Which::Name(name),
        }
    }
}

/// A call that was begun before its future is polled.
type Begun = (Bound, Result<Pending, NotSent>);

impl Remote {
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

    /// A remote object that is looked up at its first call.
    ///
    /// # Errors
    /// Uri.
    pub fn unconnected(uri: &str, descriptor: &'static Descriptor) -> Result<Self, ConnectError> {
        Ok(Self::lazy(uri.parse()?, Some(descriptor.into()), Codec::Postcard))
    }

    pub(crate) fn lazy(uri: Uri, descriptor: Option<Described>, codec: Codec) -> Self {
        Self {
            shared: Arc::new(Shared {
                label: uri.to_string().into(),
                uri,
                descriptor,
                codec,
                bound: RwLock::default(),
                last_known: RwLock::default(),
                binding: tokio::sync::Mutex::default(),
            }),
            deadline: DEFAULT_DEADLINE,
            retries: Retries::default(),
        }
    }

    pub(crate) async fn check(&self) -> Result<(), ConnectError> {
        let bind = async {
            let bound = self.shared.bind().await.map_err(|e| e.into_connect_error(&self.shared.label))?;
            Ok(bound.accepted().await?)
        };
        match tokio::time::timeout(DEFAULT_DEADLINE, bind).await {
            Ok(end) => end,
            Err(_) => Err(ConnectError::Unreachable {
                uri: self.shared.label.to_string(),
                why: format!("no answer within {DEFAULT_DEADLINE:?}"),
            }),
        }
    }

    /// The same object, each call with this deadline, retries included.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The same object, with other retries.
    pub fn with_retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// What it was connected by.
    pub fn uri(&self) -> &Uri {
        &self.shared.uri
    }

    /// What this side knows of the object's methods; `None` for callers by name.
    pub fn descriptor(&self) -> Option<&Descriptor> {
        self.shared.descriptor.as_deref()
    }

    fn begin<A: Serialize>(&self, method: &Selected, arguments: &A) -> Option<Begun> {
        let bound = self.shared.bound.read().clone()?;
        let begun = start(&bound, method, arguments, self.deadline);
        Some((bound, begun))
    }

    /// A call through all its attempts.
    pub(crate) fn perform<A, T, D>(self, method: Selected, arguments: A, read: D) -> impl Future<Output = Result<T, CallError>> + Send
    where
        A: Serialize + Send + Sync + 'static,
        D: Fn(Codec, &[u8]) -> Result<T, DecodeError> + Send + Sync,
        T: Send,
    {
        // What can be sent now is sent now: callers get many calls on their way by just making them.
        let mut begun = self.begin(&method, &arguments);
        async move {
            let mut attempts = Attempts::new(self.deadline);
            loop {
                let result = match begun.take() {
                    Some((bound, Ok(pending))) => bound.conclude_with(method.which(), pending.await, &read),
                    Some((bound, Err(NotSent::Full(_)))) => {
                        if tokio::time::timeout_at(attempts.end, bound.wait_for_room()).await.is_err() {
                            return Err(self.expired(&method));
                        }
                        begun = Some((bound.clone(), start(&bound, &method, &arguments, attempts.left())));
                        continue;
                    }
                    Some((bound, Err(reason))) => {
                        bound.conclude_with(method.which(), Outcome::NotSent(reason), &read)
                    }
                    None => match self.bind_within(attempts.end, &method).await {
                        Ok(bound) => {
                            begun = Some((bound.clone(), start(&bound, &method, &arguments, attempts.left())));
                            continue;
                        }
                        Err(error) => Err(error),
                    },
                };
                match result {
                    Ok(value) => return Ok(value),
                    Err(error) => attempts.after(&self, &method, error).await?,
                }
            }
        }
    }

    async fn bind_within(&self, end: Instant, method: &Selected) -> Result<Bound, CallError> {
        match tokio::time::timeout_at(end, self.shared.bind()).await {
            Ok(Ok(bound)) => Ok(bound),
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
        target(&self.shared.label, self.shared.descriptor.as_deref(), method.which())
    }

    fn is_idempotent(&self, method: &Selected) -> bool {
        match (method, &self.shared.descriptor) {
            (Selected::Number(number), Some(descriptor)) => {
                descriptor.methods.get(usize::from(*number)).is_some_and(|m| m.idempotent)
            }
            _ => false,
        }
    }
}

#[inline]
fn start<A: Serialize>(bound: &Bound, method: &Selected, arguments: &A, within: Duration) -> Result<Pending, NotSent> {
    match method {
        Selected::Number(number) => bound.start(*number, arguments, within),
        Selected::Name(name) => bound.start_named(name, arguments, within),
    }
}

/// The attempts of one call.
struct Attempts {
    count: u32,
    end: Instant,
}

impl Attempts {
    fn new(deadline: Duration) -> Self {
        // Longer than any deadline that is honoured, and far from overflow.
        let capped = deadline.min(Duration::from_secs(365 * 24 * 3600));
        Self {
            count: 0,
            end: Instant::now() + capped,
        }
    }

    fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Pauses before the next attempt, or gives the error when there is none.
    async fn after(&mut self, remote: &Remote, method: &Selected, error: CallError) -> Result<(), CallError> {
        self.count = self.count.saturating_add(1);
        let idempotent = remote.is_idempotent(method);
        let most = match retry::decide(remote.retries, &error, idempotent, self.count) {
            Verdict::GiveUp => return Err(error),
            Verdict::Again(most) => most,
            Verdict::Elsewhere(most) => {
                *remote.shared.bound.write() = None;
                most
            }
        };
        let pause = retry::jittered(most);
        if self.left() <= pause {
            return Err(error);
        }
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }
}

/// Why an object is not bound.
enum BindError {
    Resolve(ResolveError),
    Peer(PeerError),
    Link(NotSent),
}

impl BindError {
    fn into_not_sent(self) -> NotSent {
        match self {
            Self::Resolve(e) => NotSent::Unresolved(e.to_string()),
            Self::Peer(e) => NotSent::Unreachable(e.to_string()),
            Self::Link(e) => e,
        }
    }

    fn into_connect_error(self, label: &str) -> ConnectError {
        let unreachable = |why: String| ConnectError::Unreachable {
            uri: label.into(),
            why,
        };
        match self {
            Self::Resolve(e) => ConnectError::Resolve(e),
            Self::Peer(e) => unreachable(e.to_string()),
            Self::Link(e) => unreachable(e.to_string()),
        }
    }
}

impl Shared {
    /// The binding, made if there is none that works.
    async fn bind(&self) -> Result<Bound, BindError> {
        let _one_at_a_time = self.binding.lock().await;
        if let Some(bound) = self.bound.read().as_ref().filter(|b| b.link().is_open()) {
            return Ok(bound.clone());
        }
        let candidates = match resolve(&self.uri).await {
            Ok(candidates) => candidates,
            // Who knows the object already does not need the name service.
            Err(e @ (ResolveError::Away(_) | ResolveError::Call(_))) => match self.last_known.read().clone() {
                Some(known) => vec![known],
                None => return Err(BindError::Resolve(e)),
            },
            Err(e) => return Err(BindError::Resolve(e)),
        };
        let peers = Peers::current();
        let mut last = None;
        for candidate in candidates {
            match peers.link(&candidate.address).await {
                Ok(link) => {
                    let bind = Bind {
                        object: candidate.object.as_str().into(),
                        incarnation: candidate.incarnation.unwrap_or(0),
                        codec: self.codec,
                        descriptor: self.descriptor.clone(),
                        label: Arc::clone(&self.label),
                    };
                    let bound = link.bind(&bind).map_err(BindError::Link)?;
                    *self.bound.write() = Some(bound.clone());
                    *self.last_known.write() = Some(candidate);
                    return Ok(bound);
                }
                Err(e) => last = Some(e),
            }
        }
        Err(match last {
            Some(e) => BindError::Peer(e),
            None => BindError::Link(NotSent::Unresolved("it leads to no object".into())),
        })
    }
}

impl Call for Remote {
    fn call<A, T>(self, method: u16, arguments: A) -> impl Future<Output = Result<T, CallError>> + Send
    where
        A: Serialize + Send + Sync + 'static,
        T: DeserializeOwned + Send + 'static,
    {
        self.perform(Selected::Number(method), arguments, |codec, body| codec.decode(body))
    }

    async fn send<A>(self, method: u16, arguments: A) -> Result<(), CallError>
    where
        A: Serialize + Send + Sync + 'static,
    {
        let selected = Selected::Number(method);
        let mut attempts = Attempts::new(self.deadline);
        loop {
            let bound = self.shared.bound.read().clone();
            let bound = match bound {
                Some(bound) => bound,
                None => self.bind_within(attempts.end, &selected).await?,
            };
            let posted = match bound.post(method, &arguments, attempts.left()) {
                Ok(posted) => bound.posted(posted).await,
                Err(NotSent::Full(_)) => {
                    if tokio::time::timeout_at(attempts.end, bound.wait_for_room()).await.is_err() {
                        return Err(self.expired(&selected));
                    }
                    continue;
                }
                Err(reason) => Err(reason),
            };
            match posted {
                Ok(()) => return Ok(()),
                Err(reason) => {
                    let target = self.target(&selected);
                    attempts.after(&self, &selected, CallError::NotSent { target, reason }).await?;
                }
            }
        }
    }
}
