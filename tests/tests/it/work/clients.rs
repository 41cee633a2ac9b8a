//! Programs that bring items to a dispatcher and collect their results.

use std::collections::BTreeMap;
use std::time::Duration;

use farcall::work::contract::Refusal;
use farcall::work::{QueueError, WorkClient, WorkLimits};
use futures_util::StreamExt as _;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Shop, all_squares, squares};
use crate::harness::{Gate, Wire, assert_words, begun, soon};

#[tokio::test]
async fn two_clients_of_one_dispatcher_get_their_own_results() {
    let limits = WorkLimits {
        max_items: 20,
        ..WorkLimits::default()
    };
    let shop = Shop::<u64, u64>::with(limits).await;
    let mut workers = JoinSet::new();
    let gate = Gate::new();
    gate.open_for_good();
    squares(&mut workers, &shop.uri, &gate);
    squares(&mut workers, &shop.uri, &gate);
    let mut clients = JoinSet::new();
    for items in [50_u64, 70] {
        let client: WorkClient<u64, u64> = soon(WorkClient::connect(&shop.uri)).await.unwrap();
        let results = client.results();
        clients.spawn(async move {
            let bring = async {
                for n in 0..items {
                    assert_eq!(client.push(n).await.unwrap(), n);
                }
                client.close().await.unwrap();
            };
            let collected = results.map(Result::unwrap).collect::<Vec<_>>();
            let ((), results) = tokio::join!(bring, collected);
            assert_eq!(results.len() as u64, items);
            let results: BTreeMap<_, _> = results.into_iter().collect();
            assert_eq!(results, all_squares(items));
        });
    }
    while let Some(ended) = soon(clients.join_next()).await {
        ended.unwrap();
    }
    assert!(workers.try_join_next().is_none(), "the dispatcher is open");
}

#[tokio::test]
async fn a_push_that_was_dropped_brings_its_item_once() {
    let limits = WorkLimits {
        max_items: 1,
        ..WorkLimits::default()
    };
    let shop = Shop::<u64, u64>::with(limits).await;
    let client: WorkClient<u64, u64> = soon(WorkClient::connect(&shop.uri)).await.unwrap();
    soon(client.push(0)).await.unwrap();
    drop(begun(client.push(1)).await);
    let mut workers = JoinSet::new();
    let gate = Gate::new();
    gate.open_for_good();
    squares(&mut workers, &shop.uri, &gate);
    let began = Instant::now();
    let results = client.results();
    let bring = async {
        assert_eq!(client.push(2).await.unwrap(), 2);
        client.close().await.unwrap();
    };
    let collected = results.map(Result::unwrap).collect::<BTreeMap<_, _>>();
    let ((), results) = soon(async { tokio::join!(bring, collected) }).await;
    assert_eq!(results, all_squares(3));
    let took = began.elapsed();
    assert!(
        took < Duration::from_secs(4),
        "it was not told of room: {took:?}"
    );
}

#[tokio::test]
async fn a_client_whose_connection_breaks_loses_no_result() {
    const ITEMS: u64 = 40;
    let shop = Shop::<u64, u64>::new().await;
    let wire = Wire::to(shop.daemon.address()).await;
    let client: WorkClient<u64, u64> = soon(WorkClient::connect(&wire.uri("work"))).await.unwrap();
    let mut workers = JoinSet::new();
    let gate = Gate::new();
    squares(&mut workers, &shop.uri, &gate);
    let mut results = BTreeMap::new();
    for n in 0..ITEMS {
        soon(client.push(n)).await.unwrap();
        gate.open(1);
        if n % 10 == 9 {
            let (index, result) = soon(client.next_result()).await.unwrap().unwrap();
            assert_eq!(results.insert(index, result), None);
            wire.cut().await;
        }
    }
    soon(client.close()).await.unwrap();
    while let Some((index, result)) = soon(client.next_result()).await.unwrap() {
        assert_eq!(results.insert(index, result), None);
    }
    assert_eq!(results, all_squares(ITEMS));
}

#[tokio::test]
async fn a_client_of_a_dispatcher_that_started_anew_is_told() {
    let shop = Shop::<u64, u64>::new().await;
    let wire = Wire::to(shop.daemon.address()).await;
    let client: WorkClient<u64, u64> = soon(WorkClient::connect(&wire.uri("work"))).await.unwrap();
    soon(client.push(0)).await.unwrap();
    let next = Shop::<u64, u64>::new().await;
    drop(shop);
    wire.point_at(next.daemon.address());
    wire.cut().await;
    let lost = soon(client.next_result()).await.unwrap_err();
    assert!(
        matches!(lost, QueueError::Refused(Refusal::UnknownJob { .. })),
        "{lost:?}"
    );
    assert_words(&lost.to_string(), &["job", "the queue started anew"]);
}

#[tokio::test]
async fn a_client_for_other_types_is_told_which() {
    let shop = Shop::<u64, u64>::new().await;
    let wrong = soon(WorkClient::<String, u64>::connect(&shop.uri)).await;
    assert_words(
        &wrong.unwrap_err().to_string(),
        &["far:work@", "items", "u64", "string"],
    );
}
