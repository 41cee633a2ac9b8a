//! Objects as results and arguments.

use farcall::python::Proxy;

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
