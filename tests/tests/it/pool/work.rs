//! Pools whose workers live: results, shares, and how many calls a worker takes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use farcall::pool::Event;

use super::{Pipe, builder, is_alive, pids, watched};
use crate::harness::soon;

/// Longer than a worker that may get work waits for it.
const A_WHILE: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_spreads_a_map_over_its_processes() {
    let pool = soon(builder([]).name("mill").start()).await.unwrap();
    let processes: BTreeSet<u32> = pids(&pool).await.into_iter().map(|(_, pid)| pid).collect();
    assert_eq!(processes.len(), 2);
    assert!(!processes.contains(&std::process::id()));
    let squares = soon(pool.map(0..3_000, |mill, n| mill.square(n))).await;
    assert_eq!(
        squares.unwrap(),
        (0..3_000).map(|n| n * n).collect::<Vec<i64>>()
    );
    let shares = pool.shares();
    let names: Vec<&str> = shares.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["mill.1", "mill.2"]);
    assert!(shares.iter().all(|(_, items)| *items > 0), "{shares:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_pools_at_once_do_not_meet() {
    let (one, other) = tokio::join!(builder([]).start(), builder([]).start());
    let (one, other) = (one.unwrap(), other.unwrap());
    let of_one: BTreeSet<u32> = pids(&one).await.into_iter().map(|(_, pid)| pid).collect();
    let of_other: BTreeSet<u32> = pids(&other).await.into_iter().map(|(_, pid)| pid).collect();
    assert!(of_one.is_disjoint(&of_other));
    soon(one.close()).await;
    let squares = soon(other.map([3, 4], |mill, n| mill.square(n))).await;
    assert_eq!(squares.unwrap(), [9, 16]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_takes_exactly_as_many_calls_as_it_may() {
    const MOST: u64 = 7;
    const ITEMS: u64 = 100;
    let pool = soon(builder([]).max_tasks_per_child(MOST).start()).await;
    let pool = pool.unwrap();
    // Not idempotent: a call that was lost would end the map.
    let counted = soon(pool.map(0..ITEMS, |mill, _| mill.count())).await;
    let mut of_process: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for (pid, nth) in counted.unwrap() {
        of_process.entry(pid).or_default().push(nth);
    }
    for calls in of_process.values_mut() {
        calls.sort_unstable();
        assert!(calls.len() as u64 <= MOST, "{calls:?}");
        assert_eq!(*calls, (1..=calls.len() as u64).collect::<Vec<_>>());
    }
    let partly = of_process
        .values()
        .filter(|calls| (calls.len() as u64) < MOST);
    assert!(
        partly.count() <= 2,
        "the last of each place: {of_process:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_gets_ready_at_once_and_gets_work_when_who_was_spent_is_gone() {
    let (greetings, calls) = (Pipe::new().await, Pipe::new().await);
    let builder = builder(["greeting", greetings.path()])
        .processes(1)
        .max_tasks_per_child(1);
    let ((pool, mut events), first) = tokio::join!(watched(builder), greetings.read());
    let path = calls.path().to_owned();
    let reading = pool.submit(path.clone(), |mill, path| mill.read(path));
    let other = pool.submit(path, |mill, path| mill.read(path));
    let second = greetings.read().await;
    assert_ne!(first, second);
    let writing = calls.writer().await;
    assert!(matches!(
        soon(events.recv()).await,
        Some(Event::Spent { .. })
    ));
    // While the first worker is at its call, the second is there and gets nothing.
    let early = tokio::time::timeout(A_WHILE, events.recv()).await;
    assert!(early.is_err(), "two work in one place: {early:?}");
    assert!(
        [&first, &second]
            .iter()
            .all(|pid| is_alive(pid.parse().unwrap()))
    );
    writing.write("one").await;
    let one_of_them = soon(futures_util::future::select(reading, other)).await;
    let (done, left) = one_of_them.factor_first();
    assert_eq!(done.unwrap(), "one");
    calls.writer().await.write("two").await;
    // Its successor may get ready.
    greetings.read().await;
    assert_eq!(soon(left).await.unwrap(), "two");
}
