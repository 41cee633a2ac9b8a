//! Streams: items at the pace of whoever takes them, and an end that says how it came.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use farcall::{CallError, Daemon, Limits, Streaming};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use tokio::task::JoinSet;

use super::{HubProxy, Town};
use crate::harness::{LOOPBACK, Wire, assert_ends, soon};

/// Gives items of any sizes.
#[farcall::remote]
trait Sizes {
    fn blobs(&self, sizes: Vec<usize>) -> impl Stream<Item = Bytes>;
    fn texts(&self, sizes: Vec<usize>) -> impl Stream<Item = String>;
    fn computed(&self, sizes: Vec<usize>) -> impl Iterator<Item = String>;
    fn mirrored(&self, items: Streaming<Bytes>) -> impl Stream<Item = Bytes>;
    fn forwarded(&self, items: Streaming<Bytes>) -> Streaming<Bytes>;
}

struct Maker;

fn letter(at: usize) -> u8 {
    b'a' + (at % 26) as u8
}

fn texts(sizes: Vec<usize>) -> impl Iterator<Item = String> {
    let sizes = sizes.into_iter().enumerate();
    sizes.map(|(at, size)| char::from(letter(at)).to_string().repeat(size))
}

fn blobs(sizes: Vec<usize>) -> impl Iterator<Item = Bytes> {
    let sizes = sizes.into_iter().enumerate();
    sizes.map(|(at, size)| vec![letter(at); size].into())
}

impl Sizes for Maker {
    fn blobs(&self, sizes: Vec<usize>) -> impl Stream<Item = Bytes> {
        stream::iter(blobs(sizes))
    }

    fn texts(&self, sizes: Vec<usize>) -> impl Stream<Item = String> {
        stream::iter(texts(sizes))
    }

    fn computed(&self, sizes: Vec<usize>) -> impl Iterator<Item = String> {
        texts(sizes)
    }

    fn mirrored(&self, items: Streaming<Bytes>) -> impl Stream<Item = Bytes> {
        items.map(|item| item.unwrap())
    }

    fn forwarded(&self, items: Streaming<Bytes>) -> Streaming<Bytes> {
        items
    }
}

#[tokio::test]
async fn items_of_all_sizes_come_whole_and_in_their_order() {
    let daemon = Daemon::bind(LOOPBACK).await.unwrap();
    let uri = daemon.register("sizes", Maker.serve()).unwrap().to_string();
    let maker = soon(SizesProxy::connect(&uri)).await.unwrap();
    let edges = [
        0, 1, 4_093, 4_096, 4_097, 16_383, 16_384, 16_390, 65_535, 65_536, 300_000,
    ];
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let any = |random: &mut fastrand::Rng| match random.u8(..) {
        0..230 => random.usize(0..40),
        _ => edges[random.usize(0..edges.len())],
    };
    for _ in 0..5 {
        let sizes: Vec<usize> = (0..2_000).map(|_| any(&mut random)).collect();
        let of_texts: Vec<String> = texts(sizes.clone()).collect();
        let of_blobs: Vec<Bytes> = blobs(sizes.clone()).collect();
        let came = soon(maker.texts(sizes.clone())).await.unwrap();
        assert!(soon(came.try_collect::<Vec<_>>()).await.unwrap() == of_texts);
        let came = soon(maker.computed(sizes.clone())).await.unwrap();
        assert!(soon(came.try_collect::<Vec<_>>()).await.unwrap() == of_texts);
        let came = soon(maker.blobs(sizes.clone())).await.unwrap();
        assert!(soon(came.try_collect::<Vec<_>>()).await.unwrap() == of_blobs);
        let sent = || Streaming::new(stream::iter(blobs(sizes.clone())));
        let came = soon(maker.mirrored(sent())).await.unwrap();
        assert!(soon(came.try_collect::<Vec<_>>()).await.unwrap() == of_blobs);
        let came = soon(maker.forwarded(sent())).await.unwrap();
        assert!(soon(came.try_collect::<Vec<_>>()).await.unwrap() == of_blobs);
    }
}

#[tokio::test]
async fn a_method_gives_a_stream() {
    let town = Town::new().await;
    let numbers = soon(town.hub.count_to(10_000)).await.unwrap();
    let all: Vec<u64> = soon(numbers.try_collect()).await.unwrap();
    assert_eq!(all, (1..=10_000).collect::<Vec<_>>());
    let none = soon(town.hub.count_to(0)).await.unwrap();
    assert_eq!(soon(none.count()).await, 0);
}

#[tokio::test]
async fn a_method_gives_an_iterator() {
    let town = Town::new().await;
    let squares = soon(town.hub.squares(10_000)).await.unwrap();
    let all: Vec<u64> = soon(squares.try_collect()).await.unwrap();
    assert_eq!(all, (1..=10_000).map(|n| n * n).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_streams_share_a_connection() {
    let town = Town::new().await;
    let streams = (0..50).map(|n| {
        let hub = town.hub.clone();
        async move {
            let numbers = hub.count_to(1_000 + n).await.unwrap();
            let sum: u64 = numbers
                .try_fold(0, |a, b| async move { Ok(a + b) })
                .await
                .unwrap();
            assert_eq!(sum, (1..=1_000 + n).sum::<u64>());
        }
    });
    soon(futures_util::future::join_all(streams)).await;
}

#[tokio::test]
async fn a_method_takes_a_stream() {
    let town = Town::new().await;
    let sum = soon(town.hub.sum(Streaming::new(stream::iter(1..=10_000)))).await;
    assert_eq!(sum, Ok(Ok(50_005_000)));
    let sum = soon(town.hub.sum(Streaming::iter(1..=100))).await;
    assert_eq!(sum, Ok(Ok(5_050)));
}

#[tokio::test]
async fn a_stream_goes_in_while_another_comes_out() {
    let town = Town::new().await;
    let doubled = town.hub.twice(Streaming::new(stream::iter(1..=50_000)));
    let all: Vec<u64> = soon(soon(doubled).await.unwrap().try_collect())
        .await
        .unwrap();
    assert_eq!(all.len(), 50_000);
    assert_eq!(all[49_999], 100_000);
}

#[tokio::test]
async fn a_stream_stands_inside_of_a_result() {
    let town = Town::new().await;
    let refused = soon(town.hub.open(false)).await.unwrap();
    assert_eq!(refused.unwrap_err(), "no such file");
    let (size, parts) = soon(town.hub.open(true)).await.unwrap().unwrap();
    assert_eq!(size, 4_000_000);
    let parts: Vec<_> = soon(parts.try_collect()).await.unwrap();
    assert_eq!(parts.len(), 40);
    for (n, part) in parts.iter().enumerate() {
        assert!(part.len() == 100_000 && part.iter().all(|b| usize::from(*b) == n));
    }
}

#[tokio::test]
async fn items_may_be_objects() {
    let town = Town::new().await;
    let counters = soon(town.hub.each_counter(20)).await.unwrap();
    let counters: Vec<_> = soon(counters.try_collect()).await.unwrap();
    assert_eq!(town.centre.alive(), 20);
    for counter in &counters {
        assert_eq!(soon(counter.next()).await, Ok(0));
    }
    drop(counters);
    town.centre.gone.arrived(20).await;
}

#[tokio::test]
async fn an_error_comes_after_the_items_before_it() {
    let town = Town::new().await;
    let mut numbers = soon(town.hub.breaks(3)).await.unwrap();
    for n in 1..=3 {
        assert_eq!(soon(numbers.next()).await, Some(Ok(n)));
    }
    let error = soon(numbers.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Failed { .. }), "{error}");
    assert!(error.to_string().contains("stream broke"), "{error}");
    assert!(error.to_string().contains("breaks"), "{error}");
    assert_eq!(soon(numbers.next()).await, None);
}

#[tokio::test]
async fn a_panic_comes_after_the_items_before_it() {
    let town = Town::new().await;
    let numbers = soon(town.hub.panics(5)).await.unwrap();
    let all: Vec<_> = soon(numbers.collect()).await;
    assert_eq!(all.len(), 6);
    assert_eq!(all[4], Ok(5));
    let error = all[5].clone().unwrap_err();
    assert!(error.to_string().contains("no further than 5"), "{error}");
    town.works().await;
}

#[tokio::test]
async fn a_stream_that_is_not_wanted_any_more_ends_at_its_producer() {
    let town = Town::new().await;
    let mut numbers = soon(town.hub.guarded()).await.unwrap();
    assert_eq!(soon(numbers.next()).await, Some(Ok(1)));
    drop(numbers);
    town.centre.gone.arrived(1).await;
    town.works().await;
}

#[tokio::test]
async fn a_stream_that_the_callee_drops_ends_at_the_caller() {
    let town = Town::new().await;
    let produced = super::Produced {
        of: town.centre.clone(),
        next: 0,
    };
    let first = town.hub.first_of(Streaming::new(stream::iter(produced)));
    assert_eq!(soon(first).await, Ok(Some(1)));
    town.centre.gone.arrived(1).await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_stops_the_producer() {
    let town = Town::new().await;
    let mut numbers = soon(town.hub.guarded()).await.unwrap();
    // Others are not held up by it.
    for _ in 0..200 {
        town.works().await;
    }
    let produced = town.centre.produced.load(Ordering::SeqCst);
    assert!(produced < 90_000, "{produced} items of 3 bytes or more");
    for n in 1..=100_000 {
        assert_eq!(soon(numbers.next()).await, Some(Ok(n)));
    }
}

#[tokio::test]
async fn a_lost_connection_ends_a_stream_with_an_error() {
    let town = Town::new().await;
    let wire = Wire::to(town.daemon.address()).await;
    let hub = soon(HubProxy::connect(&wire.uri("hub"))).await.unwrap();
    let mut numbers = soon(hub.guarded()).await.unwrap();
    assert_eq!(soon(numbers.next()).await, Some(Ok(1)));
    wire.cut().await;
    town.centre.gone.arrived(1).await;
    let mut last = soon(numbers.next()).await;
    while let Some(Ok(_)) = last {
        last = soon(numbers.next()).await;
    }
    let error = last.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Unknown { .. }), "{error}");
    assert_eq!(soon(numbers.next()).await, None);
}

#[tokio::test]
async fn the_reader_of_a_stream_from_a_lost_caller_is_told() {
    let town = Town::new().await;
    let wire = Wire::to(town.daemon.address()).await;
    let hub = soon(HubProxy::connect(&wire.uri("hub"))).await.unwrap();
    let endless = Streaming::new(stream::pending());
    let call = crate::harness::begun(hub.sum(endless)).await;
    town.works().await;
    wire.cut().await;
    let error = soon(call).await.unwrap_err();
    assert!(matches!(error, CallError::Unknown { .. }), "{error}");
    town.works().await;
}

#[tokio::test]
async fn a_stream_is_sent_once() {
    let town = Town::new().await;
    let numbers = soon(town.hub.count_to(5)).await.unwrap();
    // Sent on where it came from, as it comes.
    assert_eq!(soon(town.hub.sum(numbers)).await, Ok(Ok(15)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_that_takes_long_does_not_hold_up_the_one_before_it() {
    let town = Town::new().await;
    let mut numbers = soon(town.hub.slow()).await.unwrap();
    assert_eq!(soon(StreamExt::next(&mut numbers)).await, Some(Ok(0)));
    for n in 1..5 {
        town.centre.slow.open(1);
        assert_eq!(soon(StreamExt::next(&mut numbers)).await, Some(Ok(n)));
    }
    drop(numbers);
    town.centre.slow.open_for_good();
    town.works().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_a_connection_that_does_not_fit_into_a_call_over_it_is_let_go() {
    let limits = Limits {
        max_message_bytes: 64 << 10,
        ..Limits::default()
    };
    let town = Town::with(limits).await;
    let numbers = soon(town.hub.guarded()).await.unwrap();
    let hub = town.hub.clone();
    // In a task: what is wrong here holds up its thread.
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { hub.store(numbers, vec![0; 1 << 20].into()).await });
    let ended = soon(tasks.join_next()).await.unwrap().unwrap();
    assert_ends(ended, "NotSent(TooLarge)", &["65"]);
    town.centre.gone.arrived(1).await;
    town.works().await;
}
