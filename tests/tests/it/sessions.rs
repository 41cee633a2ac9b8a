//! Sessions: what is kept for a connection lives as long as that, and no longer.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use farcall::context::{Kept, MAX_KEPT, NotKept, Session};
use farcall::{Connections, Context, Remote};
use tokio::sync::Semaphore;

use crate::harness::{Gate, House, Wire, assert_ends, begun, soon};

/// Counts the resources there are.
#[derive(Clone, Debug)]
struct Store {
    open: Arc<AtomicUsize>,
    closed: Arc<Semaphore>,
    gate: Gate,
}

/// One of them.
struct Resource {
    store: Store,
    fragile: bool,
}

impl Store {
    fn new() -> Self {
        Self {
            open: Arc::default(),
            closed: Arc::new(Semaphore::new(0)),
            gate: Gate::new(),
        }
    }

    fn open(&self) -> Resource {
        self.open.fetch_add(1, Ordering::SeqCst);
        Resource {
            store: self.clone(),
            fragile: false,
        }
    }

    fn count(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    #[track_caller]
    fn closed(&self, count: u32) -> impl Future<Output = ()> {
        soon(async move { self.closed.acquire_many(count).await.unwrap().forget() })
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        self.store.open.fetch_sub(1, Ordering::SeqCst);
        self.store.closed.add_permits(1);
        assert!(!self.fragile, "it broke");
    }
}

/// What a session has of the store.
#[derive(Default)]
struct Cart(AtomicUsize);

/// Hands out resources that belong to a session.
#[farcall::remote]
pub(crate) trait Shop {
    /// Keeps so many; gives how many the session has asked for.
    async fn take(&self, count: usize) -> usize;
    /// Keeps one, and gives it back at once.
    async fn borrow(&self) -> bool;
    /// Puts one in the place of its type, and gives whether there was one.
    async fn replace(&self) -> bool;
    /// Takes that out.
    async fn clear(&self) -> bool;
    /// Keeps one that breaks when it is dropped, beside others.
    async fn take_fragile(&self);
    /// Keeps more than may be; gives how many were kept, and why not more.
    fn take_all(&self) -> (usize, String);
    /// Keeps one once the gate is open.
    fn take_late(&self);
    /// The largest number of values that several threads made at once.
    async fn race(&self) -> usize;
}

fn session() -> Session {
    Context::current().unwrap().session()
}

impl Shop for Store {
    async fn take(&self, count: usize) -> usize {
        let (session, cart) = (session(), session().get_or_insert_with(Cart::default));
        for _ in 0..count {
            session.keep(self.open()).unwrap();
        }
        cart.0.fetch_add(count, Ordering::SeqCst) + count
    }
    async fn borrow(&self) -> bool {
        let kept: Kept<Resource> = session().keep(self.open()).unwrap();
        kept.release().is_some()
    }
    async fn replace(&self) -> bool {
        session().insert(self.open()).is_some()
    }
    async fn clear(&self) -> bool {
        let there = session().get::<Resource>().is_some();
        assert_eq!(session().remove::<Resource>().is_some(), there);
        there
    }
    async fn take_fragile(&self) {
        session().keep(self.open()).unwrap();
        let mut fragile = self.open();
        fragile.fragile = true;
        session().keep(fragile).unwrap();
        session().insert(self.open());
    }
    fn take_all(&self) -> (usize, String) {
        let session = session();
        for count in 0.. {
            if let Err(why) = session.keep(()) {
                assert_eq!(why, NotKept::Full);
                return (count, why.to_string());
            }
        }
        unreachable!("a session is bounded");
    }
    fn take_late(&self) {
        let session = session();
        self.gate.pass_blocking();
        assert_eq!(session.keep(self.open()).unwrap_err(), NotKept::Ended);
        drop(session.get_or_insert_with(|| self.open()));
        assert!(session.insert(self.open()).is_none());
        assert!(session.get::<Resource>().is_none());
    }
    async fn race(&self) -> usize {
        let (session, made) = (session(), Arc::new(AtomicUsize::new(0)));
        let racers = (0..8).map(|_| {
            let (session, made) = (session.clone(), Arc::clone(&made));
            tokio::task::spawn_blocking(move || {
                let count = || {
                    made.fetch_add(1, Ordering::SeqCst);
                    std::thread::yield_now();
                    7_u8
                };
                assert_eq!(*session.get_or_insert_with(count), 7);
            })
        });
        for racer in racers.collect::<Vec<_>>() {
            racer.await.unwrap();
        }
        made.load(Ordering::SeqCst)
    }
}

struct Mall {
    house: House,
    store: Store,
    wire: Wire,
}

async fn mall() -> Mall {
    let (house, store) = (House::new().await, Store::new());
    house.host("shop", store.clone().serve());
    let wire = Wire::to(house.daemon.address()).await;
    Mall { house, store, wire }
}

impl Mall {
    /// A proxy with a connection of its own.
    async fn customer(&self) -> (Connections, ShopProxy) {
        let connections = Connections::new();
        let uri = self.wire.uri("shop");
        let remote = soon(Remote::connect_with(
            &connections,
            &uri,
            ShopProxy::descriptor(),
        ));
        let remote = remote.await.unwrap();
        (connections, ShopProxy::over(remote))
    }
}

#[tokio::test]
async fn what_a_session_keeps_is_released_when_its_connection_ends_and_no_sooner() {
    let mall = mall().await;
    let (_mine, me) = mall.customer().await;
    let other = soon(ShopProxy::connect(&mall.house.uri.replace("desk", "shop")))
        .await
        .unwrap();
    assert_eq!(soon(me.take(2)).await, Ok(2));
    assert_eq!(soon(me.take(3)).await, Ok(5));
    assert_eq!(soon(other.take(4)).await, Ok(4));
    assert_eq!(mall.store.count(), 9);
    mall.wire.cut().await;
    mall.store.closed(5).await;
    assert_eq!(mall.store.count(), 4);
    assert_eq!(soon(me.take(1)).await, Ok(1));
    mall.house.works().await;
}

#[tokio::test]
async fn a_value_can_be_released_before() {
    let mall = mall().await;
    let (_mine, me) = mall.customer().await;
    assert_eq!(soon(me.borrow()).await, Ok(true));
    assert_eq!(mall.store.count(), 0);
    assert_eq!(soon(me.replace()).await, Ok(false));
    assert_eq!(soon(me.replace()).await, Ok(true));
    assert_eq!(mall.store.count(), 1);
    assert_eq!(soon(me.clear()).await, Ok(true));
    assert_eq!(soon(me.clear()).await, Ok(false));
    assert_eq!(mall.store.count(), 0);
}

#[tokio::test]
async fn a_thousand_sessions_leave_nothing() {
    let mall = mall().await;
    for round in 0..20 {
        let mut customers = Vec::new();
        for _ in 0..50 {
            let (connections, customer) = mall.customer().await;
            assert_eq!(soon(customer.take(2)).await, Ok(2));
            assert_eq!(soon(customer.replace()).await, Ok(false));
            customers.push((connections, customer));
        }
        assert_eq!(mall.store.count(), 150, "in round {round}");
        mall.wire.cut().await;
        mall.store.closed(150).await;
        assert_eq!(mall.store.count(), 0);
    }
    mall.house.works().await;
}

#[tokio::test]
async fn a_value_whose_drop_panics_keeps_no_other_from_being_released() {
    let mall = mall().await;
    let (_mine, me) = mall.customer().await;
    soon(me.take_fragile()).await.unwrap();
    assert_eq!(mall.store.count(), 3);
    mall.wire.cut().await;
    mall.store.closed(3).await;
    assert_eq!(soon(me.take(1)).await, Ok(1));
    mall.house.works().await;
}

#[tokio::test]
async fn a_session_is_bounded() {
    let mall = mall().await;
    let (_mine, me) = mall.customer().await;
    let (kept, why) = soon(me.take_all()).await.unwrap();
    assert_eq!(kept, MAX_KEPT);
    assert!(why.contains("65536"), "{why}");
}

#[tokio::test]
async fn what_comes_after_the_end_is_dropped_at_once() {
    let mall = mall().await;
    let (_mine, me) = mall.customer().await;
    let late = begun(me.take_late()).await;
    mall.store.gate.arrived(1).await;
    soon(me.take(1)).await.unwrap();
    mall.wire.cut().await;
    mall.store.closed(1).await;
    assert_ends(soon(late).await, "Unknown(Disconnected)", &[]);
    mall.store.gate.open(1);
    mall.store.closed(3).await;
    assert_eq!(mall.store.count(), 0);
    mall.house.works().await;
}

#[tokio::test]
async fn threads_that_want_the_same_value_get_one() {
    let mall = mall().await;
    let (_mine, me) = mall.customer().await;
    assert_eq!(soon(me.race()).await, Ok(1));
}
