//! What comes out, and what is reported of it.

use farcall::map_reduce::{self, MapReduce, Step};

use super::{Counts, Tally, counted_here, fleet, lines, places, settings, tally};
use crate::harness::{LOOPBACK, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_result_is_that_of_the_sequential_computation() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let places = places(3).await;
    let fleet = fleet(&places);
    for _ in 0..10 {
        let lines: Vec<String> = (0..random.usize(..200))
            .map(|_| {
                let words = 0..random.usize(..9);
                let word = |_| {
                    let most = 1 << random.u32(1..10);
                    format!("{} ", random.u64(..most))
                };
                words.map(word).collect()
            })
            .collect();
        let settings = settings(random.u32(1..20), random.usize(1..30));
        let (counts, report) = tally(&fleet, &lines, &settings).await.unwrap();
        assert_eq!(counts, counted_here(&lines), "seed {seed}, {settings:?}");
        let values: u64 = report.partitions.iter().map(|p| p.values).sum();
        let keys: u64 = report.partitions.iter().map(|p| p.keys).sum();
        assert_eq!(values, counts.values().sum::<u64>());
        assert_eq!(keys, counts.len() as u64);
    }
}

#[tokio::test]
async fn one_worker_is_enough_and_nothing_to_map_gives_what_empty_partitions_give() {
    let places = places(1).await;
    let fleet = fleet(&places);
    let (counts, report) = soon(map_reduce::run::<Tally>(&fleet, Vec::new()))
        .await
        .unwrap();
    assert_eq!((counts, report.chunks), (Counts::new(), 0));
    let lines = lines(100);
    let (counts, report) = soon(map_reduce::run::<Tally>(&fleet, lines.clone()))
        .await
        .unwrap();
    assert_eq!(counts, counted_here(&lines));
    assert_eq!((report.workers.len(), report.partitions.len()), (1, 2));
    assert_eq!(report.workers[0].uri, places[0].uri);
}

#[tokio::test]
async fn more_partitions_than_keys_leave_some_empty() {
    let places = places(2).await;
    let lines = vec!["a b".to_owned(), "b c".to_owned()];
    let (counts, report) = tally(&fleet(&places), &lines, &settings(33, 1))
        .await
        .unwrap();
    assert_eq!(counts, counted_here(&lines));
    assert_eq!(report.partitions.len(), 33);
    assert!(report.partitions.iter().filter(|p| p.keys == 0).count() >= 30);
}

#[tokio::test]
async fn a_heavy_key_is_named_with_its_partition() {
    let places = places(2).await;
    let mut lines = lines(40);
    lines.extend((0..300).map(|_| "whale whale whale".to_owned()));
    let (_, report) = tally(&fleet(&places), &lines, &settings(8, 10))
        .await
        .unwrap();
    assert!(report.skew() > 4.0, "{report}");
    let heavy = report.heaviest().unwrap();
    assert_eq!(heavy.heaviest, Some(("\"whale\"".to_owned(), 900)));
    let text = report.to_string();
    let named = format!("partition {} is heavy", heavy.index);
    assert!(text.contains(&named), "{text}");
    assert!(text.contains("900 of them of the key \"whale\""), "{text}");
    let bytes: u64 = report.partitions.iter().map(|p| p.bytes).sum();
    assert!(bytes < 3_000, "combined on the workers: {bytes} bytes");
}

/// Joins texts: associative, and not commutative.
struct Join;

impl MapReduce for Join {
    type Input = u32;
    type Key = bool;
    type Value = Vec<u32>;
    type Output = Vec<u32>;

    fn map(&self, input: u32, emit: &mut dyn FnMut(bool, Vec<u32>)) {
        emit(true, vec![input]);
    }
    fn combine(&self, _: &bool, so_far: &mut Vec<u32>, next: Vec<u32>) {
        so_far.extend(next);
    }
    fn finish(&self, partition: impl Iterator<Item = (bool, Vec<u32>)>) -> Vec<u32> {
        partition.flat_map(|(_, values)| values).collect()
    }
    fn merge(&self, mut first: Vec<u32>, second: Vec<u32>) -> Vec<u32> {
        first.extend(second);
        first
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_combined_in_the_order_of_the_inputs() {
    let mut uris = Vec::new();
    let mut daemons = Vec::new();
    for _ in 0..3 {
        let daemon = farcall::Daemon::bind(LOOPBACK).await.unwrap();
        let object = map_reduce::worker(Join);
        uris.push(daemon.register("join", object).unwrap().to_string());
        daemons.push(daemon);
    }
    let fleet = farcall::Fleet::of(uris).unwrap();
    let mut steps = Vec::new();
    let settings = settings(3, 7);
    let job = map_reduce::run_with::<Join>(&fleet, 0..500, &settings, |progress| {
        if progress.done == progress.total {
            steps.push(progress.step);
        }
    });
    let (joined, _) = soon(job).await.unwrap();
    assert_eq!(joined, (0..500).collect::<Vec<_>>());
    assert_eq!(steps, [Step::Map, Step::Reduce, Step::Merge]);
}
