//! What a daemon runs: accepting, serving connections, and what they see of it.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::BytesMut;
use farcall_shared::daemon::DaemonInfo;
use farcall_shared::descriptor::Descriptor;
use farcall_shared::hook::Hooks;
use farcall_shared::link::{self, Host, Hosted, Identity, Job, Limits, Link};
use farcall_shared::net::{Listener, Peer, Socket};
use farcall_shared::uri::{Address, ObjectUri};
use farcall_shared::wire::status::{Refusal, Status};
use parking_lot::Mutex;
use slab::Slab;
use tokio::runtime;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::door::{self, Protocol};
use crate::names::Names;
use crate::pool::Pool;
use crate::table::Table;

/// How long accepting pauses after it failed.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(crate) struct Core {
    pub(super) table: Table,
    pub(crate) pool: Pool,
    pub(super) address: Address,
    pub(super) advertised: Option<String>,
    pub(super) me: Identity,
    pub(crate) limits: Limits,
    pub(super) max_connections: usize,
    pub(super) grace: Duration,
    pub(crate) hooks: Hooks,
    pub(super) names: Names,
    pub(super) links: Mutex<Slab<Link>>,
    /// A permit for each connection, from the moment it is accepted.
    pub(crate) connections: Arc<Semaphore>,
    /// Where its tasks run.
    pub(super) runtime: runtime::Handle,
    /// Everything the daemon runs.
    pub(crate) tasks: TaskTracker,
    /// No further connections.
    pub(crate) closing: CancellationToken,
    /// No further anything.
    pub(crate) stop: CancellationToken,
}

impl Core {
    pub(super) fn uri(&self, id: &str) -> ObjectUri {
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

    pub(super) fn is_unspecified(&self) -> bool {
        let Address::Tcp { host, .. } = &self.address else {
            return false;
        };
        let ip: Option<std::net::IpAddr> = host.parse().ok();
        self.advertised.is_none() && ip.is_some_and(|ip| ip.is_unspecified())
    }

    pub(super) async fn accept_all(self: Arc<Self>, listener: Listener) {
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

    async fn serve(self: Arc<Self>, socket: Socket, peer: Peer) {
        // In a box, so that its memory does not stay with the connection.
        let met = Box::pin(self.meet(socket, peer)).await;
        if let Some((link, driver)) = met {
            self.drive(link, driver).await;
        }
    }

    /// Finds out who is there; a connection that speaks farcall's protocol becomes a link.
    async fn meet(
        self: &Arc<Self>,
        mut socket: Socket,
        peer: Peer,
    ) -> Option<(Link, Pin<Box<link::Driver>>)> {
        let mut received = BytesMut::new();
        let meeting = door::meet(&mut socket, &mut received);
        let protocol = match tokio::time::timeout(self.limits.handshake, meeting).await {
            Ok(Ok(Some(protocol))) => protocol,
            Ok(Ok(None) | Err(_)) => return None,
            Err(_) => {
                tracing::debug!(%peer, "closing a connection that said nothing for {:?}", self.limits.handshake);
                return None;
            }
        };
        if protocol != Protocol::Native {
            tracing::warn!(%peer, "refusing a connection that speaks {protocol:?}");
            let _ = door::refuse(socket, protocol).await;
            return None;
        }
        let host = Arc::new(Visible(Arc::clone(self)));
        link::accept(socket, received, self.me, &self.limits, host)
            .await
            .inspect_err(|e| tracing::warn!(%peer, "no handshake: {e}"))
            // In a box, since a future that is handed on takes its place twice.
            .map(|(link, driver)| (link, Box::pin(driver)))
            .ok()
    }

    async fn drive(&self, link: Link, driver: Pin<Box<link::Driver>>) {
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

    fn compute(&self, job: Job) -> Result<(), (Refusal, Job)> {
        self.0.pool.submit(job).map_err(|(full, job)| {
            let text = format!("{} compute calls are waiting here already", full.waiting);
            (Refusal::new(Status::Overloaded, text), job)
        })
    }

    fn compute_oneway(&self, job: Job) {
        self.0.pool.submit_oneway(job);
    }

    fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }

    fn runtime(&self) -> &runtime::Handle {
        &self.0.runtime
    }

    fn hooks(&self) -> Hooks {
        self.0.hooks.clone()
    }
}

/// The daemon's own object.
pub(super) struct Info(pub(super) Weak<Core>);

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
