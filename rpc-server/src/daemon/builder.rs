//! Settings of a daemon, and its start.

use std::sync::Arc;
use std::time::Duration;

use farcall_shared::daemon::{DAEMON, DaemonInfo};
use farcall_shared::hook::{Hook, Hooks};
use farcall_shared::link::{Identity, Limits};
use farcall_shared::net::Listener;
use farcall_shared::uri::{Address, with_default_port};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::core::{Core, Info, MAX_REFUSALS};
use super::{Daemon, DaemonError, Handle};
use crate::names::Names;
use crate::pool::Pool;
use crate::pyro_door;
use crate::table::Table;

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
    hooks: Hooks,
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
            hooks: Hooks::default(),
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

    /// Puts a hook around all calls that reach an object here, inside of those that were added before.
    pub fn hook(mut self, hook: impl Hook) -> Self {
        self.hooks = self.hooks.with(hook);
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
            hooks: self.hooks,
            links: Mutex::default(),
            pyro: pyro_door::Kept::default(),
            refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
            connections: Arc::new(Semaphore::new(self.max_connections)),
            runtime: tokio::runtime::Handle::current(),
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
