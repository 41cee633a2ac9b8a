//! The context of a call: what a method sees of whoever called it, and when it learns that nobody waits.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use farcall::context::Cancellation;
use farcall::{Arguments, Context, DynamicObject, DynamicProxy, Fleet, Value};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::harness::{Gate, House, Wire, assert_ends, begun, soon};

/// More than a method takes that is cheap.
const DEAR: Duration = Duration::from_micros(100);

/// Long enough for a call to begin within it, short enough to wait for its end.
const SHORT: Duration = Duration::from_millis(200);

/// What a method saw of its call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    connection: u64,
    peer: String,
    left_ms: u64,
}

impl Seen {
    fn now() -> Option<Self> {
        Context::current().map(|call| Self {
            connection: call.connection(),
            peer: call.peer().to_string(),
            left_ms: u64::try_from(call.time_left().as_millis()).unwrap(),
        })
    }
}

/// Methods of every kind, each of which looks at its call.
#[farcall::remote]
pub(crate) trait Witness {
    /// Cheap: after some calls it runs where they are read.
    #[idempotent]
    fn compute(&self) -> Option<Seen>;
    /// Never cheap.
    #[idempotent]
    fn grind(&self) -> Option<Seen>;
    async fn answer(&self) -> Option<Seen>;
    /// Before it waits, and after.
    async fn wait(&self) -> (Option<Seen>, Option<Seen>);
    /// In a task that it starts, outside and inside of its own scope.
    async fn spawn(&self) -> (Option<Seen>, Option<Seen>);
    async fn panic(&self);
    fn panic_computing(&self);
    /// Computes until it is not wanted any more.
    fn spin(&self);
    #[oneway]
    fn spin_unheard(&self);
    /// Has a thread compute until it is not wanted any more.
    async fn spin_elsewhere(&self);
}

#[derive(Clone, Debug)]
struct Eye {
    gate: Gate,
    spins: Arc<Semaphore>,
    stopped: Arc<Semaphore>,
}

impl Eye {
    fn new() -> Self {
        Self {
            gate: Gate::new(),
            spins: Arc::new(Semaphore::new(0)),
            stopped: Arc::new(Semaphore::new(0)),
        }
    }

    fn spin_while_wanted(&self, wanted: &Cancellation) {
        self.spins.add_permits(1);
        while !wanted.is_cancelled() {
            std::thread::yield_now();
        }
        self.stopped.add_permits(1);
    }

    #[track_caller]
    fn spins(&self, count: u32) -> impl Future<Output = ()> {
        soon(async move { self.spins.acquire_many(count).await.unwrap().forget() })
    }

    #[track_caller]
    fn stopped(&self, count: u32) -> impl Future<Output = ()> {
        soon(async move { self.stopped.acquire_many(count).await.unwrap().forget() })
    }
}

fn cancellation() -> Cancellation {
    Context::current().unwrap().cancellation()
}

impl Witness for Eye {
    fn compute(&self) -> Option<Seen> {
        Seen::now()
    }
    fn grind(&self) -> Option<Seen> {
        let began = Instant::now();
        while began.elapsed() < DEAR {
            std::hint::spin_loop();
        }
        Seen::now()
    }
    async fn answer(&self) -> Option<Seen> {
        Seen::now()
    }
    async fn wait(&self) -> (Option<Seen>, Option<Seen>) {
        let before = Seen::now();
        self.gate.pass().await;
        (before, Seen::now())
    }
    async fn spawn(&self) -> (Option<Seen>, Option<Seen>) {
        let context = Context::current().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async { Seen::now() });
        let outside = tasks.join_next().await.unwrap().unwrap();
        tasks.spawn(context.scope(async {
            tokio::task::yield_now().await;
            Seen::now()
        }));
        (outside, tasks.join_next().await.unwrap().unwrap())
    }
    async fn panic(&self) {
        assert!(Seen::now().is_none(), "on purpose");
    }
    fn panic_computing(&self) {
        assert!(Seen::now().is_none(), "on purpose");
    }
    fn spin(&self) {
        self.spin_while_wanted(&cancellation());
    }
    fn spin_unheard(&self) {
        self.spin_while_wanted(&cancellation());
    }
    async fn spin_elsewhere(&self) {
        let (me, wanted) = (self.clone(), cancellation());
        let spins = tokio::task::spawn_blocking(move || me.spin_while_wanted(&wanted));
        spins.await.unwrap();
    }
}

struct Watched {
    house: House,
    eye: Eye,
    uri: String,
    witness: WitnessProxy,
}

async fn watched() -> Watched {
    let (house, eye) = (House::new().await, Eye::new());
    let uri = house.host("witness", eye.clone().serve());
    let witness = soon(WitnessProxy::connect(&uri)).await.unwrap();
    Watched {
        house,
        eye,
        uri,
        witness,
    }
}

/// What the method saw, which was a call of the default deadline.
#[track_caller]
fn seen(seen: Option<Seen>) -> (u64, String) {
    let seen = seen.expect("it runs inside a call");
    assert!(
        (20_000..=30_001).contains(&seen.left_ms),
        "{} ms left",
        seen.left_ms
    );
    assert!(seen.peer.starts_with("127.0.0.1:"), "{}", seen.peer);
    (seen.connection, seen.peer)
}

#[tokio::test]
async fn a_method_sees_its_call_wherever_it_runs() {
    let it = watched().await;
    let me = seen(soon(it.witness.answer()).await.unwrap());
    // In the pool at first, later where calls are read.
    for _ in 0..40 {
        assert_eq!(seen(soon(it.witness.compute()).await.unwrap()), me);
    }
    for _ in 0..3 {
        assert_eq!(seen(soon(it.witness.grind()).await.unwrap()), me);
    }
    let waits = begun(it.witness.wait()).await;
    it.eye.gate.arrived(1).await;
    // Others run there meanwhile.
    it.house.works().await;
    assert_eq!(seen(soon(it.witness.answer()).await.unwrap()), me);
    it.eye.gate.open(1);
    let (before, after) = soon(waits).await.unwrap();
    assert_eq!((seen(before), seen(after)), (me.clone(), me.clone()));
    let (outside, inside) = soon(it.witness.spawn()).await.unwrap();
    assert_eq!(outside, None);
    assert_eq!(seen(inside), me);
    assert_eq!(Seen::now(), None);
}

#[tokio::test]
async fn each_connection_has_a_number_of_its_own() {
    let it = watched().await;
    let wire = Wire::to(it.house.daemon.address()).await;
    let other = soon(WitnessProxy::connect(&wire.uri("witness")))
        .await
        .unwrap();
    let mine = seen(soon(it.witness.answer()).await.unwrap());
    let first = seen(soon(other.answer()).await.unwrap());
    assert_ne!(first.0, mine.0);
    assert_ne!(first.1, mine.1);
    wire.cut().await;
    let second = seen(soon(other.compute()).await.unwrap());
    assert!(![first.0, mine.0].contains(&second.0));
    assert_eq!(seen(soon(it.witness.answer()).await.unwrap()), mine);
}

#[tokio::test]
async fn every_item_of_a_fleets_chunk_sees_its_call() {
    const ITEMS: usize = 2_000;
    let it = watched().await;
    let fleet = Fleet::<WitnessProxy>::of([it.uri.clone()]).unwrap();
    let cheap = soon(fleet.map(0..ITEMS, |witness, _| witness.compute())).await;
    let dear = soon(fleet.map(0..50, |witness, _| witness.grind())).await;
    let mut all: Vec<_> = cheap.unwrap().into_iter().chain(dear.unwrap()).collect();
    assert_eq!(all.len(), ITEMS + 50);
    let me = seen(all.pop().unwrap());
    assert!(all.into_iter().all(|each| seen(each) == me));
}

struct Parrot;

impl DynamicObject for Parrot {
    async fn call(&self, _: String, _: Arguments) -> Result<Value, String> {
        let before = Seen::now().ok_or("no call at first")?;
        tokio::task::yield_now().await;
        let after = Seen::now().ok_or("no call later")?;
        assert_eq!(before.connection, after.connection);
        Ok(Value::from(after.peer))
    }
}

#[tokio::test]
async fn a_dynamic_object_sees_its_call() {
    let house = House::new().await;
    let parrot = soon(DynamicProxy::connect(&house.host("parrot", Parrot.serve())))
        .await
        .unwrap();
    let peer = soon(parrot.call("who", Arguments::default()))
        .await
        .unwrap();
    assert!(peer.as_str().unwrap().starts_with("127.0.0.1:"), "{peer}");
}

#[tokio::test]
async fn a_call_that_panics_leaves_no_context_behind() {
    let it = watched().await;
    for _ in 0..20 {
        assert_ends(
            soon(it.witness.panic()).await,
            "Failed(Panic)",
            &["on purpose"],
        );
        assert_ends(
            soon(it.witness.panic_computing()).await,
            "Failed(Panic)",
            &[],
        );
        let (outside, _) = soon(it.witness.spawn()).await.unwrap();
        assert_eq!(outside, None);
    }
    it.house.works().await;
}

/// Asks another daemon who asks it.
#[farcall::remote]
pub(crate) trait Middle {
    async fn ask(&self) -> (Option<Seen>, Option<Seen>, Option<Seen>);
}

impl Middle for WitnessProxy {
    async fn ask(&self) -> (Option<Seen>, Option<Seen>, Option<Seen>) {
        let before = Seen::now();
        let there = self.answer().await.unwrap();
        (before, there, Seen::now())
    }
}

#[tokio::test]
async fn a_method_that_calls_another_is_in_its_own_call_afterwards() {
    let it = watched().await;
    let house = House::new().await;
    let middle = soon(MiddleProxy::connect(
        &house.host("middle", it.witness.clone().serve()),
    ))
    .await
    .unwrap();
    let (before, there, after) = soon(middle.ask()).await.unwrap();
    let (before, there, after) = (seen(before), seen(there), seen(after));
    assert_eq!(before, after);
    assert_ne!(before.0, there.0);
}

#[tokio::test]
async fn a_method_that_computes_learns_that_its_caller_gave_up() {
    let it = watched().await;
    let spins = begun(it.witness.spin()).await;
    it.eye.spins(1).await;
    let elsewhere = begun(it.witness.spin_elsewhere()).await;
    it.eye.spins(1).await;
    drop(spins);
    it.eye.stopped(1).await;
    drop(elsewhere);
    it.eye.stopped(1).await;
    it.house.works().await;
}

#[tokio::test]
async fn a_method_that_computes_learns_that_its_deadline_is_over() {
    let it = watched().await;
    let hasty = it.witness.with_deadline(SHORT);
    // It returns at its deadline, so that its caller may or may not get that.
    let _ = soon(hasty.spin()).await;
    it.eye.stopped(1).await;
    // Nobody waits for a call without reply, so that only its deadline ends it.
    let began = Instant::now();
    soon(hasty.spin_unheard()).await.unwrap();
    it.eye.stopped(1).await;
    assert!(began.elapsed() >= SHORT, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_method_that_computes_learns_that_its_connection_ended() {
    let it = watched().await;
    let wire = Wire::to(it.house.daemon.address()).await;
    let witness = soon(WitnessProxy::connect(&wire.uri("witness")))
        .await
        .unwrap();
    let spins = begun(witness.spin()).await;
    it.eye.spins(1).await;
    wire.cut().await;
    it.eye.stopped(1).await;
    assert_ends(soon(spins).await, "Unknown(Disconnected)", &[]);
    it.house.works().await;
}
