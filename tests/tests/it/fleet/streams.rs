//! Fleets that give results as streams: as they come, and in the order of the items.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use farcall::{CallError, FleetError};
use futures_util::StreamExt;

use super::{Member, fleet};
use crate::harness::{DeskProxy, NameService, soon};

/// Counts what is pulled of it.
fn counted(items: u64) -> (impl Iterator<Item = u64>, Arc<AtomicUsize>) {
    let pulled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&pulled);
    let items = (0..items).inspect(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    (items, pulled)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imap_gives_results_in_order_and_pulls_no_faster_than_they_are_taken() {
    const ITEMS: u64 = 10_000;
    let service = NameService::new().await;
    let _one = Member::ready(&service, "desk.1").await;
    let _two = Member::ready(&service, "desk.2").await;
    let fleet = fleet(&service).await;
    let (items, pulled) = counted(ITEMS);
    let mut results = fleet.imap(items, |desk, n| desk.wait(n));
    assert_eq!(pulled.load(Ordering::Relaxed), 0, "nobody asked yet");
    for taken in 0..ITEMS {
        let result = soon(results.next()).await.unwrap();
        assert_eq!(result.unwrap(), taken);
        let ahead = pulled.load(Ordering::Relaxed) - taken as usize;
        assert!(ahead <= 1_025, "{ahead} ahead of {taken}");
    }
    assert!(soon(results.next()).await.is_none());
}

#[tokio::test]
async fn map_unordered_does_not_wait_for_the_slow() {
    let service = NameService::new().await;
    let slow = Member::new(&service, "desk.1").await;
    let _fast = Member::ready(&service, "desk.2").await;
    let fleet = fleet(&service).await;
    let mut results = fleet.map_unordered(0..100_u64, |desk, n| desk.wait(n));
    let mut came = Vec::new();
    // The window of who answers nothing stays at its first size: all others come meanwhile.
    while came.len() < 96 {
        let (index, result) = soon(results.next()).await.unwrap().unwrap();
        assert_eq!(result, index as u64);
        came.push(index);
    }
    slow.clerk.gate.open_for_good();
    while let Some(end) = soon(results.next()).await {
        came.push(end.unwrap().0);
    }
    came.sort_unstable();
    assert_eq!(came, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_first_error_ends_a_stream_and_what_is_dropped_is_cancelled() {
    let service = NameService::new().await;
    let one = Member::ready(&service, "desk.1").await;
    let fleet = fleet(&service).await;
    let call = |desk: DeskProxy, n: u64| async move {
        if n == 5 {
            desk.panic("on purpose".into()).await?;
        }
        desk.count().await
    };
    let mut results = fleet.imap(0..1_000, call);
    for _ in 0..5 {
        soon(results.next()).await.unwrap().unwrap();
    }
    let error = soon(results.next()).await.unwrap().unwrap_err();
    assert!(
        matches!(
            error,
            FleetError::Item {
                index: 5,
                error: CallError::Failed { .. }
            }
        ),
        "{error}"
    );
    assert!(soon(results.next()).await.is_none());

    let other = Member::new(&service, "desk.2").await;
    soon(one.daemon.shutdown()).await;
    let mut results = fleet.map_unordered(0..10_u64, |desk, n| desk.wait(n));
    let waiting = soon(async {
        tokio::select! {
            _ = results.next() => panic!("its gate is shut"),
            () = other.clerk.gate.arrived(1) => {}
        }
    });
    waiting.await;
    drop(results);
    other.clerk.gate.abandoned(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_on_when_a_member_leaves() {
    const ITEMS: u64 = 2_000;
    let service = NameService::new().await;
    let leaving = Member::ready(&service, "desk.1").await;
    let _staying = Member::ready(&service, "desk.2").await;
    let fleet = fleet(&service).await;
    let mut results = fleet.imap(0..ITEMS, |desk, n| desk.wait_safely(n));
    for expected in 0..ITEMS {
        if expected == 100 {
            soon(leaving.daemon.shutdown()).await;
        }
        assert_eq!(soon(results.next()).await.unwrap().unwrap(), expected);
    }
}
