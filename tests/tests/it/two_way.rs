//! What goes both ways over a connection: references, callbacks, streams.

mod batches;
mod dynamic;
mod references;
mod streams;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use farcall::{Daemon, Limits, Streaming};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

use crate::harness::{Gate, LOOPBACK, soon};

/// Somebody who is told things.
#[farcall::remote]
pub(crate) trait Listener {
    async fn hear(&self, line: String) -> usize;
    fn add(&self, number: u64) -> u64;
    async fn fail(&self);
    /// Asks the hub for something while the hub waits for this.
    async fn ask(&self, hub: HubProxy, depth: u32) -> u32;
}

/// Counts, and says when it is gone.
#[farcall::remote]
pub(crate) trait Counter {
    fn next(&self) -> u64;
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Pack {
    pub(crate) label: String,
    pub(crate) counters: Vec<Option<CounterProxy>>,
}

#[farcall::remote]
pub(crate) trait Hub {
    async fn join(&self, who: ListenerProxy);
    async fn leave(&self, who: ListenerProxy) -> bool;
    async fn tell(&self, line: String) -> usize;
    async fn call_back(&self, who: ListenerProxy, number: u64) -> Result<u64, String>;
    async fn bounce(&self, who: ListenerProxy) -> ListenerProxy;
    async fn descend(&self, who: ListenerProxy, depth: u32) -> u32;
    fn counter(&self) -> CounterProxy;
    async fn counters(&self, many: u32) -> Vec<CounterProxy>;
    fn shared_counter(&self) -> CounterProxy;
    fn pack(&self, label: String) -> Pack;
    fn unpack(&self, pack: Pack) -> Result<Pack, String>;

    fn count_to(&self, end: u64) -> impl Stream<Item = u64>;
    fn squares(&self, end: u64) -> impl Iterator<Item = u64>;
    /// Exists from the call on, whether or not an item is asked for.
    async fn guarded(&self) -> Streaming<u64>;
    fn breaks(&self, after: u64) -> Streaming<u64>;
    fn panics(&self, after: u64) -> impl Iterator<Item = u64>;
    async fn open(&self, found: bool) -> Result<(u64, Streaming<Bytes>), String>;
    async fn sum(&self, numbers: Streaming<u64>) -> Result<u64, String>;
    async fn first_of(&self, numbers: Streaming<u64>) -> Option<u64>;
    fn twice(&self, numbers: Streaming<u64>) -> impl Stream<Item = u64>;
    async fn each_counter(&self, many: u64) -> Streaming<CounterProxy>;
    fn echo(&self, text: String) -> String;
    /// Waits for ever and takes nothing.
    async fn hold(&self, numbers: Streaming<u64>);
    async fn store(&self, numbers: Streaming<u64>, bytes: Bytes) -> usize;
    /// Every item but the first waits at the gate, on a thread.
    fn slow(&self) -> impl Iterator<Item = u64>;
}

/// A counter that counts how many of its kind there are.
#[derive(Debug)]
pub(crate) struct Count {
    next: AtomicU64,
    alive: Arc<AtomicUsize>,
    gone: Arc<Gate>,
}

impl Count {
    fn new(alive: &Arc<AtomicUsize>, gone: &Arc<Gate>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self {
            next: AtomicU64::new(0),
            alive: Arc::clone(alive),
            gone: Arc::clone(gone),
        }
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
        self.gone.arrive();
    }
}

impl Counter for Count {
    fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }
}

/// The hub of the tests.
#[derive(Clone, Debug)]
pub(crate) struct Centre {
    pub(crate) listeners: Arc<Mutex<Vec<ListenerProxy>>>,
    pub(crate) alive: Arc<AtomicUsize>,
    pub(crate) gone: Arc<Gate>,
    shared: CounterProxy,
    /// Of the stream behind the gate.
    pub(crate) produced: Arc<AtomicU64>,
    pub(crate) slow: Gate,
}

impl Centre {
    pub(crate) fn new() -> Self {
        let (alive, gone) = (Arc::default(), Arc::new(Gate::new()));
        let shared = CounterProxy::local(Count::new(&Arc::default(), &Arc::new(Gate::new())));
        Self {
            listeners: Arc::default(),
            alive,
            gone,
            shared,
            produced: Arc::default(),
            slow: Gate::new(),
        }
    }

    fn count(&self) -> CounterProxy {
        CounterProxy::local(Count::new(&self.alive, &self.gone))
    }

    pub(crate) fn alive(&self) -> usize {
        self.alive.load(Ordering::SeqCst)
    }

    fn all(&self) -> Vec<ListenerProxy> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Counts its items, and says that it was dropped.
struct Produced {
    of: Centre,
    next: u64,
}

impl Iterator for Produced {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.next += 1;
        self.of.produced.fetch_add(1, Ordering::SeqCst);
        Some(self.next)
    }
}

impl Drop for Produced {
    fn drop(&mut self) {
        self.of.gone.arrive();
    }
}

impl Hub for Centre {
    async fn join(&self, who: ListenerProxy) {
        self.listeners.lock().unwrap().push(who);
    }

    async fn leave(&self, who: ListenerProxy) -> bool {
        let mut listeners = self.listeners.lock().unwrap();
        let before = listeners.len();
        listeners.retain(|known| *known != who);
        listeners.len() < before
    }

    async fn tell(&self, line: String) -> usize {
        let mut heard = 0;
        for listener in self.all() {
            heard += listener.hear(line.clone()).await.unwrap_or(0);
        }
        heard
    }

    async fn call_back(&self, who: ListenerProxy, number: u64) -> Result<u64, String> {
        if number == 0 {
            who.fail().await.map_err(|e| e.to_string())?;
        }
        who.add(number).await.map_err(|e| e.to_string())
    }

    async fn bounce(&self, who: ListenerProxy) -> ListenerProxy {
        who
    }

    async fn descend(&self, who: ListenerProxy, depth: u32) -> u32 {
        if depth == 0 {
            return 0;
        }
        let me = HubProxy::local(self.clone());
        who.ask(me, depth).await.unwrap()
    }

    fn counter(&self) -> CounterProxy {
        self.count()
    }

    async fn counters(&self, many: u32) -> Vec<CounterProxy> {
        (0..many).map(|_| self.count()).collect()
    }

    fn shared_counter(&self) -> CounterProxy {
        self.shared.clone()
    }

    fn pack(&self, label: String) -> Pack {
        Pack {
            label,
            counters: vec![Some(self.count()), None, Some(self.shared.clone())],
        }
    }

    fn unpack(&self, pack: Pack) -> Result<Pack, String> {
        match pack.counters.last() {
            Some(Some(last)) if *last == self.shared => Ok(pack),
            _ => Err("that is not mine".into()),
        }
    }

    fn count_to(&self, end: u64) -> impl Stream<Item = u64> {
        stream::iter(1..=end)
    }

    fn squares(&self, end: u64) -> impl Iterator<Item = u64> {
        // Borrows from the object.
        let shared = &self.produced;
        (1..=end).map(move |n| {
            shared.fetch_add(1, Ordering::SeqCst);
            n * n
        })
    }

    async fn guarded(&self) -> Streaming<u64> {
        let produced = Produced {
            of: self.clone(),
            next: 0,
        };
        Streaming::new(stream::iter(produced))
    }

    fn breaks(&self, after: u64) -> Streaming<u64> {
        let items = (1..=after).map(Ok).chain([Err("stream broke")]);
        Streaming::fallible(stream::iter(items))
    }

    fn panics(&self, after: u64) -> impl Iterator<Item = u64> {
        (1..).inspect(move |n| assert!(*n <= after, "no further than {after}"))
    }

    async fn open(&self, found: bool) -> Result<(u64, Streaming<Bytes>), String> {
        if !found {
            return Err("no such file".into());
        }
        let parts = (0..40_u8).map(|n| Bytes::from(vec![n; 100_000]));
        Ok((4_000_000, Streaming::new(stream::iter(parts))))
    }

    async fn sum(&self, numbers: Streaming<u64>) -> Result<u64, String> {
        let added = numbers.try_fold(0, |sum, n| async move { Ok(sum + n) });
        added.await.map_err(|e| e.to_string())
    }

    async fn first_of(&self, mut numbers: Streaming<u64>) -> Option<u64> {
        numbers.next().await?.ok()
    }

    fn twice(&self, numbers: Streaming<u64>) -> impl Stream<Item = u64> {
        numbers.filter_map(|n| async move { Some(2 * n.ok()?) })
    }

    async fn each_counter(&self, many: u64) -> Streaming<CounterProxy> {
        let centre = self.clone();
        Streaming::new(stream::iter(0..many).map(move |_| centre.count()))
    }

    fn echo(&self, text: String) -> String {
        text
    }

    async fn hold(&self, numbers: Streaming<u64>) {
        let _numbers = numbers;
        std::future::pending().await
    }

    async fn store(&self, _: Streaming<u64>, bytes: Bytes) -> usize {
        bytes.len()
    }

    fn slow(&self) -> impl Iterator<Item = u64> {
        let gate = self.slow.clone();
        (0..).inspect(move |n| {
            if *n > 0 {
                gate.pass_blocking();
            }
        })
    }
}

/// A daemon with a hub called `hub`, and a proxy for it.
#[derive(Debug)]
pub(crate) struct Town {
    pub(crate) daemon: Daemon,
    pub(crate) centre: Centre,
    pub(crate) hub: HubProxy,
    pub(crate) uri: String,
}

impl Town {
    pub(crate) async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        let daemon = Daemon::builder().limits(limits).bind(LOOPBACK);
        let daemon = daemon.await.unwrap();
        let centre = Centre::new();
        let uri = daemon.register("hub", centre.clone().serve()).unwrap();
        let uri = uri.to_string();
        let hub = soon(HubProxy::connect(&uri)).await.unwrap();
        Self {
            daemon,
            centre,
            hub,
            uri,
        }
    }

    /// Sees that the connection and the daemon work.
    pub(crate) async fn works(&self) {
        let back = soon(self.hub.echo("still here".into())).await;
        assert_eq!(back.unwrap(), "still here");
    }
}

/// A listener that remembers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ear {
    pub(crate) heard: Arc<Mutex<Vec<String>>>,
}

impl Listener for Ear {
    async fn hear(&self, line: String) -> usize {
        let mut heard = self.heard.lock().unwrap();
        heard.push(line);
        heard.len()
    }

    fn add(&self, number: u64) -> u64 {
        number + 1
    }

    async fn fail(&self) {
        panic!("not today");
    }

    async fn ask(&self, hub: HubProxy, depth: u32) -> u32 {
        let me = ListenerProxy::local(self.clone());
        hub.descend(me, depth - 1).await.unwrap() + 1
    }
}
