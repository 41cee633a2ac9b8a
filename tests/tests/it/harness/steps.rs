//! An object that writes down what it does, step by step.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use farcall::{Builder, Daemon};
use tokio::sync::Semaphore;

use super::{Gate, LOOPBACK, soon};

/// Methods of all kinds, each with the number that it is remembered by.
#[farcall::remote]
pub(crate) trait Steps {
    /// Gives the number back.
    fn compute(&self, step: u64) -> u64;
    /// Gives the number back as text, after others had their turn.
    async fn linger(&self, step: u64) -> String;
    /// Waits at the gate.
    async fn wait(&self, step: u64) -> u64;
    /// Waits at the gate, on the compute pool.
    fn grind(&self, step: u64) -> u64;
    /// Its own error.
    async fn fail(&self, step: u64) -> Result<u64, String>;
    /// The same, on the compute pool.
    fn fail_computing(&self, step: u64) -> Result<u64, String>;
    /// No error.
    async fn succeed(&self, step: u64) -> Result<u64, String>;
    /// Panics.
    async fn panic(&self, step: u64) -> u64;
    /// Turns them around.
    fn turn(&self, bytes: Bytes) -> Bytes;
    /// Tells nobody.
    #[oneway]
    async fn note(&self, step: u64);
    /// Tells nobody, on the compute pool.
    #[oneway]
    fn note_computing(&self, step: u64);
    /// Waits at the gate, and tells nobody.
    #[oneway]
    fn note_slowly(&self, step: u64);
    /// Panics, and tells nobody.
    #[oneway]
    async fn note_panic(&self, step: u64);
    /// Takes so many bytes, waits at the gate, and tells nobody.
    #[oneway]
    fn note_bytes(&self, bytes: Bytes);
}

/// The object behind [`Steps`]. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Stepper {
    pub(crate) gate: Gate,
    log: Arc<Mutex<Vec<u64>>>,
    logged: Arc<Semaphore>,
    /// How many steps are being made.
    going: Arc<AtomicUsize>,
    most_going: Arc<AtomicUsize>,
}

impl Stepper {
    fn new() -> Self {
        Self {
            gate: Gate::new(),
            log: Arc::default(),
            logged: Arc::new(Semaphore::new(0)),
            going: Arc::default(),
            most_going: Arc::default(),
        }
    }

    /// The steps that were begun, in their order.
    pub(crate) fn log(&self) -> Vec<u64> {
        self.log.lock().unwrap().clone()
    }

    /// The steps that were begun, once there are so many more of them.
    #[track_caller]
    pub(crate) fn logged(&self, count: u32) -> impl Future<Output = Vec<u64>> {
        soon(async move {
            self.logged.acquire_many(count).await.unwrap().forget();
            self.log()
        })
    }

    /// How many steps were made at a time, at most.
    pub(crate) fn most_going(&self) -> usize {
        self.most_going.load(Ordering::SeqCst)
    }

    fn begin(&self, step: u64) -> Going<'_> {
        let going = self.going.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_going.fetch_max(going, Ordering::SeqCst);
        self.log.lock().unwrap().push(step);
        self.logged.add_permits(1);
        Going(self)
    }
}

struct Going<'a>(&'a Stepper);

impl Drop for Going<'_> {
    fn drop(&mut self) {
        self.0.going.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Steps for Stepper {
    fn compute(&self, step: u64) -> u64 {
        let _going = self.begin(step);
        step
    }
    async fn linger(&self, step: u64) -> String {
        let _going = self.begin(step);
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        step.to_string()
    }
    async fn wait(&self, step: u64) -> u64 {
        let _going = self.begin(step);
        self.gate.pass().await;
        step
    }
    fn grind(&self, step: u64) -> u64 {
        let _going = self.begin(step);
        self.gate.pass_blocking();
        step
    }
    async fn fail(&self, step: u64) -> Result<u64, String> {
        let _going = self.begin(step);
        Err(format!("no {step}"))
    }
    fn fail_computing(&self, step: u64) -> Result<u64, String> {
        let _going = self.begin(step);
        Err(format!("no {step}"))
    }
    async fn succeed(&self, step: u64) -> Result<u64, String> {
        let _going = self.begin(step);
        Ok(step)
    }
    async fn panic(&self, step: u64) -> u64 {
        let _going = self.begin(step);
        panic!("step {step}");
    }
    fn turn(&self, bytes: Bytes) -> Bytes {
        bytes.iter().rev().copied().collect()
    }
    async fn note(&self, step: u64) {
        let _going = self.begin(step);
    }
    fn note_computing(&self, step: u64) {
        let _going = self.begin(step);
    }
    fn note_slowly(&self, step: u64) {
        self.grind(step);
    }
    async fn note_panic(&self, step: u64) {
        self.panic(step).await;
    }
    fn note_bytes(&self, bytes: Bytes) {
        self.grind(bytes.len() as u64);
    }
}

/// A daemon with a [`Stepper`] called `steps`, and a proxy for it. Its end lets the stepper's methods go.
#[derive(Debug)]
pub(crate) struct StepsHouse {
    pub(crate) daemon: Daemon,
    pub(crate) stepper: Stepper,
    pub(crate) steps: StepsProxy,
    pub(crate) uri: String,
}

impl StepsHouse {
    pub(crate) async fn new() -> Self {
        Self::with(Daemon::builder()).await
    }

    pub(crate) async fn with(builder: Builder) -> Self {
        let daemon = builder.bind(LOOPBACK).await.unwrap();
        let stepper = Stepper::new();
        let uri = daemon.register("steps", stepper.clone().serve()).unwrap();
        let uri = uri.to_string();
        Self {
            steps: soon(StepsProxy::connect(&uri)).await.unwrap(),
            daemon,
            stepper,
            uri,
        }
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.stepper.gate
    }

    /// Sees that the connection behind the proxy still works.
    pub(crate) async fn works(&self) {
        assert_eq!(soon(self.steps.linger(7)).await, Ok("7".into()));
    }
}

/// Compute threads must not wait at a gate for ever when a test ends.
impl Drop for StepsHouse {
    fn drop(&mut self) {
        self.stepper.gate.open_for_good();
    }
}
