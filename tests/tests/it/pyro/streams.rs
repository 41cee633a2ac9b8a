//! Item streams.

use super::*;

#[tokio::test]
async fn a_stream_is_taken_item_by_item() {
    let (_house, mut client) = museum().await;
    let id = client.open("numbers", &[3.into()]).await;
    for number in 0..3 {
        assert_eq!(client.item(&id).await, Ok(number.into()));
    }
    let end = client.item(&id).await.unwrap_err();
    assert_eq!(end.class, "builtins.StopIteration");
    let gone = client.item(&id).await.unwrap_err();
    assert_eq!(gone.message(), Some("item stream terminated"));
}

#[tokio::test]
async fn a_stream_in_a_result_has_typed_items_and_an_error_of_its_own() {
    let (_house, mut client) = museum().await;
    let id = client.open("points", &[true.into()]).await;
    let first = client.item(&id).await.unwrap();
    assert_eq!(first.field("x"), Some(&0.into()));
    let refused = client.call("points", &[false.into()]).await;
    assert_raises(refused, "builtins.RuntimeError", "nothing is fine");

    let id = client.open("ticks", &[true.into()]).await;
    assert_eq!(client.item(&id).await, Ok(1.into()));
    assert_eq!(client.item(&id).await, Ok(2.into()));
    let broken = client.item(&id).await;
    assert_raises(broken, "builtins.RuntimeError", "the clock stopped");
}

#[tokio::test]
async fn a_stream_goes_on_over_another_connection() {
    let (house, mut client) = museum().await;
    let id = client.open("numbers", &[3.into()]).await;
    assert_eq!(client.item(&id).await, Ok(0.into()));
    drop(client);
    let mut client = Client::connect(house.daemon.address(), "museum").await;
    assert_eq!(client.item(&id).await, Ok(1.into()));
    let closed = client.of_daemon("close_stream", std::slice::from_ref(&id));
    assert_eq!(closed.await, Ok(PyValue::None));
    assert!(client.item(&id).await.is_err());
}
