//! An object for fleets: methods that compute, each of which writes down what it was called with.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use farcall::{Builder, Daemon, Fleet};
use tokio::sync::Semaphore;

use super::{Gate, LOOPBACK, soon};

/// More than a method takes that is cheap.
const DEAR: Duration = Duration::from_micros(100);

/// What fleets call.
#[farcall::remote]
pub(crate) trait Mill {
    /// Squares one number.
    #[idempotent]
    fn square(&self, number: u64) -> u64;
    /// So many bytes; panics at 13.
    fn bytes(&self, count: u64) -> Bytes;
    /// How many bytes it got.
    #[idempotent]
    fn length(&self, bytes: Bytes) -> u64;
    /// Puts two texts together.
    #[idempotent]
    fn join(&self, left: String, right: String) -> String;
    /// Waits at the gate and gives back what it got; panics at the largest number.
    #[idempotent]
    fn grind(&self, number: u64) -> u64;
    /// The same, not to be repeated.
    fn grind_once(&self, number: u64) -> u64;
    /// Waits at the gate and gives back what it got.
    #[idempotent]
    async fn pause(&self, number: u64) -> u64;
    /// Writes a number down, waits at the other gate, and is not to be repeated.
    async fn record(&self, number: u64) -> u64;
    /// Panics where the mill is broken.
    fn risk(&self, number: u64) -> u64;
    /// Ends the process when it gets its poison.
    #[idempotent]
    fn eat(&self, number: u64, poison: u64) -> u64;
}

/// The object behind [`Mill`]. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Miller {
    /// Where `grind` and `pause` wait.
    pub(crate) gate: Gate,
    /// Where `record` waits.
    pub(crate) desk: Gate,
    broken: bool,
    log: Arc<Mutex<Vec<u64>>>,
    logged: Arc<Semaphore>,
    recorded: Arc<Mutex<Vec<u64>>>,
}

impl Miller {
    /// Its gates are shut.
    pub(crate) fn new() -> Self {
        Self {
            gate: Gate::new(),
            desk: Gate::new(),
            broken: false,
            log: Arc::default(),
            logged: Arc::new(Semaphore::new(0)),
            recorded: Arc::default(),
        }
    }

    pub(crate) fn open_for_good(&self) {
        self.gate.open_for_good();
        self.desk.open_for_good();
    }

    /// What all calls but those of `record` came with, in the order they started.
    pub(crate) fn log(&self) -> Vec<u64> {
        self.log.lock().unwrap().clone()
    }

    /// What `record` came with.
    pub(crate) fn recorded(&self) -> Vec<u64> {
        self.recorded.lock().unwrap().clone()
    }

    /// Waits until so many more calls have started.
    #[track_caller]
    pub(crate) fn started(&self, count: u32) -> impl Future<Output = ()> {
        soon(async move { self.logged.acquire_many(count).await.unwrap().forget() })
    }

    fn note(&self, number: u64) {
        self.log.lock().unwrap().push(number);
        self.logged.add_permits(1);
    }
}

impl Mill for Miller {
    fn square(&self, number: u64) -> u64 {
        self.note(number);
        number * number
    }
    fn bytes(&self, count: u64) -> Bytes {
        self.note(count);
        assert!(count != 13, "thirteen");
        vec![7; count as usize].into()
    }
    fn length(&self, bytes: Bytes) -> u64 {
        self.note(bytes.len() as u64);
        bytes.len() as u64
    }
    fn join(&self, left: String, right: String) -> String {
        self.note(0);
        left + &right
    }
    fn grind(&self, number: u64) -> u64 {
        self.note(number);
        // Too dear to run where I/O is done, which must not wait at a gate.
        let began = Instant::now();
        while began.elapsed() < DEAR {
            std::hint::spin_loop();
        }
        self.gate.pass_blocking();
        assert_ne!(number, u64::MAX, "that is too hard");
        number
    }
    fn grind_once(&self, number: u64) -> u64 {
        self.grind(number)
    }
    async fn pause(&self, number: u64) -> u64 {
        self.note(number);
        self.gate.pass().await;
        number
    }
    async fn record(&self, number: u64) -> u64 {
        self.recorded.lock().unwrap().push(number);
        self.desk.pass().await;
        number
    }
    fn risk(&self, number: u64) -> u64 {
        self.note(number);
        assert!(!self.broken, "it is broken");
        number
    }
    fn eat(&self, number: u64, poison: u64) -> u64 {
        if number == poison {
            std::process::abort();
        }
        number
    }
}

/// A daemon in this process that hosts a [`Miller`] called `mill`. Its end lets the miller's methods go.
#[derive(Debug)]
pub(crate) struct MillHouse {
    pub(crate) daemon: Daemon,
    pub(crate) miller: Miller,
    /// `far:mill@127.0.0.1:…`
    pub(crate) uri: String,
}

impl MillHouse {
    /// Its gates are shut.
    pub(crate) async fn new() -> Self {
        Self::with(Daemon::builder()).await
    }

    pub(crate) async fn with(builder: Builder) -> Self {
        Self::of(builder, Miller::new()).await
    }

    /// Its gates are open.
    pub(crate) async fn ready() -> Self {
        let house = Self::new().await;
        house.miller.open_for_good();
        house
    }

    /// Its gates are open, and `risk` panics.
    pub(crate) async fn broken() -> Self {
        let miller = Miller {
            broken: true,
            ..Miller::new()
        };
        miller.open_for_good();
        Self::of(Daemon::builder(), miller).await
    }

    async fn of(builder: Builder, miller: Miller) -> Self {
        let daemon = builder.bind(LOOPBACK).await.unwrap();
        let uri = daemon.register("mill", miller.clone().serve()).unwrap();
        Self {
            daemon,
            miller,
            uri: uri.to_string(),
        }
    }
}

/// Compute threads must not wait at a gate for ever when a test ends.
impl Drop for MillHouse {
    fn drop(&mut self) {
        self.miller.open_for_good();
    }
}

/// A fleet of these, in their order.
pub(crate) fn mills<'a>(houses: impl IntoIterator<Item = &'a MillHouse>) -> Fleet<MillProxy> {
    Fleet::of(houses.into_iter().map(|house| &house.uri)).unwrap()
}
