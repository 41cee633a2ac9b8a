//! Results as iterators: pulled, in order or as they come, dropped in the middle.

use std::cell::Cell;

use farcall::{Fleet, FleetError, blocking};
use futures_util::stream::{self, FuturesUnordered};

use super::fleet;
use crate::harness::{DeskProxy, Town};

#[test]
fn imap_pulls_no_faster_than_its_results_are_taken() {
    const ITEMS: usize = 5_000;
    let town = Town::open(2);
    let fleet = fleet(&town);
    let pulled = Cell::new(0);
    let items = (0..ITEMS as u64).inspect(|_| pulled.set(pulled.get() + 1));
    let results = fleet.imap(items, |desk, n| desk.wait(n));
    assert_eq!(pulled.get(), 0, "nobody asked yet");
    for (taken, result) in results.enumerate() {
        assert_eq!(result.unwrap(), taken as u64);
        let ahead = pulled.get() - taken;
        assert!(ahead <= 1_025, "{ahead} ahead of {taken}");
    }
    assert_eq!(pulled.get(), ITEMS);
}

#[test]
fn results_come_as_they_are_ready_and_the_end_is_the_end() {
    let town = Town::shut(2);
    let fleet = fleet(&town);
    town.members[1].clerk.gate.open_for_good();
    let mut results = fleet.map_unordered(0..100_u64, |desk, n| desk.wait(n));
    let mut came: Vec<usize> = Vec::new();
    // The window of who answers nothing stays at its first size: all others come meanwhile.
    while came.len() < 96 {
        came.push(results.next().unwrap().unwrap().0);
    }
    town.members[0].clerk.gate.open_for_good();
    came.extend(results.by_ref().map(|result| result.unwrap().0));
    came.sort_unstable();
    assert_eq!(came, (0..100).collect::<Vec<_>>());
    assert!(results.next().is_none(), "still");
}

#[test]
fn the_first_error_ends_an_iterator() {
    let town = Town::open(1);
    let fleet = fleet(&town);
    let call = |desk: DeskProxy, n: u64| async move {
        if n == 5 {
            desk.panic("on purpose".into()).await?;
        }
        desk.count().await
    };
    let results: Vec<_> = fleet.imap(0..1_000, call).collect();
    assert_eq!(results.len(), 6);
    assert!(matches!(results[5], Err(FleetError::Item { index: 5, .. })));
}

#[test]
fn an_iterator_that_is_dropped_in_the_middle_cancels_its_calls() {
    let town = Town::shut(1);
    let fleet = fleet(&town);
    let gate = &town.members[0].clerk.gate;
    gate.open(1);
    let mut results = fleet.map_unordered(0..10_u64, |desk, n| desk.wait(n));
    results.next().unwrap().unwrap();
    town.soon(gate.arrived(2));
    drop(results);
    town.soon(gate.abandoned(1));
}

#[test]
fn any_stream_is_an_iterator() {
    let numbers = [1, 2, 3];
    let mut here = blocking::iter(stream::iter(&numbers));
    assert_eq!(here.size_hint(), (3, Some(3)));
    assert_eq!(here.by_ref().sum::<i32>(), 6);
    assert_eq!(here.size_hint(), (0, Some(0)));

    let town = Town::open(2);
    let desk: DeskProxy = blocking::connect(&town.service.uri("desk.1")).unwrap();
    let calls: FuturesUnordered<_> = (0..100).map(|n| desk.square(n)).collect();
    let mut squares: Vec<i64> = blocking::iter(calls).map(Result::unwrap).collect();
    squares.sort_unstable();
    assert_eq!(squares, (0..100).map(|n| n * n).collect::<Vec<_>>());

    // One that is not `Unpin`, and gets its items from a runtime's tasks.
    let fleet = blocking::wait(Fleet::<DeskProxy>::find(&town.service.uri("desk.*"))).unwrap();
    let results = fleet.imap(0..100, |desk, n| desk.square(n));
    let squares: Result<Vec<i64>, _> = blocking::iter(Box::pin(results)).collect();
    assert_eq!(squares.unwrap()[99], 9_801);
}

#[test]
fn an_iterator_waits_for_each_item_and_is_over_when_its_stream_is() {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let items = stream::unfold(receiver, async |mut receiver| {
        Some((receiver.recv().await?, receiver))
    });
    let mut items = blocking::iter(Box::pin(items));
    let sending = std::thread::spawn(move || {
        (0..100).for_each(|n| sender.blocking_send(n).unwrap());
    });
    assert!(items.by_ref().eq(0..100));
    sending.join().unwrap();
    // A stream that has ended must not be asked again.
    assert_eq!(items.next(), None);
}
