//! Fleets whose members are all asked at once, and fleets of a list.

use farcall::{CallError, Fleet, FleetError};

use super::Member;
use crate::harness::{DeskProxy, NameService, soon};

/// Three members as a list, in their order.
async fn three(service: &NameService) -> ([Member; 3], Fleet<DeskProxy>) {
    let members = [
        Member::new(service, "desk.1").await,
        Member::new(service, "desk.2").await,
        Member::new(service, "desk.3").await,
    ];
    let uris = ["desk.1", "desk.2", "desk.3"].map(|name| service.uri(name));
    (members, Fleet::of(uris).unwrap())
}

#[tokio::test]
async fn a_broadcast_asks_everybody_and_tells_who_failed() {
    let service = NameService::new().await;
    let (members, fleet) = three(&service).await;
    soon(members[1].daemon.shutdown()).await;
    let answers = soon(fleet.broadcast(|desk| desk.square(4))).await;
    let names: Vec<_> = answers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["desk.1", "desk.2", "desk.3"].map(|name| service.uri(name))
    );
    assert_eq!((&answers[0].1, &answers[2].1), (&Ok(16), &Ok(16)));
    assert!(
        matches!(answers[1].1, Err(CallError::NotSent { .. })),
        "{:?}",
        answers[1].1
    );
}

#[tokio::test]
async fn the_first_of_a_race_wins_and_the_others_are_cancelled() {
    let service = NameService::new().await;
    let ([slow, fast, slower], fleet) = three(&service).await;
    let racing = tokio::spawn(async move { fleet.race(|desk| desk.wait(7)).await });
    for member in [&slow, &fast, &slower] {
        member.clerk.gate.arrived(1).await;
    }
    fast.clerk.gate.open(1);
    assert_eq!(soon(racing).await.unwrap().unwrap(), 7);
    slow.clerk.gate.abandoned(1).await;
    slower.clerk.gate.abandoned(1).await;
}

#[tokio::test]
async fn a_quorum_ends_as_soon_as_it_is_reached_or_out_of_reach() {
    let service = NameService::new().await;
    let ([one, two, three], fleet) = three(&service).await;
    soon(two.daemon.shutdown()).await;
    one.clerk.gate.open(1);
    three.clerk.gate.open(1);
    let values = soon(fleet.quorum(2, |desk| desk.wait(7))).await.unwrap();
    assert_eq!(values, [7, 7]);
    // Nobody opens their gates: the one that is gone decides.
    let error = soon(fleet.quorum(3, |desk| desk.wait(7)))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            FleetError::Quorum {
                wanted: 3,
                members: 3,
                failed: 1,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("desk.2"), "{error}");
    one.clerk.gate.abandoned(1).await;
    let error = soon(fleet.quorum(4, |desk| desk.wait(7)))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "4 values were wanted of 3 members of 'a list of 3 URIs', 0 failed"
    );
}

#[tokio::test]
async fn a_list_shares_work_and_takes_no_patterns() {
    let service = NameService::new().await;
    let (members, fleet) = three(&service).await;
    members
        .iter()
        .for_each(|member| member.clerk.gate.open_for_good());
    let squares = soon(fleet.map(0..300, |desk, n| desk.square(n))).await;
    assert_eq!(
        squares.unwrap(),
        (0..300).map(|n| n * n).collect::<Vec<_>>()
    );
    assert!(
        fleet.shares().iter().all(|(_, items)| *items > 0),
        "{:?}",
        fleet.shares()
    );

    let none = Fleet::<DeskProxy>::of::<&str>([]).unwrap();
    let error = soon(none.race(|desk| desk.square(1))).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no member answers: 'a list of 0 URIs' leads to 0"
    );
    for many in ["farname:desk.*", "farmeta:gpu"] {
        let error = Fleet::<DeskProxy>::of([many]).unwrap_err();
        assert!(matches!(error, FleetError::Pattern(_)), "{error}");
        assert!(error.to_string().contains(many), "{error}");
    }
    let error = Fleet::<DeskProxy>::of(["far:desk"]).unwrap_err();
    assert!(matches!(error, FleetError::Uri(_)), "{error}");
}
