//! Which member gets the next call: policies, what they are told, and members that are put aside.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use farcall::balance::{Balance, Candidate, LeastOutstanding, PreferZone, Rendezvous, RoundRobin};
use farcall::{CallError, Fleet, FleetError, Publication};

use super::{Member, fleet};
use crate::harness::{Clerk, Desk, DeskProxy, MillHouse, MillProxy, NameService, mills, soon};

/// Picks a place, and keeps what it was told.
#[derive(Clone, Debug)]
struct Spy {
    place: usize,
    heard: Arc<Mutex<Vec<Vec<Told>>>>,
}

/// What a policy is told of a member.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    name: String,
    in_flight: usize,
    weight: f64,
    zone: Option<String>,
}

impl Spy {
    fn at(place: usize) -> Self {
        Self {
            place,
            heard: Arc::default(),
        }
    }

    fn last(&self) -> Vec<Told> {
        self.heard.lock().unwrap().last().unwrap().clone()
    }
}

impl Balance for Spy {
    fn pick(&self, candidates: &[Candidate<'_>], _: Option<u64>) -> usize {
        let told = |candidate: &Candidate<'_>| Told {
            name: candidate.name.into(),
            in_flight: candidate.in_flight,
            weight: candidate.weight,
            zone: candidate.zone.map(str::to_owned),
        };
        let told = candidates.iter().map(told).collect();
        self.heard.lock().unwrap().push(told);
        self.place
    }
}

#[tokio::test]
async fn a_policy_is_told_of_weights_and_zones_and_may_pick_what_is_not_there() {
    let service = NameService::new().await;
    let (plain, tagged) = (service.daemon().await, service.daemon().await);
    plain
        .publish_as("desk.1", Clerk::new().serve(), Publication::default())
        .await
        .unwrap();
    let how = Publication::default()
        .with_tag("weight=3")
        .with_tag("zone=a");
    tagged
        .publish_as("desk.2", Clerk::new().serve(), how)
        .await
        .unwrap();
    for place in [0, 1, 2, usize::MAX] {
        let spy = Spy::at(place);
        let fleet = fleet(&service).await.with_balance(spy.clone());
        assert_eq!(soon(fleet.call(|desk| desk.square(3))).await.unwrap(), 9);
        let told = |name: &str, weight, zone: Option<&str>| Told {
            name: name.into(),
            in_flight: 0,
            weight,
            zone: zone.map(str::to_owned),
        };
        assert_eq!(
            spy.last(),
            [told("desk.1", 1.0, None), told("desk.2", 3.0, Some("a"))]
        );
        let expected = if place == 1 { "desk.2" } else { "desk.1" };
        let finished = |(name, items): &(String, u64)| (name == expected, *items);
        let shares: Vec<_> = fleet.shares().iter().map(finished).collect();
        assert!(
            shares
                .iter()
                .all(|(here, items)| *items == u64::from(*here)),
            "{shares:?}"
        );
    }
}

#[tokio::test]
async fn weights_and_zones_decide_where_calls_go() {
    let service = NameService::new().await;
    let mut daemons = Vec::new();
    for (name, tag) in [("desk.1", "weight=3"), ("desk.2", "zone=here")] {
        let daemon = service.daemon().await;
        let how = Publication::default().with_tag(tag);
        daemon
            .publish_as(name, Clerk::new().serve(), how)
            .await
            .unwrap();
        daemons.push(daemon);
    }
    let turns = fleet(&service).await.with_balance(RoundRobin::default());
    for _ in 0..80 {
        soon(turns.call(|desk| desk.count())).await.unwrap();
    }
    let shares = turns.shares();
    assert!((58..=62).contains(&shares[0].1), "{shares:?}");
    let near = fleet(&service)
        .await
        .with_balance(PreferZone::new("here", LeastOutstanding));
    for _ in 0..10 {
        soon(near.call(|desk| desk.square(3))).await.unwrap();
    }
    assert_eq!(near.shares()[1].1, 10);
    soon(daemons[1].shutdown()).await;
    assert_eq!(
        soon(near.call(|desk| desk.square(3))).await.unwrap(),
        9,
        "the others are asked when nobody near answers"
    );
}

#[tokio::test]
async fn calls_that_were_dropped_or_panicked_are_not_counted_as_in_flight() {
    let house = MillHouse::new().await;
    let spy = Spy::at(0);
    let fleet = mills([&house]).with_balance(spy.clone());
    let mapping = tokio::spawn({
        let fleet = fleet.clone();
        async move { fleet.map(0..50_u64, |mill, n| mill.record(n)).await }
    });
    soon(async {
        while house.miller.recorded().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    mapping.abort();
    let _ = mapping.await;
    house.miller.open_for_good();
    let panics = tokio::spawn({
        let fleet = fleet.clone();
        async move {
            let call = |mill: MillProxy, n: u64| async move {
                let n = mill.square(n).await?;
                assert!(n != 25, "on purpose");
                Ok(n)
            };
            fleet.map(0..50, call).await
        }
    });
    assert!(soon(panics).await.unwrap_err().is_panic());
    soon(fleet.call(|mill| mill.square(3))).await.unwrap();
    assert_eq!(spy.last()[0].in_flight, 0);
}

/// Which member answers each of the keys, by the place of its URI. Not by a method that may be called a second time.
async fn owners(fleet: &Fleet<MillProxy>, houses: &[MillHouse], keys: u64) -> BTreeMap<u64, usize> {
    let mut owners = BTreeMap::new();
    for key in 0..keys {
        let unique = 1_000_000 + key;
        soon(fleet.call_for(&key, |mill| mill.risk(unique)))
            .await
            .unwrap();
        let here = |house: &MillHouse| house.miller.log().last() == Some(&unique);
        owners.insert(key, houses.iter().position(here).unwrap());
    }
    owners
}

#[tokio::test]
async fn a_key_stays_with_its_member_and_only_those_of_one_that_is_gone_move() {
    const KEYS: u64 = 60;
    let houses = [
        MillHouse::ready().await,
        MillHouse::ready().await,
        MillHouse::ready().await,
    ];
    let fleet = mills(&houses).with_balance(Rendezvous);
    let first = owners(&fleet, &houses, KEYS).await;
    for place in 0..3 {
        let keys = first.values().filter(|owner| **owner == place).count();
        assert!(keys > 0, "{place} has none: {first:?}");
    }
    assert_eq!(owners(&fleet, &houses, KEYS).await, first);
    // The same members without one: as a fleet that follows the name service sees them.
    let without = mills(&houses[..2]).with_balance(Rendezvous);
    for (key, owner) in owners(&without, &houses, KEYS).await {
        assert!(owner == first[&key] || first[&key] == 2, "{key} moved");
    }
    // A member that is gone and not yet known as such fails its calls over.
    soon(houses[2].daemon.shutdown()).await;
    for (key, owner) in owners(&fleet, &houses, KEYS).await {
        assert!(owner == first[&key] || first[&key] == 2, "{key} moved");
    }
}

/// Makes calls one after the other; how many failed as the broken mill does.
async fn failures(fleet: &Fleet<MillProxy>, calls: u64) -> usize {
    let mut failed = 0;
    for n in 0..calls {
        match soon(fleet.call(|mill| mill.risk(n))).await {
            Ok(value) => assert_eq!(value, n),
            Err(FleetError::Item {
                error: CallError::Failed { .. },
                ..
            }) => failed += 1,
            Err(other) => panic!("{other}"),
        }
    }
    failed
}

#[tokio::test]
async fn a_member_that_fails_five_times_in_a_row_gets_no_more_calls() {
    let houses = [
        MillHouse::ready().await,
        MillHouse::broken().await,
        MillHouse::ready().await,
    ];
    let fleet = mills(&houses).with_balance(RoundRobin::default());
    assert_eq!(failures(&fleet, 60).await, 5);
    assert_eq!(houses[1].miller.log().len(), 5);
    let settled = soon(fleet.map_settled(0..200, |mill, n| mill.risk(n))).await;
    assert_eq!(settled.unwrap().summary.ok, 200);
    assert_eq!(houses[1].miller.log().len(), 5);
}

#[tokio::test]
async fn where_more_than_half_fail_nobody_is_put_aside() {
    let houses = [
        MillHouse::ready().await,
        MillHouse::broken().await,
        MillHouse::broken().await,
    ];
    let fleet = mills(&houses).with_balance(RoundRobin::default());
    let failed = failures(&fleet, 90).await;
    assert!(failed > 30, "{failed} failed");
    assert!(houses.iter().all(|house| house.miller.log().len() > 15));
}

#[tokio::test]
async fn a_call_goes_elsewhere_when_a_member_is_gone_or_refuses_it() {
    let (gone, other, here) = (
        MillHouse::ready().await,
        MillHouse::ready().await,
        MillHouse::ready().await,
    );
    soon(gone.daemon.shutdown()).await;
    let strange = other.uri.replace("mill@", "nobody@");
    for refusing in [&gone.uri, &strange] {
        let fleet: Fleet<MillProxy> = Fleet::of([refusing, &here.uri])
            .unwrap()
            .with_balance(RoundRobin::default());
        for n in 0..20 {
            // Not idempotent: it surely did not run there.
            assert_eq!(soon(fleet.call(|mill| mill.record(n))).await.unwrap(), n);
        }
    }
    let mut recorded = here.miller.recorded();
    recorded.sort_unstable();
    assert!(recorded.into_iter().eq((0..20).flat_map(|n| [n, n])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_joins_gets_work_within_a_second() {
    let service = NameService::new().await;
    let _first = Member::ready(&service, "desk.1").await;
    let fleet = fleet(&service).await;
    let mapping = tokio::spawn({
        let fleet: Fleet<DeskProxy> = fleet.clone();
        async move {
            for round in 0.. {
                let call = |desk: DeskProxy, n| desk.wait_safely(n);
                fleet.map(round..round + 500, call).await.unwrap();
            }
        }
    });
    let second = Member::ready(&service, "desk.2").await;
    let joined = Instant::now();
    second.clerk.gate.arrived(1).await;
    assert!(
        joined.elapsed() < Duration::from_secs(1),
        "{:?}",
        joined.elapsed()
    );
    mapping.abort();
    let _ = mapping.await;
}
