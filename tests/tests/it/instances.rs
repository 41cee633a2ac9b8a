//! Instance modes: one object for all, one for each session, one for each call.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use farcall::{Context, Fleet, Servant};
use tokio::sync::Semaphore;

use crate::harness::{Clerk, Desk as _, Gate, House, Wire, assert_ends, begun, soon};

/// Counts the calls of an instance.
#[farcall::remote]
pub(crate) trait Counter {
    #[idempotent]
    async fn next(&self) -> usize;
    /// The same, on the compute pool.
    #[idempotent]
    fn next_computed(&self) -> usize;
    async fn wait(&self) -> usize;
    fn grind(&self) -> usize;
    async fn panic(&self);
}

/// What the instances have in common.
#[derive(Clone, Debug)]
struct Plant {
    gate: Gate,
    made: Arc<AtomicUsize>,
    living: Arc<AtomicUsize>,
    gone: Arc<Semaphore>,
}

struct Instance {
    plant: Plant,
    calls: AtomicUsize,
}

impl Plant {
    fn new() -> Self {
        Self {
            gate: Gate::new(),
            made: Arc::default(),
            living: Arc::default(),
            gone: Arc::new(Semaphore::new(0)),
        }
    }

    fn make(&self) -> Instance {
        self.made.fetch_add(1, Ordering::SeqCst);
        self.living.fetch_add(1, Ordering::SeqCst);
        Instance {
            plant: self.clone(),
            calls: AtomicUsize::new(0),
        }
    }

    fn factory(&self) -> impl Fn() -> Servant + Send + Sync + 'static {
        let plant = self.clone();
        move || plant.make().serve()
    }

    /// How many were made, and how many there are.
    fn count(&self) -> (usize, usize) {
        let of = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (of(&self.made), of(&self.living))
    }

    #[track_caller]
    fn gone(&self, count: u32) -> impl Future<Output = ()> {
        soon(async move { self.gone.acquire_many(count).await.unwrap().forget() })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.plant.living.fetch_sub(1, Ordering::SeqCst);
        self.plant.gone.add_permits(1);
    }
}

impl Counter for Instance {
    async fn next(&self) -> usize {
        self.calls.fetch_add(1, Ordering::SeqCst) + 1
    }
    fn next_computed(&self) -> usize {
        self.calls.fetch_add(1, Ordering::SeqCst) + 1
    }
    async fn wait(&self) -> usize {
        self.plant.gate.pass().await;
        self.calls.fetch_add(1, Ordering::SeqCst) + 1
    }
    fn grind(&self) -> usize {
        self.plant.gate.pass_blocking();
        self.calls.fetch_add(1, Ordering::SeqCst) + 1
    }
    async fn panic(&self) {
        panic!("on purpose");
    }
}

async fn connected(wire: &Wire) -> CounterProxy {
    soon(CounterProxy::connect(&wire.uri("counter")))
        .await
        .unwrap()
}

#[tokio::test]
async fn each_session_has_an_instance_that_ends_with_its_connection() {
    let (house, plant) = (House::new().await, Plant::new());
    house.host("counter", Servant::per_session(plant.factory()));
    let wires = [
        Wire::to(house.daemon.address()).await,
        Wire::to(house.daemon.address()).await,
    ];
    let (one, two) = (connected(&wires[0]).await, connected(&wires[1]).await);
    assert_eq!(plant.count(), (1, 1));
    assert_eq!(soon(one.next()).await, Ok(1));
    assert_eq!(soon(two.next_computed()).await, Ok(1));
    assert_eq!(soon(one.next_computed()).await, Ok(2));
    assert_eq!(soon(one.next()).await, Ok(3));
    assert_eq!(soon(two.next()).await, Ok(2));
    assert_eq!(plant.count(), (2, 2));
    wires[0].cut().await;
    plant.gone(1).await;
    assert_eq!(soon(one.next()).await, Ok(1));
    assert_eq!(soon(two.next()).await, Ok(3));
    assert_eq!(plant.count(), (3, 2));
}

#[tokio::test]
async fn an_instance_outlives_its_session_for_a_call_that_still_computes_with_it() {
    let (house, plant) = (House::new().await, Plant::new());
    house.host("counter", Servant::per_session(plant.factory()));
    let wire = Wire::to(house.daemon.address()).await;
    let counter = connected(&wire).await;
    let grinds = begun(counter.grind()).await;
    plant.gate.arrived(1).await;
    wire.cut().await;
    soon(grinds).await.unwrap_err();
    assert_eq!(plant.count(), (1, 1));
    plant.gate.open(1);
    plant.gone(1).await;
    assert_eq!(plant.count(), (1, 0));
}

#[tokio::test]
async fn two_objects_with_sessions_do_not_share_instances() {
    let (house, plants) = (House::new().await, [Plant::new(), Plant::new()]);
    let uris = [0, 1].map(|it| {
        let servant = Servant::per_session(plants[it].factory());
        house.host(&format!("counter.{it}"), servant)
    });
    let one = soon(CounterProxy::connect(&uris[0])).await.unwrap();
    let two = soon(CounterProxy::connect(&uris[1])).await.unwrap();
    assert_eq!(soon(one.next()).await, Ok(1));
    assert_eq!(soon(two.next()).await, Ok(1));
    assert_eq!(soon(one.next()).await, Ok(2));
    assert_eq!(plants[0].count(), (1, 1));
}

#[tokio::test]
async fn each_call_has_an_instance_that_ends_with_it() {
    let (house, plant) = (House::new().await, Plant::new());
    let uri = house.host("counter", Servant::per_call(plant.factory()));
    let counter = soon(CounterProxy::connect(&uri)).await.unwrap();
    assert_eq!(plant.count(), (1, 1));
    for made in 1..=20 {
        assert_eq!(soon(counter.next()).await, Ok(1));
        plant.gone(1).await;
        assert_eq!(plant.count(), (made, 0));
    }
    for _ in 0..20 {
        assert_eq!(soon(counter.next_computed()).await, Ok(1));
        plant.gone(1).await;
    }
    let waits = begun(counter.wait()).await;
    let dropped = begun(counter.wait()).await;
    plant.gate.arrived(2).await;
    assert_eq!(plant.count().1, 2);
    drop(dropped);
    plant.gone(1).await;
    plant.gate.open(1);
    assert_eq!(soon(waits).await, Ok(1));
    plant.gone(1).await;
    assert_ends(soon(counter.panic()).await, "Failed(Panic)", &[]);
    plant.gone(1).await;
    assert_eq!(plant.count(), (43, 0));
}

#[tokio::test]
async fn the_items_of_a_fleets_chunk_have_their_instances() {
    const ITEMS: usize = 500;
    let (house, plant) = (House::new().await, Plant::new());
    let each = house.host("each", Servant::per_call(plant.factory()));
    let fleet = Fleet::<CounterProxy>::of([each]).unwrap();
    let counts = soon(fleet.map(0..ITEMS, |counter, _| counter.next_computed()));
    assert_eq!(counts.await.unwrap(), vec![1; ITEMS]);
    assert_eq!(plant.count(), (ITEMS, 0));

    let shared = house.host("shared", Servant::per_session(plant.factory()));
    let fleet = Fleet::<CounterProxy>::of([shared]).unwrap();
    let counts = soon(fleet.map(0..ITEMS, |counter, _| counter.next_computed()));
    let mut counts = counts.await.unwrap();
    counts.sort_unstable();
    assert!(counts.into_iter().eq(1..=ITEMS));
    assert_eq!(plant.count(), (ITEMS + 1, 1));
}

#[tokio::test]
async fn a_factory_that_panics_costs_its_call_an_error_and_nobody_else_anything() {
    let (house, plant) = (House::new().await, Plant::new());
    let (make, broken) = (plant.factory(), Arc::new(Mutex::new(false)));
    let breaks = Arc::clone(&broken);
    let factory = Arc::new(move || {
        assert!(!*breaks.lock().unwrap(), "out of order");
        make()
    });
    let (one, other) = (Arc::clone(&factory), factory);
    let modes = [
        Servant::per_call(move || one()),
        Servant::per_session(move || other()),
    ];
    for (mode, servant) in modes.into_iter().enumerate() {
        house.host(&format!("counter.{mode}"), servant);
        let wire = Wire::to(house.daemon.address()).await;
        let uri = wire.uri(&format!("counter.{mode}"));
        let counter = soon(CounterProxy::connect(&uri)).await.unwrap();
        assert_eq!(soon(counter.next()).await, Ok(1));
        wire.cut().await;
        *broken.lock().unwrap() = true;
        for _ in 0..2 {
            assert_ends(
                soon(counter.next()).await,
                "Rejected(UnknownObject)",
                &["no instance of Counter", "out of order"],
            );
        }
        house.works().await;
        *broken.lock().unwrap() = false;
        assert_eq!(soon(counter.next()).await, Ok(1));
    }
}

#[tokio::test]
async fn an_instance_with_other_methods_is_refused() {
    let (house, plant) = (House::new().await, Plant::new());
    let (clerk, made) = (house.clerk.clone(), AtomicUsize::new(0));
    let changes = move || match made.fetch_add(1, Ordering::SeqCst) {
        0 => plant.make().serve(),
        _ => Clerk::serve(clerk.clone()),
    };
    let uri = house.host("counter", Servant::per_call(changes));
    let counter = soon(CounterProxy::connect(&uri)).await.unwrap();
    assert_eq!(soon(counter.next()).await, Ok(1));
    assert_ends(
        soon(counter.next()).await,
        "Rejected(UnknownObject)",
        &["other methods"],
    );
    house.works().await;
}

#[tokio::test]
async fn a_factory_knows_whom_it_makes_an_instance_for() {
    let house = House::new().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (plant, peers) = (Plant::new(), Arc::clone(&seen));
    let factory = move || {
        let peer = Context::current().map(|call| call.peer().to_string());
        peers.lock().unwrap().push(peer);
        plant.make().serve()
    };
    let uri = house.host("counter", Servant::per_call(factory));
    let counter = soon(CounterProxy::connect(&uri)).await.unwrap();
    soon(counter.next()).await.unwrap();
    soon(counter.next()).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!((seen.len(), &seen[0]), (2, &None));
    assert!(seen[1].as_ref().unwrap().starts_with("127.0.0.1:"));
}
