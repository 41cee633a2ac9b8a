//! The daemon's names: registers them under one lease, renews it, and registers all again when the name service lost it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use farcall_shared::error::CallError;
use farcall_shared::link::{self, Bind, Bound, Identity, Limits, Link};
use farcall_shared::names::{
    Epoch, Lease, LeaseId, Mode, NAME_SERVER, NameError, NameServerProxy, Registration,
};
use farcall_shared::net::{DialError, dial};
use farcall_shared::uri::Address;
use farcall_shared::wire::codec::Codec;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long the daemon's names outlive it when it vanishes: 10 s.
pub(crate) const LEASE: Duration = Duration::from_secs(10);

/// How long one attempt to reach the name service may take.
const DIAL: Duration = Duration::from_secs(5);

/// The longest pause between attempts to reach a name service that is away.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How a name is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// What to do when the name exists already. Default: refuse.
    pub mode: Mode,
    /// Tags and `key=value` pairs, for the yellow pages.
    pub metadata: BTreeSet<String>,
}

impl Default for Publication {
    fn default() -> Self {
        Self {
            mode: Mode::Exclusive,
            metadata: BTreeSet::new(),
        }
    }
}

impl Publication {
    /// Joins a group of that name instead of owning it.
    pub fn group() -> Self {
        Self {
            mode: Mode::Join,
            ..Self::default()
        }
    }

    /// Takes the name over from whoever has it.
    pub fn replace() -> Self {
        Self {
            mode: Mode::Replace { expected: None },
            ..Self::default()
        }
    }

    /// Adds a tag or a `key=value` pair.
    pub fn with_tag(mut self, tag: impl Into<String>) -> Self {
        self.metadata.insert(tag.into());
        self
    }
}

/// Why a name could not be registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NamesError {
    /// The name service cannot be reached.
    #[error(
        "cannot reach the name service: {0}; start one with `ns`, or name it with FARCALL_NS=HOST:PORT"
    )]
    Away(String),
    /// Something else listens there.
    #[error("{address} is no name service: {why}")]
    Open {
        /// Where.
        address: Address,
        /// What went wrong.
        why: String,
    },
    /// It refused.
    #[error(transparent)]
    Refused(#[from] NameError),
    /// A call to it did not end well.
    #[error("the name service did not answer")]
    Call(#[from] CallError),
}

impl From<DialError> for NamesError {
    fn from(error: DialError) -> Self {
        Self::Away(error.to_string())
    }
}

/// The names of one daemon. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Names(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    address: Address,
    me: Identity,
    limits: Limits,
    tasks: TaskTracker,
    /// No further renewals.
    stop: CancellationToken,
    state: Mutex<State>,
    /// One at a time talks to the name service.
    session: tokio::sync::Mutex<Option<Session>>,
}

#[derive(Debug, Default)]
struct State {
    published: Vec<Published>,
    keeping: bool,
    lease: Option<LeaseId>,
}

#[derive(Clone, Debug)]
struct Published {
    registration: Registration,
    epoch: Epoch,
}

/// A connection that ends when nobody needs it any more: its driver would else live as long as the daemon.
#[derive(Debug)]
struct ClosedOnDrop(Link);

impl Drop for ClosedOnDrop {
    fn drop(&mut self) {
        self.0.close("the daemon needs it no longer");
    }
}

/// A connection to the name service and the lease held there.
#[derive(Clone, Debug)]
struct Session {
    link: Arc<ClosedOnDrop>,
    server: NameServerProxy<Bound>,
    lease: Lease,
}

impl Names {
    pub(crate) fn new(
        address: Address,
        me: Identity,
        limits: Limits,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self(Arc::new(Inner {
            address,
            me,
            limits,
            tasks,
            stop,
            state: Mutex::default(),
            session: tokio::sync::Mutex::default(),
        }))
    }

    /// Registers a name under the daemon's lease and keeps it there.
    pub(crate) async fn publish(
        &self,
        name: &str,
        uri: String,
        how: Publication,
    ) -> Result<Epoch, NamesError> {
        let mut slot = self.0.session.lock().await;
        let session = self.0.session(&mut slot).await?;
        let registration = Registration {
            name: name.into(),
            uri,
            metadata: how.metadata,
            mode: how.mode,
            lease: Some(session.lease.id),
        };
        let epoch = session.server.register(registration.clone()).await??;
        let mut state = self.0.state.lock();
        state.published.push(Published {
            registration,
            epoch,
        });
        if !std::mem::replace(&mut state.keeping, true) {
            let inner = Arc::clone(&self.0);
            self.0.tasks.spawn(async move {
                let stop = inner.stop.clone();
                stop.run_until_cancelled(inner.keep()).await;
            });
        }
        Ok(epoch)
    }

    /// Takes one name back.
    pub(crate) async fn withdraw(&self, name: &str) -> Result<(), NamesError> {
        let taken: Vec<Published> = {
            let mut state = self.0.state.lock();
            let (taken, kept) = state
                .published
                .drain(..)
                .partition(|p| p.registration.name == name);
            state.published = kept;
            taken
        };
        if taken.is_empty() {
            return Ok(());
        }
        let mut slot = self.0.session.lock().await;
        let session = self.0.session(&mut slot).await?;
        for published in taken {
            session
                .server
                .withdraw(published.registration.name, published.epoch)
                .await??;
        }
        Ok(())
    }

    /// Takes all names back, as far as the name service can be reached.
    pub(crate) async fn withdraw_all(&self) {
        self.0.stop.cancel();
        let had_names = !std::mem::take(&mut self.0.state.lock().published).is_empty();
        let session = self.0.session.lock().await.take();
        if let Some(session) = session {
            if had_names && let Err(e) = session.server.revoke(session.lease.id).await {
                tracing::warn!("the daemon's names stay until their lease ends: {e}");
            }
            session.link.0.close("the daemon is shutting down");
        }
    }
}

impl Inner {
    /// The session, made anew if there is none that works.
    async fn session(&self, slot: &mut Option<Session>) -> Result<Session, NamesError> {
        if let Some(session) = slot.as_ref().filter(|s| s.link.0.is_open()) {
            return Ok(session.clone());
        }
        let socket = dial(&self.address, DIAL).await?;
        let open = |why: String| NamesError::Open {
            address: self.address.clone(),
            why,
        };
        let (link, driver) = link::connect(socket, self.me, &self.limits, None)
            .await
            .map_err(|e| open(e.to_string()))?;
        self.tasks.spawn(driver);
        let link = Arc::new(ClosedOnDrop(link));
        let bound = link
            .0
            .bind(&Bind {
                object: NAME_SERVER.into(),
                incarnation: 0,
                codec: Codec::Postcard,
                descriptor: Some(NameServerProxy::<Bound>::descriptor().into()),
                label: format!("far:{NAME_SERVER}@{}", self.address).into(),
            })
            .map_err(|e| open(e.to_string()))?;
        bound.accepted().await.map_err(|e| open(e.to_string()))?;
        let server = NameServerProxy::over(bound);
        let lease = self.lease(&server).await?;
        let session = Session {
            link,
            server,
            lease,
        };
        *slot = Some(session.clone());
        Ok(session)
    }

    /// Renews the lease held before if the name service still knows it; else takes a new one and registers all again.
    async fn lease(&self, server: &NameServerProxy<Bound>) -> Result<Lease, NamesError> {
        let known = self.state.lock().lease;
        if let Some(id) = known
            && let Ok(lease) = server.keep_alive(id).await?
        {
            return Ok(lease);
        }
        let ttl_ms = u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX);
        let lease = server.grant(ttl_ms).await??;
        self.state.lock().lease = Some(lease.id);
        self.register_again(server, lease.id).await?;
        Ok(lease)
    }

    async fn register_again(
        &self,
        server: &NameServerProxy<Bound>,
        lease: LeaseId,
    ) -> Result<(), NamesError> {
        let published = self.state.lock().published.clone();
        for mut one in published {
            one.registration.lease = Some(lease);
            let name = one.registration.name.clone();
            match server.register(one.registration.clone()).await? {
                Ok(epoch) => {
                    one.epoch = epoch;
                    let mut state = self.state.lock();
                    if let Some(place) = state
                        .published
                        .iter_mut()
                        .find(|p| p.registration.name == name)
                    {
                        *place = one;
                    }
                }
                Err(e) => tracing::error!(
                    "the name '{name}' was lost while the name service was away: {e}"
                ),
            }
        }
        Ok(())
    }

    /// Renews the lease for as long as the daemon runs.
    async fn keep(&self) {
        let mut failures = 0u32;
        loop {
            let (link, pause) = {
                let mut slot = self.session.lock().await;
                match self.renew(&mut slot).await {
                    Ok(session) => {
                        failures = 0;
                        (
                            Some(session.link),
                            Duration::from_millis(session.lease.ttl_ms / 3),
                        )
                    }
                    Err(e) => {
                        failures = failures.saturating_add(1);
                        tracing::warn!("cannot renew the daemon's names (attempt {failures}): {e}");
                        *slot = None;
                        (None, pause_after(failures))
                    }
                }
            };
            match link {
                // A name service that restarts is found again at once, not at the next renewal.
                Some(link) => {
                    let _ = tokio::time::timeout(pause, link.0.ended()).await;
                }
                None => tokio::time::sleep(pause).await,
            }
        }
    }

    async fn renew(&self, slot: &mut Option<Session>) -> Result<Session, NamesError> {
        let mut session = self.session(slot).await?;
        match session.server.keep_alive(session.lease.id).await? {
            Ok(lease) => session.lease = lease,
            // Making the session anew takes a new lease and registers all again.
            Err(NameError::Lease { .. }) => session.lease = self.lease(&session.server).await?,
            Err(e) => return Err(e.into()),
        }
        *slot = Some(session.clone());
        Ok(session)
    }
}

/// Doubles from 50 ms to a second, with full jitter.
fn pause_after(failures: u32) -> Duration {
    let most = Duration::from_millis(50)
        .saturating_mul(1 << failures.min(10))
        .min(LONGEST_PAUSE);
    most.mul_f64(fastrand::f64())
}
