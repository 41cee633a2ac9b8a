//! Calls without a reply: made at the call site, and held back while the object is slow.

use std::time::Duration;

use farcall::{Arguments, Daemon, DynamicProxy, Limits, Proxy, Value};
use futures_util::future::join_all;

use crate::batches::Deep;
use crate::crash::child::Child;
use crate::harness::{DeskProxy, StepsHouse, StepsProxy, assert_ends, begun, ending, soon};

/// How much of one-way calls may wait at an object, in bytes.
const WINDOW_BYTES: usize = 1 << 20;

/// The least that a call costs of it.
const CALL_BYTES: usize = 128;

#[tokio::test]
async fn any_call_may_be_made_without_a_reply() {
    let house = StepsHouse::new().await;
    assert_eq!(
        soon(house.steps.oneway(|steps| steps.compute(1))).await,
        Ok(())
    );
    assert_eq!(house.stepper.logged(1).await, [1]);
    // Its end is nobody's concern.
    assert_eq!(
        soon(house.steps.oneway(|steps| steps.wait(2))).await,
        Ok(())
    );
    house.gate().arrived(1).await;
    assert_eq!(
        soon(house.steps.oneway(|steps| steps.panic(3))).await,
        Ok(())
    );
    assert_eq!(
        soon(house.steps.oneway(|steps| steps.note(4))).await,
        Ok(())
    );
    assert_eq!(house.stepper.logged(3).await, [1, 2, 3, 4]);
    house.works().await;
}

#[tokio::test]
async fn a_call_is_made_with_the_arguments_of_the_moment_and_sent_when_awaited() {
    let house = StepsHouse::new().await;
    let mut step = 1;
    let sending = house.steps.oneway(|steps| steps.compute(step));
    step += 1;
    let never = house.steps.oneway(|steps| steps.compute(step));
    house.works().await;
    drop(never);
    assert_eq!(soon(sending).await, Ok(()));
    assert_eq!(house.stepper.logged(2).await, [7, 1]);
    house.works().await;
    assert_eq!(house.stepper.log(), [7, 1, 7]);
}

#[tokio::test]
async fn all_calls_that_the_closure_makes_at_once_are_sent_and_no_later_ones() {
    let house = StepsHouse::new().await;
    let both = house.steps.oneway(|steps| async move {
        let pair = (steps.note(1), steps.note_computing(2));
        tokio::join!(pair.0, pair.1, async {
            steps.linger(3).await.unwrap();
            steps.linger(4).await.unwrap();
        })
    });
    assert_eq!(soon(both).await, Ok(()));
    let mut log = house.stepper.logged(3).await;
    log.sort_unstable();
    assert_eq!(log, [1, 2, 3]);
    house.works().await;
    assert_eq!(house.stepper.log().len(), 4);
}

#[tokio::test]
async fn a_closure_without_a_call_is_an_error() {
    let house = StepsHouse::new().await;
    let none = house.steps.oneway(|_| std::future::ready(5));
    assert_ends(
        soon(none).await,
        "NotSent(NotMade)",
        &["made no call", "far:steps@"],
    );
    let later = house.steps.oneway(|steps| async move {
        tokio::task::yield_now().await;
        steps.compute(1).await
    });
    assert_ends(soon(later).await, "NotSent(NotMade)", &["made no call"]);
    house.works().await;
    assert_eq!(house.stepper.log(), [7]);
}

/// A contract with an argument that may nest too deep.
#[farcall::remote]
pub(crate) trait DeepNotes {
    fn compute(&self, step: u64) -> u64;
    fn take(&self, deep: Deep) -> u64;
}

#[tokio::test]
async fn arguments_that_cannot_be_written_keep_all_of_the_closures_calls_from_being_sent() {
    let house = StepsHouse::new().await;
    let deep = soon(DeepNotesProxy::connect(&house.uri)).await.unwrap();
    let pair = deep.oneway(|deep| async move {
        tokio::join!(deep.compute(1), deep.take(Deep::of(200)), deep.compute(2))
    });
    assert_ends(
        soon(pair).await,
        "NotSent(Unencodable)",
        &["take of far:steps@"],
    );
    house.works().await;
    assert_eq!(house.stepper.log(), [7]);
}

#[tokio::test]
async fn callers_without_types_make_one_way_calls_by_name() {
    let house = StepsHouse::new().await;
    let steps = soon(DynamicProxy::connect(&house.uri)).await.unwrap();
    let five = Arguments::positional([Value::from(5u64)]);
    assert_eq!(soon(steps.oneway("compute", five)).await, Ok(()));
    assert_eq!(house.stepper.logged(1).await, [5]);
}

#[tokio::test]
async fn one_way_calls_find_the_daemon_again() {
    let house = StepsHouse::new().await;
    let wire = crate::harness::Wire::to(house.daemon.address()).await;
    let steps = soon(StepsProxy::connect(&wire.uri("steps"))).await.unwrap();
    wire.cut().await;
    assert_eq!(soon(steps.oneway(|steps| steps.compute(1))).await, Ok(()));
    assert_eq!(house.stepper.logged(1).await, [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_calls_of_a_slow_object_run_once_each_and_hold_nobody_up() {
    const CALLS: u64 = 100_000;
    const CALLERS: u64 = 50;
    const OTHERS: u32 = 200;
    let builder = Daemon::builder().compute_threads(1).max_compute_queue(16);
    let house = StepsHouse::with(builder).await;
    let callers = (0..CALLERS).map(|caller| {
        let steps = house.steps.clone();
        async move {
            for number in 0..CALLS / CALLERS {
                steps.note_slowly(caller + number * CALLERS).await.unwrap();
            }
        }
    });
    #[expect(clippy::disallowed_methods, reason = "it is awaited below")]
    let sending = tokio::spawn(join_all(callers));
    house.gate().arrived(1).await;
    // While it stands still, other calls are served; those that compute wait for the one thread, and for one call at most.
    for _ in 0..OTHERS {
        house.works().await;
    }
    assert!(!sending.is_finished(), "the callers are held back");
    let mut computed = begun(house.steps.compute(CALLS)).await;
    let mut before = 0;
    loop {
        house.gate().open(1);
        tokio::select! {
            computed = &mut computed => break assert_eq!(computed, Ok(CALLS)),
            () = house.gate().arrived(1) => before += 1,
        }
    }
    assert!(before < 100, "{before} one-way calls were before it");
    house.gate().open_for_good();
    tokio::time::timeout(Duration::from_secs(60), sending)
        .await
        .unwrap()
        .unwrap();
    let mut log = house.stepper.logged(CALLS as u32 + OTHERS + 1).await;
    log.retain(|step| *step != 7);
    assert_eq!(
        log.len() as u64,
        CALLS,
        "each once, but for the one called 7"
    );
    log.sort_unstable();
    log.dedup();
    assert_eq!(log.len() as u64, CALLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_at_a_slow_object_is_bounded() {
    let child = Child::start("worker").await;
    let desk = soon(DeskProxy::connect(&child.uri)).await.unwrap();
    assert_eq!(soon(desk.square(3)).await, Ok(9));
    let before = child.peak_memory();
    let sent = std::sync::atomic::AtomicUsize::new(0);
    // Nobody opens the gate: what was sent waits there.
    let callers = (0..20).map(|_| async {
        loop {
            let one = desk
                .with_deadline(Duration::from_secs(2))
                .oneway(|desk| desk.grind(1));
            if let Err(error) = one.await {
                return error;
            }
            sent.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    let callers = join_all(callers);
    let (errors, echoes) = soon(async {
        tokio::join!(callers, async {
            for _ in 0..100 {
                assert_eq!(desk.echo("quick".into()).await, Ok("quick".into()));
            }
        })
    })
    .await;
    let () = echoes;
    for error in errors {
        let (outcome, text) = ending::<()>(Err(error));
        assert_eq!(outcome, "NotSent(Expired)", "{text}");
        assert!(
            text.contains("grind of far:desk@") && text.contains("2s"),
            "{text}"
        );
    }
    let sent = sent.into_inner();
    assert!(
        (WINDOW_BYTES / (2 * CALL_BYTES)..WINDOW_BYTES / CALL_BYTES).contains(&sent),
        "{sent}"
    );
    let growth = child.peak_memory() - before;
    assert!(growth < 16 << 20, "it grew by {growth} bytes");
}

#[tokio::test]
async fn a_call_longer_than_all_that_may_wait_is_sent_and_the_next_waits_for_its_end() {
    let house = StepsHouse::new().await;
    let large = vec![1; 3 * WINDOW_BYTES];
    soon(house.steps.note_bytes(large.into())).await.unwrap();
    house.gate().arrived(1).await;
    let next = begun(house.steps.note(1)).await;
    house.works().await;
    assert_eq!(house.stepper.log(), [3 * WINDOW_BYTES as u64, 7]);
    house.gate().open(1);
    assert_eq!(soon(next).await, Ok(()));
    assert_eq!(house.stepper.logged(3).await.last(), Some(&1));
}

#[tokio::test]
async fn a_call_that_waits_for_its_turn_ends_with_its_connection_or_is_sent_over_the_next() {
    let house = StepsHouse::new().await;
    let wire = crate::harness::Wire::to(house.daemon.address()).await;
    let steps = soon(StepsProxy::connect(&wire.uri("steps"))).await.unwrap();
    soon(steps.note_bytes(vec![1; 2 * WINDOW_BYTES].into()))
        .await
        .unwrap();
    house.gate().arrived(1).await;
    let next = begun(steps.note(1)).await;
    wire.cut().await;
    assert_eq!(soon(next).await, Ok(()));
    assert_eq!(house.stepper.logged(2).await.last(), Some(&1));
}

#[tokio::test]
async fn a_batch_with_one_way_calls_waits_for_its_turn_too() {
    let house = StepsHouse::new().await;
    soon(house.steps.note_bytes(vec![1; 2 * WINDOW_BYTES].into()))
        .await
        .unwrap();
    house.gate().arrived(1).await;
    let mut free = house.steps.batch();
    let answered = free.add(|steps| steps.linger(1));
    soon(free.send()).await.unwrap();
    assert_eq!(soon(answered).await, Ok("1".into()));
    let mut batch = house.steps.batch();
    drop(batch.add(|steps| steps.note(2)));
    let answered = batch.add(|steps| steps.linger(3));
    let sending = begun(batch.send()).await;
    house.works().await;
    house.gate().open(1);
    soon(sending).await.unwrap();
    assert_eq!(soon(answered).await, Ok("3".into()));
    assert_eq!(house.stepper.log()[1..], [1, 7, 2, 3]);
}

#[tokio::test]
async fn the_bounds_of_other_calls_lose_no_one_way_call() {
    let limits = Limits {
        max_calls_in_flight: 2,
        ..Limits::default()
    };
    let builder = Daemon::builder()
        .limits(limits)
        .compute_threads(1)
        .max_compute_queue(1);
    let house = StepsHouse::with(builder).await;
    for step in 0..50 {
        soon(house.steps.note_slowly(step)).await.unwrap();
        soon(house.steps.oneway(|steps| steps.wait(step)))
            .await
            .unwrap();
    }
    // Nor do they take the place of others.
    house.works().await;
    house.gate().open_for_good();
    let log = house.stepper.logged(101).await;
    assert_eq!(log.len(), 101);
}

#[tokio::test]
async fn a_daemon_that_shuts_down_finishes_the_one_way_calls_it_has() {
    let house = StepsHouse::new().await;
    soon(house.steps.note_slowly(1)).await.unwrap();
    soon(house.steps.oneway(|steps| steps.wait(2)))
        .await
        .unwrap();
    house.gate().arrived(2).await;
    let shutdown = begun(house.daemon.shutdown()).await;
    house.gate().open(2);
    soon(shutdown).await;
    assert_eq!(house.gate().uncounted(), 0);
    let mut log = house.stepper.log();
    log.sort_unstable();
    assert_eq!(log, [1, 2]);
}
