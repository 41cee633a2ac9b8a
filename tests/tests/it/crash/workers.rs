//! Workers that die, stop or are told to go, with calls in flight.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farcall::names::Selector;
use farcall::{CallError, Fleet, FleetError};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::child::Child;
use crate::harness::{DeskProxy, MillProxy, NameService, soon};

async fn worker(service: &NameService, name: &str, settings: &str) -> Child {
    Child::start(&format!(
        "worker ns={} name={name} {settings}",
        service.address()
    ))
    .await
}

/// Waits until so many calls of its other methods have begun at a desk whose `count` nobody else calls.
async fn has_begun(desk: &DeskProxy, wanted: u64) {
    soon(async {
        let mut counted = 1;
        while desk.count().await.unwrap() - counted < wanted {
            counted += 1;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_in_flight_at_a_killed_worker_ends_at_once_with_one_outcome() {
    const CALLS: u64 = 1_000;
    let child = Child::start("worker").await;
    let desk = soon(DeskProxy::connect(&child.uri)).await.unwrap();
    let calls: JoinSet<_> = (0..CALLS).map(|n| desk.wait(n)).collect();
    has_begun(&desk, CALLS).await;
    let began = Instant::now();
    child.kill().await;
    let ended = soon(calls.join_all()).await;
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(ended.len(), CALLS as usize);
    for end in ended {
        assert!(
            matches!(
                end,
                Err(CallError::Unknown {
                    idempotent: false,
                    ..
                })
            ),
            "{end:?}"
        );
    }
    let next = soon(desk.with_deadline(Duration::from_millis(500)).square(3)).await;
    assert!(matches!(next, Err(CallError::NotSent { .. })), "{next:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_map_over_workers_of_which_one_is_killed_is_exact_and_its_name_goes_with_its_lease() {
    const ITEMS: u64 = 3_000;
    let service = NameService::new().await;
    let victim = worker(&service, "desk.1", "").await;
    let _second = worker(&service, "desk.2", "gate=open").await;
    let _third = worker(&service, "desk.3", "gate=open").await;
    let fleet: Fleet<DeskProxy> = soon(Fleet::find(&service.uri("desk.*"))).await.unwrap();
    let direct = soon(DeskProxy::connect(&victim.uri)).await.unwrap();
    let mapping = tokio::spawn({
        let fleet = fleet.clone();
        async move {
            let mut retried = 0;
            let call = |desk: DeskProxy, n| async move { desk.wait_safely(n).await };
            let results = fleet
                .map_with(0..ITEMS, call, |progress| retried = progress.retried)
                .await;
            (results, retried)
        }
    });
    has_begun(&direct, 4).await;
    victim.kill().await;
    let (results, retried) = soon(mapping).await.unwrap();
    assert_eq!(results.unwrap(), (0..ITEMS).collect::<Vec<_>>());
    assert!(retried > 0);
    let names = service.proxy().await;
    let mut from = None;
    let gone = async {
        while names.count().await.unwrap() > 2 {
            let news = names
                .watch(Selector::Prefix(String::new()), from, 15_000)
                .await
                .unwrap()
                .unwrap();
            from = Some(news.revision);
        }
    };
    tokio::time::timeout(Duration::from_secs(12), gone)
        .await
        .expect("a lease of 10 s ends");
    assert_eq!(soon(names.count()).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_told_to_end_under_load_costs_no_idempotent_call() {
    const CALLERS: u64 = 8;
    let service = NameService::new().await;
    let leaving = worker(&service, "desk", "group=yes gate=open").await;
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        // It is the only member yet, so all of them call the one that leaves.
        let desk = soon(DeskProxy::connect(&service.uri("desk")))
            .await
            .unwrap();
        let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
        callers.spawn(async move {
            let mut n = caller;
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(soon(desk.wait_safely(n)).await, Ok(n));
                answered.fetch_add(1, Ordering::Relaxed);
                n += CALLERS;
            }
        });
    }
    let _second = worker(&service, "desk", "group=yes gate=open").await;
    let _third = worker(&service, "desk", "group=yes gate=open").await;
    let direct = soon(DeskProxy::connect(&leaving.uri)).await.unwrap();
    has_begun(&direct, 50).await;
    leaving.signal("TERM").await;
    let status = leaving.ended().await;
    assert_eq!(status.code(), Some(0));
    let after = answered.load(Ordering::Relaxed);
    let others = soon(DeskProxy::connect(&service.uri("desk")))
        .await
        .unwrap();
    soon(async {
        while answered.load(Ordering::Relaxed) <= after {
            others.square(1).await.unwrap();
        }
    })
    .await;
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = soon(callers.join_next()).await {
        ended.expect("no call failed");
    }
    assert!(answered.load(Ordering::Relaxed) > after);
    assert_eq!(
        soon(service.proxy().await.lookup("desk".into()))
            .await
            .unwrap()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_stopped_is_noticed_by_its_silence_and_the_others_go_on() {
    let service = NameService::new().await;
    let stopped = worker(&service, "desk.1", "").await;
    let _other = worker(&service, "desk.2", "gate=open").await;
    let fleet: Fleet<DeskProxy> = soon(Fleet::find(&service.uri("desk.*"))).await.unwrap();
    let direct = soon(DeskProxy::connect(&stopped.uri)).await.unwrap();
    let mut calls: JoinSet<_> = (0..50).map(|n| direct.wait(n)).collect();
    has_begun(&direct, 50).await;
    stopped.signal("STOP").await;
    let began = Instant::now();
    let mapping =
        tokio::spawn(async move { fleet.map(0..500, |desk, n| desk.wait_safely(n)).await });
    while let Some(ended) = tokio::time::timeout(Duration::from_secs(12), calls.join_next())
        .await
        .expect("silence ends them")
    {
        match ended.unwrap() {
            Err(CallError::Unknown { reason, .. }) => {
                assert!(reason.to_string().contains("silent"), "{reason}")
            }
            other => panic!("{other:?}"),
        }
    }
    let took = began.elapsed();
    assert!((4..11).contains(&took.as_secs()), "noticed after {took:?}");
    assert_eq!(
        soon(mapping).await.unwrap().unwrap(),
        (0..500).collect::<Vec<_>>()
    );
    stopped.signal("CONT").await;
    assert!(
        soon(direct.count()).await.unwrap() > 50,
        "it is called again once it goes on"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_that_kill_every_worker_they_touch_are_given_up_and_no_innocent_one_is() {
    const ITEMS: u64 = 30_000;
    const POISON: u64 = 1_700;
    let mut children = Vec::new();
    for _ in 0..5 {
        children.push(Child::start("mill").await);
    }
    let fleet: Fleet<MillProxy> = Fleet::of(children.iter().map(|child| &child.uri)).unwrap();
    // Which items' calls may have run, in the order in which that was heard.
    let lost = Mutex::new(Vec::new());
    let eat = async |mill: MillProxy, n| {
        let end = mill.eat(n, POISON).await;
        if matches!(end, Err(CallError::Unknown { .. })) {
            lost.lock().unwrap().push(n);
        }
        end
    };
    let settled = soon(fleet.map_settled(0..ITEMS, eat)).await.unwrap();
    for (n, result) in (0..).zip(&settled.results) {
        match result {
            Ok(value) => assert_eq!(*value, n),
            Err(FleetError::GivenUp {
                index,
                // Those that found a dead worker only count here.
                attempts: 3..,
                error: CallError::Unknown { .. },
            }) => assert_eq!((*index as u64, n), (POISON, POISON)),
            Err(other) => panic!("{n}: {other}"),
        }
    }
    assert_eq!((settled.summary.ok, settled.summary.failed), (ITEMS - 1, 1));
    let lost = lost.into_inner().unwrap();
    assert_eq!(
        lost[lost.len() - 2..],
        [POISON; 2],
        "from its second attempt on it goes alone"
    );
    assert_eq!(lost.iter().filter(|n| **n == POISON).count(), 3);
    let answers = soon(fleet.broadcast(|mill| mill.square(2))).await;
    let alive = answers.iter().filter(|(_, end)| end.is_ok()).count();
    assert_eq!(alive, 2, "three were killed");
}
