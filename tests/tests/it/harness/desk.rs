//! The contract that most tests use, and its object.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{Gate, soon};

/// What most tests call.
#[farcall::remote]
pub(crate) trait Desk {
    /// Squares one number, on the compute pool.
    #[idempotent]
    fn square(&self, number: i64) -> i64;
    /// Gives back what it got.
    async fn echo(&self, text: String) -> String;
    /// Gives back what it got.
    async fn blob(&self, bytes: Bytes) -> Bytes;
    /// Counts a run, waits at the gate, gives back what it got.
    async fn wait(&self, number: u64) -> u64;
    /// The same, safe to repeat.
    #[idempotent]
    async fn wait_safely(&self, number: u64) -> u64;
    /// The same, on the compute pool.
    fn grind(&self, number: u64) -> u64;
    /// Counts a run.
    async fn count(&self) -> u64;
    /// Its own error.
    async fn fail(&self, text: String) -> Result<u64, String>;
    /// Panics while it runs on the I/O runtime.
    async fn panic(&self, text: String);
    /// Panics after it waited at the gate.
    async fn panic_later(&self, text: String);
    /// Panics on the compute pool.
    fn panic_computing(&self, text: String);
    /// Keeps a line, and tells nobody.
    #[oneway]
    async fn note(&self, line: String);
}

/// The object behind [`Desk`]. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Clerk {
    /// Where `wait`, `grind` and their like stop.
    pub(crate) gate: Gate,
    runs: Arc<AtomicUsize>,
    lines: Arc<Mutex<Vec<String>>>,
    noted: Arc<Semaphore>,
}

impl Clerk {
    pub(crate) fn new() -> Self {
        Self {
            gate: Gate::new(),
            runs: Arc::default(),
            lines: Arc::default(),
            noted: Arc::new(Semaphore::new(0)),
        }
    }

    /// How often a method that counts has started.
    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    /// The lines kept so far, once there are `count` more of them.
    #[track_caller]
    pub(crate) fn noted(&self, count: u32) -> impl Future<Output = Vec<String>> {
        soon(async move {
            self.noted.acquire_many(count).await.unwrap().forget();
            self.lines.lock().unwrap().clone()
        })
    }

    fn run(&self) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst) as u64 + 1
    }
}

impl Desk for Clerk {
    fn square(&self, number: i64) -> i64 {
        number * number
    }
    async fn echo(&self, text: String) -> String {
        text
    }
    async fn blob(&self, bytes: Bytes) -> Bytes {
        bytes
    }
    async fn wait(&self, number: u64) -> u64 {
        self.run();
        self.gate.pass().await;
        number
    }
    async fn wait_safely(&self, number: u64) -> u64 {
        self.wait(number).await
    }
    fn grind(&self, number: u64) -> u64 {
        self.run();
        self.gate.pass_blocking();
        number
    }
    async fn count(&self) -> u64 {
        self.run()
    }
    async fn fail(&self, text: String) -> Result<u64, String> {
        Err(text)
    }
    async fn panic(&self, text: String) {
        panic!("{text}");
    }
    async fn panic_later(&self, text: String) {
        self.gate.pass().await;
        panic!("{text}");
    }
    fn panic_computing(&self, text: String) {
        panic!("{text}");
    }
    async fn note(&self, line: String) {
        self.lines.lock().unwrap().push(line);
        self.noted.add_permits(1);
    }
}
