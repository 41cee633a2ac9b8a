//! References and streams in batches and in one-way calls.

use std::sync::Arc;

use farcall::error::{NotSent, Rejection};
use farcall::{CallError, Proxy, Streaming};
use futures_util::{TryStreamExt, stream};

use super::{Centre, Count, CounterProxy, Ear, HubProxy, ListenerProxy, Pack, Town};
use crate::harness::{Gate, soon};

fn numbers(end: u64) -> Streaming<u64> {
    Streaming::new(stream::iter(1..=end))
}

#[tokio::test]
async fn references_and_streams_go_both_ways_in_a_batch() {
    let town = Town::new().await;
    let ear = Ear::default();
    let mut batch = town.hub.batch();
    let me = ListenerProxy::local(ear.clone());
    let same = me.clone();
    let joined = batch.add(|hub| hub.join(me));
    let told = batch.add(|hub| hub.tell("all".into()));
    let bounced = batch.add(|hub| hub.bounce(same));
    let counter = batch.add(|hub| hub.counter());
    let counted = batch.add(|hub| hub.count_to(1_000));
    let squares = batch.add(|hub| hub.squares(3));
    let sum = batch.add(|hub| hub.sum(numbers(1_000)));
    let twice = batch.add(|hub| hub.twice(numbers(3)));
    soon(batch.send()).await.unwrap();
    assert_eq!(soon(joined).await, Ok(()));
    assert_eq!(soon(told).await, Ok(1));
    assert_eq!(*ear.heard.lock().unwrap(), ["all"]);
    assert_eq!(soon(soon(bounced).await.unwrap().add(1)).await, Ok(2));
    assert_eq!(soon(sum).await, Ok(Ok(500_500)));
    let counter = soon(counter).await.unwrap();
    assert_eq!(soon(counter.next()).await, Ok(0));
    let counted: Vec<u64> = soon(soon(counted).await.unwrap().try_collect())
        .await
        .unwrap();
    assert_eq!(counted, (1..=1_000).collect::<Vec<_>>());
    let squares: Vec<u64> = soon(soon(squares).await.unwrap().try_collect())
        .await
        .unwrap();
    assert_eq!(squares, [1, 4, 9]);
    let twice: Vec<u64> = soon(soon(twice).await.unwrap().try_collect())
        .await
        .unwrap();
    assert_eq!(twice, [2, 4, 6]);
    drop(counter);
    town.centre.gone.arrived(1).await;
}

#[tokio::test]
async fn what_a_call_refers_to_that_is_skipped_or_refused_is_given_back() {
    let town = Town::new().await;
    let (alive, gone) = (Arc::default(), Arc::new(Gate::new()));
    let pack = |label: &str| Pack {
        label: label.into(),
        counters: vec![Some(CounterProxy::local(Count::new(&alive, &gone)))],
    };
    let mut batch = town.hub.batch().stop_at_first_error();
    // A stream that breaks makes an `Err` of the sum.
    let broken = batch.add(|hub| hub.sum(Streaming::fallible(stream::iter([Err("broken")]))));
    let skipped = batch.add(|hub| hub.unpack(pack("skipped")));
    soon(batch.send()).await.unwrap();
    assert!(soon(broken).await.unwrap().is_err());
    let error = soon(skipped).await.unwrap_err();
    assert!(
        matches!(
            &error,
            CallError::Rejected {
                reason: Rejection::Skipped(_),
                ..
            }
        ),
        "{error}"
    );
    gone.arrived(1).await;
    // Neither does one of a batch that never leaves.
    let mut batch = town.hub.batch();
    let never = batch.add(|hub| hub.unpack(pack("never")));
    drop(batch);
    soon(never).await.unwrap_err();
    gone.arrived(1).await;
    town.works().await;
}

#[tokio::test]
async fn results_that_nobody_takes_are_given_back() {
    let town = Town::new().await;
    let mut batch = town.hub.batch();
    let mut kept = Vec::new();
    for number in 0..100 {
        let counter = batch.add(|hub| hub.counter());
        if number % 2 == 0 {
            kept.push(counter);
        }
    }
    let counters = batch.add_each(0..50, |hub, _| hub.counter());
    soon(batch.send()).await.unwrap();
    drop(counters);
    for counter in kept {
        assert_eq!(soon(soon(counter).await.unwrap().next()).await, Ok(0));
    }
    town.works().await;
    // Those that were made, that is: most were given up before their turn.
    let alive = || town.centre.alive();
    soon(async {
        while alive() > 0 {
            town.works().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_callback_goes_in_a_one_way_call() {
    let town = Town::new().await;
    let ear = Ear::default();
    let me = ListenerProxy::local(ear.clone());
    soon(town.hub.oneway(|hub| hub.join(me))).await.unwrap();
    let mut heard = 0;
    while heard == 0 {
        heard = soon(town.hub.tell("hello".into())).await.unwrap();
    }
    assert_eq!(ear.heard.lock().unwrap()[0], "hello");
    let (alive, gone) = (Arc::default(), Arc::new(Gate::new()));
    let pack = Pack {
        label: "gone".into(),
        counters: vec![Some(CounterProxy::local(Count::new(&alive, &gone)))],
    };
    soon(town.hub.oneway(|hub| hub.unpack(pack))).await.unwrap();
    gone.arrived(1).await;
}

#[tokio::test]
async fn calls_of_an_object_in_this_process_are_no_batch() {
    let hub = HubProxy::local(Centre::new());
    let mut batch = hub.batch();
    let echo = batch.add(|hub| hub.echo("x".into()));
    let error = soon(batch.send()).await.unwrap_err();
    let unsupported = |error: &CallError| {
        matches!(
            error,
            CallError::NotSent {
                reason: NotSent::Unsupported(_),
                ..
            }
        )
    };
    assert!(unsupported(&error), "{error}");
    assert!(unsupported(&soon(echo).await.unwrap_err()));
    let error = soon(hub.oneway(|hub| hub.echo("x".into()))).await;
    assert!(unsupported(&error.unwrap_err()));
}
