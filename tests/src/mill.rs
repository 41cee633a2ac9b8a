//! What workers of the tests' pools do, on both sides.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

/// What a worker of a test's pool can do.
#[farcall::remote]
pub trait Mill {
    /// The number of its process.
    #[idempotent]
    async fn pid(&self) -> u32;
    /// Squares one number.
    #[idempotent]
    fn square(&self, number: i64) -> i64;
    /// The number of its process, and how often this was called there.
    async fn count(&self) -> (u32, u64);
    /// Waits until the worker is opened; the number of its process.
    async fn hold(&self) -> u32;
    /// The same, safe to repeat.
    #[idempotent]
    async fn hold_safely(&self) -> u32;
    /// How many calls of these two have begun.
    #[idempotent]
    async fn held(&self) -> u64;
    /// Lets those that hold go on, and all that come.
    #[idempotent]
    async fn open(&self);
    /// What is in this file, as soon as a pipe's writer has closed it.
    async fn read(&self, file: String) -> String;
    /// Ends the process.
    async fn exit(&self, code: i32);
}

/// A [`Mill`].
#[derive(Clone, Debug)]
pub struct Stone {
    counted: Arc<AtomicU64>,
    held: Arc<AtomicU64>,
    gate: Arc<Semaphore>,
}

impl Stone {
    /// One at which calls hold.
    pub fn new() -> Self {
        Self {
            counted: Arc::default(),
            held: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }
}

impl Default for Stone {
    fn default() -> Self {
        Self::new()
    }
}

impl Mill for Stone {
    async fn pid(&self) -> u32 {
        std::process::id()
    }
    fn square(&self, number: i64) -> i64 {
        number * number
    }
    async fn count(&self) -> (u32, u64) {
        let before = self.counted.fetch_add(1, Ordering::SeqCst);
        (std::process::id(), before + 1)
    }
    async fn hold(&self) -> u32 {
        self.held.fetch_add(1, Ordering::SeqCst);
        // A closed gate lets everybody through.
        let _ = self.gate.acquire().await;
        std::process::id()
    }
    async fn hold_safely(&self) -> u32 {
        self.hold().await
    }
    async fn held(&self) -> u64 {
        self.held.load(Ordering::SeqCst)
    }
    async fn open(&self) {
        self.gate.close();
    }
    async fn read(&self, file: String) -> String {
        tokio::fs::read_to_string(file).await.unwrap_or_default()
    }
    async fn exit(&self, code: i32) {
        std::process::exit(code)
    }
}
