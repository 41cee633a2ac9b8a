//! Large messages, which travel in pieces, between a client and a daemon.

use bytes::Bytes;
use farcall::{Connections, Daemon, Limits, Remote};
use tokio::task::JoinSet;

use crate::harness::{DeskProxy, House, Wire, begun, soon};

fn content(seed: u64, bytes: usize) -> Bytes {
    let mut content = vec![0; bytes];
    fastrand::Rng::with_seed(seed).fill(&mut content);
    content.into()
}

/// A proxy over a connection of its own, with other limits.
async fn desk_with(house: &House, limits: Limits) -> DeskProxy {
    let connections = Connections::with_limits(limits);
    let remote = Remote::connect_with(&connections, &house.uri, DeskProxy::<Remote>::descriptor());
    DeskProxy::over(soon(remote).await.unwrap())
}

#[tokio::test]
async fn messages_of_all_sizes_come_back_as_they_were_sent_many_at_once() {
    let house = House::new().await;
    let mut calls = JoinSet::new();
    // All around where pieces begin and end, and some others.
    let edges = [64 << 10, 256 << 10].into_iter();
    let edges = edges.flat_map(|edge| (edge - 30)..(edge + 2));
    for (seed, bytes) in (0..).zip(edges.chain([16 << 10, 1 << 20, 3 << 20, 9 << 20])) {
        let desk = house.desk.clone();
        calls.spawn(async move {
            let blob = content(seed, bytes);
            let back = desk.blob(blob.clone()).await;
            assert!(
                back.as_ref() == Ok(&blob),
                "{bytes} bytes: {:?}",
                back.err()
            );
            // Not as a blob: copied into the message.
            let text = "é".repeat(bytes / 2);
            let back = desk.echo(text.clone()).await;
            assert!(
                back.as_ref() == Ok(&text),
                "{bytes} bytes: {:?}",
                back.err()
            );
        });
    }
    soon(async { while calls.join_next().await.is_some_and(|ended| ended.is_ok()) {} }).await;
    assert!(calls.is_empty(), "one failed");
    house.works().await;
}

#[tokio::test]
async fn the_longest_message_comes_back_and_a_longer_one_is_not_sent() {
    let limits = Limits {
        max_message_bytes: 2 << 20,
        ..Limits::default()
    };
    let house = House::with(Daemon::builder().limits(limits)).await;
    // The header of the call, and the blob's own length.
    let longest = (2 << 20) - 16 - 3;
    let mut calls = JoinSet::new();
    for seed in 0..6 {
        let desk = house.desk.clone();
        calls.spawn(async move { desk.blob(content(seed, longest)).await.map(|b| b.len()) });
    }
    let back = soon(calls.join_all()).await;
    assert!(back.iter().all(|back| *back == Ok(longest)), "{back:?}");
    let refused = soon(house.desk.blob(content(0, longest + 1))).await;
    assert!(refused.unwrap_err().to_string().contains("2097136 bytes"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_may_have_more_for_each_other_than_may_wait() {
    let limits = || Limits {
        max_unsent_bytes: 300 << 10,
        ..Limits::default()
    };
    let house = House::with(Daemon::builder().limits(limits())).await;
    let desk = desk_with(&house, limits()).await;
    let mut calls = JoinSet::new();
    for seed in 0..60 {
        let desk = desk.clone();
        calls.spawn(async move {
            let blob = content(seed, 100_000 * (seed as usize % 12 + 1));
            let back = desk.blob(blob.clone()).await;
            assert!(back.as_ref() == Ok(&blob), "{:?}", back.err());
            assert_eq!(desk.echo("small".into()).await.as_deref(), Ok("small"));
        });
    }
    soon(async { while calls.join_next().await.is_some_and(|ended| ended.is_ok()) {} }).await;
    assert!(calls.is_empty(), "one failed");
}

#[tokio::test]
async fn large_calls_survive_cuts_of_their_connection_or_end_as_unknown() {
    let house = House::new().await;
    let wire = Wire::to(house.daemon.address()).await;
    let desk = soon(DeskProxy::connect(&wire.uri("desk"))).await.unwrap();
    for round in 0..20 {
        let blob = content(round, 4 << 20);
        let large = begun(desk.blob(blob.clone())).await;
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        wire.cut().await;
        match soon(large).await {
            Ok(back) => assert!(back == blob),
            Err(error) => assert!(error.to_string().contains("the peer closed"), "{error}"),
        }
        let text = format!("round {round}");
        while soon(desk.echo(text.clone())).await.is_err() {}
    }
    house.works().await;
}
