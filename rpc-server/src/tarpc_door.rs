//! The tarpc door: one service for stock tarpc clients, over tarpc's own transport with JSON, at an address of its own.

mod answer;
mod begin;

use std::future::Future;
use std::sync::Arc;

use farcall_shared::context::Connection;
use farcall_shared::net::{Listener, Socket};
use farcall_shared::uri::Address;
use futures_util::{FutureExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tarpc::ServerError;
use tarpc::context::Context;
use tarpc::server::{BaseChannel, Channel, Serve};
use tokio::task::JoinSet;
use tokio_serde::formats::Json;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use answer::answer;

use crate::daemon::{Core, Daemon, DaemonError};

impl Daemon {
    /// Offers one service to stock tarpc clients at an address of its own; gives that address with its port.
    ///
    /// The transport is tarpc's: frames behind a length of four bytes, at most 8 MiB, of JSON. What tarpc's channels do
    /// with a malformed request (they drop the connection) holds here too, for that connection alone.
    /// Called as `daemon.offer_tarpc("localhost:0", worker.serve_tarpc(), Serve::serve)`.
    ///
    /// # Errors
    /// Address or Listen.
    pub async fn offer_tarpc<S, F, Fut>(
        &self,
        address: &str,
        service: S,
        serve: F,
    ) -> Result<Address, DaemonError>
    where
        S: Serve + Clone + Send + Sync + 'static,
        S::Req: DeserializeOwned + Send + 'static,
        S::Resp: Serialize + Send + 'static,
        F: Fn(S, Context, S::Req) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<S::Resp, ServerError>> + Send + 'static,
    {
        let listener = Listener::bind(&address.parse()?).await?;
        let address = listener.address().clone();
        let core = Arc::clone(self.core());
        let run = move |context: Context, request: S::Req| serve(service.clone(), context, request);
        self.core().tasks.spawn(accept_all(core, listener, run));
        Ok(address)
    }
}

async fn accept_all<Req, Resp, F, Fut>(core: Arc<Core>, listener: Listener, run: F)
where
    Req: tarpc::RequestName + DeserializeOwned + Send + 'static,
    Resp: Serialize + Send + 'static,
    F: Fn(Context, Req) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Resp, ServerError>> + Send + 'static,
{
    let closing = core.closing.clone();
    while let Some(accepted) = closing.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((socket, peer)) => {
                let Ok(permit) = Arc::clone(&core.connections).try_acquire_owned() else {
                    tracing::warn!(%peer, "refusing a connection at the tarpc door: as many are open as may be");
                    continue;
                };
                let connection = serve_all(Arc::clone(&core), socket, run.clone());
                let stop = core.stop.clone();
                core.tasks.spawn(async move {
                    let _until_its_end = permit;
                    stop.run_until_cancelled(connection).await;
                });
            }
            Err(e) => {
                tracing::warn!("cannot accept a connection at the tarpc door: {e}");
                let pause = tokio::time::sleep(crate::daemon::ACCEPT_PAUSE);
                closing.run_until_cancelled(pause).await;
            }
        }
    }
}

async fn serve_all<Req, Resp, F, Fut>(core: Arc<Core>, socket: Socket, run: F)
where
    Req: tarpc::RequestName + DeserializeOwned + Send + 'static,
    Resp: Serialize + Send + 'static,
    F: Fn(Context, Req) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Resp, ServerError>> + Send + 'static,
{
    let connection = Open(Arc::new(Connection::new(socket.peer())));
    let framed = Framed::new(socket, LengthDelimitedCodec::new());
    let transport = tarpc::serde_transport::new(framed, Json::default());
    let most = core.limits.max_calls_in_flight as usize;
    let mut requests = std::pin::pin!(
        BaseChannel::with_defaults(transport)
            .max_concurrent_requests(most)
            .requests()
    );
    // The calls end with this future, and their methods with them.
    let mut calls = JoinSet::new();
    let mut leaving = false;
    while !(leaving && calls.is_empty()) {
        let request = tokio::select! {
            request = requests.next() => request,
            Some(_) = calls.join_next() => continue,
            () = core.closing.cancelled(), if !leaving => {
                leaving = true;
                continue;
            }
        };
        match request {
            Some(Ok(request)) => {
                let (run, core) = (run.clone(), Arc::clone(&core));
                let connection = Arc::clone(&connection.0);
                let serve = tarpc::server::serve(move |context, request| {
                    answer(core, connection, run, context, request)
                });
                calls.spawn(request.execute(serve));
            }
            Some(Err(e)) => {
                tracing::warn!("a tarpc connection ended: {e}");
                return;
            }
            None => return,
        }
    }
    // Writes the replies that came after the last look.
    let _ = requests.next().now_or_never();
}

/// A connection, whose session ends with this.
struct Open(Arc<Connection>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.end();
    }
}
