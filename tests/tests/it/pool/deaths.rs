//! Workers that are killed or end: every item has a result or an error, and another takes the place.

use std::collections::BTreeSet;

use farcall::pool::Event;
use farcall::{CallError, Fleet, FleetError};

use super::{all_hold, builder, kill, open, pids, told, watched};
use crate::harness::{assert_words, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_map_is_exact_although_a_worker_is_killed_and_who_takes_its_place_gets_work() {
    let (pool, mut events) = watched(builder([])).await;
    let workers = pids(&pool).await;
    let mapping = tokio::spawn({
        let fleet = Fleet::clone(&pool);
        let call = |mill: farcall_tests::mill::MillProxy, n: u64| async move {
            mill.hold_safely().await.map(|pid| (n, pid))
        };
        async move { fleet.map(0..500, call).await }
    });
    all_hold(&pool).await;
    let (victim, pid) = workers[0].clone();
    kill(pid).await;
    match soon(events.recv()).await.unwrap() {
        Event::Lost { worker, how } => {
            assert_eq!(worker, victim);
            assert!(how.contains("signal: 9"), "{how}");
        }
        other => panic!("{other:?}"),
    }
    let Some(Event::Ready { pid: successor, .. }) = soon(events.recv()).await else {
        panic!("nobody takes its place")
    };
    all_hold(&pool).await;
    open(&pool).await;
    let results = soon(mapping).await.unwrap().unwrap();
    let items: Vec<u64> = results.iter().map(|(n, _)| *n).collect();
    assert_eq!(items, (0..500).collect::<Vec<_>>());
    let by: BTreeSet<u32> = results.iter().map(|(_, pid)| *pid).collect();
    assert_eq!(by, BTreeSet::from([workers[1].1, successor]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_may_not_be_repeated_is_an_error_and_the_pool_goes_on() {
    let (pool, mut events) = watched(builder([]).processes(1)).await;
    let holding = tokio::spawn({
        let fleet = Fleet::clone(&pool);
        async move { fleet.map([0], |mill, _| mill.hold()).await }
    });
    all_hold(&pool).await;
    kill(pids(&pool).await[0].1).await;
    match soon(holding).await.unwrap() {
        Err(FleetError::Item {
            index: 0,
            error: error @ CallError::Unknown {
                idempotent: false, ..
            },
        }) => assert_words(&error.to_string(), &["hold of", "worker.1", "may have run"]),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        soon(events.recv()).await,
        Some(Event::Lost { .. })
    ));
    let squares = soon(pool.map([5], |mill, n| mill.square(n))).await;
    assert_eq!(squares.unwrap(), [25]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_ends_by_itself_is_replaced() {
    let (pool, mut events) = watched(builder([]).processes(1)).await;
    let exited = soon(pool.map([7], |mill, code| mill.exit(code))).await;
    assert!(matches!(exited, Err(FleetError::Item { .. })), "{exited:?}");
    let lost = soon(events.recv()).await.unwrap().to_string();
    assert_words(&lost, &["worker.1 ended (exit status: 7)"]);
    assert!(matches!(
        soon(events.recv()).await,
        Some(Event::Ready { .. })
    ));
    assert_eq!(pids(&pool).await[0].0, "worker.2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_cannot_replace_its_workers_says_why_and_nobody_waits_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("broken");
    let path = file.to_str().unwrap();
    let (pool, mut events) = watched(builder(["broken-by", path]).processes(1)).await;
    let workers = pids(&pool).await;
    let waiting = tokio::spawn({
        let fleet = Fleet::clone(&pool);
        async move { fleet.map(0..10, |mill, _| mill.hold_safely()).await }
    });
    all_hold(&pool).await;
    std::fs::write(&file, "").unwrap();
    kill(workers[0].1).await;
    let error = soon(waiting).await.unwrap().unwrap_err();
    assert!(matches!(error, FleetError::Empty { .. }), "{error:?}");
    assert_words(
        &told(&error),
        &["a pool of 1 processes", "it is broken by now"],
    );
    let mut last = None;
    while let Ok(event) = events.try_recv() {
        last = Some(event);
    }
    assert!(matches!(last, Some(Event::GivenUp { .. })), "{last:?}");
    let at_once = soon(pool.map([1], |mill, n| mill.square(n))).await;
    assert_words(&told(&at_once.unwrap_err()), &["it is broken by now"]);
}
