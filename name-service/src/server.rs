//! The name service as a daemon.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use farcall_server::python::{PyroUri, PythonObject as _};
use farcall_server::{Daemon, DaemonError, PublishError};
use farcall_shared::names::{NAME_SERVER, NameServer};
use farcall_shared::net::Datagrams;
use farcall_shared::uri::{Address, ObjectUri};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::python::{self, Face};
use crate::registry::Limits;
use crate::service::Service;
use crate::store::{OpenError, Place, Store, UnknownPlace};
use crate::writer::Writer;

/// How long calls in flight may take at the end.
const GRACE: Duration = Duration::from_secs(2);

/// A running name service. It serves from the moment it is bound.
#[derive(Debug)]
pub struct Server {
    daemon: Daemon,
    uri: ObjectUri,
    /// Where Python finds it.
    python: PyroUri,
    ending: CancellationToken,
    /// Ends what it runs when it is dropped.
    _ends: DropGuard,
    /// What it runs beside its daemon.
    tasks: TaskTracker,
}

/// Why a name service could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The store is asked for in an unknown form.
    #[error(transparent)]
    Place(#[from] UnknownPlace),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The daemon could not start.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// The object could not be hosted.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// No thread could be started.
    #[error("cannot start the writer's thread: {0}")]
    Thread(io::Error),
}

impl Server {
    /// Starts a name service at `HOST:PORT` over a store: `memory` or `redb:PATH`.
    ///
    /// # Errors
    /// See [`ServerError`]; each names the culprit.
    pub async fn bind(address: &str, store: &str) -> Result<Self, ServerError> {
        let place: Place = store.parse()?;
        let start = Instant::now();
        let opened = Store::open(&place, Limits::default(), seed(), start.elapsed());
        // The address comes last: whoever reaches it must find the object there. Its error comes first: a store that
        // another name service uses is told as what it is, a port in use.
        let daemon = Daemon::builder().grace(GRACE).bind(address).await?;
        let (store, registry) = opened?;
        let writer = Writer::start(store, registry, start).map_err(ServerError::Thread)?;
        let ending = CancellationToken::new();
        let service = Service::new(writer, ending.clone());
        let python = PyroUri::Object {
            object: python::NAME_SERVER.to_owned(),
            address: daemon.address().clone(),
        };
        let face = Face::new(service.clone(), python.to_string());
        daemon.register(python::NAME_SERVER, face.serve())?;
        let uri = daemon.register(NAME_SERVER, NameServer::serve(service))?;
        Ok(Self {
            daemon,
            uri,
            python,
            _ends: ending.clone().drop_guard(),
            ending,
            tasks: TaskTracker::new(),
        })
    }

    /// Answers Python's clients that search for a name server by UDP broadcast, at this address; gives it with its port.
    ///
    /// # Errors
    /// The address cannot be listened at.
    pub async fn answer_broadcasts(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        let socket = Datagrams::bind(address).await?;
        let address = socket.address()?;
        let answering = python::answer_all(socket, self.python.clone(), self.ending.clone());
        self.tasks.spawn(answering);
        Ok(address)
    }

    /// Where it listens, with the port it got.
    pub fn address(&self) -> &Address {
        self.daemon.address()
    }

    /// The URI under which Python's clients find it.
    pub fn python_uri(&self) -> &PyroUri {
        &self.python
    }

    /// The URI of the object.
    pub fn uri(&self) -> &ObjectUri {
        &self.uri
    }

    /// Serves until `end` ends, then ends in good order.
    pub async fn run_until(self, end: impl Future<Output = ()>) {
        let (ending, tasks) = (self.ending, self.tasks);
        self.daemon
            .run_until(async {
                end.await;
                ending.cancel();
            })
            .await;
        tasks.close();
        tasks.wait().await;
    }

    /// Serves until ctrl-c or SIGTERM, then ends in good order. Both are watched from this call on.
    ///
    /// # Errors
    /// When the signals cannot be watched.
    pub fn run_until_ctrl_c(self) -> impl Future<Output = Result<(), DaemonError>> + Send + use<> {
        let interrupted = Daemon::ctrl_c();
        async move {
            self.run_until(interrupted?).await;
            Ok(())
        }
    }
}

/// Different in every run, without asking for randomness that is not needed.
fn seed() -> u64 {
    let clock = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default();
    (clock.as_nanos() as u64) ^ u64::from(std::process::id()).rotate_left(32)
}
