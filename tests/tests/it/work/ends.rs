//! Functions that fail, queues that are full, closed or start anew, and types that do not fit.

use std::time::Duration;

use bytes::Bytes;
use farcall::Daemon;
use farcall::work::contract::{Refusal, Taken};
use farcall::work::{QueueError, WorkError, WorkLimits, WorkQueue, Worker, pull, pull_async};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Hand, Pulling, Shop, all_squares, squares};
use crate::harness::{Gate, LOOPBACK, Wire, assert_words, begun, soon};

#[tokio::test]
async fn a_function_that_fails_or_panics_costs_its_item_alone() {
    let shop = Shop::<u64, u64>::new().await;
    shop.push(0..4).await;
    shop.queue.close();
    let mut workers: Pulling = JoinSet::new();
    workers.spawn(Worker::of(&shop.uri).named("shaky").pull(|n: u64| match n {
        1 => Err("one is not liked"),
        2 => panic!("two is too much"),
        n => Ok(n * n),
    }));
    let results = shop.rest().await;
    let worker = || "shaky".to_owned();
    assert_eq!((&results[&0], &results[&3]), (&Ok(0), &Ok(9)));
    let text = "one is not liked".to_owned();
    let failed = WorkError::Failed {
        worker: worker(),
        text,
    };
    assert_eq!(results[&1], Err(failed));
    let text = "two is too much".to_owned();
    let panicked = WorkError::Panicked {
        worker: worker(),
        text,
    };
    assert_eq!(results[&2], Err(panicked));
    let pulled = soon(workers.join_next()).await.unwrap().unwrap().unwrap();
    assert_eq!((pulled.done, pulled.failed, pulled.late), (2, 2, 0));
}

#[tokio::test]
async fn a_full_queue_makes_whoever_brings_items_wait_until_a_result_is_taken() {
    let limits = WorkLimits {
        max_items: 2,
        ..WorkLimits::default()
    };
    let shop = Shop::<u64, u64>::with(limits).await;
    shop.push(0..2).await;
    let third = begun(shop.queue.push(2)).await;
    let mut workers = JoinSet::new();
    let gate = Gate::new();
    gate.open_for_good();
    squares(&mut workers, &shop.uri, &gate);
    // Results that nobody took are in the way as well.
    gate.arrived(2).await;
    let third = begun(third).await;
    assert_eq!(soon(shop.queue.next_result()).await, Some((0, Ok(0))));
    assert_eq!(soon(third).await.unwrap(), 2);
}

#[tokio::test]
async fn a_closed_queue_takes_no_items_and_ends_its_workers_when_all_is_done() {
    let shop = Shop::<u64, u64>::new().await;
    let mut workers = JoinSet::new();
    let gate = Gate::new();
    squares(&mut workers, &shop.uri, &gate);
    squares(&mut workers, &shop.uri, &gate);
    shop.push(0..1).await;
    gate.arrived(1).await;
    shop.queue.close();
    let refused = soon(shop.queue.push(1)).await;
    assert!(
        matches!(refused, Err(QueueError::Refused(Refusal::Closed))),
        "{refused:?}"
    );
    let over = begun(shop.queue.finished()).await;
    gate.open_for_good();
    soon(over).await;
    let ended = soon(workers.join_all()).await;
    assert!(ended.iter().all(Result::is_ok), "{ended:?}");
    assert_eq!(shop.rest().await, all_squares(1));
    assert_eq!(soon(shop.queue.next_result()).await, None);
    let late = soon(pull(&shop.uri, |n: u64| Ok::<_, String>(n))).await;
    assert_eq!(late.unwrap().done, 0);
}

#[tokio::test]
async fn a_worker_goes_on_with_a_dispatcher_that_started_anew() {
    let shop = Shop::<u64, u64>::new().await;
    let wire = Wire::to(shop.daemon.address()).await;
    let mut workers = JoinSet::new();
    let gate = Gate::new();
    squares(&mut workers, &wire.uri("work"), &gate);
    shop.push(0..1).await;
    gate.arrived(1).await;
    drop(shop);
    let next = Daemon::bind(LOOPBACK).await.unwrap();
    wire.point_at(next.address());
    wire.cut().await;
    // Nobody hosts it yet: the worker is patient.
    wire.connected(2).await;
    let queue = WorkQueue::<u64, u64>::new();
    next.register("work", queue.serve()).unwrap();
    soon(queue.push(7)).await.unwrap();
    queue.close();
    gate.open_for_good();
    assert_eq!(soon(queue.next_result()).await, Some((0, Ok(49))));
    let pulled = soon(workers.join_next()).await.unwrap().unwrap().unwrap();
    assert_eq!((pulled.done, pulled.late), (1, 1));
}

#[tokio::test]
async fn a_worker_for_other_types_is_told_which() {
    let shop = Shop::<u64, Vec<u64>>::new().await;
    let items = soon(pull(&shop.uri, |text: String| {
        Ok::<_, String>(vec![text.len() as u64])
    }))
    .await;
    let text = items.unwrap_err().to_string();
    assert_words(&text, &["far:work@", "items of the type u64, not string"]);
    let results = soon(pull_async(&shop.uri, async |n: u64| Ok::<_, String>(n))).await;
    let text = results.unwrap_err().to_string();
    assert_words(
        &text,
        &["far:work@", "results of the type", "[u64], not u64"],
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_of_its_item_that_names_who_sent_or_read_it() {
    let shop = Shop::<u64, String>::new().await;
    shop.push(0..1).await;
    let liar = Hand::attends(&shop.uri, "liar").await;
    let lease = liar.take().await;
    let no_text = Bytes::from_static(&[200, 1, 2]);
    soon(liar.work.finish(lease, Ok(no_text)))
        .await
        .unwrap()
        .unwrap();
    let (_, result) = soon(shop.queue.next_result()).await.unwrap();
    let Err(WorkError::Result { worker, text }) = result else {
        panic!("{result:?}");
    };
    assert_eq!(worker, "liar");
    assert!(!text.is_empty());

    // An item that is none, from a client that says what it likes.
    let job = 99;
    soon(liar.work.open(job)).await.unwrap().unwrap();
    let endless = Bytes::from_static(&[0xff; 11]);
    soon(liar.work.put(job, 0, endless)).await.unwrap().unwrap();
    let mut workers: Pulling = JoinSet::new();
    workers.spawn(
        Worker::of(&shop.uri)
            .named("reader")
            .pull(|n: u64| Ok::<_, String>(n.to_string())),
    );
    let outcomes = soon(liar.work.results(job, 0))
        .await
        .unwrap()
        .unwrap()
        .outcomes;
    assert!(
        matches!(&outcomes[0].end, Err(WorkError::Item { worker, .. }) if worker == "reader"),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn an_object_that_is_no_work_is_named() {
    let malformed = soon(Worker::of("far:nothing").pull(|n: u64| Ok::<_, String>(n))).await;
    assert!(
        matches!(malformed, Err(QueueError::Uri(_))),
        "{malformed:?}"
    );
    let desk = crate::harness::House::new().await;
    let other = soon(pull(&desk.uri, |n: u64| Ok::<_, String>(n)))
        .await
        .unwrap_err();
    let QueueError::Call(error) = other else {
        panic!("{other:?}");
    };
    assert_words(&error.to_string(), &["desk", "terms"]);
}

#[tokio::test]
async fn who_waits_is_answered_when_the_queue_ends() {
    let shop = Shop::<u64, u64>::new().await;
    let idle = Hand::attends(&shop.uri, "idle").await;
    let taken = begun(idle.work.take("idle".into(), 0)).await;
    let began = Instant::now();
    shop.queue.end();
    assert_eq!(soon(taken).await, Ok(Ok(Taken::Nothing)));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "it waited: {took:?}");
}
