//! Deadlines: every call ends by its own, however short or long that is.

use std::time::{Duration, Instant};

use farcall::Daemon;

use crate::harness::{DeskProxy, House, Wire, assert_ends, begun, soon};

/// Long enough that a local call is answered within it as a rule, short enough to wait for.
const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_deadline_of_zero_is_over_at_once() {
    let house = House::new().await;
    let hasty = house.desk.with_deadline(Duration::ZERO);
    assert_ends(
        soon(hasty.count()).await,
        "NotSent(Expired)",
        &["count of far:desk@", "0ns"],
    );
    assert_ends(soon(hasty.square(2)).await, "NotSent(Expired)", &[]);
    assert_ends(soon(hasty.note("x".into())).await, "NotSent(Expired)", &[]);
    house.works().await;
    assert_eq!(house.clerk.runs(), 0);
}

#[tokio::test]
async fn a_deadline_of_centuries_works() {
    let house = House::new().await;
    for long in [Duration::MAX, Duration::from_secs(300 * 365 * 24 * 3600)] {
        let patient = house.desk.with_deadline(long);
        assert_eq!(soon(patient.square(3)).await, Ok(9));
        assert_eq!(soon(patient.echo("x".into())).await, Ok("x".into()));
        assert_eq!(soon(patient.note("x".into())).await, Ok(()));
        let waits = begun(patient.wait(3)).await;
        house.gate().arrived(1).await;
        house.gate().open(1);
        assert_eq!(soon(waits).await, Ok(3));
    }
}

#[tokio::test]
async fn a_method_that_never_ends_is_cancelled_at_the_deadline_of_its_call() {
    let house = House::new().await;
    let begin = Instant::now();
    let call = begun(house.desk.with_deadline(SHORT).wait(1)).await;
    assert_ends(
        soon(call).await,
        "Unknown(Deadline)",
        &["wait of far:desk@", "may have run", "200ms"],
    );
    let took = begin.elapsed();
    assert!(took >= SHORT && took < 10 * SHORT, "{took:?}");
    house.gate().abandoned(1).await;
    house.works().await;
}

#[tokio::test]
async fn a_method_that_computes_past_the_deadline_leaves_its_caller_free() {
    let house = House::new().await;
    let call = begun(house.desk.with_deadline(SHORT).grind(1)).await;
    assert_ends(soon(call).await, "Unknown(Deadline)", &[]);
    // The late result is for nobody.
    house.gate().open(1);
    house.works().await;
}

#[tokio::test]
async fn a_deadline_holds_for_the_proxy_it_was_set_on_and_for_no_other() {
    let house = House::new().await;
    let hasty = house.desk.with_deadline(SHORT);
    let patient = begun(house.desk.wait(1)).await;
    assert_ends(soon(hasty.wait(2)).await, "Unknown(Deadline)", &["200ms"]);
    assert_ends(
        soon(hasty.with_deadline(SHORT / 2).wait(3)).await,
        "Unknown(Deadline)",
        &["100ms"],
    );
    house.gate().abandoned(2).await;
    house.gate().open(1);
    assert_eq!(soon(patient).await, Ok(1));
}

#[tokio::test]
async fn a_call_whose_deadline_is_over_before_a_thread_is_free_never_runs() {
    let house = House::with(Daemon::builder().compute_threads(1)).await;
    let first = begun(house.desk.grind(1)).await;
    house.gate().arrived(1).await;
    let hasty = house.desk.with_deadline(SHORT);
    assert_ends(soon(hasty.grind(2)).await, "Unknown(Deadline)", &[]);
    let last = begun(house.desk.grind(3)).await;
    soon(house.desk.echo(String::new())).await.unwrap();
    house.gate().open(2);
    assert_eq!((soon(first).await, soon(last).await), (Ok(1), Ok(3)));
    assert_eq!(house.clerk.runs(), 2);
}

#[tokio::test]
async fn all_attempts_of_a_call_share_one_deadline() {
    let house = House::new().await;
    let wire = Wire::to(house.daemon.address()).await;
    let desk = soon(DeskProxy::connect(&wire.uri("desk"))).await.unwrap();
    let waits = begun(desk.wait(1)).await;
    house.gate().arrived(1).await;
    // Whoever connects from now on is cut off at once.
    wire.point_at(&"127.0.0.1:1".parse().unwrap());
    wire.cut().await;
    assert_ends(soon(waits).await, "Unknown(Disconnected)", &[]);
    let begin = Instant::now();
    let error = soon(desk.with_deadline(SHORT).square(2)).await.unwrap_err();
    assert!(
        matches!(error, farcall::CallError::NotSent { .. }),
        "{error}"
    );
    assert!(begin.elapsed() < 10 * SHORT, "{:?}", begin.elapsed());
    // More than one attempt was made: the first connection, and at least two that failed.
    assert!(wire.connections() >= 3, "{}", wire.connections());
}
