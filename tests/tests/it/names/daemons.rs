//! A daemon's names: there from publish to shutdown, and again after the name service lost them.

use farcall::names::Selector;
use farcall::{Publication, PublishError};

use super::{in_mode, is_unknown};
use crate::harness::{Clerk, Desk, DeskProxy, NameService, soon};

#[tokio::test]
async fn a_published_object_is_found_by_name_and_withdrawn_at_once_on_shutdown() {
    let service = NameService::new().await;
    let names = service.proxy().await;
    let daemon = service.daemon().await;
    daemon.publish("desk", Clerk::new().serve()).await.unwrap();
    daemon.publish("other", Clerk::new().serve()).await.unwrap();
    let desk = soon(DeskProxy::connect(&service.uri("desk")))
        .await
        .unwrap();
    assert_eq!(soon(desk.square(3)).await, Ok(9));
    assert!(daemon.unregister("other").await);
    assert!(is_unknown(
        &soon(names.lookup("other".into())).await.unwrap()
    ));
    soon(daemon.shutdown()).await;
    assert!(is_unknown(
        &soon(names.lookup("desk".into())).await.unwrap()
    ));
    assert_eq!(soon(names.count()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_name_that_another_daemon_has_is_refused_and_says_whose_it_is() {
    let service = NameService::new().await;
    let (first, second) = (service.daemon().await, service.daemon().await);
    let uri = first.publish("desk", Clerk::new().serve()).await.unwrap();
    let refused = second
        .publish("desk", Clerk::new().serve())
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, PublishError::Names { name, .. } if name == "desk"),
        "{refused}"
    );
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(why.contains(&uri.address.to_string()), "{why}");
    second.register("desk", Clerk::new().serve()).unwrap();
    let group = second
        .publish_as("group", Clerk::new().serve(), Publication::group())
        .await;
    group.unwrap();
    first
        .publish_as("group", Clerk::new().serve(), Publication::group())
        .await
        .unwrap();
    let members = soon(service.proxy().await.lookup("group".into()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(members.len(), 2);
}

#[tokio::test]
async fn a_name_taken_over_leads_to_its_new_owner() {
    let service = NameService::new().await;
    let (first, second) = (service.daemon().await, service.daemon().await);
    first.publish("desk", Clerk::new().serve()).await.unwrap();
    let clerk = Clerk::new();
    second
        .publish_as("desk", clerk.clone().serve(), Publication::replace())
        .await
        .unwrap();
    let desk = soon(DeskProxy::connect(&service.uri("desk")))
        .await
        .unwrap();
    assert_eq!(soon(desk.count()).await, Ok(1));
    assert_eq!(clerk.runs(), 1);
    // The end of the one that lost the name does not take it from the other.
    soon(first.shutdown()).await;
    assert_eq!(
        soon(service.proxy().await.lookup("desk".into()))
            .await
            .unwrap()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_registers_all_its_names_again_with_a_name_service_that_forgot_them() {
    let service = NameService::new().await;
    let daemon = service.daemon().await;
    for i in 0..20 {
        daemon
            .publish(&format!("desk.{i}"), Clerk::new().serve())
            .await
            .unwrap();
    }
    let known = soon(DeskProxy::connect(&service.uri("desk.7")))
        .await
        .unwrap();
    let before = soon(service.proxy().await.lookup("desk.7".into()))
        .await
        .unwrap()
        .unwrap()[0]
        .epoch;
    let address = service.address().to_string();
    service.stop().await;
    assert_eq!(
        soon(known.square(2)).await,
        Ok(4),
        "who knows the object needs no name service"
    );
    let service = NameService::at(&address, "memory").await;
    let names = service.proxy().await;
    soon(async {
        let mut from = None;
        while names.count().await.unwrap() < 20 {
            from = Some(
                names
                    .watch(Selector::Prefix(String::new()), from, 5_000)
                    .await
                    .unwrap()
                    .unwrap()
                    .revision,
            );
        }
    })
    .await;
    let fresh = soon(DeskProxy::connect(&service.uri("desk.19")))
        .await
        .unwrap();
    assert_eq!(soon(fresh.square(3)).await, Ok(9));
    let after = soon(names.lookup("desk.7".into())).await.unwrap().unwrap()[0].epoch;
    assert!(
        after > before,
        "epochs grow over restarts: {before}, {after}"
    );
    soon(daemon.shutdown()).await;
    assert_eq!(
        soon(names.count()).await.unwrap(),
        0,
        "what was registered again is withdrawn too"
    );
}

#[tokio::test]
async fn a_name_that_leads_to_no_farcall_object_is_told_as_such() {
    let service = NameService::new().await;
    let names = service.proxy().await;
    let mut odd = in_mode("odd", 1, farcall::names::Mode::Exclusive);
    odd.uri = "farname:loop".into();
    match soon(names.register(odd)).await.unwrap() {
        // Either end may refuse; nobody may loop.
        Err(refused) => assert!(refused.to_string().contains("farname:loop"), "{refused}"),
        Ok(_) => {
            let error = soon(DeskProxy::connect(&service.uri("odd")))
                .await
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("odd") && error.contains("farname:loop"),
                "{error}"
            );
        }
    }
}
