//! Members that are late: what is done a second time elsewhere, and what never is.

use std::time::Duration;

use farcall::FleetError;

use super::{Member, fleet};
use crate::harness::{MillHouse, MillProxy, NameService, mills, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_member_holds_for_ever_is_done_by_another_and_cancelled() {
    const ITEMS: u64 = 200;
    let service = NameService::new().await;
    let late = Member::new(&service, "desk.1").await;
    let quick = Member::ready(&service, "desk.2").await;
    let fleet = fleet(&service).await;
    let settled = soon(fleet.map_settled(0..ITEMS, |desk, n| desk.wait_safely(n))).await;
    let settled = settled.unwrap();
    let held = late.clerk.runs();
    assert!(held > 0);
    assert!(settled.summary.hedged > 0);
    assert!(quick.clerk.runs() as u64 >= ITEMS);
    assert_eq!(settled.summary.ok, ITEMS, "each item once");
    assert_eq!(
        settled.into_results().unwrap(),
        (0..ITEMS).collect::<Vec<_>>()
    );
    late.clerk.gate.abandoned(held as u32).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn computing_items_that_a_member_holds_are_done_by_another() {
    const ITEMS: u64 = 3_000;
    let (late, quick) = (MillHouse::new().await, MillHouse::ready().await);
    let fleet = mills([&late, &quick]);
    // It holds a chunk, not its first item.
    late.miller.gate.open(300);
    let results = soon(fleet.map(0..ITEMS, |mill, n| mill.grind(n))).await;
    assert!(results.unwrap().into_iter().eq(0..ITEMS));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_repeated_is_started_once_however_late_it_is() {
    const ITEMS: u64 = 100;
    let (late, quick) = (MillHouse::new().await, MillHouse::ready().await);
    let fleet = mills([&late, &quick]);
    let recording = tokio::spawn({
        let fleet = fleet.clone();
        async move { fleet.map(0..ITEMS, |mill, n| mill.record(n)).await }
    });
    let held = |late: &MillHouse| late.miller.recorded().len() as u64;
    soon(async {
        while held(&late) + quick.miller.recorded().len() as u64 != ITEMS {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(held(&late) > 0);
    // By now others would have been made twice: those that may be are.
    for _ in 0..3 {
        let paused = soon(fleet.map(0..ITEMS, |mill, n| mill.pause(n))).await;
        assert_eq!(paused.unwrap(), (0..ITEMS).collect::<Vec<_>>());
    }
    assert!(!recording.is_finished());
    late.miller.open_for_good();
    assert!(
        soon(recording)
            .await
            .unwrap()
            .unwrap()
            .into_iter()
            .eq(0..ITEMS)
    );
    let mut all = [late.miller.recorded(), quick.miller.recorded()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..ITEMS).collect::<Vec<_>>());
}

/// Each item pauses, which may be repeated, then records, which may not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_copies_of_an_item_one_makes_the_call_that_may_not_be_repeated() {
    const ITEMS: u64 = 60;
    let (late, quick) = (MillHouse::new().await, MillHouse::new().await);
    quick.miller.gate.open_for_good();
    quick.miller.desk.open(ITEMS as usize / 2);
    let fleet = mills([&late, &quick]);
    let both = |mill: MillProxy, n: u64| async move {
        let n = mill.pause(n).await?;
        mill.record(n).await
    };
    let mapping = tokio::spawn(async move { fleet.map_settled(0..ITEMS, both).await });
    // All that the late one holds has been copied, and the copies went further.
    soon(async {
        while quick.miller.recorded().len() as u64 != ITEMS {
            tokio::task::yield_now().await;
        }
    })
    .await;
    late.miller.open_for_good();
    // Its pauses end, and the calls behind them may not be made. Over the same connection, replies come after theirs.
    let beside = soon(MillProxy::connect(&late.uri)).await.unwrap();
    for n in 0..20 {
        soon(beside.pause(n)).await.unwrap();
    }
    quick.miller.open_for_good();
    let settled = soon(mapping).await.unwrap().unwrap();
    assert!(settled.summary.hedged > 0, "{:?}", settled.summary);
    assert_eq!(settled.summary.ok, ITEMS, "{:?}", settled.summary);
    assert!(late.miller.recorded().is_empty(), "the others were first");
    let mut all = quick.miller.recorded();
    all.sort_unstable();
    assert_eq!(all, (0..ITEMS).collect::<Vec<_>>());
}

/// As above, where a chunk of items is copied and its copies do not all start at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_whose_copies_went_further_loses_none_of_its_items() {
    const ITEMS: u64 = 3_000;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..3 {
        let (late, quick) = (MillHouse::new().await, MillHouse::ready().await);
        late.miller.gate.open(random.usize(20..400));
        late.miller.desk.open_for_good();
        let fleet = mills([&late, &quick]);
        let both = |mill: MillProxy, n: u64| async move {
            let n = mill.grind(n).await?;
            mill.record(n).await
        };
        let mapping = tokio::spawn(async move { fleet.map_settled(0..ITEMS, both).await });
        let most = random.usize(2_000..3_000);
        soon(async {
            let recorded = || quick.miller.recorded().len() + late.miller.recorded().len();
            while recorded() < most {
                tokio::task::yield_now().await;
            }
        })
        .await;
        late.miller.open_for_good();
        let settled = soon(mapping).await.unwrap().unwrap();
        let summary = settled.summary.clone();
        assert_eq!(summary.ok, ITEMS, "round {round}: {summary:?}");
        let mut all = [late.miller.recorded(), quick.miller.recorded()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..ITEMS).collect::<Vec<_>>(), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jobs_deadline_ends_it_in_time_and_cancels_its_calls() {
    let house = MillHouse::new().await;
    let within = Duration::from_millis(200);
    let fleet = mills([&house]).with_deadline(within);
    let began = std::time::Instant::now();
    let error = soon(fleet.map(0..50_u64, |mill, n| mill.record(n)))
        .await
        .unwrap_err();
    let took = began.elapsed();
    assert!(
        matches!(
            error,
            FleetError::Deadline {
                done: 0,
                total: Some(50),
                deadline
            } if deadline == within
        ),
        "{error}"
    );
    assert!((within..within * 10).contains(&took), "{took:?}");
    let held = house.miller.recorded().len();
    assert!(held > 0);
    house.miller.desk.abandoned(held as u32).await;
    let error = soon(fleet.call(|mill| mill.record(1))).await.unwrap_err();
    assert!(
        matches!(error, FleetError::Deadline { .. } | FleetError::Item { .. }),
        "{error}"
    );
    house.miller.desk.abandoned(1).await;
    let settled = soon(fleet.map_settled(0..3_u64, |mill, n| mill.record(n))).await;
    assert!(settled.is_err() || settled.unwrap().summary.ok == 0);
}
