//! Items that travel together: closures of every shape, and messages of every length.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use farcall::{CallError, Daemon, FleetError, Limits};
use futures_util::StreamExt;

use crate::harness::{MillHouse, MillProxy, mills, soon};

/// Three mills whose gates are open.
async fn three() -> [MillHouse; 3] {
    [
        MillHouse::ready().await,
        MillHouse::ready().await,
        MillHouse::ready().await,
    ]
}

/// How often the mills' methods started.
fn started(houses: &[MillHouse]) -> usize {
    houses.iter().map(|house| house.miller.log().len()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_squares_are_exact_and_in_order() {
    const ITEMS: u64 = 100_000;
    let houses = three().await;
    let fleet = mills(&houses);
    let squares = soon(fleet.map(0..ITEMS, |mill, n| mill.square(n))).await;
    assert!(squares.unwrap().into_iter().eq((0..ITEMS).map(|n| n * n)));
    let shares = fleet.shares();
    assert!(shares.iter().all(|(_, items)| *items > 0), "{shares:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_that_come_as_they_come_are_those_of_every_item_once() {
    const ITEMS: u64 = 30_000;
    let houses = three().await;
    let fleet = mills(&houses);
    let mut came = vec![0; ITEMS as usize];
    let mut results = fleet.map_unordered(0..ITEMS, |mill, n| mill.square(n));
    while let Some(end) = soon(results.next()).await {
        let (index, square) = end.unwrap();
        assert_eq!(square, (index * index) as u64);
        came[index] += 1;
    }
    assert!(came.into_iter().all(|times| times == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imap_of_a_method_that_computes_pulls_no_more_ahead_than_it_says() {
    const ITEMS: u64 = 60_000;
    let houses = three().await;
    let fleet = mills(&houses);
    let pulled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&pulled);
    let items = (0..ITEMS).inspect(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let (in_flight, peak) = (Arc::new(()), AtomicUsize::new(0));
    let mut results = fleet.imap(items, |mill, n| {
        let here = Arc::clone(&in_flight);
        peak.fetch_max(Arc::strong_count(&in_flight), Ordering::Relaxed);
        async move {
            let square = mill.square(n).await;
            drop(here);
            square
        }
    });
    for taken in 0..ITEMS {
        assert_eq!(soon(results.next()).await.unwrap().unwrap(), taken * taken);
        let ahead = pulled.load(Ordering::Relaxed) - taken as usize;
        // It looks one further to see whether there is more, and counts those of a chunk until all of them are over.
        let most = 1 + 1_024.max(3 * peak.load(Ordering::Relaxed));
        assert!(ahead <= most, "{ahead} ahead, of {most}");
    }
    assert!(soon(results.next()).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closure_may_make_several_calls_or_none() {
    const ITEMS: u64 = 2_000;
    let houses = three().await;
    let fleet = mills(&houses);
    let twice = |mill: MillProxy, n: u64| async move {
        let square = mill.square(n).await?;
        mill.square(square).await
    };
    let fourth = soon(fleet.map(0..ITEMS, twice)).await.unwrap();
    assert!(fourth.into_iter().eq((0..ITEMS).map(|n| n * n * n * n)));
    let both = |mill: MillProxy, n: u64| async move {
        tokio::try_join!(mill.square(n), mill.pause(n), mill.grind(n))
    };
    let both = soon(fleet.map(0..ITEMS, both)).await.unwrap();
    assert!(both.into_iter().eq((0..ITEMS).map(|n| (n * n, n, n))));
    let unlike = |mill: MillProxy, n: u64| async move {
        match n % 4 {
            0 => mill.square(n).await,
            1 => mill.pause(n).await,
            2 => mill.record(n).await,
            _ => Ok(n),
        }
    };
    let unlike = soon(fleet.map(0..ITEMS, unlike)).await.unwrap();
    let expected = (0..ITEMS).map(|n| if n % 4 == 0 { n * n } else { n });
    assert!(unlike.into_iter().eq(expected));
    let before = started(&houses);
    let none = soon(fleet.map(0..ITEMS, |_, n| async move { Ok::<_, CallError>(n) })).await;
    assert!(none.unwrap().into_iter().eq(0..ITEMS));
    assert_eq!(started(&houses), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closure_may_set_a_deadline_call_others_and_spawn() {
    const ITEMS: u64 = 1_000;
    let houses = three().await;
    let fleet = mills(&houses);
    let hurried = |mill: MillProxy, n: u64| async move {
        mill.with_deadline(Duration::from_secs(9)).square(n).await
    };
    let squares = soon(fleet.map(0..ITEMS, hurried)).await.unwrap();
    assert!(squares.into_iter().eq((0..ITEMS).map(|n| n * n)));

    let other = MillHouse::ready().await;
    let captured = soon(MillProxy::connect(&other.uri)).await.unwrap();
    let both = |mill: MillProxy, n: u64| {
        let captured = captured.clone();
        async move { Ok(mill.square(n).await? + captured.square(n).await?) }
    };
    let doubles = soon(fleet.map(0..ITEMS, both)).await.unwrap();
    assert!(doubles.into_iter().eq((0..ITEMS).map(|n| 2 * n * n)));
    assert!(other.miller.log().len() as u64 >= ITEMS);
    let only = |_, n: u64| {
        let captured = captured.clone();
        async move { captured.square(n).await }
    };
    let squares = soon(fleet.map(0..ITEMS, only)).await.unwrap();
    assert!(squares.into_iter().eq((0..ITEMS).map(|n| n * n)));

    let spawning = |mill: MillProxy, n: u64| async move {
        let spawned = tokio::spawn({
            let mill = mill.clone();
            async move { mill.square(n).await }
        });
        Ok((mill.square(n).await?, spawned.await.unwrap()?))
    };
    let pairs = soon(fleet.map(0..ITEMS, spawning)).await.unwrap();
    assert!(pairs.into_iter().eq((0..ITEMS).map(|n| (n * n, n * n))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_a_spawned_task_ends_when_its_map_is_dropped() {
    const ITEMS: u64 = 4_000;
    /// From here on the gate is shut.
    const OPEN: usize = 600;
    let house = MillHouse::new().await;
    house.miller.gate.open(OPEN);
    let fleet = mills([&house]);
    let (ended, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let spawning = move |mill: MillProxy, n: u64| {
        let ended = ended.clone();
        async move {
            // What it is polled for the first time makes its call before the chunk goes.
            let mut call = Box::pin(async move { mill.grind(n).await });
            let first = futures_util::poll!(&mut call);
            let (tell, told) = tokio::sync::oneshot::channel();
            tokio::spawn(async move {
                let end = match first {
                    std::task::Poll::Ready(end) => end,
                    std::task::Poll::Pending => call.await,
                };
                let _ = tell.send(end.clone());
                let _ = ended.send(end);
            });
            told.await.unwrap()
        }
    };
    let mapping = tokio::spawn(async move { fleet.map(0..ITEMS, spawning).await });
    house.miller.started(OPEN as u32 + 1).await;
    mapping.abort();
    let _ = mapping.await;
    // Those that made their calls alone are answered.
    house.miller.open_for_good();
    // The channel closes once every task is over.
    let mut ended = 0;
    while soon(ends.recv()).await.is_some() {
        ended += 1;
    }
    assert!(ended > OPEN, "{ended}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_arguments_and_long_results_come_among_short_ones() {
    let houses = three().await;
    let fleet = mills(&houses);
    let length = |n: usize| if n % 10 == 3 { 20_000 + n } else { n % 50 };
    let items = (0..1_000).map(|n| Bytes::from(vec![1; length(n)]));
    let lengths = soon(fleet.map(items, |mill, bytes| mill.length(bytes))).await;
    assert!(
        lengths
            .unwrap()
            .into_iter()
            .eq((0..1_000).map(|n| length(n) as u64))
    );

    let before = started(&houses);
    let count = |n: u64| if n % 10 == 3 { (1 << 20) + n } else { n % 10 };
    let items = (0..300).map(count);
    let results = soon(fleet.map(items, |mill, n| mill.bytes(n)))
        .await
        .unwrap();
    assert!(
        results
            .iter()
            .map(|r| r.len() as u64)
            .eq((0..300).map(count))
    );
    assert_eq!(started(&houses) - before, 300, "none is started twice");

    // Whoever takes errors for values sees none of those that are the fleet's own affair.
    let count = |n: u64| if n > 150 { (1 << 20) + n } else { n % 10 };
    let call = |mill: MillProxy, n: u64| async move { Ok(mill.bytes(n).await.map(|b| b.len())) };
    let results = soon(fleet.map((0..300).map(count), call)).await.unwrap();
    assert!(
        results
            .into_iter()
            .eq((0..300).map(|n| Ok(count(n) as usize)))
    );
}

/// Nothing longer than 64 KiB goes to or comes from this one.
async fn small() -> MillHouse {
    let limits = Limits {
        max_message_bytes: 64 << 10,
        ..Limits::default()
    };
    let house = MillHouse::with(Daemon::builder().limits(limits)).await;
    house.miller.open_for_good();
    house
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_over_the_message_limit_fails_its_item_alone() {
    const ITEMS: u64 = 1_000;
    let house = small().await;
    let fleet = mills([&house]);
    let items = (0..ITEMS).map(|n| if n == 700 { 70_000 } else { 500 + n });
    let settled = soon(fleet.map_settled(items, |mill, n| mill.bytes(n))).await;
    let settled = settled.unwrap();
    assert_eq!((settled.summary.ok, settled.summary.failed), (ITEMS - 1, 1));
    for (n, result) in settled.results.into_iter().enumerate() {
        match result {
            Ok(bytes) => assert_eq!(bytes.len(), 500 + n),
            Err(FleetError::Item { index: 700, error }) => {
                assert!(matches!(error, CallError::Failed { .. }), "{error}")
            }
            Err(error) => panic!("{n}: {error}"),
        }
    }
    assert_eq!(house.miller.log().len() as u64, ITEMS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_is_never_longer_than_the_longest_message_of_its_member() {
    const ITEMS: u64 = 1_000;
    let house = small().await;
    let fleet = mills([&house]);
    let items = (0..ITEMS).map(|n| Bytes::from(vec![1; 1_000 + n as usize]));
    let lengths = soon(fleet.map(items, |mill, bytes| mill.length(bytes))).await;
    assert!(
        lengths
            .unwrap()
            .into_iter()
            .eq((0..ITEMS).map(|n| 1_000 + n))
    );
    assert_eq!(house.miller.log().len() as u64, ITEMS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settled_map_tells_of_each_item_and_of_all() {
    const ITEMS: u64 = 1_000;
    let houses = three().await;
    let fleet = mills(&houses);
    // 13 panics.
    let settled = soon(fleet.map_settled(0..ITEMS, |mill, n| mill.bytes(n))).await;
    let settled = settled.unwrap();
    let summary = &settled.summary;
    assert_eq!(
        (summary.ok, summary.failed, summary.unknown, summary.total),
        (ITEMS - 1, 1, 0, Some(ITEMS))
    );
    assert_eq!((summary.retried, summary.hedged), (0, 0));
    assert_eq!(summary.done(), ITEMS);
    let (ok, failed): (Vec<_>, Vec<_>) = summary.shares.iter().map(|s| (s.ok, s.failed)).unzip();
    assert_eq!(ok.iter().sum::<u64>(), ITEMS - 1);
    assert_eq!(failed.iter().sum::<u64>(), 1);
    assert_eq!(summary.errors.len(), 1);
    assert!(
        summary.errors[0].contains("thirteen"),
        "{:?}",
        summary.errors
    );
    assert!(
        summary.errors[0].contains("far:mill"),
        "{:?}",
        summary.errors
    );
    for (n, result) in settled.results.iter().enumerate() {
        assert_eq!(result.is_err(), n == 13, "{n}: {result:?}");
    }
    let error = settled.into_results().unwrap_err();
    assert!(
        matches!(error, FleetError::Item { index: 13, .. }),
        "{error}"
    );
    let all = soon(fleet.map_settled(20..30, |mill, n| mill.bytes(n))).await;
    assert_eq!(all.unwrap().into_results().unwrap().len(), 10);
}
