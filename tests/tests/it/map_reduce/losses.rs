//! Workers that are lost in each step: what they had is made again, and counts once.

use bytes::Bytes;
use farcall::map_reduce::{
    BlockId, Chunk, Fault, Holdings, JobId, MapReduceError, MapReducer, Reduced, Report, Share,
    Source, Step,
};
use farcall::{Daemon, Fleet};
use tokio::task::JoinHandle;

use super::{Outcome, Place, Stop, counted_here, fleet, lines, settings, tally};
use crate::harness::{LOOPBACK, assert_words, soon};

/// Enough for every worker to get some.
const LINES: usize = 60;

/// Three workers that stop at the same place, and a job on them with chunks of two lines and seven partitions.
/// None begins to map before all have something to map.
async fn job(stop: Stop) -> (Vec<Place>, JoinHandle<Outcome>) {
    let mut places = Vec::new();
    for _ in 0..3 {
        places.push(Place::waiting(stop.clone()).await);
    }
    let (fleet, lines) = (fleet(&places), lines(LINES));
    let job = tokio::spawn(async move { tally(&fleet, &lines, &settings(7, 2)).await });
    for place in &places {
        place.tally.begin.arrived(1).await;
    }
    for place in &places {
        place.tally.begin.open_for_good();
    }
    (places, job)
}

/// Cuts off the worker at whose gate somebody stands, and opens the gates of the others; gives its URI.
async fn cut_off_who_stopped(places: &mut Vec<Place>) -> String {
    let mut stopped = places.remove(soon(first_to_stop(places)).await);
    drop(stopped.daemon.take());
    for place in places.iter() {
        place.tally.gate.open_for_good();
    }
    stopped.uri.clone()
}

async fn first_to_stop(places: &[Place]) -> usize {
    loop {
        let mut gates = places.iter().map(|place| &place.tally.gate);
        if let Some(stopped) = gates.position(|gate| gate.uncounted() > 0) {
            return stopped;
        }
        tokio::task::yield_now().await;
    }
}

fn assert_exact(outcome: Outcome) -> Report {
    let (counts, report) = outcome.unwrap();
    assert_eq!(counts, counted_here(&lines(LINES)));
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_lost_while_it_maps_costs_nothing_of_the_result() {
    let (mut places, job) = job(Stop::Map("w49")).await;
    let lost = cut_off_who_stopped(&mut places).await;
    let report = assert_exact(soon(job).await.unwrap());
    assert!(report.workers.iter().all(|worker| worker.uri != lost));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_lost_while_it_reduces_had_mapped_is_mapped_again() {
    let (mut places, job) = job(Stop::Finish("w49")).await;
    let lost = cut_off_who_stopped(&mut places).await;
    let report = assert_exact(soon(job).await.unwrap());
    assert!(report.mapped_again > 0, "{report}");
    assert!(report.workers.iter().all(|worker| worker.uri != lost));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_lost_while_it_merges_had_reduced_is_reduced_again() {
    let (mut places, job) = job(Stop::Merge("w49")).await;
    let lost = cut_off_who_stopped(&mut places).await;
    let report = assert_exact(soon(job).await.unwrap());
    assert!(report.reduced_again > 0, "{report}");
    assert!(report.workers.iter().all(|worker| worker.uri != lost));
}

/// Maps, and has nothing of it when it is asked.
struct Forgetful;

impl Forgetful {
    fn nothing<T>() -> Result<T, Fault> {
        let what = "all".to_owned();
        Err(Fault::Missing { what })
    }
}

impl MapReducer for Forgetful {
    async fn renew(&self, _: JobId, _: u64, _: u64) -> Result<(), Fault> {
        Ok(())
    }
    fn map(&self, _: JobId, _: Chunk, partitions: u32) -> Result<Vec<Share>, Fault> {
        Ok(vec![Share::default(); partitions as usize])
    }
    async fn collect(&self, _: JobId, _: Vec<Source>) -> Result<(), Fault> {
        Ok(())
    }
    fn reduce(&self, _: JobId, _: Vec<BlockId>) -> Result<Reduced, Fault> {
        Self::nothing()
    }
    fn merge(&self, _: JobId, _: BlockId, _: BlockId) -> Result<BlockId, Fault> {
        Self::nothing()
    }
    async fn fetch(&self, _: JobId, _: BlockId) -> Result<Bytes, Fault> {
        Self::nothing()
    }
    async fn forget(&self, _: JobId) {}
    async fn holdings(&self) -> Holdings {
        Holdings::default()
    }
}

#[tokio::test]
async fn a_job_whose_data_is_lost_again_and_again_is_given_up_and_names_worker_and_step() {
    let daemon = Daemon::bind(LOOPBACK).await.unwrap();
    let uri = daemon.register("tally", Forgetful.serve()).unwrap();
    let fleet = Fleet::of([uri.to_string()]).unwrap();
    let error = tally(&fleet, &lines(LINES), &settings(7, 2))
        .await
        .unwrap_err();
    let lost = matches!(
        error,
        MapReduceError::Lost {
            step: Step::Reduce,
            ..
        }
    );
    assert!(lost, "{error}");
    assert_words(
        &error.to_string(),
        &["reduce", &uri.to_string(), "all is not here"],
    );
}
