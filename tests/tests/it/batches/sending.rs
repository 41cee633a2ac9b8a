//! What keeps a batch from being sent, or makes it wait.

use farcall::{Connections, Daemon, Limits, Proxy, Remote};

use futures_util::StreamExt;
use futures_util::future::join_all;

use crate::harness::{StepsHouse, StepsProxy, assert_ends, begun, soon};

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

#[tokio::test]
async fn a_batch_longer_than_a_message_sends_nothing_and_says_how_long_it_is() {
    let small = limits(|limits| limits.max_message_bytes = 1 << 16);
    let house = StepsHouse::with(Daemon::builder().limits(small)).await;
    let mut batch = house.steps.batch();
    let note = batch.add(|steps| steps.note(1));
    let first = batch.add(|steps| steps.compute(1));
    let large = batch.add(|steps| steps.turn(vec![0; 1 << 15].into()));
    let larger = batch.add(|steps| steps.turn(vec![0; 1 << 15].into()));
    assert_ends(
        soon(batch.send()).await,
        "NotSent(TooLarge)",
        &["a batch of far:steps@", "a batch of 65", "is 65536"],
    );
    for ended in [
        soon(first).await.map(drop),
        soon(large).await.map(drop),
        soon(larger).await.map(drop),
        soon(note).await,
    ] {
        assert_ends(ended, "NotSent(TooLarge)", &["of far:steps@"]);
    }
    house.works().await;
    assert_eq!(house.stepper.log(), [7]);
    // As long as it may be.
    let mut batch = house.steps.batch();
    let most = (1 << 16) - 2 - 20 - 3;
    let call = batch.add(|steps| steps.turn(vec![5; most].into()));
    soon(batch.send()).await.unwrap();
    // Its result is longer by nothing, and has no sequence around it.
    assert_eq!(soon(call).await, Ok(vec![5; most].into()));
    let mut batch = house.steps.batch();
    drop(batch.add(|steps| steps.note(1)));
    let call = batch.add(|steps| steps.turn(vec![5; most].into()));
    assert_ends(soon(batch.send()).await, "NotSent(TooLarge)", &["65"]);
    assert_ends(soon(call).await, "NotSent(TooLarge)", &[]);
}

#[tokio::test]
async fn a_batch_of_more_calls_than_may_be_in_flight_is_refused_and_one_of_as_many_waits_for_room()
{
    let few = limits(|limits| limits.max_calls_in_flight = 4);
    let house = StepsHouse::with(Daemon::builder().limits(few)).await;
    let mut batch = house.steps.batch();
    let calls = batch.add_each(0..5, |steps, step| steps.compute(step));
    assert_ends(
        soon(batch.send()).await,
        "NotSent(TooLarge)",
        &["a batch of 5 calls", "allows 4"],
    );
    drop(calls);
    let single = begun(house.steps.wait(1)).await;
    house.gate().arrived(1).await;
    let mut batch = house.steps.batch();
    let calls = batch.add_each(10..14, |steps, step| steps.compute(step));
    let sending = begun(batch.send()).await;
    house.works().await;
    assert_eq!(house.stepper.log(), [1, 7]);
    house.gate().open(1);
    assert_eq!(soon(single).await, Ok(1));
    soon(sending).await.unwrap();
    let values: Vec<_> = soon(calls.collect()).await;
    assert_eq!(values, (10..14).map(Ok).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_call_whose_arguments_cannot_be_written_ends_alone() {
    let house = StepsHouse::new().await;
    let deep = soon(DeepProxy::connect(&house.uri)).await.unwrap();
    let mut batch = deep.batch();
    let bad = batch.add(|deep| deep.take(Deep::of(200)));
    let good = batch.add(|deep| deep.compute(5));
    assert_eq!(batch.len(), 1);
    assert_ends(
        soon(bad).await,
        "NotSent(Unencodable)",
        &["take of far:steps@"],
    );
    soon(batch.send()).await.unwrap();
    assert_eq!(soon(good).await, Ok(5));
}

/// A contract with an argument that may nest too deep.
#[farcall::remote]
pub(crate) trait DeepSteps {
    fn compute(&self, step: u64) -> u64;
    fn take(&self, deep: Deep) -> u64;
}

type DeepProxy = DeepStepsProxy;

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Deep(Option<Box<Deep>>);

impl Deep {
    pub(crate) fn of(levels: usize) -> Self {
        (0..levels).fold(Self(None), |deep, _| Self(Some(Box::new(deep))))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_on_many_tasks_send_batches_over_one_connection() {
    let house = StepsHouse::new().await;
    let few = limits(|limits| limits.max_calls_in_flight = 100);
    let connections = Connections::with_limits(few);
    let remote = Remote::connect_with(&connections, &house.uri, StepsProxy::descriptor())
        .await
        .unwrap();
    let steps = StepsProxy::from_remote(remote);
    let callers = (0..16_u64).map(|caller| {
        let steps = steps.clone();
        async move {
            for round in 0..10 {
                let first = caller * 1_000 + round * 50;
                let mut batch = steps.batch();
                let calls = batch.add_each(first..first + 40, |steps, step| steps.compute(step));
                batch.send().await.unwrap();
                let values: Vec<_> = calls.collect().await;
                assert_eq!(values, (first..first + 40).map(Ok).collect::<Vec<_>>());
            }
        }
    });
    soon(join_all(callers)).await;
    assert_eq!(house.stepper.log().len(), 16 * 10 * 40);
}
