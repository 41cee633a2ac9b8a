//! Workers that die, freeze, or come too late.

use std::time::Duration;

use farcall::work::contract::Refusal;
use farcall::work::{WorkError, WorkLimits};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Hand, Shop, all_squares, squares};
use crate::harness::{Gate, Wire, soon};

/// Longer than any test.
const LONG_LEASE: WorkLimits = WorkLimits {
    lease: Duration::from_secs(3600),
    max_items: 1_000,
    max_losses: 3,
};

const SHORT_LEASE: WorkLimits = WorkLimits {
    lease: Duration::from_millis(200),
    ..LONG_LEASE
};

#[tokio::test]
async fn every_item_has_one_result_of_three_workers() {
    const ITEMS: u64 = 300;
    let shop = Shop::<u64, u64>::new().await;
    let gate = Gate::new();
    let mut workers = JoinSet::new();
    for _ in 0..3 {
        squares(&mut workers, &shop.uri, &gate);
    }
    shop.push(0..ITEMS).await;
    gate.arrived(3).await;
    gate.open_for_good();
    shop.queue.close();
    assert_eq!(shop.rest().await, all_squares(ITEMS));
    let ended = soon(workers.join_all()).await;
    let done = ended.into_iter().map(|pulled| pulled.unwrap().done);
    assert_eq!(done.sum::<u64>(), ITEMS);
    soon(shop.queue.finished()).await;
}

#[tokio::test]
async fn what_a_dead_worker_had_is_at_the_next_one_at_once() {
    let shop = Shop::<u64, u64>::with(LONG_LEASE).await;
    shop.push(0..2).await;
    let dead = Hand::attends(&shop.uri, "dead").await;
    let lost = dead.take().await;
    let heir = Hand::attends(&shop.uri, "heir").await;
    let second = heir.take().await;
    assert_eq!(
        soon(heir.work.finish(second, Err(failed()))).await,
        Ok(Ok(()))
    );
    dead.dies();
    let again = heir.take().await;
    assert_ne!(again, lost);
    let late = soon(heir.work.finish(lost, Err(failed()))).await;
    assert_eq!(late, Ok(Err(Refusal::Over { lease: lost })));
}

#[tokio::test]
async fn what_a_worker_without_a_connection_had_is_at_the_next_one_at_once() {
    let shop = Shop::<u64, u64>::with(LONG_LEASE).await;
    let wire = Wire::to(shop.daemon.address()).await;
    let (near, far) = (Gate::new(), Gate::new());
    let mut workers = JoinSet::new();
    squares(&mut workers, &wire.uri("work"), &far);
    shop.push(0..1).await;
    far.arrived(1).await;
    wire.point_at(&"127.0.0.1:1".parse().unwrap());
    let began = Instant::now();
    wire.cut().await;
    squares(&mut workers, &shop.uri, &near);
    near.arrived(1).await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    near.open_for_good();
    let (index, result) = soon(shop.queue.next_result()).await.unwrap();
    assert_eq!((index, result), (0, Ok(0)));
    // The first one comes back, is told that it is late, and goes on.
    wire.point_at(shop.daemon.address());
    far.open_for_good();
    shop.push(1..50).await;
    shop.queue.close();
    assert_eq!(shop.rest().await.len(), 49);
    let ended = soon(workers.join_all()).await;
    let late = ended.into_iter().map(|pulled| pulled.unwrap().late);
    assert_eq!(late.sum::<u64>(), 1);
}

#[tokio::test]
async fn a_frozen_worker_loses_its_item_with_its_lease_and_its_late_result_is_refused() {
    let shop = Shop::<u64, u64>::with(SHORT_LEASE).await;
    shop.push(0..1).await;
    // It does not renew.
    let frozen = Hand::attends(&shop.uri, "frozen").await;
    let lost = frozen.take().await;
    let mut workers = JoinSet::new();
    let gate = Gate::new();
    squares(&mut workers, &shop.uri, &gate);
    gate.arrived(1).await;
    let late = soon(frozen.work.finish(lost, Err(failed()))).await.unwrap();
    assert_eq!(late, Err(Refusal::Over { lease: lost }));
    let text = late.unwrap_err().to_string();
    assert!(text.contains(&format!("lease {lost} is over")), "{text}");
    gate.open_for_good();
    shop.queue.close();
    assert_eq!(shop.rest().await, all_squares(1));
}

#[tokio::test]
async fn a_worker_that_renews_keeps_its_item_for_longer_than_a_lease() {
    let shop = Shop::<u64, u64>::with(SHORT_LEASE).await;
    shop.push(0..2).await;
    let mut workers = JoinSet::new();
    let gate = Gate::new();
    squares(&mut workers, &shop.uri, &gate);
    gate.arrived(1).await;
    // Leases of a worker that does not renew run out meanwhile, one after the other.
    let silent = Hand::attends(&shop.uri, "silent").await;
    for name in ["a", "b", "c"] {
        let over = soon(silent.work.attend(name.into())).await.unwrap();
        assert!(matches!(over, Err(Refusal::Lapsed { .. })), "{over:?}");
    }
    gate.open_for_good();
    shop.queue.close();
    assert_eq!(shop.rest().await, all_squares(2));
    let pulled = soon(workers.join_next()).await.unwrap().unwrap().unwrap();
    assert_eq!((pulled.done, pulled.late), (2, 0));
}

#[tokio::test]
async fn an_item_that_kills_three_workers_is_given_up_and_the_rest_completes() {
    let shop = Shop::<u64, u64>::with(LONG_LEASE).await;
    shop.push(0..1).await;
    for name in ["one", "two", "three"] {
        let victim = Hand::attends(&shop.uri, name).await;
        victim.take().await;
        victim.dies();
    }
    shop.push(1..5).await;
    shop.queue.close();
    let mut workers = JoinSet::new();
    let gate = Gate::new();
    gate.open_for_good();
    squares(&mut workers, &shop.uri, &gate);
    let mut expected = all_squares(5);
    let worker = "three".to_owned();
    expected.insert(0, Err(WorkError::Lost { losses: 3, worker }));
    assert_eq!(shop.rest().await, expected);
}

#[tokio::test]
async fn a_lease_has_one_result() {
    let shop = Shop::<u64, u64>::with(LONG_LEASE).await;
    shop.push(0..1).await;
    let worker = Hand::attends(&shop.uri, "worker").await;
    let lease = worker.take().await;
    assert_eq!(
        soon(worker.work.finish(lease, Err(failed()))).await,
        Ok(Ok(()))
    );
    let second = soon(worker.work.finish(lease, Err(failed()))).await;
    assert_eq!(second, Ok(Err(Refusal::Over { lease })));
    shop.queue.close();
    assert_eq!(shop.rest().await.len(), 1);
}

fn failed() -> WorkError {
    WorkError::Failed {
        worker: "a test".into(),
        text: "on purpose".into(),
    }
}
