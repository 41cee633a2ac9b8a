//! Proxies by name and by tags: where they lead, and what the name service is needed for.

use std::time::Duration;

use farcall::names::{Mode, Registration};
use farcall::{Daemon, Proxy as _, Publication};

use crate::harness::{
    Clerk, Desk as _, DeskProxy, House, LOOPBACK, NameService, Wire, assert_ends,
    assert_unconnected, begun, soon,
};

/// A daemon that publishes in a name service.
async fn member(names: &NameService, how: Publication) -> (Daemon, Clerk) {
    let daemon = Daemon::builder()
        .names(names.address().to_string())
        .bind(LOOPBACK)
        .await
        .unwrap();
    let clerk = Clerk::new();
    soon(daemon.publish_as("desk", clerk.clone().serve(), how))
        .await
        .unwrap();
    (daemon, clerk)
}

#[tokio::test]
async fn a_name_leads_to_the_daemon_that_has_it_now() {
    let names = NameService::new().await;
    let (first, clerk) = member(&names, Publication::default()).await;
    let uri = format!("farname:desk@{}", names.address());
    let desk = soon(DeskProxy::connect(&uri)).await.unwrap();
    assert_eq!(desk.uri().unwrap().to_string(), uri);
    assert_eq!(soon(desk.count()).await, Ok(1));
    soon(first.shutdown()).await;
    let (_second, other) = member(&names, Publication::default()).await;
    // Not idempotent: nothing of it can have run at the daemon that said good-bye.
    assert_eq!(soon(desk.count()).await, Ok(1));
    assert_eq!((clerk.runs(), other.runs()), (1, 1));
}

#[tokio::test]
async fn a_name_that_was_taken_over_leads_on_once_the_old_daemon_is_gone() {
    let names = NameService::new().await;
    let (first, clerk) = member(&names, Publication::default()).await;
    let desk = soon(DeskProxy::connect(&format!(
        "farname:desk@{}",
        names.address()
    )))
    .await
    .unwrap();
    let (_second, other) = member(&names, Publication::replace()).await;
    drop(first);
    let call = soon(desk.with_deadline(Duration::from_secs(5)).wait_safely(3));
    other.gate.open(1);
    assert_eq!(call.await, Ok(3));
    assert_eq!((clerk.runs(), other.runs()), (0, 1));
}

#[tokio::test]
async fn parties_that_know_each_other_need_no_name_service() {
    let names = NameService::new().await;
    let house = House::new().await;
    let wire = Wire::to(house.daemon.address()).await;
    let service = soon(farcall::names::names_at(names.address()))
        .await
        .unwrap();
    let registration = Registration {
        name: "desk".into(),
        uri: wire.uri("desk"),
        metadata: Default::default(),
        mode: Mode::Exclusive,
        lease: None,
    };
    soon(service.register(registration)).await.unwrap().unwrap();
    let uri = format!("farname:desk@{}", names.address());
    let desk = soon(DeskProxy::connect(&uri)).await.unwrap();
    names.stop().await;

    assert_eq!(soon(desk.count()).await, Ok(1));
    // Even a new connection goes where the old one went.
    let call = begun(desk.wait(7)).await;
    house.gate().arrived(1).await;
    wire.cut().await;
    assert_ends(soon(call).await, "Unknown(Disconnected)", &[]);
    assert_eq!(soon(desk.square(3)).await, Ok(9));
    assert_eq!(wire.connections(), 2);

    // A stranger cannot be helped, and learns why.
    let stranger = format!("farname:other@{}", service_address(&uri));
    let refused = soon(DeskProxy::connect(&stranger)).await;
    assert_unconnected(
        refused,
        &["name service", service_address(&uri), "FARCALL_NS"],
    );
}

fn service_address(uri: &str) -> &str {
    uri.split_once('@').map(|(_, address)| address).unwrap()
}

#[tokio::test]
async fn tags_lead_to_an_object_that_carries_all_of_them() {
    let names = NameService::new().await;
    let daemon = Daemon::builder()
        .names(names.address().to_string())
        .bind(LOOPBACK)
        .await
        .unwrap();
    let (small, large) = (Clerk::new(), Clerk::new());
    let tagged = |tags: &[&str]| {
        tags.iter()
            .fold(Publication::default(), |p, tag| p.with_tag(*tag))
    };
    soon(daemon.publish_as("small", small.clone().serve(), tagged(&["gpu", "zone=a"])))
        .await
        .unwrap();
    soon(daemon.publish_as("large", large.clone().serve(), tagged(&["gpu", "zone=b"])))
        .await
        .unwrap();
    let desk = soon(DeskProxy::connect(&format!(
        "farmeta:gpu,zone=b@{}",
        names.address()
    )))
    .await
    .unwrap();
    assert_eq!(soon(desk.count()).await, Ok(1));
    assert_eq!((small.runs(), large.runs()), (0, 1));
    let nobody = soon(DeskProxy::connect(&format!(
        "farmeta:gpu,zone=c@{}",
        names.address()
    )))
    .await;
    assert_unconnected(nobody, &["gpu, zone=c", &names.address().to_string()]);
}

#[tokio::test]
async fn an_unknown_name_is_named_together_with_the_names_that_look_like_it() {
    let names = NameService::new().await;
    let _member = member(&names, Publication::default()).await;
    let refused = soon(DeskProxy::connect(&format!(
        "farname:dsek@{}",
        names.address()
    )))
    .await;
    assert_unconnected(refused, &["'dsek'", "desk", &names.address().to_string()]);
}

#[tokio::test]
async fn a_name_that_leads_nowhere_usable_is_refused_with_what_it_leads_to() {
    let names = NameService::new().await;
    let service = soon(farcall::names::names_at(names.address()))
        .await
        .unwrap();
    for (uri, why) in [
        ("PYRONAME:desk", "it is a name again"),
        ("http://desk", "its scheme is unknown"),
        ("PYRO:obj@localhost:1", "nothing is listening"),
    ] {
        let registration = Registration {
            name: "old".into(),
            uri: uri.into(),
            metadata: Default::default(),
            mode: Mode::Replace { expected: None },
            lease: None,
        };
        soon(service.register(registration)).await.unwrap().unwrap();
        let old = format!("farname:old@{}", names.address());
        let refused = soon(DeskProxy::connect(&old)).await;
        assert_unconnected(refused, &["old", uri, why]);
    }
}
