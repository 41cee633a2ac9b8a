//! A server by hand, whose every connection goes by a script.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use farcall::Address;
use farcall_shared::wire::handshake::Side;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::wire::{Raw, Said, any, bound, hello, reply};
use crate::harness::{DeskProxy, LOOPBACK, soon};

/// A server that shakes hands, takes one object, and then does what the test wants with each connection.
#[derive(Debug)]
pub(super) struct Script {
    address: Address,
    progress: Arc<Progress>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Progress {
    ended: Semaphore,
    failed: AtomicUsize,
}

impl Script {
    /// `script` gets each connection once an object is bound there, and how many there were before it.
    pub(super) async fn start<F>(script: impl Fn(Raw, usize) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::with_greeting(hello(Side::Accepted), script).await
    }

    /// As [`start`](Self::start), with another hello.
    pub(super) async fn with_greeting<F>(
        greeting: Vec<u8>,
        script: impl Fn(Raw, usize) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(LOOPBACK).await.unwrap();
        let address = listener.local_addr().unwrap().to_string().parse().unwrap();
        let progress = Arc::new(Progress {
            ended: Semaphore::new(0),
            failed: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&progress);
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            for before in 0.. {
                let mut raw = Raw::over(listener.accept().await.unwrap().0);
                if raw.welcome().await
                    && raw.try_send(&greeting).await.is_ok()
                    && binds(&mut raw).await
                {
                    let (script, shared) = (tokio::spawn(script(raw, before)), Arc::clone(&shared));
                    connections.spawn(async move {
                        if script.await.is_err() {
                            shared.failed.fetch_add(1, Ordering::SeqCst);
                        }
                        shared.ended.add_permits(1);
                    });
                }
            }
        });
        Self {
            address,
            progress,
            serving,
        }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    pub(super) async fn desk(&self) -> DeskProxy {
        let uri = format!("far:desk@{}", self.address);
        soon(DeskProxy::connect(&uri)).await.unwrap()
    }

    /// Waits until the scripts of so many more connections are at their end.
    pub(super) async fn ended(&self, count: u32) {
        let permits = soon(self.progress.ended.acquire_many(count)).await;
        permits.unwrap().forget();
        assert_eq!(
            self.progress.failed.load(Ordering::SeqCst),
            0,
            "a script's check failed"
        );
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.serving.abort();
        if !std::thread::panicking() {
            assert_eq!(
                self.progress.failed.load(Ordering::SeqCst),
                0,
                "a script's check failed"
            );
        }
    }
}

/// Says yes to the first bind; false when none comes.
async fn binds(raw: &mut Raw) -> bool {
    match raw.says().await {
        Said::Bind(handle) => raw.try_send(&bound(handle)).await.is_ok(),
        _ => false,
    }
}

/// Says yes to everything, with the text `sound`, until the client closes.
pub(super) async fn serve_soundly(mut raw: Raw) {
    loop {
        let answer = match raw.says().await {
            Said::End => return,
            Said::Call(id, false) => reply(id, 0, b"\x05sound"),
            Said::Bind(handle) => bound(handle),
            Said::Ping => any(9, &[0; 8]),
            _ => continue,
        };
        let _ = raw.try_send(&answer).await;
    }
}
