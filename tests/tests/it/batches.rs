//! Batches: calls that travel in one message, are run in their order, and are answered one by one.

mod ends;
mod errors;
mod sending;

pub(crate) use sending::Deep;

use bytes::Bytes;
use farcall::{Arguments, DynamicProxy, Fleet, Proxy, Value};
use futures_util::StreamExt;

use crate::harness::{StepsHouse, StepsProxy, assert_ends, begun, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_different_methods_run_in_their_order_and_one_at_a_time() {
    let house = StepsHouse::new().await;
    // Behind so many runs a method has shown that it is cheap, and runs elsewhere.
    for rounds in 0..5 {
        let mut batch = house.steps.batch();
        let mut calls = Vec::new();
        for step in (0..60).map(|step| 3 * step) {
            let computed = batch.add(|steps| steps.compute(step));
            let lingered = batch.add(|steps| steps.linger(step + 1));
            let noted = batch.add(|steps| steps.note_computing(step + 2));
            calls.push((step, computed, lingered, noted));
        }
        assert_eq!(batch.len(), 180);
        assert_eq!(soon(batch.send()).await, Ok(()));
        for (step, computed, lingered, noted) in calls {
            assert_eq!(soon(computed).await, Ok(step));
            assert_eq!(soon(lingered).await, Ok((step + 1).to_string()));
            assert_eq!(soon(noted).await, Ok(()));
        }
        let log = house.stepper.logged(180).await;
        assert_eq!(log[180 * rounds..], (0..180).collect::<Vec<u64>>());
    }
    assert_eq!(house.stepper.most_going(), 1);
}

#[tokio::test]
async fn nothing_is_sent_before_the_batch_is_and_results_come_while_later_calls_wait() {
    let house = StepsHouse::new().await;
    let mut batch = house.steps.batch();
    let first = batch.add(|steps| steps.compute(1));
    let second = batch.add(|steps| steps.wait(2));
    let third = batch.add(|steps| steps.linger(3));
    house.works().await;
    assert_eq!(house.stepper.log(), [7], "nothing of the batch");
    soon(batch.send()).await.unwrap();
    assert_eq!(soon(first).await, Ok(1));
    house.gate().arrived(1).await;
    // Other calls do not wait for a batch.
    house.works().await;
    assert_eq!(house.stepper.log(), [7, 1, 2, 7]);
    house.gate().open(1);
    assert_eq!(soon(third).await, Ok("3".into()));
    assert_eq!(soon(second).await, Ok(2), "awaited in any order");
}

#[tokio::test]
async fn a_thousand_calls_of_one_kind_are_a_stream_of_results_in_their_order() {
    let house = StepsHouse::new().await;
    let mut batch = house.steps.batch();
    let mut first = batch.add_each(0..1_000, |steps, step| steps.compute(step));
    let gate = batch.add(|steps| steps.wait(1_000));
    let second = batch.add_each(1_001..1_011, |steps, step| steps.linger(step));
    soon(batch.send()).await.unwrap();
    for step in 0..1_000 {
        assert_eq!(soon(first.next()).await, Some(Ok(step)));
    }
    assert_eq!(soon(first.next()).await, None);
    house.gate().open(1);
    let texts: Vec<_> = soon(second.collect()).await;
    let expected: Vec<_> = (1_001..1_011)
        .map(|step: u64| Ok(step.to_string()))
        .collect();
    assert_eq!(texts, expected);
    assert_eq!(soon(gate).await, Ok(1_000));
}

#[tokio::test]
async fn large_arguments_and_results_are_whole() {
    let house = StepsHouse::new().await;
    let bytes =
        |count: usize, seed: usize| (0..count).map(|n| (n * 31 + seed) as u8).collect::<Bytes>();
    let mut batch = house.steps.batch();
    let sizes = [0, 3, 16 << 10, 1 << 20, 40_000, 7];
    let calls: Vec<_> = sizes
        .iter()
        .enumerate()
        .map(|(seed, size)| batch.add(|steps| steps.turn(bytes(*size, seed))))
        .collect();
    soon(batch.send()).await.unwrap();
    for ((seed, size), call) in sizes.iter().enumerate().zip(calls) {
        let expected: Bytes = bytes(*size, seed).iter().rev().copied().collect();
        assert_eq!(soon(call).await, Ok(expected));
    }
}

#[tokio::test]
async fn callers_without_types_have_batches_too() {
    let house = StepsHouse::new().await;
    let steps = soon(DynamicProxy::connect(&house.uri)).await.unwrap();
    let step = |number: u64| Arguments::positional([Value::from(number)]);
    let mut batch = steps.batch().stop_at_first_error();
    let first = batch.call("compute", step(1));
    let second = batch.call("succeed", step(2));
    let third = batch.call("fail", step(3));
    let fourth = batch.call("linger", step(4));
    soon(batch.send()).await.unwrap();
    assert_eq!(soon(first).await, Ok(Value::from(1u64)));
    assert_eq!(soon(second).await, Ok(Value::from(2u64)));
    assert_ends(soon(third).await, "Failed(Error)", &["no 3"]);
    assert_ends(soon(fourth).await, "Rejected(Skipped)", &["linger of far:"]);
    assert_eq!(house.stepper.log(), [1, 2, 3]);
}

#[tokio::test]
async fn a_call_that_needs_the_result_of_another_travels_behind_the_batch() {
    let house = StepsHouse::new().await;
    let mut batch = house.steps.batch();
    let both = batch.add(|steps| async move {
        let first = steps.compute(1).await?;
        steps.linger(first + 1).await
    });
    assert_eq!(batch.len(), 1);
    let two = batch.add(|steps| async move { tokio::join!(steps.compute(5), steps.linger(6)) });
    assert_eq!(batch.len(), 3, "both are made at once");
    soon(batch.send()).await.unwrap();
    assert_eq!(soon(both).await, Ok("2".into()));
    assert_eq!(soon(two).await, (Ok(5), Ok("6".into())));
}

#[tokio::test]
async fn a_batch_may_be_made_for_an_item_of_a_fleet() {
    let house = StepsHouse::new().await;
    let fleet = Fleet::<StepsProxy>::of([&house.uri]).unwrap();
    let pair = |steps: StepsProxy, item: u64| async move {
        let mut batch = steps.batch();
        let first = batch.add(|steps| steps.compute(item));
        let second = batch.add(|steps| steps.linger(item));
        batch.send().await?;
        Ok((first.await?, second.await?))
    };
    let pairs = soon(fleet.map(0..20, pair)).await.unwrap();
    let expected: Vec<_> = (0..20).map(|item: u64| (item, item.to_string())).collect();
    assert_eq!(pairs, expected);
}

#[tokio::test]
async fn several_batches_of_one_connection_run_beside_each_other() {
    let house = StepsHouse::new().await;
    let mut waits = house.steps.batch();
    let held = waits.add(|steps| steps.wait(1));
    soon(waits.send()).await.unwrap();
    house.gate().arrived(1).await;
    let mut batch = house.steps.clone().batch();
    let free = batch.add(|steps| steps.compute(2));
    soon(batch.send()).await.unwrap();
    assert_eq!(soon(free).await, Ok(2));
    let held = begun(held).await;
    house.gate().open(1);
    assert_eq!(soon(held).await, Ok(1));
}
