//! The verbs of a fleet that waits.

use std::time::{Duration, Instant};

use farcall::FleetError;
use farcall::balance::Rendezvous;
use farcall::blocking::Fleet;

use super::fleet;
use crate::harness::{DeskProxy, Town, assert_words};

#[test]
fn items_are_spread_and_results_come_in_their_order() {
    let town = Town::open(2);
    let fleet = fleet(&town);
    assert_eq!((fleet.len(), fleet.is_empty()), (2, false));
    let expected: Vec<i64> = (0..500).map(|n| n * n).collect();
    assert_eq!(fleet.map(0..500, |d, n| d.square(n)).unwrap(), expected);
    let shares = fleet.shares();
    assert_eq!(shares.iter().map(|(_, items)| items).sum::<u64>(), 500);
    assert!(shares.iter().all(|(_, items)| *items > 0), "{shares:?}");

    let mut last = 0;
    let told = fleet.map_with(0..50, |d, n| d.square(n), |p| last = p.done());
    assert_eq!((told.unwrap().len(), last), (50, 50));

    // Closures need not be `Send`, nor `'static`.
    let seen = std::cell::Cell::new(0);
    let each = fleet.for_each(0..50, |desk, n| {
        seen.set(seen.get() + 1);
        async move { desk.square(n).await.map(drop) }
    });
    each.unwrap();
    assert_eq!(seen.get(), 50);
}

#[test]
fn pairs_are_taken_apart_and_items_put_together() {
    let town = Town::open(2);
    let fleet = fleet(&town);
    let join = |desk: DeskProxy, a: String, b: String| desk.echo(a + &b);
    let letters = || ["a", "b", "c", "d", "e"].map(String::from);
    let pairs = letters().into_iter().zip(letters());
    let joined = fleet.starmap(pairs, join).unwrap();
    assert_eq!(joined, ["aa", "bb", "cc", "dd", "ee"]);
    let reduced = fleet.reduce(letters(), join).unwrap();
    assert_eq!(reduced.as_deref(), Some("abcde"));
}

#[test]
fn what_fails_is_told_by_item() {
    let town = Town::open(2);
    let fleet = fleet(&town);
    let call = |desk: DeskProxy, n: u64| async move {
        if n == 3 {
            desk.panic("on purpose".into()).await?;
        }
        desk.wait(n).await
    };
    let error = fleet.map(0..10, call).unwrap_err();
    assert!(
        matches!(error, FleetError::Item { index: 3, .. }),
        "{error}"
    );
    let settled = fleet.map_settled(0..10, call).unwrap();
    assert_eq!((settled.summary.ok, settled.summary.failed), (9, 1));
    assert!(settled.results[3].is_err());
}

#[test]
fn one_call_goes_to_one_member_and_a_key_always_to_the_same() {
    let town = Town::open(3);
    let fleet = fleet(&town).with_balance(Rendezvous);
    assert_eq!(fleet.call(|desk| desk.square(5)).unwrap(), 25);
    let before = fleet.shares();
    for _ in 0..20 {
        fleet.call_for("key", |desk| desk.square(5)).unwrap();
    }
    let after = fleet.shares();
    let changed = before.iter().zip(&after).filter(|(b, a)| b != a);
    assert_eq!(changed.count(), 1, "{before:?} {after:?}");
}

#[test]
fn all_members_are_asked_at_once() {
    let town = Town::shut(3);
    let fleet = fleet(&town);
    let all = fleet.broadcast(|desk| desk.square(3));
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["desk.1", "desk.2", "desk.3"]);
    assert!(all.iter().all(|(_, square)| matches!(square, Ok(9))));

    let gate = &town.members[1].clerk.gate;
    gate.open(1);
    assert_eq!(fleet.race(|desk| desk.wait(4)).unwrap(), 4);
    for member in [0, 2] {
        town.soon(town.members[member].clerk.gate.abandoned(1));
    }

    town.members[0].clerk.gate.open(1);
    gate.open(1);
    assert_eq!(fleet.quorum(2, |desk| desk.wait(5)).unwrap(), [5, 5]);
    let error = fleet.quorum(4, |desk| desk.square(5)).unwrap_err();
    assert!(
        matches!(error, FleetError::Quorum { wanted: 4, .. }),
        "{error}"
    );
}

#[test]
fn a_submitted_item_runs_while_the_thread_goes_on() {
    let town = Town::shut(1);
    let fleet = fleet(&town);
    let gate = &town.members[0].clerk.gate;
    let item = fleet.submit(7_u64, |desk, n| desk.wait(n));
    town.soon(gate.arrived(1));
    assert!(!item.is_done());
    gate.open(1);
    assert_eq!(item.wait().unwrap(), 7);

    let cancelled = fleet.submit(8_u64, |desk, n| desk.wait(n));
    let dropped = fleet.submit(9_u64, |desk, n| desk.wait(n));
    town.soon(gate.arrived(2));
    cancelled.cancel();
    town.soon(gate.abandoned(1));
    let error = cancelled.wait().unwrap_err();
    assert!(matches!(error, FleetError::Cancelled), "{error}");
    drop(dropped);
    town.soon(gate.abandoned(1));
}

#[test]
fn a_fleet_waits_for_members_as_long_as_it_is_told() {
    let town = Town::open(2);
    let fleet = fleet(&town);
    fleet.wait_for(2, Duration::from_secs(10)).unwrap();
    let error = fleet.wait_for(3, Duration::from_millis(20)).unwrap_err();
    assert!(
        matches!(error, FleetError::TooFew { known: 2, .. }),
        "{error}"
    );

    let shut = Town::shut(1);
    let hasty = super::fleet(&shut).with_deadline(Duration::from_millis(50));
    let error = hasty
        .map(0..3_u64, |desk, n| desk.wait_safely(n))
        .unwrap_err();
    assert!(matches!(error, FleetError::Deadline { .. }), "{error}");
    shut.soon(shut.members[0].clerk.gate.abandoned(3));
}

#[test]
fn a_list_needs_no_name_service_and_patience_ends() {
    let town = Town::open(1);
    let uri = format!("far:desk.1@{}", town.members[0].daemon.address());
    let fleet = Fleet::<DeskProxy>::of([&uri]).unwrap();
    assert_eq!(fleet.map([6], |desk, n| desk.square(n)).unwrap(), [36]);

    let nobody = Fleet::<DeskProxy>::of(["far:desk@127.0.0.1:1"]).unwrap();
    let began = Instant::now();
    let impatient = nobody.with_patience(Duration::from_millis(50));
    let error = impatient.map([6], |desk, n| desk.square(n)).unwrap_err();
    assert!(matches!(error, FleetError::Empty { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(9), "10 s by default");
}

#[test]
fn a_name_service_that_is_not_there_is_an_error_that_names_it() {
    let error = Fleet::<DeskProxy>::find("farname:desk.*@127.0.0.1:1").unwrap_err();
    assert!(matches!(error, FleetError::Resolve(_)), "{error}");
    assert_words(&error.to_string(), &["127.0.0.1:1"]);
    let error = Fleet::<DeskProxy>::find("farname:desk").map(|fleet| fleet.len());
    assert!(error.is_err());
}
