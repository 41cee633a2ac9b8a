//! The daemon: what it hosts and refuses, and how it ends.

use std::time::{Duration, Instant};

use farcall::{CallError, Daemon, Proxy as _, Retries};

use crate::harness::{
    Clerk, Desk as _, DeskProxy, House, LOOPBACK, NameService, Wire, assert_ends,
    assert_unconnected, assert_words, begun, ending, soon,
};

/// A daemon that drains has nothing to wait for but its calls.
const QUICKLY: Duration = Duration::from_secs(2);

#[tokio::test]
async fn calls_in_flight_are_answered_before_the_daemon_ends_and_new_ones_are_refused() {
    let house = House::new().await;
    let waits = begun(house.desk.wait(1)).await;
    let computes = begun(house.desk.grind(2)).await;
    house.gate().arrived(2).await;
    let meanwhile = async {
        for attempt in [house.desk.with_retries(Retries::Never), house.desk.clone()] {
            let (outcome, text) = ending(soon(attempt.count()).await);
            let refused = outcome == "Rejected(Draining)" || outcome.starts_with("NotSent");
            assert!(refused, "{outcome}: {text}");
        }
        house.gate().open(2);
        assert_eq!(soon(waits).await, Ok(1));
        assert_eq!(soon(computes).await, Ok(2));
        Instant::now()
    };
    let (_, idle) = soon(async { tokio::join!(house.daemon.shutdown(), meanwhile) }).await;
    assert!(idle.elapsed() < QUICKLY, "{:?}", idle.elapsed());
    assert_eq!(house.clerk.runs(), 2);
    assert_unconnected(
        soon(DeskProxy::connect(&house.uri)).await,
        &[&house.daemon.address().to_string()],
    );
}

#[tokio::test]
async fn an_idle_daemon_ends_at_once() {
    let house = House::new().await;
    house.works().await;
    let begin = Instant::now();
    soon(house.daemon.clone().run_until(async {})).await;
    assert!(begin.elapsed() < QUICKLY, "{:?}", begin.elapsed());
    let (outcome, text) = ending(soon(house.desk.count()).await);
    assert!(outcome.starts_with("NotSent"), "{outcome}: {text}");
}

#[tokio::test]
async fn calls_that_outlast_the_grace_time_are_cut_and_their_callers_know() {
    let house = House::with(Daemon::builder().grace(Duration::from_millis(50))).await;
    let call = begun(house.desk.wait(1)).await;
    house.gate().arrived(1).await;
    soon(house.daemon.shutdown()).await;
    assert_ends(
        soon(call).await,
        "Unknown(Disconnected)",
        &["wait of far:desk@", "may have run"],
    );
    house.gate().abandoned(1).await;
}

#[tokio::test]
async fn dropping_the_daemon_cuts_its_connections_and_gives_every_caller_an_outcome() {
    let house = House::new().await;
    let other = house.daemon.clone();
    let waits = begun(house.desk.wait(1)).await;
    let computes = begun(house.desk.grind(2)).await;
    house.gate().arrived(2).await;
    drop(other);
    assert_eq!(soon(house.desk.square(2)).await, Ok(4));
    drop(house.daemon);
    assert_ends(soon(waits).await, "Unknown(Disconnected)", &[]);
    assert_ends(soon(computes).await, "Unknown(Disconnected)", &[]);
    house.clerk.gate.abandoned(1).await;
    let (outcome, text) = ending(soon(house.desk.count()).await);
    assert!(outcome.starts_with("NotSent"), "{outcome}: {text}");
}

#[tokio::test]
async fn a_port_in_use_is_refused_by_its_number() {
    let house = House::new().await;
    let address = house.daemon.address().to_string();
    let error = Daemon::bind(&address).await.unwrap_err().to_string();
    assert_words(&error, &[&address, "in use"]);
    house.works().await;
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_with_its_text() {
    for address in [
        "",
        "localhost",
        "localhost:http",
        "localhost:70000",
        "::1:80",
        "unix:",
    ] {
        let error = Daemon::bind(address).await.unwrap_err().to_string();
        assert_words(&error, &[&format!("'{address}'"), "HOST:PORT"]);
    }
    // An address of documentation (RFC 5737), which no machine has.
    let error = Daemon::bind("192.0.2.1:0").await.unwrap_err().to_string();
    assert_words(&error, &["192.0.2.1:0"]);
}

#[tokio::test]
async fn an_id_is_taken_once_and_free_again_after_its_object_went() {
    let house = House::new().await;
    let error = house
        .daemon
        .register("desk", Clerk::new().serve())
        .unwrap_err()
        .to_string();
    assert_words(&error, &["'desk'", "hosted here already"]);
    house.works().await;

    let waits = begun(house.desk.wait(1)).await;
    house.gate().arrived(1).await;
    assert!(soon(house.daemon.unregister("desk")).await);
    assert!(!soon(house.daemon.unregister("desk")).await);
    assert_ends(
        soon(house.desk.count()).await,
        "Rejected(UnknownObject)",
        &["count of far:desk@"],
    );
    assert_unconnected(
        soon(DeskProxy::connect(&house.uri)).await,
        &["no object 'desk'"],
    );
    // What runs goes on.
    house.gate().open(1);
    assert_eq!(soon(waits).await, Ok(1));

    let next = Clerk::new();
    house.host("desk", next.clone().serve());
    let desk = soon(DeskProxy::connect(&house.uri)).await.unwrap();
    assert_eq!(soon(desk.count()).await, Ok(1));
    assert_eq!((house.clerk.runs(), next.runs()), (1, 1));
}

#[tokio::test]
async fn an_id_that_cannot_stand_in_a_uri_is_refused() {
    let house = House::new().await;
    let long = "x".repeat(513);
    for id in ["", "a@b", "a?b", "a b", "a\tb", "a\nb", "a\u{7f}", &long] {
        let error = house
            .daemon
            .register(id, Clerk::new().serve())
            .unwrap_err()
            .to_string();
        assert_words(&error, &["cannot be an object's name"]);
    }
    for id in ["ö", "a/b:c.1", &"x".repeat(512)] {
        let uri = house.host(id, Clerk::new().serve());
        let desk = soon(DeskProxy::connect(&uri)).await.unwrap();
        assert_eq!(soon(desk.square(2)).await, Ok(4));
    }
}

#[tokio::test]
async fn a_daemon_hosts_no_more_objects_than_it_may() {
    // The daemon's own object is one of them.
    let house = House::with(Daemon::builder().max_objects(2)).await;
    let error = house
        .daemon
        .register("more", Clerk::new().serve())
        .unwrap_err()
        .to_string();
    assert_words(&error, &["2 objects"]);
    assert!(soon(house.daemon.unregister("desk")).await);
    house.host("more", Clerk::new().serve());
}

#[tokio::test]
async fn an_address_that_nobody_can_dial_is_not_published() {
    let names = NameService::new().await;
    let daemon = Daemon::builder()
        .names(names.address().to_string())
        .bind("0.0.0.0:0")
        .await
        .unwrap();
    let error = soon(daemon.publish("desk", Clerk::new().serve()))
        .await
        .unwrap_err()
        .to_string();
    assert_words(&error, &[&daemon.address().to_string(), "advertise"]);

    let builder = Daemon::builder()
        .names(names.address().to_string())
        .advertise("127.0.0.1");
    let daemon = builder.bind("0.0.0.0:0").await.unwrap();
    let uri = soon(daemon.publish("desk", Clerk::new().serve()))
        .await
        .unwrap()
        .to_string();
    assert_words(&uri, &["far:desk@127.0.0.1:"]);
    let desk = soon(DeskProxy::connect(&format!(
        "farname:desk@{}",
        names.address()
    )))
    .await
    .unwrap();
    assert_eq!(soon(desk.square(3)).await, Ok(9));
}

#[tokio::test]
async fn an_object_whose_name_was_refused_is_not_hosted_either() {
    let names = NameService::new().await;
    let build = || {
        Daemon::builder()
            .names(names.address().to_string())
            .bind(LOOPBACK)
    };
    let (first, second) = (build().await.unwrap(), build().await.unwrap());
    soon(first.publish("desk", Clerk::new().serve()))
        .await
        .unwrap();
    let error = soon(second.publish("desk", Clerk::new().serve()))
        .await
        .unwrap_err();
    assert_words(&error.to_string(), &["'desk'"]);
    // The error below says by whom.
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert_words(&why, &["desk", &first.address().to_string()]);
    let uri = format!("far:desk@{}", second.address());
    assert_unconnected(soon(DeskProxy::connect(&uri)).await, &["no object 'desk'"]);
}

#[tokio::test]
async fn a_connection_over_the_limit_is_refused_and_those_in_use_live_on() {
    let house = House::with(Daemon::builder().max_connections(1)).await;
    let wire = Wire::to(house.daemon.address()).await;
    let begin = Instant::now();
    let refused = soon(DeskProxy::connect(&wire.uri("desk"))).await;
    assert_unconnected(refused, &[&wire.address().to_string()]);
    assert!(begin.elapsed() < QUICKLY, "{:?}", begin.elapsed());
    house.works().await;
}

#[tokio::test]
async fn each_run_of_a_daemon_has_a_number_of_its_own() {
    let (one, other) = (House::new().await, House::new().await);
    assert_ne!(one.daemon.incarnation(), other.daemon.incarnation());
    assert_ne!(one.daemon.incarnation(), 0);
    let exact = format!("{}?incarnation={:x}", one.uri, one.daemon.incarnation());
    let desk = soon(DeskProxy::connect(&exact)).await.unwrap();
    assert_eq!(soon(desk.square(3)).await, Ok(9));
    let stale = format!("{}?incarnation={:x}", other.uri, one.daemon.incarnation());
    let error = soon(DeskProxy::connect(&stale)).await.unwrap_err();
    let farcall::ConnectError::Refused(error @ CallError::Rejected { .. }) = error else {
        panic!("{error}");
    };
    assert_ends::<()>(
        Err(error),
        "Rejected(Stale)",
        &["far:desk@", "'desk' was of an earlier run"],
    );
}
