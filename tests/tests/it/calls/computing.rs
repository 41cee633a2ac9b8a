//! Methods that compute: on a bounded pool beside the I/O.

use farcall::{Daemon, Proxy as _, Retries};
use tokio::task::JoinSet;

use crate::harness::{House, assert_ends, begun, soon};

#[tokio::test]
async fn a_full_compute_queue_rejects_and_answers_those_that_wait() {
    let house = House::with(Daemon::builder().compute_threads(1).max_compute_queue(1)).await;
    let runs = begun(house.desk.grind(1)).await;
    house.gate().arrived(1).await;
    let waits = begun(house.desk.grind(2)).await;
    let over = soon(house.desk.grind(3)).await;
    assert_ends(
        over,
        "Rejected(Overloaded)",
        &["grind of far:desk@", "1 compute calls are waiting"],
    );
    house.gate().open(2);
    assert_eq!(soon(runs).await, Ok(1));
    assert_eq!(soon(waits).await, Ok(2));
    assert_eq!(house.clerk.runs(), 2);
    house.works().await;
}

#[tokio::test]
async fn an_overloaded_daemon_is_tried_again_when_the_call_is_idempotent() {
    let house = House::with(Daemon::builder().compute_threads(1).max_compute_queue(1)).await;
    let runs = begun(house.desk.grind(1)).await;
    house.gate().arrived(1).await;
    let waits = begun(house.desk.grind(2)).await;
    let never = house.desk.with_retries(Retries::Never);
    assert_ends(soon(never.square(3)).await, "Rejected(Overloaded)", &[]);
    let mut again = JoinSet::new();
    again.spawn(house.desk.square(3));
    // Answered after the first attempt was refused, since both take the same way.
    soon(house.desk.echo(String::new())).await.unwrap();
    house.gate().open(2);
    assert_eq!(soon(again.join_next()).await.unwrap().unwrap(), Ok(9));
    assert_eq!((soon(runs).await, soon(waits).await), (Ok(1), Ok(2)));
}

#[tokio::test]
async fn computing_holds_up_neither_io_nor_methods_that_wait() {
    let house = House::new().await;
    let cores = std::thread::available_parallelism().unwrap().get();
    let mut busy = Vec::new();
    for number in 0..2 * cores as u64 {
        busy.push(begun(house.desk.grind(number)).await);
    }
    house.gate().arrived(cores as u32).await;
    assert_eq!(
        soon(house.desk.echo("hello".into())).await,
        Ok("hello".into())
    );
    assert_eq!(
        house.gate().uncounted(),
        0,
        "more methods compute than there are cores"
    );
    house.gate().open(2 * cores);
    for (number, call) in busy.into_iter().enumerate() {
        assert_eq!(soon(call).await, Ok(number as u64));
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_while_it_waits_for_a_thread_never_runs() {
    let house = House::with(Daemon::builder().compute_threads(1)).await;
    let first = begun(house.desk.grind(1)).await;
    house.gate().arrived(1).await;
    drop(begun(house.desk.grind(2)).await);
    let last = begun(house.desk.grind(3)).await;
    // Answered after the cancel was read, since both take the same way.
    soon(house.desk.echo(String::new())).await.unwrap();
    house.gate().open(2);
    assert_eq!((soon(first).await, soon(last).await), (Ok(1), Ok(3)));
    assert_eq!(house.clerk.runs(), 2);
}
