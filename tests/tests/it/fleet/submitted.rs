//! Single items submitted to a fleet: awaited, looked at, cancelled, dropped.

use farcall::{Fleet, FleetError};

use super::{Member, fleet};
use crate::harness::{DeskProxy, NameService, soon};

#[tokio::test]
async fn an_item_runs_without_being_polled_and_its_result_waits() {
    let service = NameService::new().await;
    let member = Member::new(&service, "desk.1").await;
    let fleet = fleet(&service).await;
    let item = fleet.submit(7_u64, |desk, n| desk.wait(n));
    member.clerk.gate.arrived(1).await;
    assert!(!item.is_done());
    member.clerk.gate.open(1);
    assert_eq!(soon(item).await.unwrap(), 7);
}

#[tokio::test]
async fn what_is_cancelled_or_dropped_is_cancelled_at_its_member() {
    let service = NameService::new().await;
    let member = Member::new(&service, "desk.1").await;
    let fleet = fleet(&service).await;
    let cancelled = fleet.submit(7_u64, |desk, n| desk.wait(n));
    let dropped = fleet.submit(8_u64, |desk, n| desk.wait(n));
    member.clerk.gate.arrived(2).await;
    cancelled.cancel();
    member.clerk.gate.abandoned(1).await;
    let error = soon(cancelled).await.unwrap_err();
    assert!(matches!(error, FleetError::Cancelled), "{error}");
    drop(dropped);
    member.clerk.gate.abandoned(1).await;
}

#[tokio::test]
async fn an_item_moves_on_when_a_member_is_gone() {
    let service = NameService::new().await;
    let gone = Member::ready(&service, "desk.1").await;
    let _there = Member::ready(&service, "desk.2").await;
    let fleet = Fleet::of(["desk.1", "desk.2"].map(|name| service.uri(name))).unwrap();
    soon(gone.daemon.shutdown()).await;
    let item = fleet.submit(7_u64, |desk: DeskProxy, n| desk.wait(n));
    assert_eq!(soon(item).await.unwrap(), 7);
    assert_eq!(fleet.shares()[1].1, 1, "{:?}", fleet.shares());
}
