//! References as values: who holds one can call the object, wherever it is, and it lives as long as somebody does.

use farcall::{CallError, Connections, Proxy, Remote};

use super::{CounterProxy, Ear, HubProxy, Listener as _, ListenerProxy, Town};
use crate::harness::{Wire, soon};

#[tokio::test]
async fn an_object_that_a_method_gives_can_be_called() {
    let town = Town::new().await;
    let counter = soon(town.hub.counter()).await.unwrap();
    assert_eq!(soon(counter.next()).await, Ok(0));
    assert_eq!(soon(counter.clone().next()).await, Ok(1));
    let other = soon(town.hub.counter()).await.unwrap();
    assert_eq!(soon(other.next()).await, Ok(0));
    assert_ne!(counter, other);
}

#[tokio::test]
async fn an_object_is_gone_when_the_last_proxy_is() {
    let town = Town::new().await;
    let counter = soon(town.hub.counter()).await.unwrap();
    assert_eq!(soon(counter.next()).await, Ok(0));
    let clone = counter.clone();
    drop(counter);
    assert_eq!(soon(clone.next()).await, Ok(1));
    assert_eq!(town.centre.alive(), 1);
    drop(clone);
    town.centre.gone.arrived(1).await;
    assert_eq!(town.centre.alive(), 0);
}

#[tokio::test]
async fn objects_go_with_the_connection_that_they_were_handed_out_over() {
    let town = Town::new().await;
    let wire = Wire::to(town.daemon.address()).await;
    let hub = soon(HubProxy::connect(&wire.uri("hub"))).await.unwrap();
    let counters = soon(hub.counters(100)).await.unwrap();
    assert_eq!(town.centre.alive(), 100);
    wire.cut().await;
    town.centre.gone.arrived(100).await;
    let error = soon(counters[0].next()).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent { .. }), "{error}");
    // The proxy with a URI finds its way again.
    assert_eq!(soon(hub.echo("again".into())).await, Ok("again".into()));
}

#[tokio::test]
async fn what_nobody_takes_is_given_back() {
    let town = Town::new().await;
    // The reply comes when nobody waits for it any more.
    let call = crate::harness::begun(town.hub.counters(50)).await;
    drop(call);
    town.centre.gone.arrived(50).await;
    assert_eq!(town.centre.alive(), 0);
}

#[tokio::test]
async fn references_stand_inside_of_other_values() {
    let town = Town::new().await;
    let pack = soon(town.hub.pack("one".into())).await.unwrap();
    assert_eq!(pack.label, "one");
    let [Some(own), None, Some(shared)] = &pack.counters[..] else {
        panic!("{pack:?}");
    };
    assert_eq!(soon(own.next()).await, Ok(0));
    assert_eq!(soon(shared.next()).await, Ok(0));
    // The object knows its own again.
    let back = soon(town.hub.unpack(pack)).await.unwrap().unwrap();
    let again = back.counters[2].as_ref().unwrap();
    assert_eq!(soon(again.next()).await, Ok(1));
    let same = soon(town.hub.shared_counter()).await.unwrap();
    assert_eq!(same.reference(), again.reference());
}

#[tokio::test]
async fn a_server_calls_the_object_of_a_client_that_listens_nowhere() {
    let town = Town::new().await;
    let ear = Ear::default();
    soon(town.hub.join(ListenerProxy::local(ear.clone())))
        .await
        .unwrap();
    assert_eq!(soon(town.hub.tell("hello".into())).await, Ok(1));
    assert_eq!(soon(town.hub.tell("world".into())).await, Ok(2));
    assert_eq!(*ear.heard.lock().unwrap(), ["hello", "world"]);
}

#[tokio::test]
async fn a_client_leaves_by_the_object_that_it_came_with() {
    let town = Town::new().await;
    let me = ListenerProxy::local(Ear::default());
    soon(town.hub.join(me.clone())).await.unwrap();
    soon(town.hub.join(ListenerProxy::local(Ear::default())))
        .await
        .unwrap();
    assert_eq!(soon(town.hub.leave(me.clone())).await, Ok(true));
    assert_eq!(soon(town.hub.leave(me)).await, Ok(false));
    assert_eq!(soon(town.hub.tell("one left".into())).await, Ok(1));
}

#[tokio::test]
async fn a_callback_that_computes_or_panics_ends_as_any_call() {
    let town = Town::new().await;
    let me = ListenerProxy::local(Ear::default());
    for number in 1..100 {
        let back = soon(town.hub.call_back(me.clone(), number)).await;
        assert_eq!(back, Ok(Ok(number + 1)));
    }
    let text = soon(town.hub.call_back(me, 0)).await.unwrap().unwrap_err();
    assert!(text.contains("not today"), "{text}");
    town.works().await;
}

#[tokio::test]
async fn a_reference_that_comes_home_is_the_object_itself() {
    let town = Town::new().await;
    let ear = Ear::default();
    let me = ListenerProxy::local(ear.clone());
    let back = soon(town.hub.bounce(me.clone())).await.unwrap();
    assert_eq!(back, me);
    assert!(back.reference().servant().is_some(), "it took a detour");
    assert_eq!(soon(back.hear("me".into())).await, Ok(1));
}

#[tokio::test]
async fn circular_calls_do_not_wait_for_each_other() {
    let town = Town::new().await;
    let me = ListenerProxy::local(Ear::default());
    assert_eq!(soon(town.hub.descend(me, 40)).await, Ok(40));
}

#[tokio::test]
async fn an_object_is_passed_on_to_a_third_party() {
    let (near, far) = (Town::new().await, Town::new().await);
    // From the near hub to this process, and on to the far one, over another connection.
    let ear = Ear::default();
    soon(near.hub.join(ListenerProxy::local(ear.clone())))
        .await
        .unwrap();
    let counter = soon(near.hub.shared_counter()).await.unwrap();
    let held = super::Pack {
        label: "passed on".into(),
        counters: vec![Some(counter)],
    };
    let refused = soon(far.hub.unpack(held)).await.unwrap();
    assert_eq!(refused.unwrap_err(), "that is not mine");
    // A listener of another process's.
    let client = soon(Remote::connect_with(
        &Connections::new(),
        &near.uri,
        HubProxy::descriptor(),
    ))
    .await
    .unwrap();
    let stranger = HubProxy::from_remote(client);
    let through = soon(stranger.bounce(ListenerProxy::local(ear.clone())))
        .await
        .unwrap();
    assert_eq!(soon(far.hub.call_back(through, 5)).await, Ok(Ok(6)));
}

#[tokio::test]
async fn what_was_passed_on_is_called_through_the_one_who_passed_it() {
    let (near, far) = (Town::new().await, Town::new().await);
    let counter = soon(near.hub.counter()).await.unwrap();
    // The far hub keeps a hub: an object of the near daemon's, which it reaches through here.
    let near_hub = soon(near.hub.counters(1)).await.unwrap().remove(0);
    let pack = super::Pack {
        label: String::new(),
        counters: vec![Some(counter), Some(near_hub)],
    };
    drop(soon(far.hub.unpack(pack)).await.unwrap());
    near.centre.gone.arrived(2).await;
    assert_eq!(near.centre.alive(), 0);
}

#[tokio::test]
async fn a_proxy_with_a_uri_arrives_as_one() {
    let (near, far) = (Town::new().await, Town::new().await);
    let ear = Ear::default();
    let uri = near.daemon.register("ear", ear.clone().serve()).unwrap();
    let proxy = soon(ListenerProxy::connect(&uri.to_string()))
        .await
        .unwrap();
    let back = soon(far.hub.bounce(proxy)).await.unwrap();
    assert_eq!(back.uri().unwrap().to_string(), uri.to_string());
    soon(far.hub.join(back)).await.unwrap();
    assert_eq!(soon(far.hub.tell("far".into())).await, Ok(1));
}

#[tokio::test]
async fn a_third_party_that_cannot_be_reached_is_an_error_of_that_call() {
    let town = Town::new().await;
    let nobody = Remote::unconnected("far:ear@127.0.0.1:1", ListenerProxy::descriptor()).unwrap();
    let nobody = ListenerProxy::from_remote(nobody);
    let text = soon(town.hub.call_back(nobody, 1))
        .await
        .unwrap()
        .unwrap_err();
    assert!(text.contains("127.0.0.1:1"), "{text}");
    town.works().await;
}

#[tokio::test]
async fn an_object_of_this_process_is_called_without_a_connection() {
    let ear = Ear::default();
    let me = ListenerProxy::local(ear.clone());
    assert_eq!(soon(me.hear("alone".into())).await, Ok(1));
    assert_eq!(soon(me.add(1)).await, Ok(2));
    let failed = soon(me.fail()).await.unwrap_err();
    assert!(failed.to_string().contains("not today"), "{failed}");
    let wrong = CounterProxy::from_reference(me.reference());
    let refused = soon(wrong.next()).await.unwrap_err();
    assert!(
        refused.to_string().contains("no method 'next'"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_proxy_is_no_data_to_be_kept() {
    let me = ListenerProxy::local(Ear::default());
    let error = serde_json::to_string(&me).unwrap_err();
    assert!(error.to_string().contains("only as arguments"), "{error}");
}
