//! The daemon: listens, hosts objects, and ends without losing a call.

mod builder;
mod core;

use std::future::Future;
use std::io;
use std::sync::Arc;

use farcall_shared::names::MAX_NAME_BYTES;
use farcall_shared::net::ListenError;
use farcall_shared::object::Servant;
use farcall_shared::uri::{Address, ObjectUri, UriError};

pub use builder::Builder;
pub(crate) use core::{ACCEPT_PAUSE, Core};

use crate::names::{NamesError, Publication};
use crate::table::Refused;

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
    /// what is still running. Both are watched from this call on: a program that says when it is ready does so behind it.
    ///
    /// # Errors
    /// Signals, when they cannot be watched.
    pub fn run_until_ctrl_c(self) -> impl Future<Output = Result<(), DaemonError>> + Send + use<> {
        let interrupted = Self::ctrl_c();
        async move {
            interrupted?.await;
            let again = Self::ctrl_c()?;
            tokio::select! {
                () = self.shutdown() => {}
                () = again => tracing::warn!("signalled again: calls that were still running are cut"),
            }
            Ok(())
        }
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
