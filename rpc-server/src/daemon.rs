//! The daemon: listens, hosts objects, and ends without losing a call.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use farcall_shared::daemon::{DAEMON, DaemonInfo};
use farcall_shared::descriptor::Descriptor;
use farcall_shared::link::{self, Host, Hosted, Identity, Job, Limits, Link};
use farcall_shared::names::MAX_NAME_BYTES;
use farcall_shared::net::{ListenError, Listener, Peer, Socket};
use farcall_shared::object::Servant;
use farcall_shared::uri::{Address, ObjectUri, UriError, with_default_port};
use farcall_shared::wire::status::{Refusal, Status};
use parking_lot::Mutex;
use slab::Slab;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::door::{self, Protocol};
use crate::names::{Names, NamesError, Publication};
use crate::pool::Pool;
use crate::table::{Refused, Table};

/// How long accepting pauses after it failed.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Hosts objects at one address.
///
/// It serves from the moment it is bound. Clones are the same daemon. When the last one is dropped without
/// [`shutdown`](Self::shutdown) its connections are cut; `run_until_ctrl_c` and `run_until` end it in good order.
///
/// # Examples
/// See the crate `farcall`.
#[derive(Clone, Debug)]
pub struct Daemon(Arc<Handle>);

/// Ends the daemon's tasks when the last clone goes.
#[derive(Debug)]
struct Handle {
    core: Arc<Core>,
}

#[derive(Debug)]
pub(crate) struct Core {
    table: Table,
    pub(crate) pool: Pool,
    address: Address,
    advertised: Option<String>,
    me: Identity,
    limits: Limits,
    max_connections: usize,
    grace: Duration,
    names: Names,
    links: Mutex<Slab<Link>>,
    /// A permit for each connection, from the moment it is accepted.
    connections: Arc<Semaphore>,
    /// Everything the daemon runs.
    pub(crate) tasks: TaskTracker,
    /// No further connections.
    pub(crate) closing: CancellationToken,
    /// No further anything.
    pub(crate) stop: CancellationToken,
}

/// Settings of a daemon.
///
/// # Defaults
/// As many compute threads as cores over a queue of 16,384 jobs, 10,000 connections, 1,000,000 objects, 30 s for calls
/// in flight when it ends, and the name service that `FARCALL_NS` names or `localhost:9090`.
#[derive(Clone, Debug)]
pub struct Builder {
    limits: Limits,
    names: Option<String>,
    advertised: Option<String>,
    compute_threads: usize,
    max_compute_queue: usize,
    max_connections: usize,
    max_objects: usize,
    grace: Duration,
}

/// Why a daemon could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// The address is malformed.
    #[error(transparent)]
    Address(#[from] UriError),
    /// It cannot be listened at.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// No thread could be started.
    #[error("cannot start the compute threads: {0}")]
    Threads(io::Error),
    /// The signals that end a daemon cannot be watched.
    #[error("cannot watch for ctrl-c and SIGTERM: {0}")]
    Signals(io::Error),
}

/// Why an object was not hosted or not named.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The id is in use in this daemon.
    #[error("an object '{0}' is hosted here already; choose another name, or unregister it first")]
    Taken(String),
    /// The id cannot stand in a URI.
    #[error(
        "'{0}' cannot be an object's name: write 1 to {MAX_NAME_BYTES} bytes without '@', '?', spaces or control characters"
    )]
    Malformed(String),
    /// The daemon hosts as many objects as it may.
    #[error("the daemon hosts {0} objects, as many as it may")]
    Full(usize),
    /// The daemon listens at an address that nobody can dial.
    #[error(
        "the daemon listens at {0}, which is no address to call: say which one callers use with `advertise`"
    )]
    Unspecified(Address),
    /// The name service refused or is away.
    #[error("cannot publish '{name}'")]
    Names {
        /// The name.
        name: String,
        /// Why.
        #[source]
        why: Box<NamesError>,
    },
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            names: None,
            advertised: None,
            compute_threads: std::thread::available_parallelism().map_or(2, usize::from),
            max_compute_queue: 16_384,
            max_connections: 10_000,
            max_objects: 1_000_000,
            grace: Duration::from_secs(30),
        }
    }
}

impl Builder {
    /// The name service to publish in, `HOST:PORT`, `HOST` or `unix:PATH`.
    pub fn names(mut self, address: impl Into<String>) -> Self {
        self.names = Some(address.into());
        self
    }

    /// The host that callers dial, when it is not the one listened at, as behind `0.0.0.0`.
    pub fn advertise(mut self, host: impl Into<String>) -> Self {
        self.advertised = Some(host.into());
        self
    }

    /// Threads for compute methods; at least 1.
    pub fn compute_threads(mut self, threads: usize) -> Self {
        self.compute_threads = threads.max(1);
        self
    }

    /// Compute calls that may wait; past it callers get Rejected(overloaded).
    pub fn max_compute_queue(mut self, jobs: usize) -> Self {
        self.max_compute_queue = jobs;
        self
    }

    /// Connections at a time; past it new ones are closed.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Objects at a time.
    pub fn max_objects(mut self, objects: usize) -> Self {
        self.max_objects = objects;
        self
    }

    /// How long calls in flight may take once the daemon ends.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Bounds of each connection.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Starts the daemon at `HOST:PORT` (port 0: any free one) or `unix:PATH`.
    ///
    /// # Errors
    /// See [`DaemonError`]; each names the address.
    pub async fn bind(self, address: &str) -> Result<Daemon, DaemonError> {
        let wanted: Address = address.parse()?;
        let names = match self.names.or_else(|| std::env::var("FARCALL_NS").ok()) {
            Some(text) => with_default_port(&text)?,
            None => Address::default_names(),
        };
        let listener = Listener::bind(&wanted).await?;
        let pool = Pool::start(self.compute_threads, self.max_compute_queue)
            .map_err(DaemonError::Threads)?;
        let me = Identity {
            incarnation: fastrand::u64(1..),
            session: fastrand::u64(..),
        };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let core = Arc::new(Core {
            table: Table::new(me.incarnation, self.max_objects),
            pool,
            address: listener.address().clone(),
            advertised: self.advertised,
            me,
            names: Names::new(
                names,
                me,
                self.limits.clone(),
                tasks.clone(),
                stop.child_token(),
            ),
            limits: self.limits,
            max_connections: self.max_connections,
            grace: self.grace,
            links: Mutex::default(),
            connections: Arc::new(Semaphore::new(self.max_connections)),
            tasks,
            closing: stop.child_token(),
            stop,
        });
        let info = Info(Arc::downgrade(&core));
        // The table is new, so the id is free.
        let _ = core.table.insert(DAEMON, info.serve());
        let accepting = Arc::clone(&core);
        core.tasks
            .spawn(async move { accepting.accept_all(listener).await });
        Ok(Daemon(Arc::new(Handle { core })))
    }
}

impl Daemon {
    /// Starts a daemon with default settings at `HOST:PORT` (port 0: any free one) or `unix:PATH`.
    ///
    /// # Errors
    /// See [`DaemonError`]; each names the address.
    pub async fn bind(address: &str) -> Result<Self, DaemonError> {
        Self::builder().bind(address).await
    }

    /// Settings first.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.0.core
    }

    /// Where it listens, with the port it got.
    pub fn address(&self) -> &Address {
        &self.0.core.address
    }

    /// This run of the daemon: references to an earlier one are stale.
    pub fn incarnation(&self) -> u64 {
        self.0.core.me.incarnation
    }

    /// Hosts an object without naming it anywhere; gives where it can be called.
    ///
    /// # Errors
    /// Taken, Malformed or Full.
    pub fn register(&self, id: &str, object: Servant) -> Result<ObjectUri, PublishError> {
        let core = &self.0.core;
        let malformed = id.is_empty() || id.len() > MAX_NAME_BYTES || id.contains(['@', '?']);
        if malformed || id.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(PublishError::Malformed(id.escape_debug().to_string()));
        }
        core.table
            .insert(id, object)
            .map_err(|refused| match refused {
                Refused::Taken => PublishError::Taken(id.into()),
                Refused::Full(most) => PublishError::Full(most),
            })?;
        Ok(core.uri(id))
    }

    /// Hosts a plain tarpc service: `daemon.register_tarpc("id", server.serve(), Serve::serve)`.
    ///
    /// # Errors
    /// Taken, Malformed or Full.
    pub fn register_tarpc<S, F, Fut>(
        &self,
        id: &str,
        service: S,
        serve: F,
    ) -> Result<ObjectUri, PublishError>
    where
        S: tarpc::server::Serve + Clone + Send + Sync + 'static,
        S::Req: serde::de::DeserializeOwned + Send + 'static,
        S::Resp: serde::Serialize + serde::de::DeserializeOwned + Send + 'static,
        F: Fn(S, tarpc::context::Context, S::Req) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S::Resp, tarpc::ServerError>> + Send + 'static,
    {
        self.register(id, Servant::tarpc(service, serve))
    }

    /// Hosts an object and registers it in the name service under the same name, for as long as this daemon lives.
    ///
    /// # Errors
    /// Everything of [`register`](Self::register), and Names when the name service refused or is away; the object is
    /// then not hosted either.
    pub async fn publish(&self, name: &str, object: Servant) -> Result<ObjectUri, PublishError> {
        self.publish_as(name, object, Publication::default()).await
    }

    /// As [`publish`](Self::publish), with metadata, as a member of a group, or taking the name over.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub async fn publish_as(
        &self,
        name: &str,
        object: Servant,
        how: Publication,
    ) -> Result<ObjectUri, PublishError> {
        let core = &self.0.core;
        if core.is_unspecified() {
            return Err(PublishError::Unspecified(core.address.clone()));
        }
        let uri = self.register(name, object)?;
        let mut exact = uri.clone();
        exact.incarnation = Some(core.me.incarnation);
        match core.names.publish(name, exact.to_string(), how).await {
            Ok(_) => Ok(uri),
            Err(why) => {
                core.table.remove(name);
                Err(PublishError::Names {
                    name: name.into(),
                    why: Box::new(why),
                })
            }
        }
    }

    /// Takes an object away, and its name; calls that run already go on. False when there was none.
    pub async fn unregister(&self, id: &str) -> bool {
        let there = self.0.core.table.remove(id);
        if let Err(e) = self.0.core.names.withdraw(id).await {
            tracing::warn!("the name '{id}' stays until its lease ends: {e}");
        }
        there
    }

    /// Serves until ctrl-c or SIGTERM, then ends in good order; see [`shutdown`](Self::shutdown). A second signal cuts
    /// what is still running.
    ///
    /// # Errors
    /// Signals, when they cannot be watched.
    pub async fn run_until_ctrl_c(self) -> Result<(), DaemonError> {
        Self::ctrl_c()?.await;
        let again = Self::ctrl_c()?;
        tokio::select! {
            () = self.shutdown() => {}
            () = again => tracing::warn!("signalled again: calls that were still running are cut"),
        }
        Ok(())
    }

    /// Waits for ctrl-c or SIGTERM; both are watched from this call on.
    ///
    /// # Errors
    /// Signals, when they cannot be watched.
    pub fn ctrl_c() -> Result<impl Future<Output = ()> + Send + use<>, DaemonError> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(DaemonError::Signals)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(DaemonError::Signals)?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }

    /// Serves until `end` ends, then ends in good order; see [`shutdown`](Self::shutdown).
    pub async fn run_until(self, end: impl Future<Output = ()>) {
        end.await;
        self.shutdown().await;
    }

    /// Ends in good order: names are withdrawn, new calls rejected as draining, calls in flight answered (within the
    /// grace time), connections closed.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the daemon draining; dropping the daemon then cuts what is left.
    pub async fn shutdown(&self) {
        let core = &self.0.core;
        core.names.withdraw_all().await;
        core.closing.cancel();
        for (_, link) in core.links.lock().iter() {
            link.go_away("the daemon is shutting down");
        }
        core.tasks.close();
        if tokio::time::timeout(core.grace, core.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                "calls were still running after {:?}; they are cut",
                core.grace
            );
        }
        core.stop.cancel();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.stop.cancel();
    }
}

impl Core {
    fn uri(&self, id: &str) -> ObjectUri {
        let address = match (&self.address, &self.advertised) {
            (Address::Tcp { port, .. }, Some(host)) => Address::Tcp {
                host: host.clone(),
                port: *port,
            },
            (address, _) => address.clone(),
        };
        ObjectUri {
            object: id.into(),
            address,
            incarnation: None,
        }
    }

    fn is_unspecified(&self) -> bool {
        let Address::Tcp { host, .. } = &self.address else {
            return false;
        };
        let ip: Option<std::net::IpAddr> = host.parse().ok();
        self.advertised.is_none() && ip.is_some_and(|ip| ip.is_unspecified())
    }

    async fn accept_all(self: Arc<Self>, listener: Listener) {
        while let Some(accepted) = self.closing.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((socket, peer)) => match Arc::clone(&self.connections).try_acquire_owned() {
                    Ok(permit) => {
                        let core = Arc::clone(&self);
                        self.tasks.spawn(async move {
                            let _until_its_end = permit;
                            let stop = core.stop.clone();
                            stop.run_until_cancelled(core.serve(socket, peer)).await;
                        });
                    }
                    Err(_) => {
                        let most = self.max_connections;
                        tracing::warn!(%peer, "refusing a connection: {most} are open, as many as may be");
                    }
                },
                Err(e) => {
                    // Out of file descriptors, as a rule: those in use come back.
                    tracing::warn!("cannot accept a connection: {e}");
                    let pause = tokio::time::sleep(ACCEPT_PAUSE);
                    self.closing.run_until_cancelled(pause).await;
                }
            }
        }
    }

    async fn serve(self: Arc<Self>, mut socket: Socket, peer: Peer) {
        let mut received = BytesMut::new();
        let meeting = door::meet(&mut socket, &mut received);
        let protocol = match tokio::time::timeout(self.limits.handshake, meeting).await {
            Ok(Ok(Some(protocol))) => protocol,
            Ok(Ok(None) | Err(_)) => return,
            Err(_) => {
                tracing::debug!(%peer, "closing a connection that said nothing for {:?}", self.limits.handshake);
                return;
            }
        };
        if protocol != Protocol::Native {
            tracing::warn!(%peer, "refusing a connection that speaks {protocol:?}");
            let _ = door::refuse(socket, protocol).await;
            return;
        }
        let host = Arc::new(Visible(Arc::clone(&self)));
        match link::accept(socket, received, self.me, &self.limits, host).await {
            Ok((link, driver)) => self.drive(link, driver).await,
            Err(e) => tracing::warn!(%peer, "no handshake: {e}"),
        }
    }

    async fn drive(&self, link: Link, driver: link::Driver) {
        let key = self.links.lock().insert(link.clone());
        // Bound before or after the daemon began to end, every link hears of it.
        if self.closing.is_cancelled() {
            link.go_away("the daemon is shutting down");
        }
        let _forget = Forget { core: self, key };
        driver.await;
    }
}

struct Forget<'a> {
    core: &'a Core,
    key: usize,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.core.links.lock().try_remove(self.key);
    }
}

/// What a link sees of the daemon.
struct Visible(Arc<Core>);

impl Host for Visible {
    fn object(&self, id: &str, incarnation: u64) -> Result<Arc<dyn Hosted>, Refusal> {
        self.0.table.find(id, incarnation)
    }

    fn compute(&self, job: Job) -> Result<(), Refusal> {
        self.0.pool.submit(job).map_err(|full| {
            let text = format!("{} compute calls are waiting here already", full.waiting);
            Refusal::new(Status::Overloaded, text)
        })
    }

    fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }
}

/// The daemon's own object.
struct Info(std::sync::Weak<Core>);

impl DaemonInfo for Info {
    async fn describe(&self, object: String) -> Result<Descriptor, String> {
        let core = self.0.upgrade().ok_or("the daemon is gone")?;
        let servant = core
            .table
            .servant(&object)
            .map_err(|refusal| refusal.text)?;
        Ok(servant.object().descriptor().clone())
    }

    async fn objects(&self) -> Vec<String> {
        let mut ids = self
            .0
            .upgrade()
            .map(|core| core.table.ids())
            .unwrap_or_default();
        ids.truncate(10_000);
        ids
    }

    async fn ping(&self) {}
}
