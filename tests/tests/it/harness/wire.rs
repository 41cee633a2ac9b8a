//! A TCP port that leads to a daemon, and can be cut.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use farcall::Address;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{LOOPBACK, soon};

/// A TCP port that leads to a daemon: counts connections, cuts them, and may lead elsewhere later, so that a daemon can
/// restart "on the same port" without a race for the port.
#[derive(Debug)]
pub(crate) struct Wire {
    address: Address,
    ends: Arc<Ends>,
    _accepting: JoinSet<()>,
}

#[derive(Debug)]
struct Ends {
    target: Mutex<String>,
    accepted: AtomicUsize,
    knocked: Semaphore,
    connections: Mutex<JoinSet<()>>,
}

impl Wire {
    pub(crate) async fn to(target: &Address) -> Self {
        let listener = TcpListener::bind(LOOPBACK).await.unwrap();
        let address = listener.local_addr().unwrap().to_string().parse().unwrap();
        let ends = Arc::new(Ends {
            target: Mutex::new(target.to_string()),
            accepted: AtomicUsize::new(0),
            knocked: Semaphore::new(0),
            connections: Mutex::default(),
        });
        let mut accepting = JoinSet::new();
        let shared = Arc::clone(&ends);
        accepting.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                shared.accepted.fetch_add(1, Ordering::SeqCst);
                shared.knocked.add_permits(1);
                let target = shared.target.lock().unwrap().clone();
                shared
                    .connections
                    .lock()
                    .unwrap()
                    .spawn(forward(socket, target));
            }
        });
        Self {
            address,
            ends,
            _accepting: accepting,
        }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// The URI of an object behind it.
    pub(crate) fn uri(&self, object: &str) -> String {
        format!("far:{object}@{}", self.address)
    }

    /// How many connections were made through it.
    pub(crate) fn connections(&self) -> usize {
        self.ends.accepted.load(Ordering::SeqCst)
    }

    /// Waits until so many more connections were made.
    #[track_caller]
    pub(crate) fn connected(&self, count: u32) -> impl Future<Output = ()> {
        soon(async move {
            let permit = self.ends.knocked.acquire_many(count).await;
            permit.unwrap().forget();
        })
    }

    /// New connections lead there from now on.
    pub(crate) fn point_at(&self, target: &Address) {
        *self.ends.target.lock().unwrap() = target.to_string();
    }

    /// Ends all connections; done once both sides are closed.
    pub(crate) async fn cut(&self) {
        let mut cut = std::mem::take(
            &mut *self
                .ends
                .connections
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        cut.shutdown().await;
    }
}

async fn forward(mut caller: TcpStream, target: String) {
    let Ok(mut callee) = TcpStream::connect(target).await else {
        return;
    };
    let _ = tokio::io::copy_bidirectional(&mut caller, &mut callee).await;
}
