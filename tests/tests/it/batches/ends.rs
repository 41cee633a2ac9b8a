//! How batches end before their time: calls that are dropped, connections and daemons that go.

use std::time::Duration;

use farcall::Proxy;
use futures_util::StreamExt;

use crate::crash::child::Child;
use crate::harness::{
    DeskProxy, Steps as _, StepsHouse, StepsProxy, Wire, assert_ends, begun, ending, soon,
};

#[tokio::test]
async fn a_call_that_is_dropped_before_the_batch_is_sent_is_not_made() {
    let house = StepsHouse::new().await;
    let mut batch = house.steps.batch().stop_at_first_error();
    let first = batch.add(|steps| steps.compute(1));
    drop(batch.add(|steps| steps.compute(2)));
    // Nobody waits for a one-way call anyhow.
    drop(batch.add(|steps| steps.note(3)));
    let last = batch.add(|steps| steps.compute(4));
    soon(batch.send()).await.unwrap();
    assert_eq!((soon(first).await, soon(last).await), (Ok(1), Ok(4)));
    assert_eq!(house.stepper.log(), [1, 3, 4]);
}

#[tokio::test]
async fn a_call_that_is_dropped_while_it_runs_is_stopped_and_the_next_one_begins() {
    let house = StepsHouse::new().await;
    let mut batch = house.steps.batch();
    let running = batch.add(|steps| steps.wait(1));
    let waiting = batch.add(|steps| steps.compute(2));
    let last = batch.add(|steps| steps.compute(3));
    soon(batch.send()).await.unwrap();
    house.gate().arrived(1).await;
    drop(waiting);
    drop(running);
    house.gate().abandoned(1).await;
    assert_eq!(soon(last).await, Ok(3));
    assert_eq!(house.stepper.log(), [1, 3], "the second one had not begun");
}

#[tokio::test]
async fn what_computes_is_let_end_before_the_next_one_begins() {
    let house = StepsHouse::new().await;
    let mut batch = house.steps.batch();
    let running = batch.add(|steps| steps.grind(1));
    let last = batch.add(|steps| steps.linger(2));
    soon(batch.send()).await.unwrap();
    house.gate().arrived(1).await;
    drop(running);
    house.works().await;
    assert_eq!(house.stepper.log(), [1, 7]);
    house.gate().open(1);
    assert_eq!(soon(last).await, Ok("2".into()));
}

#[tokio::test]
async fn a_call_that_is_dropped_stops_a_batch_that_stops_at_errors() {
    let house = StepsHouse::new().await;
    let mut batch = house.steps.batch().stop_at_first_error();
    let running = batch.add(|steps| steps.wait(1));
    let last = batch.add(|steps| steps.compute(2));
    soon(batch.send()).await.unwrap();
    house.gate().arrived(1).await;
    drop(running);
    assert_ends(soon(last).await, "Rejected(Skipped)", &[]);
    assert_eq!(house.stepper.log(), [1]);
}

#[tokio::test]
async fn calls_of_a_batch_that_was_never_sent_say_so() {
    let house = StepsHouse::new().await;
    let mut batch = house.steps.batch();
    let call = begun(batch.add(|steps| steps.compute(1))).await;
    drop(batch);
    assert_ends(
        soon(call).await,
        "NotSent(NotMade)",
        &[
            "compute of far:steps@",
            "its batch was dropped before it was sent",
        ],
    );
    let mut batch = house.steps.batch();
    let call = batch.add(|steps| steps.compute(1));
    drop(batch.send());
    assert_ends(soon(call).await, "NotSent(NotMade)", &["batch"]);
    house.works().await;
    assert_eq!(house.stepper.log(), [7]);
}

#[tokio::test]
async fn a_batch_that_is_empty_or_whose_calls_were_all_dropped_is_nothing() {
    let house = StepsHouse::new().await;
    assert_eq!(soon(house.steps.batch().send()).await, Ok(()));
    let mut batch = house.steps.batch();
    drop(batch.add(|steps| steps.compute(1)));
    assert_eq!(soon(batch.send()).await, Ok(()));
    house.works().await;
    assert_eq!(house.stepper.log(), [7]);
}

#[tokio::test]
async fn a_connection_that_is_cut_ends_every_call_of_its_batch() {
    let house = StepsHouse::new().await;
    let wire = Wire::to(house.daemon.address()).await;
    let steps = soon(StepsProxy::connect(&wire.uri("steps"))).await.unwrap();
    let mut batch = steps.batch();
    let done = batch.add(|steps| steps.compute(1));
    let failed = batch.add(|steps| steps.panic(2));
    let running = batch.add(|steps| steps.wait(3));
    let waiting = batch.add(|steps| steps.compute(4));
    let noted = batch.add(|steps| steps.note(5));
    soon(batch.send()).await.unwrap();
    assert_eq!(soon(done).await, Ok(1));
    house.gate().arrived(1).await;
    wire.cut().await;
    house.gate().abandoned(1).await;
    assert_ends(soon(failed).await, "Failed(Panic)", &["step 2"]);
    assert_ends(soon(running).await, "Unknown(Disconnected)", &["wait of"]);
    assert_ends(
        soon(waiting).await,
        "Unknown(Disconnected)",
        &["compute of"],
    );
    assert_eq!(soon(noted).await, Ok(()), "it was sent");
    house.works().await;
    assert_eq!(
        house.stepper.log(),
        [1, 2, 3, 7],
        "what had not begun never does"
    );
}

#[tokio::test]
async fn a_daemon_that_is_killed_ends_every_call_of_a_batch() {
    let child = Child::start("worker").await;
    let desk = soon(DeskProxy::connect(&child.uri)).await.unwrap();
    let mut batch = desk.batch();
    let done = batch.add(|desk| desk.square(3));
    let running = batch.add(|desk| desk.wait(1));
    let waiting = batch.add_each(0..100, |desk, number| desk.square(number));
    soon(batch.send()).await.unwrap();
    assert_eq!(soon(done).await, Ok(9));
    let running = begun(running).await;
    child.kill().await;
    assert_eq!(ending(soon(running).await).0, "Unknown(Disconnected)");
    let ended = soon(waiting.collect::<Vec<_>>()).await;
    assert_eq!(ended.len(), 100);
    for call in ended {
        assert_eq!(ending(call).0, "Unknown(Disconnected)");
    }
}

#[tokio::test]
async fn a_daemon_that_shuts_down_finishes_the_batches_it_has() {
    let house = StepsHouse::new().await;
    let mut batch = house.steps.batch();
    let first = batch.add(|steps| steps.wait(1));
    let rest = batch.add_each(2..50, |steps, step| steps.linger(step));
    soon(batch.send()).await.unwrap();
    house.gate().arrived(1).await;
    let mut shutdown = begun(house.daemon.shutdown()).await;
    house.gate().open(1);
    let calls = async {
        assert_eq!(first.await, Ok(1));
        let rest: Vec<_> = rest.collect().await;
        assert!(rest.iter().all(Result::is_ok), "{rest:?}");
    };
    soon(async { tokio::join!(calls, &mut shutdown) }).await;
}

#[tokio::test]
async fn a_batch_finds_the_daemon_that_took_the_place_of_another() {
    let house = StepsHouse::new().await;
    let wire = Wire::to(house.daemon.address()).await;
    let steps = soon(StepsProxy::connect(&wire.uri("steps"))).await.unwrap();
    let other = StepsHouse::new().await;
    wire.point_at(other.daemon.address());
    wire.cut().await;
    let mut batch = steps.batch();
    let calls = batch.add_each(0..5, |steps, step| steps.compute(step));
    soon(batch.send()).await.unwrap();
    let values: Vec<_> = soon(calls.collect()).await;
    assert_eq!(values, (0..5).map(Ok).collect::<Vec<_>>());
    assert_eq!(other.stepper.log(), [0, 1, 2, 3, 4]);
    assert!(house.stepper.log().is_empty());
}

#[tokio::test]
async fn a_batch_to_nobody_is_not_sent_and_neither_are_its_calls() {
    let house = StepsHouse::new().await;
    soon(house.daemon.shutdown()).await;
    let mut batch = house.steps.batch();
    let call = batch.add(|steps| steps.compute(1));
    let noted = batch.add(|steps| steps.note(2));
    assert_ends(
        soon(batch.send()).await,
        "NotSent(Unreachable)",
        &["a batch of far:steps@"],
    );
    assert_ends(soon(call).await, "NotSent(Unreachable)", &["compute of"]);
    assert_ends(soon(noted).await, "NotSent(Unreachable)", &["note of"]);
}

#[tokio::test]
async fn the_deadline_of_each_call_counts_from_the_sending() {
    let house = StepsHouse::new().await;
    let patient = house.steps.with_deadline(Duration::from_secs(60));
    let mut batch = patient.batch();
    let first = batch.add(|steps| steps.with_deadline(Duration::from_millis(400)).wait(1));
    let second = batch.add(|steps| steps.with_deadline(Duration::from_millis(500)).wait(2));
    let third = batch.add(|steps| steps.wait(3));
    soon(batch.send()).await.unwrap();
    assert_ends(soon(first).await, "Unknown(Deadline)", &["400ms"]);
    assert_ends(soon(second).await, "Unknown(Deadline)", &["500ms"]);
    house.gate().arrived(1).await;
    house.gate().open(3);
    assert_eq!(soon(third).await, Ok(3));
    let mut batch = house.steps.batch();
    let call = batch.add(|steps| steps.with_deadline(Duration::ZERO).compute(4));
    assert_ends(
        soon(batch.send()).await,
        "NotSent(Expired)",
        &["a batch of far:steps@"],
    );
    assert_ends(soon(call).await, "NotSent(Expired)", &[]);
}

#[tokio::test]
async fn an_object_that_is_taken_away_ends_the_calls_that_have_not_begun() {
    let house = StepsHouse::new().await;
    let stepper = house.stepper.clone();
    house.daemon.register("other", stepper.serve()).unwrap();
    let uri = house.uri.replace("steps@", "other@");
    let steps = soon(StepsProxy::connect(&uri)).await.unwrap();
    let mut batch = steps.batch();
    let running = batch.add(|steps| steps.wait(1));
    let waiting = batch.add(|steps| steps.compute(2));
    soon(batch.send()).await.unwrap();
    house.gate().arrived(1).await;
    assert!(soon(house.daemon.unregister("other")).await);
    house.gate().open(1);
    assert_eq!(soon(running).await, Ok(1));
    assert_ends(
        soon(waiting).await,
        "Rejected(UnknownObject)",
        &["taken away"],
    );
}
