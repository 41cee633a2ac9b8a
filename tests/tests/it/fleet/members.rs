//! Fleets whose members answer: order, progress, shares, and who comes and goes.

use farcall::Fleet;

use super::{Member, fleet};
use crate::harness::{DeskProxy, NameService, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_come_in_the_order_of_the_items_and_everybody_gets_a_share() {
    const ITEMS: i64 = 3_000;
    let service = NameService::new().await;
    let mut members = Vec::new();
    for name in ["desk.1", "desk.2", "desk.3"] {
        members.push(Member::ready(&service, name).await);
    }
    let fleet = fleet(&service).await;
    assert_eq!(fleet.len(), 3);
    let mut heard = Vec::new();
    let squares = soon(fleet.map_with(
        0..ITEMS,
        |desk, n| desk.square(n),
        |progress| heard.push(progress.clone()),
    ))
    .await;
    assert_eq!(
        squares.unwrap(),
        (0..ITEMS).map(|n| n * n).collect::<Vec<_>>()
    );
    let done: Vec<u64> = heard.iter().map(|progress| progress.done()).collect();
    assert!(
        done.into_iter().eq(1..=ITEMS as u64),
        "progress counts every item once"
    );
    let last = heard.pop().unwrap();
    assert_eq!((last.total, last.retried), (Some(ITEMS as u64), 0));
    assert_eq!(last.eta(), Some(std::time::Duration::ZERO));
    let shares = fleet.shares();
    assert_eq!(
        shares.iter().map(|(_, calls)| calls).sum::<u64>(),
        ITEMS as u64
    );
    assert!(
        shares.len() == 3 && shares.iter().all(|(_, calls)| *calls > 0),
        "{shares:?}"
    );
}

#[tokio::test]
async fn a_fleet_is_found_by_tags_and_a_map_of_nothing_is_nothing() {
    let service = NameService::new().await;
    let _member = Member::ready(&service, "whatever").await;
    let uri = format!("farmeta:kind=desk@{}", service.address());
    let fleet: Fleet<DeskProxy> = soon(Fleet::find(&uri)).await.unwrap();
    assert_eq!(
        soon(fleet.map([3, 4], |desk, n| desk.square(n)))
            .await
            .unwrap(),
        [9, 16]
    );
    assert!(
        soon(fleet.map(Vec::<i64>::new(), |desk, n| desk.square(n)))
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_one_group_share_the_work_too() {
    let service = NameService::new().await;
    let (_first, _second) = (
        Member::ready(&service, "desk.g").await,
        Member::ready(&service, "desk.g").await,
    );
    let fleet = fleet(&service).await;
    assert_eq!(fleet.len(), 2);
    let squares = soon(fleet.map(0..500, |desk, n| desk.square(n)))
        .await
        .unwrap();
    assert_eq!(squares, (0..500).map(|n| n * n).collect::<Vec<_>>());
    assert_eq!(fleet.shares(), [("desk.g".to_owned(), 500)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_joins_while_a_map_runs_gets_work() {
    let service = NameService::new().await;
    let first = Member::new(&service, "desk.1").await;
    let fleet = fleet(&service).await;
    let mapping = tokio::spawn({
        let fleet = fleet.clone();
        async move { fleet.map(0..100, |desk, n| desk.wait_safely(n)).await }
    });
    first.clerk.gate.arrived(2).await;
    // The first one answers nothing until the second one has been called.
    let second = Member::ready(&service, "desk.2").await;
    second.clerk.gate.arrived(1).await;
    first.clerk.gate.open_for_good();
    assert_eq!(
        soon(mapping).await.unwrap().unwrap(),
        (0..100).collect::<Vec<_>>()
    );
    assert!(second.clerk.runs() > 0);
    assert_eq!(fleet.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_map_goes_on_while_the_name_service_is_away_and_follows_it_when_it_is_back() {
    let service = NameService::new().await;
    let first = Member::ready(&service, "desk.1").await;
    let second = Member::ready(&service, "desk.2").await;
    let fleet = fleet(&service).await;
    let address = service.address().to_string();
    service.stop().await;
    assert_eq!(
        soon(fleet.map(0..50, |desk, n| desk.wait_safely(n)))
            .await
            .unwrap(),
        (0..50).collect::<Vec<_>>()
    );
    soon(second.daemon.shutdown()).await;
    let service = NameService::at(&address, "memory").await;
    // The third one has a place that the second one had.
    let third = Member::ready(&service, "desk.3").await;
    first
        .clerk
        .gate
        .arrived(first.clerk.gate.uncounted() as u32)
        .await;
    let mapping = tokio::spawn({
        let fleet = fleet.clone();
        async move {
            loop {
                fleet
                    .map(0..50, |desk, n| desk.wait_safely(n))
                    .await
                    .unwrap();
            }
        }
    });
    third.clerk.gate.arrived(1).await;
    first.clerk.gate.arrived(1).await;
    mapping.abort();
    let _ = mapping.await;
}

#[tokio::test]
async fn a_deadline_and_a_patience_past_every_clock_are_none() {
    let service = NameService::new().await;
    let _member = Member::ready(&service, "desk.1").await;
    let for_ever = std::time::Duration::MAX;
    let fleet = fleet(&service).await;
    let fleet = fleet.with_deadline(for_ever).with_patience(for_ever);
    soon(fleet.wait_for(1, for_ever)).await.unwrap();
    let squares = soon(fleet.map(0..100, |desk, n| desk.square(n))).await;
    assert!(squares.unwrap().into_iter().eq((0..100).map(|n| n * n)));
}
