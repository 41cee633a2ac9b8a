//! Objects as results and arguments.

use farcall::Address;
use farcall::python::{Proxy, PyroUri};

use super::*;

#[tokio::test]
async fn an_object_that_a_method_gives_is_a_proxy_that_can_be_called_and_given_back() {
    let (house, mut client) = museum().await;
    let proxy = client.call("annex", &[]).await.unwrap();
    let found = Proxy::from_value(&proxy).unwrap();
    assert!(found.metadata.methods.contains(&"square".to_owned()));
    let uri = found.uri.to_string();
    assert!(uri.starts_with("PYRO:obj_"), "{uri}");
    assert!(uri.ends_with(&house.daemon.address().to_string()), "{uri}");
    let object = uri.trim_start_matches("PYRO:").split('@').next().unwrap();

    let mut other = Client::connect(house.daemon.address(), object).await;
    assert_eq!(other.call("square", &[3.into()]).await, Ok(9.into()));
    drop(other);
    let same = client.call("is_same", std::slice::from_ref(&proxy)).await;
    assert_eq!(same, Ok(true.into()));
    drop(client);
    let mut later = Client::connect(house.daemon.address(), object).await;
    assert_eq!(later.call("square", &[4.into()]).await, Ok(16.into()));
}

#[tokio::test]
async fn what_a_daemon_at_all_addresses_hands_out_leads_to_the_one_that_was_reached() {
    let house = House::at(Daemon::builder(), "0.0.0.0:0").await;
    house.host("museum", Hall.serve());
    let mut client = Client::connect(house.daemon.address(), "museum").await;
    let proxy = client.call("annex", &[]).await.unwrap();
    let PyroUri::Object { object, address } = Proxy::from_value(&proxy).unwrap().uri else {
        panic!("not the uri of an object");
    };
    let Address::Tcp { host, .. } = &address else {
        panic!("not over TCP");
    };
    assert_eq!(&**host, "127.0.0.1");
    let mut annex = Client::connect(&address, &object).await;
    assert_eq!(annex.call("square", &[3.into()]).await, Ok(9.into()));
    let same = client.call("is_same", std::slice::from_ref(&proxy)).await;
    assert_eq!(same, Ok(true.into()));
}
