//! Unix sockets: the same over `unix:PATH`, and what becomes of the file.

use std::os::unix::net::UnixListener;

use farcall::{Arguments, Daemon, DynamicProxy, Value};

use crate::harness::{
    DeskProxy, House, assert_ends, assert_unconnected, assert_words, begun, soon,
};

struct Place {
    _directory: tempfile::TempDir,
    path: std::path::PathBuf,
    address: String,
}

fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("desk.sock");
    let address = format!("unix:{}", path.display());
    Place {
        _directory: directory,
        path,
        address,
    }
}

#[tokio::test]
async fn calls_go_over_a_unix_socket_as_over_tcp() {
    let place = place();
    let house = House::at(Daemon::builder(), &place.address).await;
    assert_eq!(house.uri, format!("far:desk@{}", place.address));
    house.works().await;
    let blob: bytes::Bytes = vec![9; 3_000_000].into();
    assert!(soon(house.desk.blob(blob.clone())).await.unwrap() == blob);
    assert_ends(
        soon(house.desk.panic("oh".into())).await,
        "Failed(Panic)",
        &["oh", &place.address],
    );
    let dropped = begun(house.desk.wait(1)).await;
    house.gate().arrived(1).await;
    drop(dropped);
    house.gate().abandoned(1).await;
    let dynamic = soon(DynamicProxy::connect(&house.uri)).await.unwrap();
    let square = dynamic.call("square", Arguments::positional([Value::Int(5)]));
    assert_eq!(soon(square).await, Ok(Value::Int(25)));
}

#[tokio::test]
async fn a_daemon_that_ends_takes_its_socket_file_along() {
    let place = place();
    let house = House::at(Daemon::builder(), &place.address).await;
    let waits = begun(house.desk.wait(1)).await;
    house.gate().arrived(1).await;
    house.gate().open(1);
    soon(house.daemon.shutdown()).await;
    assert_eq!(soon(waits).await, Ok(1));
    assert!(!place.path.exists());
    assert_unconnected(
        soon(DeskProxy::connect(&house.uri)).await,
        &[&place.address],
    );
}

#[tokio::test]
async fn a_socket_file_whose_daemon_is_gone_is_replaced() {
    let place = place();
    drop(UnixListener::bind(&place.path).unwrap());
    assert!(place.path.exists());
    House::at(Daemon::builder(), &place.address)
        .await
        .works()
        .await;
}

#[tokio::test]
async fn a_socket_that_somebody_listens_at_is_refused_and_left_alone() {
    let place = place();
    let house = House::at(Daemon::builder(), &place.address).await;
    let error = Daemon::bind(&place.address).await.unwrap_err().to_string();
    assert_words(&error, &[&place.address, "in use"]);
    house.works().await;
    let again = soon(DeskProxy::connect(&house.uri)).await.unwrap();
    assert_eq!(soon(again.square(2)).await, Ok(4));
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_refused_and_left_alone() {
    let place = place();
    std::fs::write(&place.path, "the only copy").unwrap();
    let error = Daemon::bind(&place.address).await.unwrap_err().to_string();
    assert_words(&error, &[&place.address]);
    assert_eq!(
        std::fs::read_to_string(&place.path).unwrap(),
        "the only copy"
    );
    assert_unconnected(
        soon(DeskProxy::connect(&format!("far:desk@{}", place.address))).await,
        &[&place.address],
    );
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_named() {
    let place = place();
    let address = format!("{}/x.sock", place.address);
    let error = Daemon::bind(&address).await.unwrap_err().to_string();
    assert_words(&error, &[&address]);
}
