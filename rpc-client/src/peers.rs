//! The process's connections: one for each address, shared by all proxies, made again when it breaks.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use farcall_shared::link::{self, Host, Hosted, Identity, Job, Limits, Link, OpenError};
use farcall_shared::net::{DialError, dial};
use farcall_shared::uri::Address;
use farcall_shared::wire::status::{Refusal, Status};
use parking_lot::{Mutex, RwLock};
use tokio::runtime;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::retry;

/// How long one attempt to connect may take.
const DIAL: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PeerError {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("{address} is no farcall daemon: {why}")]
    Open { address: Address, why: String },
}

/// Connections of its own, for proxies that must not share the process's.
///
/// Proxies made with the same one share theirs; see [`Remote::connect_with`](crate::Remote::connect_with).
#[derive(Clone, Debug)]
pub struct Connections(pub(crate) Arc<Peers>);

impl Connections {
    /// None yet.
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// None yet, each to be bounded by these limits.
    pub fn with_limits(limits: Limits) -> Self {
        Self(Arc::new(Peers::new(limits)))
    }
}

impl Default for Connections {
    fn default() -> Self {
        Self::new()
    }
}

/// The connections of one runtime: their tasks live and die with it.
#[derive(Debug)]
pub(crate) struct Peers {
    session: u64,
    limits: Limits,
    tasks: TaskTracker,
    /// Where the tasks run.
    runtime: OnceLock<runtime::Handle>,
    known: Mutex<HashMap<Address, Arc<Peer>>>,
}

/// One address.
#[derive(Debug)]
struct Peer {
    address: Address,
    link: RwLock<Option<Link>>,
    /// Held by whoever connects; the others wait for the outcome.
    dialling: tokio::sync::Mutex<History>,
    /// Counts attempts that failed, so that whoever waited for one can tell that it is over.
    failed: AtomicU64,
}

#[derive(Debug, Default)]
struct History {
    failures: u32,
    not_before: Option<Instant>,
    last: Option<PeerError>,
}

static RUNTIMES: LazyLock<Mutex<HashMap<runtime::Id, Arc<Peers>>>> = LazyLock::new(Mutex::default);

impl Peers {
    fn new(limits: Limits) -> Self {
        Self {
            session: fastrand::u64(..),
            limits,
            tasks: TaskTracker::new(),
            runtime: OnceLock::new(),
            known: Mutex::default(),
        }
    }

    /// The connections of the current runtime.
    pub(crate) fn current() -> Arc<Self> {
        let id = runtime::Handle::current().id();
        let mut runtimes = RUNTIMES.lock();
        if let Some(peers) = runtimes.get(&id) {
            return Arc::clone(peers);
        }
        // A runtime that is gone took its tasks with it.
        runtimes.retain(|_, peers| Arc::strong_count(peers) > 1 || !peers.tasks.is_empty());
        let peers = Arc::new(Self::new(Limits::default()));
        runtimes.insert(id, Arc::clone(&peers));
        peers
    }

    /// Owns the tasks of the runtime's connections.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// The connection to an address, made if there is none.
    pub(crate) async fn link(&self, address: &Address) -> Result<Link, PeerError> {
        let peer = {
            let mut known = self.known.lock();
            match known.get(address) {
                Some(peer) => Arc::clone(peer),
                None => {
                    forget_the_dead(&mut known);
                    let peer = Arc::new(Peer {
                        address: address.clone(),
                        link: RwLock::default(),
                        dialling: tokio::sync::Mutex::default(),
                        failed: AtomicU64::new(0),
                    });
                    known.insert(address.clone(), Arc::clone(&peer));
                    peer
                }
            }
        };
        peer.link(self).await
    }
}

/// Addresses nobody is connected to are worth remembering only for a while: past a thousand they go.
fn forget_the_dead(known: &mut HashMap<Address, Arc<Peer>>) {
    if known.len() >= 1000 {
        known.retain(|_, peer| Arc::strong_count(peer) > 1 || peer.open().is_some());
    }
}

impl Peer {
    fn open(&self) -> Option<Link> {
        self.link.read().clone().filter(Link::is_open)
    }

    async fn link(&self, peers: &Peers) -> Result<Link, PeerError> {
        if let Some(link) = self.open() {
            return Ok(link);
        }
        let failed_before = self.failed.load(Ordering::Acquire);
        let mut history = self.dialling.lock().await;
        if let Some(link) = self.open() {
            return Ok(link);
        }
        // Somebody tried while this one waited: that answer is this one's too.
        if self.failed.load(Ordering::Acquire) != failed_before
            && let Some(error) = &history.last
        {
            return Err(error.clone());
        }
        if let Some(not_before) = history.not_before {
            tokio::time::sleep_until(not_before).await;
        }
        match self.connect(peers).await {
            Ok(link) => {
                *self.link.write() = Some(link.clone());
                *history = History::default();
                Ok(link)
            }
            Err(error) => {
                history.failures = history.failures.saturating_add(1);
                history.not_before =
                    Some(Instant::now() + retry::jittered(retry::pause(history.failures)));
                history.last = Some(error.clone());
                self.failed.fetch_add(1, Ordering::Release);
                Err(error)
            }
        }
    }

    async fn connect(&self, peers: &Peers) -> Result<Link, PeerError> {
        let socket = dial(&self.address, DIAL).await?;
        let me = Identity {
            incarnation: 0,
            session: peers.session,
        };
        let open = |e: OpenError| PeerError::Open {
            address: self.address.clone(),
            why: e.to_string(),
        };
        let host = Arc::new(Callbacks {
            tasks: peers.tasks.clone(),
            runtime: peers.runtime.get_or_init(runtime::Handle::current).clone(),
        });
        let (link, driver) = link::connect(socket, me, &peers.limits, Some(host))
            .await
            .map_err(open)?;
        peers.tasks.spawn(driver);
        Ok(link)
    }
}

/// What runs calls of the objects that this process hands out over connections it dialled.
struct Callbacks {
    tasks: TaskTracker,
    runtime: runtime::Handle,
}

impl Host for Callbacks {
    fn object(&self, _: &str, _: u64) -> Result<Arc<dyn Hosted>, Refusal> {
        let text = "this process hosts no objects but those that it handed out";
        Err(Refusal::new(Status::UnknownObject, text))
    }

    /// As many wait as the peer may have in flight.
    fn compute(&self, job: Job) -> Result<(), (Refusal, Job)> {
        self.tasks.spawn_blocking_on(job, &self.runtime);
        Ok(())
    }

    fn compute_oneway(&self, job: Job) {
        self.tasks.spawn_blocking_on(job, &self.runtime);
    }

    fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    fn runtime(&self) -> &runtime::Handle {
        &self.runtime
    }
}
