//! What the tests share: a contract, an object of it behind a gate, a house that hosts it, and a wire to cut.

use std::fmt::Debug;
use std::future::Future;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use farcall::{Address, Builder, CallError, ConnectError, Daemon, Servant};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

/// A free port of this machine alone.
pub(crate) const LOOPBACK: &str = "127.0.0.1:0";

/// Longer than anything here takes: past it a test fails, with its line, rather than hang.
const SOON: Duration = Duration::from_secs(10);

/// Awaits what has to happen by itself; a test fails when it does not.
#[track_caller]
pub(crate) fn soon<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let place = Location::caller();
    async move {
        match tokio::time::timeout(SOON, future).await {
            Ok(output) => output,
            Err(_) => panic!("what {place} waits for did not happen within {SOON:?}"),
        }
    }
}

/// Where an object's methods wait until the test lets them go on.
///
/// Clones are the same gate.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<Posts>);

#[derive(Debug)]
struct Posts {
    runtime: Handle,
    arrived: Semaphore,
    open: Semaphore,
    abandoned: Semaphore,
}

impl Gate {
    /// A shut gate.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Posts {
            runtime: Handle::current(),
            arrived: Semaphore::new(0),
            open: Semaphore::new(0),
            abandoned: Semaphore::new(0),
        }))
    }

    /// The object's side: waits until it is let through.
    pub(crate) async fn pass(&self) {
        let mut passing = Passing {
            gate: self,
            through: false,
        };
        self.0.arrived.add_permits(1);
        if let Ok(permit) = self.0.open.acquire().await {
            permit.forget();
        }
        passing.through = true;
    }

    /// The same for methods that compute.
    pub(crate) fn pass_blocking(&self) {
        self.0.runtime.block_on(self.pass());
    }

    /// Waits until so many more have arrived.
    #[track_caller]
    pub(crate) fn arrived(&self, count: u32) -> impl Future<Output = ()> {
        soon(async move { self.0.arrived.acquire_many(count).await.unwrap().forget() })
    }

    /// How many have arrived that no `arrived` waited for.
    pub(crate) fn uncounted(&self) -> usize {
        self.0.arrived.available_permits()
    }

    /// Waits until so many more were dropped while they waited here.
    #[track_caller]
    pub(crate) fn abandoned(&self, count: u32) -> impl Future<Output = ()> {
        soon(async move { self.0.abandoned.acquire_many(count).await.unwrap().forget() })
    }

    /// Lets so many through.
    pub(crate) fn open(&self, count: usize) {
        self.0.open.add_permits(count);
    }

    /// Lets everybody through from now on.
    pub(crate) fn open_for_good(&self) {
        self.0.open.close();
    }
}

struct Passing<'a> {
    gate: &'a Gate,
    through: bool,
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        if !self.through {
            self.gate.0.abandoned.add_permits(1);
        }
    }
}

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

/// How a call ended, as `Rejected(Overloaded)`, and its text; a test fails when it brought a value.
#[track_caller]
pub(crate) fn ending<T: Debug>(result: Result<T, CallError>) -> (String, String) {
    let error = result.expect_err("a call that brings no value");
    let (outcome, reason) = match &error {
        CallError::Failed { reason, .. } => ("Failed", format!("{reason:?}")),
        CallError::Rejected { reason, .. } => ("Rejected", format!("{reason:?}")),
        CallError::NotSent { reason, .. } => ("NotSent", format!("{reason:?}")),
        CallError::Unknown { reason, .. } => ("Unknown", format!("{reason:?}")),
        _ => ("an outcome that the tests do not know", String::new()),
    };
    let kind = reason.split('(').next().unwrap_or_default();
    (format!("{outcome}({kind})"), error.to_string())
}

/// Sees that a call ended with this outcome, as `Rejected(Overloaded)`, with one line of text that holds all of `words`.
#[track_caller]
pub(crate) fn assert_ends<T: Debug>(result: Result<T, CallError>, outcome: &str, words: &[&str]) {
    let (ended, text) = ending(result);
    assert_eq!(ended, outcome, "{text}");
    assert_words(&text, words);
}

/// Sees that a proxy was not connected, with one line of text that holds all of `words`.
#[track_caller]
pub(crate) fn assert_unconnected<T: Debug>(result: Result<T, ConnectError>, words: &[&str]) {
    let error = result.expect_err("nothing to connect to");
    assert_words(&error.to_string(), words);
}

/// Sees that a text is one line and holds all of `words`.
#[track_caller]
pub(crate) fn assert_words(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no '{word}' in: {text}");
    }
    assert!(!text.contains('\n'), "more than one line: {text}");
}
