//! What a job may not do, and what is left of it at the workers.

use std::time::Duration;

use farcall::map_reduce::{
    self, BlockId, Chunk, Fault, Holdings, MapReduceError, Settings, Source, Step, WorkerLimits,
};
use farcall::{Daemon, Fleet};

use super::{Place, Stop, Tally, fleet, lines, places, settings, tally};
use crate::harness::{LOOPBACK, assert_words, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_input_that_panics_ends_the_job_and_is_named() {
    let places = places(2).await;
    let fleet = fleet(&places);
    let mut broken = lines(100);
    broken[77] = "do panic now".into();
    match tally(&fleet, &broken, &settings(4, 10)).await {
        Err(MapReduceError::Input { index: 77, why }) => assert_words(&why, &["on purpose"]),
        other => panic!("{other:?}"),
    }
    for place in &places {
        assert_eq!(place.holdings().await, Holdings::default());
    }
    tally(&fleet, &lines(10), &settings(4, 10))
        .await
        .expect("the workers live on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reduction_that_panics_ends_the_job_and_names_partition_and_worker() {
    let places = places(2).await;
    let broken = vec!["broken".to_owned()];
    let error = tally(&fleet(&places), &broken, &settings(1, 1))
        .await
        .unwrap_err();
    let text = error.to_string();
    assert_words(&text, &["reduce step", "partition 0", "broken on purpose"]);
    assert!(
        places.iter().any(|place| text.contains(&place.uri)),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_memory_is_full_is_named_with_its_limit() {
    let limits = WorkerLimits {
        max_bytes: 200,
        ..WorkerLimits::default()
    };
    let place = Place::with(Stop::Nowhere, limits).await;
    let many: Vec<String> = (0..500).map(|n| format!("word{n}")).collect();
    let error = tally(&fleet([&place]), &many, &settings(2, 10))
        .await
        .unwrap_err();
    let full = matches!(
        error,
        MapReduceError::Full {
            step: Step::Map,
            ..
        }
    );
    assert!(full, "{error}");
    assert_words(&error.to_string(), &[&place.uri, "limit of 200 bytes"]);
    assert_eq!(place.holdings().await, Holdings::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_with_too_many_keys_is_refused() {
    let limits = WorkerLimits {
        max_chunk_keys: 20,
        ..WorkerLimits::default()
    };
    let place = Place::with(Stop::Nowhere, limits).await;
    let many: Vec<String> = (0..50).map(|n| format!("word{n}")).collect();
    let error = tally(&fleet([&place]), &many, &settings(2, 50))
        .await
        .unwrap_err();
    assert_words(&error.to_string(), &["input 19", "limit of 20 keys"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_workers_hold_nothing_after_a_job() {
    let places = places(3).await;
    let lines = lines(300);
    tally(&fleet(&places), &lines, &settings(6, 10))
        .await
        .unwrap();
    for place in &places {
        assert_eq!(place.holdings().await, Holdings::default());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_caller_is_gone_is_freed_when_its_lease_ends() {
    let place = Place::new(Stop::Finish("w1")).await;
    let settings = Settings {
        lease: Duration::from_millis(300),
        ..settings(1, 100)
    };
    let job = tokio::spawn({
        let (fleet, lines) = (fleet([&place]), lines(100));
        async move { tally(&fleet, &lines, &settings).await }
    });
    place.tally.gate.arrived(1).await;
    // Renewed while its caller waits, for longer than the lease.
    let mut held = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..8 {
        held.tick().await;
        assert_eq!(place.holdings().await.jobs, 1);
    }
    job.abort();
    assert!(job.await.unwrap_err().is_cancelled());
    place.tally.gate.open_for_good();
    soon(async { while place.holdings().await != Holdings::default() {} }).await;
}

#[tokio::test]
async fn what_a_worker_does_not_have_is_an_error_to_whoever_asks() {
    let place = Place::new(Stop::Nowhere).await;
    let (worker, nothing) = (
        &place.proxy,
        BlockId {
            worker: 1,
            number: 2,
        },
    );
    let missing =
        |fault: Option<Fault>| assert!(matches!(fault, Some(Fault::Missing { .. })), "{fault:?}");
    missing(soon(worker.fetch(7, nothing)).await.unwrap().err());
    missing(soon(worker.reduce(7, vec![nothing])).await.unwrap().err());
    missing(soon(worker.merge(7, nothing, nothing)).await.unwrap().err());
    let chunk = Chunk {
        first: 0,
        inputs: vec![b"\x01a".to_vec().into()],
    };
    missing(soon(worker.map(7, chunk.clone(), 1)).await.unwrap().err());
    let none = soon(worker.map(7, chunk.clone(), 0)).await.unwrap();
    assert!(matches!(none, Err(Fault::Malformed { .. })), "{none:?}");
    let many = soon(worker.map(7, chunk, u32::MAX)).await.unwrap();
    assert!(matches!(many, Err(Fault::Malformed { .. })), "{many:?}");
    let source = |uri: &str| {
        let blocks = vec![nothing];
        let uri = uri.to_owned();
        vec![Source { uri, blocks }]
    };
    let gone = soon(worker.collect(7, source(&place.uri))).await.unwrap();
    assert!(matches!(gone, Err(Fault::Gone { .. })), "{gone:?}");
    let nowhere = soon(worker.collect(7, source("far:tally@127.0.0.1:1"))).await;
    assert!(
        matches!(nowhere, Ok(Err(Fault::Unreachable { .. }))),
        "{nowhere:?}"
    );
    let odd = soon(worker.collect(7, source("no uri"))).await.unwrap();
    assert!(matches!(odd, Err(Fault::Malformed { .. })), "{odd:?}");
    let other_types = soon(worker.renew(7, 1, 1_000)).await.unwrap();
    assert!(matches!(other_types, Err(Fault::Malformed { .. })));
    assert_eq!(place.holdings().await, Holdings::default());
}

/// As [`Tally`], with another type.
struct Older;

impl map_reduce::MapReduce for Older {
    type Input = String;
    type Key = String;
    type Value = u32;
    type Output = u32;

    fn map(&self, _: String, _: &mut dyn FnMut(String, u32)) {}
    fn combine(&self, _: &String, _: &mut u32, _: u32) {}
    fn finish(&self, _: impl Iterator<Item = (String, u32)>) -> u32 {
        0
    }
    fn merge(&self, _: u32, _: u32) -> u32 {
        0
    }
}

#[tokio::test]
async fn a_worker_with_other_types_is_told_from_one_with_the_same() {
    let daemon = Daemon::bind(LOOPBACK).await.unwrap();
    let uri = daemon.register("tally", map_reduce::worker(Older)).unwrap();
    let fleet = Fleet::of([uri.to_string()]).unwrap();
    let error = soon(map_reduce::run::<Tally>(&fleet, lines(3)))
        .await
        .unwrap_err();
    assert_words(&error.to_string(), &["different types", "map step"]);
}

#[tokio::test]
async fn too_many_partitions_are_refused_before_anybody_is_asked() {
    let fleet = Fleet::of(["far:nobody@127.0.0.1:1"]).unwrap();
    for asked in [0, 5_000] {
        let error = tally(&fleet, &lines(3), &settings(asked, 1)).await;
        assert!(
            matches!(error, Err(MapReduceError::Partitions { .. })),
            "{error:?}"
        );
    }
}
