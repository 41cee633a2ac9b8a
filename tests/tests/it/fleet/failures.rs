//! Fleets whose members fail: what goes elsewhere, and what ends the whole.

use std::error::Error;

use farcall::{CallError, Fleet, FleetError};

use super::{Member, fleet};
use crate::harness::{DeskProxy, NameService, soon};

/// Another trait with a method of the desk's name.
#[farcall::remote]
trait Stranger {
    /// Not what the desk squares.
    #[idempotent]
    fn square(&self, number: String) -> String;
}

struct Odd;

impl Stranger for Odd {
    fn square(&self, number: String) -> String {
        number
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_shuts_down_in_the_middle_costs_nothing() {
    let service = NameService::new().await;
    let leaving = Member::new(&service, "desk.1").await;
    let _staying = Member::ready(&service, "desk.2").await;
    let fleet = fleet(&service).await;
    let mapping = tokio::spawn({
        let fleet = fleet.clone();
        // Not idempotent: a call that was lost could not be made again.
        async move { fleet.map(0..2_000, |desk, n| desk.wait(n)).await }
    });
    leaving.clerk.gate.arrived(2).await;
    let shutting = tokio::spawn({
        let daemon = leaving.daemon.clone();
        async move { daemon.shutdown().await }
    });
    leaving.clerk.gate.open(1);
    leaving.clerk.gate.open_for_good();
    soon(shutting).await.unwrap();
    assert_eq!(
        soon(mapping).await.unwrap().unwrap(),
        (0..2_000).collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_panics_ends_the_map_and_names_the_item() {
    let service = NameService::new().await;
    let (_one, _two) = (
        Member::ready(&service, "desk.1").await,
        Member::ready(&service, "desk.2").await,
    );
    let fleet = fleet(&service).await;
    let call = |desk: DeskProxy, n: u64| async move {
        if n == 77 {
            desk.panic_computing("on purpose".into()).await?;
        }
        desk.count().await
    };
    match soon(fleet.map(0..200, call)).await {
        Err(FleetError::Item { index: 77, error }) => {
            assert!(matches!(error, CallError::Failed { .. }), "{error}");
            assert!(
                error.to_string().contains("panic_computing")
                    && error.to_string().contains("on purpose"),
                "{error}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        soon(fleet.map([5], |desk, n| desk.square(n)))
            .await
            .unwrap(),
        [25],
        "the members live on"
    );
}

#[tokio::test]
async fn a_member_of_another_trait_is_an_error_that_names_the_method() {
    let service = NameService::new().await;
    let daemon = service.daemon().await;
    daemon.publish("desk.odd", Odd.serve()).await.unwrap();
    let fleet = fleet(&service).await;
    let error = soon(fleet.map(0..3, |desk, n| desk.square(n)))
        .await
        .unwrap_err();
    assert!(matches!(error, FleetError::Item { .. }), "{error}");
    let why = error.source().unwrap().to_string();
    assert!(
        why.contains("method 'square' has another signature here"),
        "{why}"
    );
    assert!(why.contains("desk.odd"), "{why}");
    let error = soon(fleet.map(0..3, |desk, n| desk.wait(n)))
        .await
        .unwrap_err();
    let why = error.source().unwrap().to_string();
    assert!(why.contains("has no method 'wait'"), "{why}");
}

#[tokio::test]
async fn an_empty_fleet_is_an_error_that_says_what_was_looked_for_and_where() {
    let service = NameService::new().await;
    let fleet = fleet(&service).await;
    assert!(fleet.is_empty());
    let error = soon(fleet.map(0..3, |desk, n| desk.square(n)))
        .await
        .unwrap_err();
    assert!(
        matches!(error, FleetError::Empty { known: 0, .. }),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains("desk.*") && text.contains(&service.address().to_string()),
        "{text}"
    );
}

#[tokio::test]
async fn what_is_no_pattern_or_leads_to_no_name_service_is_told_at_once() {
    let service = NameService::new().await;
    let address = service.address().to_string();
    let one = soon(Fleet::<DeskProxy>::find("far:desk@127.0.0.1:1"))
        .await
        .unwrap_err();
    assert!(matches!(one, FleetError::NoPattern(_)), "{one}");
    let malformed = soon(Fleet::<DeskProxy>::find("farname:"))
        .await
        .unwrap_err();
    assert!(matches!(malformed, FleetError::Uri(_)), "{malformed}");
    let glob = soon(Fleet::<DeskProxy>::find(&service.uri("desk.[")))
        .await
        .unwrap_err();
    assert!(glob.to_string().contains("desk.["), "{glob}");
    service.stop().await;
    let away = soon(Fleet::<DeskProxy>::find(&format!(
        "farname:desk.*@{address}"
    )))
    .await
    .unwrap_err();
    assert!(
        matches!(away, FleetError::Resolve(_)) && away.to_string().contains(&address),
        "{away}"
    );
}

#[tokio::test]
async fn dropping_a_map_cancels_its_calls() {
    let service = NameService::new().await;
    let member = Member::new(&service, "desk.1").await;
    let fleet = fleet(&service).await;
    let mapping = tokio::spawn({
        let fleet = fleet.clone();
        async move { fleet.map(0..100, |desk, n| desk.wait(n)).await }
    });
    member.clerk.gate.arrived(4).await;
    mapping.abort();
    assert!(mapping.await.unwrap_err().is_cancelled());
    member.clerk.gate.abandoned(4).await;
    assert_eq!(
        soon(fleet.map([5], |desk, n| desk.square(n)))
            .await
            .unwrap(),
        [25]
    );
}
