//! A daemon on loopback with an object and a proxy for it, and a name service.

use farcall::{Address, Builder, Daemon, Servant};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{Clerk, Desk as _, DeskProxy, Gate, LOOPBACK, soon};

/// A daemon on loopback with a [`Clerk`] called `desk`, and a proxy for it. Its end lets the clerk's methods go.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) daemon: Daemon,
    pub(crate) clerk: Clerk,
    pub(crate) desk: DeskProxy,
    /// `far:desk@127.0.0.1:…`
    pub(crate) uri: String,
    _end: OpensAtEnd,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(Daemon::builder()).await
    }

    pub(crate) async fn with(builder: Builder) -> Self {
        Self::at(builder, LOOPBACK).await
    }

    pub(crate) async fn at(builder: Builder, address: &str) -> Self {
        let daemon = builder.bind(address).await.unwrap();
        let clerk = Clerk::new();
        let uri = daemon
            .register("desk", clerk.clone().serve())
            .unwrap()
            .to_string();
        let desk = soon(DeskProxy::connect(&uri)).await.unwrap();
        Self {
            _end: OpensAtEnd(clerk.gate.clone()),
            daemon,
            clerk,
            desk,
            uri,
        }
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.clerk.gate
    }

    /// Hosts one more object; gives its URI.
    pub(crate) fn host(&self, id: &str, object: Servant) -> String {
        self.daemon.register(id, object).unwrap().to_string()
    }

    /// Sees that the daemon and the connection behind the proxy still work.
    pub(crate) async fn works(&self) {
        assert_eq!(
            soon(self.desk.echo("still here".into())).await.unwrap(),
            "still here"
        );
        assert_eq!(soon(self.desk.square(7)).await.unwrap(), 49);
    }
}

/// Compute threads must not wait at a gate for ever when a test ends.
#[derive(Debug)]
struct OpensAtEnd(Gate);

impl Drop for OpensAtEnd {
    fn drop(&mut self) {
        self.0.open_for_good();
    }
}

/// A name service in memory.
#[derive(Debug)]
pub(crate) struct NameService {
    address: Address,
    end: Option<oneshot::Sender<()>>,
    running: JoinSet<()>,
}

impl NameService {
    pub(crate) async fn new() -> Self {
        Self::at(LOOPBACK, "memory").await
    }

    pub(crate) async fn at(address: &str, store: &str) -> Self {
        let server = farcall::names::Server::bind(address, store).await.unwrap();
        let address = server.address().clone();
        let (end, ended) = oneshot::channel::<()>();
        let mut running = JoinSet::new();
        running.spawn(server.run_until(async {
            let _ = ended.await;
        }));
        Self {
            address,
            end: Some(end),
            running,
        }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Ends it in good order.
    pub(crate) async fn stop(mut self) {
        drop(self.end.take());
        soon(self.running.join_next()).await.unwrap().unwrap();
    }
}
