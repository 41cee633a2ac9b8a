//! What else a fleet does: pairs, reductions, waiting for members; and closures that panic.

use std::time::{Duration, Instant};

use farcall::{Fleet, FleetError};
use futures_util::StreamExt;

use super::{Member, fleet};
use crate::harness::{MillHouse, MillProxy, NameService, mills, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starmap_gives_each_pair_to_the_closure() {
    let houses = [MillHouse::ready().await, MillHouse::ready().await];
    let fleet = mills(&houses);
    let pairs = (0..500).map(|n| (n.to_string(), "!".to_owned()));
    let joined = soon(fleet.starmap(pairs, |mill, left, right| mill.join(left, right))).await;
    assert!(
        joined
            .unwrap()
            .into_iter()
            .eq((0..500).map(|n| format!("{n}!")))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reduce_keeps_the_order_of_any_number_of_items() {
    let houses = [MillHouse::ready().await, MillHouse::ready().await];
    let fleet = mills(&houses);
    let join = |mill: MillProxy, left, right| async move { mill.join(left, right).await };
    for count in [0, 1, 2, 3, 4, 5, 7, 8, 31, 1_000] {
        let items: Vec<String> = (0..count).map(|n| format!("{n},")).collect();
        let all = soon(fleet.reduce(items.clone(), join)).await.unwrap();
        let expected = (count > 0).then(|| items.concat());
        assert_eq!(all, expected, "{count} items");
    }
    let calls: usize = houses.iter().map(|h| h.miller.log().len()).sum();
    assert!(calls >= 1 + 2 + 3 + 4 + 6 + 7 + 30 + 999, "{calls}");
}

#[tokio::test]
async fn for_an_empty_fleet_each_verb_says_so_at_once() {
    let fleet: Fleet<MillProxy> = Fleet::of::<&str>([]).unwrap();
    let ended = [
        soon(fleet.map([1], |mill, n| mill.square(n))).await.err(),
        soon(fleet.map_settled([1], |mill, n| mill.square(n)))
            .await
            .err(),
        soon(fleet.call(|mill| mill.square(1))).await.err(),
        soon(fleet.call_for("key", |mill| mill.square(1)))
            .await
            .err(),
        soon(fleet.imap([1], |mill, n| mill.square(n)).next())
            .await
            .unwrap()
            .err(),
        soon(fleet.map_unordered([1], |mill, n| mill.square(n)).next())
            .await
            .unwrap()
            .err(),
        soon(fleet.submit(1, |mill: MillProxy, n| mill.square(n)))
            .await
            .err(),
        soon(fleet.race(|mill| mill.square(1))).await.err(),
    ];
    for (verb, error) in ended.into_iter().enumerate() {
        assert!(
            matches!(error, Some(FleetError::Empty { known: 0, .. })),
            "{verb}: {error:?}"
        );
    }
    assert!(
        soon(fleet.broadcast(|mill| mill.square(1)))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_job_goes_on_as_long_as_its_patience_while_nobody_answers() {
    let gone = MillHouse::ready().await;
    soon(gone.daemon.shutdown()).await;
    let patience = Duration::from_millis(300);
    let fleet = mills([&gone]).with_patience(patience);
    let began = Instant::now();
    let error = soon(fleet.map(0..10_u64, |mill, n| mill.square(n)))
        .await
        .unwrap_err();
    let took = began.elapsed();
    assert!(
        matches!(
            error,
            FleetError::Empty {
                known: 1,
                last: Some(_),
                ..
            }
        ),
        "{error}"
    );
    assert!((patience..patience * 10).contains(&took), "{took:?}");
}

#[tokio::test]
async fn wait_for_waits_for_members_that_are_not_there_yet() {
    let service = NameService::new().await;
    let fleet = fleet(&service).await;
    let within = Duration::from_millis(50);
    let error = soon(fleet.wait_for(1, within)).await.unwrap_err();
    assert!(
        matches!(
            error,
            FleetError::TooFew {
                wanted: 1,
                known: 0,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("desk.*"), "{error}");
    let waiting = tokio::spawn({
        let fleet = fleet.clone();
        async move { fleet.wait_for(2, Duration::from_secs(8)).await }
    });
    let _one = Member::ready(&service, "desk.1").await;
    soon(fleet.wait_for(1, Duration::from_secs(8)))
        .await
        .unwrap();
    assert!(!waiting.is_finished());
    let _two = Member::ready(&service, "desk.2").await;
    soon(waiting).await.unwrap().unwrap();
    assert_eq!(fleet.len(), 2);
}

/// Panics at the item 40, after its call.
async fn panicky(mill: MillProxy, n: u64) -> Result<u64, farcall::CallError> {
    if n == 40 {
        mill.square(n).await?;
        panic!("the closure's own");
    }
    if n > 40 {
        return mill.record(n).await;
    }
    mill.square(n).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_a_closure_reaches_whoever_waits_and_the_fleet_works_on() {
    let houses = [MillHouse::new().await, MillHouse::new().await];
    let fleet = mills(&houses);
    let jobs = |fleet: Fleet<MillProxy>| {
        [
            tokio::spawn({
                let fleet = fleet.clone();
                async move { fleet.map(0..60, panicky).await.map(drop) }
            }),
            tokio::spawn({
                let fleet = fleet.clone();
                async move {
                    let mut results = fleet.map_unordered(0..60, panicky);
                    while let Some(end) = results.next().await {
                        end?;
                    }
                    Ok(())
                }
            }),
            tokio::spawn({
                let fleet = fleet.clone();
                async move { fleet.call(|mill| panicky(mill, 40)).await.map(drop) }
            }),
            tokio::spawn(async move { fleet.submit(40, panicky).await.map(drop) }),
        ]
    };
    for (verb, job) in jobs(fleet.clone()).into_iter().enumerate() {
        let error = soon(job).await.unwrap_err();
        let panicked = error.into_panic();
        let text = panicked.downcast_ref::<&str>();
        assert_eq!(text, Some(&"the closure's own"), "{verb}");
    }
    // What was in flight when it happened is cancelled.
    for house in &houses {
        let held = house.miller.recorded().len() as u32;
        house.miller.desk.abandoned(held).await;
    }
    let squares = soon(fleet.map(0..100, |mill, n| mill.square(n))).await;
    assert!(squares.unwrap().into_iter().eq((0..100).map(|n| n * n)));
}
