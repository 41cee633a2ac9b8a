//! The name service as a daemon.

use std::future::Future;
use std::time::{Duration, Instant};

use farcall_server::{Daemon, DaemonError, PublishError};
use farcall_shared::names::{NAME_SERVER, NameServer};
use farcall_shared::uri::{Address, ObjectUri};

use tokio_util::sync::CancellationToken;

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
    ending: CancellationToken,
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
    Thread(std::io::Error),
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
        let uri = daemon.register(NAME_SERVER, service.serve())?;
        Ok(Self {
            daemon,
            uri,
            ending,
        })
    }

    /// Where it listens, with the port it got.
    pub fn address(&self) -> &Address {
        self.daemon.address()
    }

    /// The URI of the object.
    pub fn uri(&self) -> &ObjectUri {
        &self.uri
    }

    /// Serves until `end` ends, then ends in good order.
    pub async fn run_until(self, end: impl Future<Output = ()>) {
        let ending = self.ending;
        self.daemon
            .run_until(async {
                end.await;
                ending.cancel();
            })
            .await;
    }

    /// Serves until ctrl-c or SIGTERM, then ends in good order.
    ///
    /// # Errors
    /// When the signals cannot be watched.
    pub async fn run_until_ctrl_c(self) -> Result<(), DaemonError> {
        let signal = Daemon::ctrl_c()?;
        self.run_until(signal).await;
        Ok(())
    }
}

/// Different in every run, without asking for randomness that is not needed.
fn seed() -> u64 {
    let clock = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default();
    (clock.as_nanos() as u64) ^ u64::from(std::process::id()).rotate_left(32)
}
