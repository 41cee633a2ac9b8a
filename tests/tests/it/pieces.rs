//! Large messages, which travel in pieces, between a client and a daemon.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use farcall::{Connections, Daemon, Limits, Proxy, Remote, Streaming};
use futures_util::stream;
use tokio::task::JoinSet;

use crate::harness::{DeskProxy, House, LOOPBACK, Wire, begun, soon};
use crate::two_way::{CounterProxy, Town};

pub(crate) fn content(seed: u64, bytes: usize) -> Bytes {
    let mut content = vec![0; bytes];
    fastrand::Rng::with_seed(seed).fill(&mut content);
    content.into()
}

/// A proxy over a connection of its own, with other limits.
async fn desk_with(house: &House, limits: Limits) -> DeskProxy {
    let connections = Connections::with_limits(limits);
    let remote = Remote::connect_with(&connections, &house.uri, DeskProxy::<Remote>::descriptor());
    DeskProxy::over(soon(remote).await.unwrap())
}

#[tokio::test]
async fn messages_of_all_sizes_come_back_as_they_were_sent_many_at_once() {
    let house = House::new().await;
    let mut calls = JoinSet::new();
    // All around where pieces begin and end, and some others.
    let edges = [64 << 10, 256 << 10].into_iter();
    let edges = edges.flat_map(|edge| (edge - 30)..(edge + 2));
    for (seed, bytes) in (0..).zip(edges.chain([16 << 10, 1 << 20, 3 << 20, 9 << 20])) {
        let desk = house.desk.clone();
        calls.spawn(async move {
            let blob = content(seed, bytes);
            let back = desk.blob(blob.clone()).await;
            assert!(
                back.as_ref() == Ok(&blob),
                "{bytes} bytes: {:?}",
                back.err()
            );
            // Not as a blob: copied into the message.
            let text = "é".repeat(bytes / 2);
            let back = desk.echo(text.clone()).await;
            assert!(
                back.as_ref() == Ok(&text),
                "{bytes} bytes: {:?}",
                back.err()
            );
        });
    }
    soon(async { while calls.join_next().await.is_some_and(|ended| ended.is_ok()) {} }).await;
    assert!(calls.is_empty(), "one failed");
    house.works().await;
}

#[tokio::test]
async fn the_longest_message_comes_back_and_a_longer_one_is_not_sent() {
    let limits = Limits {
        max_message_bytes: 2 << 20,
        ..Limits::default()
    };
    let house = House::with(Daemon::builder().limits(limits)).await;
    // The header of the call, and the blob's own length.
    let longest = (2 << 20) - 16 - 3;
    let mut calls = JoinSet::new();
    for seed in 0..6 {
        let desk = house.desk.clone();
        calls.spawn(async move { desk.blob(content(seed, longest)).await.map(|b| b.len()) });
    }
    let back = soon(calls.join_all()).await;
    assert!(back.iter().all(|back| *back == Ok(longest)), "{back:?}");
    let refused = soon(house.desk.blob(content(0, longest + 1))).await;
    assert!(refused.unwrap_err().to_string().contains("2097136 bytes"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_may_have_more_for_each_other_than_may_wait() {
    let limits = || Limits {
        max_unsent_bytes: 300 << 10,
        ..Limits::default()
    };
    let house = House::with(Daemon::builder().limits(limits())).await;
    let desk = desk_with(&house, limits()).await;
    let mut calls = JoinSet::new();
    for seed in 0..60 {
        let desk = desk.clone();
        calls.spawn(async move {
            let blob = content(seed, 100_000 * (seed as usize % 12 + 1));
            let back = desk.blob(blob.clone()).await;
            assert!(back.as_ref() == Ok(&blob), "{:?}", back.err());
            assert_eq!(desk.echo("small".into()).await.as_deref(), Ok("small"));
        });
    }
    soon(async { while calls.join_next().await.is_some_and(|ended| ended.is_ok()) {} }).await;
    assert!(calls.is_empty(), "one failed");
}

#[tokio::test]
async fn large_calls_survive_cuts_of_their_connection_or_end_as_unknown() {
    let house = House::new().await;
    let wire = Wire::to(house.daemon.address()).await;
    let desk = soon(DeskProxy::connect(&wire.uri("desk"))).await.unwrap();
    for round in 0..20 {
        let blob = content(round, 4 << 20);
        let large = begun(desk.blob(blob.clone())).await;
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        wire.cut().await;
        match soon(large).await {
            Ok(back) => assert!(back == blob),
            Err(error) => assert!(error.to_string().contains("the peer closed"), "{error}"),
        }
        let text = format!("round {round}");
        while soon(desk.echo(text.clone())).await.is_err() {}
    }
    house.works().await;
}

/// Takes and gives large things in all ways that there are.
#[farcall::remote]
pub(crate) trait Depot {
    /// The sizes of the parts, in their order, when each is filled with its number.
    async fn store(&self, label: String, parts: Streaming<Bytes>) -> Vec<usize>;
    /// The parts of these sizes, and as much of a label.
    async fn fetch(&self, label: usize, sizes: Vec<usize>) -> (String, Streaming<Bytes>);
    async fn count(&self, label: String, counter: CounterProxy) -> u64;
    async fn pass(&self, desk: DepotProxy) -> DepotProxy;
    async fn blob(&self, bytes: Bytes) -> Bytes;
    #[oneway]
    async fn note(&self, line: String);
    async fn noted(&self) -> Vec<usize>;
}

#[derive(Clone, Debug, Default)]
struct Store {
    noted: Arc<Mutex<Vec<usize>>>,
    passed: Arc<Mutex<Option<DepotProxy>>>,
}

pub(crate) fn parts(sizes: Vec<usize>) -> Streaming<Bytes> {
    let parts = (0_u8..).zip(sizes);
    let parts = parts.map(|(number, size)| Bytes::from(vec![number; size]));
    Streaming::new(stream::iter(parts.collect::<Vec<_>>()))
}

/// The sizes of all parts, of which each must be filled with its number.
async fn sizes_of(mut parts: Streaming<Bytes>) -> Vec<usize> {
    let mut sizes = Vec::new();
    while let Some(part) = parts.next().await {
        let part = part.unwrap();
        assert!(part.iter().all(|byte| *byte == sizes.len() as u8));
        sizes.push(part.len());
    }
    sizes
}

impl Depot for Store {
    async fn store(&self, _: String, parts: Streaming<Bytes>) -> Vec<usize> {
        sizes_of(parts).await
    }
    async fn fetch(&self, label: usize, sizes: Vec<usize>) -> (String, Streaming<Bytes>) {
        ("x".repeat(label), parts(sizes))
    }
    async fn count(&self, _: String, counter: CounterProxy) -> u64 {
        counter.next().await.unwrap()
    }
    async fn pass(&self, desk: DepotProxy) -> DepotProxy {
        self.passed.lock().unwrap().replace(desk).unwrap()
    }
    async fn blob(&self, bytes: Bytes) -> Bytes {
        bytes
    }
    async fn note(&self, line: String) {
        self.noted.lock().unwrap().push(line.len());
    }
    async fn noted(&self) -> Vec<usize> {
        self.noted.lock().unwrap().clone()
    }
}

/// Sizes around those at which pieces begin.
const SIZES: [usize; 9] = [
    3,
    2 << 20,
    0,
    300_000,
    (256 << 10) - 14,
    (256 << 10) - 13,
    (64 << 10) + 1,
    1 << 20,
    7,
];

struct Depots {
    _daemon: Daemon,
    depot: DepotProxy,
    uri: String,
}

impl Depots {
    async fn new() -> Self {
        let daemon = Daemon::bind(LOOPBACK).await.unwrap();
        let store = Store::default();
        *store.passed.lock().unwrap() = Some(DepotProxy::local(Store::default()));
        let uri = daemon.register("depot", store.serve()).unwrap().to_string();
        let depot = soon(DepotProxy::connect(&uri)).await.unwrap();
        Self {
            _daemon: daemon,
            depot,
            uri,
        }
    }
}

#[tokio::test]
async fn streams_and_their_items_come_in_order_behind_the_large_messages_that_name_them() {
    let house = Depots::new().await;
    let mut calls = JoinSet::new();
    for label in [0, 300_000, 3 << 20] {
        let (one, other) = (house.depot.clone(), house.depot.clone());
        calls.spawn(async move {
            let stored = one.store("x".repeat(label), parts(SIZES.into())).await;
            assert_eq!(stored.as_deref(), Ok(&SIZES[..]));
        });
        calls.spawn(async move {
            let (text, parts) = other.fetch(label, SIZES.into()).await.unwrap();
            assert_eq!(text.len(), label);
            assert_eq!(sizes_of(parts).await, SIZES);
        });
    }
    soon(async { while calls.join_next().await.is_some_and(|ended| ended.is_ok()) {} }).await;
    assert!(calls.is_empty(), "one failed");
}

#[tokio::test]
async fn an_object_that_a_large_call_refers_to_is_there_when_it_arrives() {
    let house = Depots::new().await;
    let town = Town::new().await;
    // One of this side's, and one of a third peer's, which is kept by nobody else.
    let shared = town.hub.shared_counter().await.unwrap();
    for counter in [shared, town.hub.counter().await.unwrap()] {
        let call = house.depot.count("x".repeat(2 << 20), counter);
        assert_eq!(soon(call).await, Ok(0));
    }
}

#[tokio::test]
async fn large_calls_pass_through_to_an_object_of_another_connection() {
    let house = Depots::new().await;
    let far = Depots::new().await;
    // The depot keeps the proxy of the far one, and gives it out as an object of its own.
    let local = soon(house.depot.pass(far.depot.clone())).await.unwrap();
    drop(local);
    let passed = soon(house.depot.pass(far.depot.clone())).await.unwrap();
    let blob = content(9, 3 << 20);
    assert!(soon(passed.blob(blob.clone())).await == Ok(blob));
    let stored = passed.store("x".repeat(1 << 20), parts(SIZES.into()));
    assert_eq!(soon(stored).await.as_deref(), Ok(&SIZES[..]));
}

#[tokio::test]
async fn large_batches_run_in_their_order_and_their_calls_are_answered() {
    let house = Depots::new().await;
    let mut batch = house.depot.batch();
    let (mut calls, mut notes) = (Vec::new(), Vec::new());
    for (number, size) in (0..).zip(SIZES) {
        calls.push((size, batch.add(|depot| depot.blob(content(number, size)))));
        let note = "x".repeat(size);
        notes.push(batch.add(|depot| depot.note(note)));
    }
    let noted = batch.add(|depot| depot.noted());
    soon(batch.send()).await.unwrap();
    for (number, (size, call)) in (0..).zip(calls) {
        assert!(soon(call).await == Ok(content(number, size)), "{size}");
    }
    assert_eq!(soon(noted).await.as_deref(), Ok(&SIZES[..]));
    for note in notes {
        assert_eq!(soon(note).await, Ok(()));
    }
}

#[tokio::test]
async fn one_way_calls_and_what_is_called_behind_them_keep_their_order() {
    let house = Depots::new().await;
    for size in SIZES {
        soon(house.depot.note("x".repeat(size))).await.unwrap();
    }
    let noted = soon(house.depot.noted()).await;
    assert_eq!(noted.as_deref(), Ok(&SIZES[..]));
    drop(house.uri);
}

/// A blob that holds a reference: dropped, it says so over the connection.
struct Owner {
    data: Vec<u8>,
    _counter: CounterProxy,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blob_may_hold_what_is_given_back_over_its_own_connection() {
    let town = Town::new().await;
    for size in [20_000, 100_000, 1 << 20] {
        for round in 0..20 {
            let counter = soon(town.hub.counter()).await.unwrap();
            soon(counter.next()).await.unwrap();
            let blob = Bytes::from_owner(Owner {
                data: vec![7; size],
                _counter: counter,
            });
            let call = town.hub.store(Streaming::new(stream::iter(0..9)), blob);
            if round % 2 == 0 {
                assert_eq!(soon(call).await, Ok(size));
            } else {
                drop(begun(call).await);
            }
            soon(town.centre.gone.arrived(1)).await;
        }
    }
    assert_eq!(town.centre.alive(), 0);
}
