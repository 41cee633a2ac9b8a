//! Calls of a batch that bring no value: alone, or with those behind them.

use std::time::Duration;

use farcall::{CallError, Proxy, error::Rejection};

use crate::harness::{StepsHouse, StepsProxy, assert_ends, soon};

/// A contract that the stepper fulfils in part.
#[farcall::remote]
pub(crate) trait Wishes {
    fn compute(&self, step: u64) -> u64;
    async fn fly(&self, step: u64) -> u64;
    async fn linger(&self, step: u64) -> u64;
}

fn skipped<T>(ended: &Result<T, CallError>) -> bool {
    let skipped = |error: &CallError| {
        matches!(
            error,
            CallError::Rejected {
                reason: Rejection::Skipped(_),
                ..
            }
        )
    };
    ended.as_ref().is_err_and(skipped)
}

#[tokio::test]
async fn a_batch_goes_on_after_calls_without_a_value() {
    let house = StepsHouse::new().await;
    let mut batch = house.steps.batch();
    // First: its time counts from the sending, and panics may take long to be told.
    let late = batch.add(|steps| steps.with_deadline(Duration::from_millis(400)).wait(4));
    let panics = batch.add(|steps| steps.panic(1));
    let fails = batch.add(|steps| steps.fail(2));
    let notes = batch.add(|steps| steps.note_panic(3));
    let last = batch.add(|steps| steps.compute(5));
    soon(batch.send()).await.unwrap();
    assert_ends(
        soon(late).await,
        "Unknown(Deadline)",
        &["wait of far:steps@", "400ms"],
    );
    assert_ends(
        soon(panics).await,
        "Failed(Panic)",
        &["panic of far:steps@", "step 1"],
    );
    assert_eq!(soon(fails).await, Ok(Err("no 2".into())));
    assert_eq!(soon(notes).await, Ok(()));
    assert_eq!(soon(last).await, Ok(5));
    assert_eq!(house.stepper.log(), [4, 1, 2, 3, 5]);
}

#[tokio::test]
async fn a_method_that_the_object_has_not_costs_its_own_call() {
    let house = StepsHouse::new().await;
    let wishes = soon(WishesProxy::connect(&house.uri)).await.unwrap();
    let mut batch = wishes.batch();
    let first = batch.add(|wishes| wishes.compute(1));
    let missing = batch.add(|wishes| wishes.fly(2));
    let differs = batch.add(|wishes| wishes.linger(3));
    let last = batch.add(|wishes| wishes.compute(4));
    soon(batch.send()).await.unwrap();
    assert_eq!(soon(last).await, Ok(4));
    assert_eq!(soon(first).await, Ok(1));
    assert_ends(soon(missing).await, "Rejected(UnknownMethod)", &["'fly'"]);
    assert_ends(
        soon(differs).await,
        "Rejected(UnknownMethod)",
        &["another signature"],
    );
}

/// Sees that a batch of one call before and three behind what `stopper` adds stops there.
async fn stops<T>(stopper: impl FnOnce(&mut farcall::Batch<StepsProxy>) -> T) -> (StepsHouse, T) {
    let house = StepsHouse::new().await;
    let mut batch = house.steps.batch().stop_at_first_error();
    let before = batch.add(|steps| steps.succeed(1));
    let stop = stopper(&mut batch);
    let behind = batch.add(|steps| steps.compute(10));
    let unheard = batch.add(|steps| steps.note(11));
    let last = batch.add(|steps| steps.linger(12));
    soon(batch.send()).await.unwrap();
    assert_eq!(soon(before).await, Ok(Ok(1)));
    assert_ends(
        soon(behind).await,
        "Rejected(Skipped)",
        &["compute of far:steps@", "a call before it in its batch"],
    );
    assert_eq!(soon(unheard).await, Ok(()), "it was sent");
    assert!(skipped(&soon(last).await));
    house.works().await;
    (house, stop)
}

#[tokio::test]
async fn a_batch_stops_at_a_panic_if_it_is_to() {
    let (house, stop) = stops(|batch| batch.add(|steps| steps.panic(2))).await;
    assert_ends(soon(stop).await, "Failed(Panic)", &["step 2"]);
    assert_eq!(house.stepper.log(), [1, 2, 7]);
}

#[tokio::test]
async fn a_batch_stops_at_an_error_that_its_method_returned() {
    let (house, stop) = stops(|batch| batch.add(|steps| steps.fail(2))).await;
    assert_eq!(soon(stop).await, Ok(Err("no 2".into())));
    assert_eq!(house.stepper.log(), [1, 2, 7]);
    let (house, stop) = stops(|batch| batch.add(|steps| steps.fail_computing(2))).await;
    assert_eq!(soon(stop).await, Ok(Err("no 2".into())));
    assert_eq!(house.stepper.log(), [1, 2, 7]);
}

#[tokio::test]
async fn a_batch_stops_at_a_one_way_call_that_fails() {
    let (house, stop) = stops(|batch| batch.add(|steps| steps.note_panic(2))).await;
    assert_eq!(soon(stop).await, Ok(()));
    assert_eq!(house.stepper.log(), [1, 2, 7]);
}

#[tokio::test]
async fn a_value_that_begins_like_an_error_does_not_stop_a_batch() {
    let house = StepsHouse::new().await;
    let mut batch = house.steps.batch().stop_at_first_error();
    // Its first byte is that of an `Err`.
    let one = batch.add(|steps| steps.compute(1));
    let last = batch.add(|steps| steps.compute(2));
    soon(batch.send()).await.unwrap();
    assert_eq!((soon(one).await, soon(last).await), (Ok(1), Ok(2)));
}

#[tokio::test]
async fn a_batch_stops_at_a_call_that_its_object_does_not_know() {
    let house = StepsHouse::new().await;
    let wishes = soon(WishesProxy::connect(&house.uri)).await.unwrap();
    let mut batch = wishes.batch().stop_at_first_error();
    let missing = batch.add(|wishes| wishes.fly(2));
    let behind = batch.add(|wishes| wishes.compute(4));
    soon(batch.send()).await.unwrap();
    assert_ends(soon(missing).await, "Rejected(UnknownMethod)", &["'fly'"]);
    assert!(skipped(&soon(behind).await));
    assert!(house.stepper.log().is_empty());
}
