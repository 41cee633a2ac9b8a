//! What a daemon runs: accepting, serving connections, and what they see of it.

use std::future::Future;
use std::net::IpAddr;
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
use crate::pyro_door;
use crate::table::Table;

/// How many peers at a time are told that there are too many; others are closed without a word.
pub(super) const MAX_REFUSALS: usize = 64;

/// How long a peer that is refused may take.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// How long accepting pauses after it failed.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) table: Table,
    pub(crate) pool: Pool,
    pub(crate) address: Address,
    pub(super) advertised: Option<String>,
    pub(super) me: Identity,
    pub(crate) limits: Limits,
    pub(super) max_connections: usize,
    pub(super) grace: Duration,
    pub(crate) hooks: Hooks,
    pub(super) names: Names,
    pub(super) links: Mutex<Slab<Link>>,
    /// What is kept for Python clients.
    pub(crate) pyro: pyro_door::Kept,
    /// A permit for each peer that is told that there are too many.
    pub(super) refusals: Arc<Semaphore>,
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
    pub(crate) fn uri(&self, id: &str) -> ObjectUri {
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

    /// The same for a peer that reached this machine at an address: there it reaches a daemon again that has no other.
    pub(crate) fn uri_reached(&self, id: &str, reached: Option<IpAddr>) -> ObjectUri {
        let mut uri = self.uri(id);
        if let (Some(ip), Address::Tcp { host, .. }) = (reached, &mut uri.address)
            && self.is_unspecified()
        {
            *host = ip.to_string();
        }
        uri
    }

    pub(super) fn is_unspecified(&self) -> bool {
        let Address::Tcp { host, .. } = &self.address else {
            return false;
        };
        let ip: Option<IpAddr> = host.parse().ok();
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
                        self.refuse_one_more(socket);
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

    /// Tells a peer that as many are here as may be, if its protocol has words for that and it speaks soon.
    fn refuse_one_more(&self, mut socket: Socket) {
        let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() else {
            return;
        };
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let _until_its_end = permit;
            let mut received = BytesMut::new();
            let refusing = async {
                if let Ok(Some(Protocol::Pyro)) = door::meet(&mut socket, &mut received).await {
                    pyro_door::refuse_one_more(socket).await;
                }
            };
            let refusing = tokio::time::timeout(REFUSAL_TIME, refusing);
            stop.run_until_cancelled(refusing).await;
        });
    }

    async fn serve(self: Arc<Self>, socket: Socket, peer: Peer) {
        // In a box, so that its memory does not stay with the connection.
        match Box::pin(self.meet(socket, peer)).await {
            Some(Met::Link(link, driver)) => self.drive(link, driver).await,
            Some(Met::Pyro(session)) => session.await,
            None => {}
        }
    }

    /// Finds out who is there; a connection that speaks farcall's protocol becomes a link.
    async fn meet(self: &Arc<Self>, mut socket: Socket, peer: Peer) -> Option<Met> {
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
        if protocol == Protocol::Pyro {
            let session = pyro_door::serve(Arc::clone(self), socket, received, peer);
            return Some(Met::Pyro(Box::pin(session)));
        }
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
            .map(|(link, driver)| Met::Link(link, Box::pin(driver)))
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

/// A connection whose protocol is known.
enum Met {
    Link(Link, Pin<Box<link::Driver>>),
    Pyro(Pin<Box<dyn Future<Output = ()> + Send>>),
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
