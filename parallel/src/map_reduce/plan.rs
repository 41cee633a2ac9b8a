//! What is where: which worker has the blocks of each chunk and the output of each partition. Pure.

use std::collections::BTreeMap;

use super::contract::{BlockId, Reduced, Share, Source};
use super::report::{PartitionReport, Report, WorkerReport};

/// A block and the worker that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) uri: String,
    pub(super) block: BlockId,
}

/// What a job has so far.
#[derive(Debug)]
pub(super) struct Plan {
    /// By chunk: who mapped it, and what it gave for each partition.
    chunks: Vec<Option<(String, Vec<Share>)>>,
    /// By partition: who reduced it, and what that gave.
    partitions: Vec<Option<(String, Reduced)>>,
    mapped_again: u64,
    reduced_again: u64,
}

impl Plan {
    pub(super) fn new(chunks: usize, partitions: u32) -> Self {
        Self {
            chunks: vec![None; chunks],
            partitions: vec![None; partitions as usize],
            mapped_again: 0,
            reduced_again: 0,
        }
    }

    pub(super) fn chunks_left(&self) -> Vec<usize> {
        left(&self.chunks)
    }

    pub(super) fn partitions_left(&self) -> Vec<usize> {
        left(&self.partitions)
    }

    pub(super) fn mapped(&mut self, chunk: usize, uri: String, shares: Vec<Share>) {
        if let Some(place) = self.chunks.get_mut(chunk) {
            *place = Some((uri, shares));
        }
    }

    pub(super) fn reduced(&mut self, partition: usize, uri: String, reduced: Reduced) {
        if let Some(place) = self.partitions.get_mut(partition) {
            *place = Some((uri, reduced));
        }
    }

    /// What this worker had is to be made again.
    pub(super) fn lose(&mut self, uri: &str) {
        self.mapped_again += lose(&mut self.chunks, uri);
        self.reduced_again += lose(&mut self.partitions, uri);
    }

    /// The blocks of a partition in the order of the chunks: exactly one of each chunk that has one.
    pub(super) fn blocks(&self, partition: usize) -> Vec<Held> {
        let held = |(uri, shares): &(String, Vec<Share>)| {
            let block = shares.get(partition)?.block?;
            let uri = uri.clone();
            Some(Held { uri, block })
        };
        self.chunks.iter().flatten().filter_map(held).collect()
    }

    /// The outputs in the order of the partitions, when all are there.
    pub(super) fn outputs(&self) -> Option<Vec<Held>> {
        let held = |reduced: &Option<(String, Reduced)>| {
            let (uri, reduced) = reduced.as_ref()?;
            Some(Held {
                uri: uri.clone(),
                block: reduced.block,
            })
        };
        self.partitions.iter().map(held).collect()
    }

    pub(super) fn report(&self) -> Report {
        let mut workers: BTreeMap<&String, WorkerReport> = BTreeMap::new();
        let mut partitions = Vec::new();
        for (uri, shares) in self.chunks.iter().flatten() {
            let worker = workers.entry(uri).or_default();
            worker.chunks += 1;
            worker.values += shares.iter().map(|share| share.values).sum::<u64>();
            worker.bytes += shares.iter().map(|share| share.bytes).sum::<u64>();
        }
        for (index, (uri, reduced)) in self.partitions.iter().flatten().enumerate() {
            workers.entry(uri).or_default().partitions += 1;
            let shares = self.chunks.iter().flatten();
            let shares = || shares.clone().filter_map(|(_, shares)| shares.get(index));
            partitions.push(PartitionReport {
                index,
                values: shares().map(|share| share.values).sum(),
                keys: reduced.keys,
                bytes: shares().map(|share| share.bytes).sum(),
                heaviest: reduced.heaviest.clone(),
                worker: uri.clone(),
            });
        }
        let named = |(uri, report): (&String, WorkerReport)| WorkerReport {
            uri: uri.clone(),
            ..report
        };
        Report {
            partitions,
            workers: workers.into_iter().map(named).collect(),
            chunks: self.chunks.len() as u64,
            mapped_again: self.mapped_again,
            reduced_again: self.reduced_again,
        }
    }
}

/// What is to be fetched, by worker.
pub(super) fn sources(blocks: &[Held]) -> Vec<Source> {
    let mut by_worker: BTreeMap<&String, Vec<BlockId>> = BTreeMap::new();
    for held in blocks {
        by_worker.entry(&held.uri).or_default().push(held.block);
    }
    let source = |(uri, blocks): (&String, _)| Source {
        uri: uri.clone(),
        blocks,
    };
    by_worker.into_iter().map(source).collect()
}

fn left<T>(places: &[Option<T>]) -> Vec<usize> {
    let empty = |(index, place): (usize, &Option<T>)| place.is_none().then_some(index);
    places.iter().enumerate().filter_map(empty).collect()
}

fn lose<T>(places: &mut [Option<(String, T)>], uri: &str) -> u64 {
    let mut lost = 0;
    for place in places {
        if place.as_ref().is_some_and(|(holder, _)| holder == uri) {
            *place = None;
            lost += 1;
        }
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(number: u64) -> Share {
        Share {
            block: Some(BlockId { worker: 0, number }),
            values: 3,
            keys: 2,
            bytes: 10,
        }
    }

    fn reduced(number: u64) -> Reduced {
        Reduced {
            block: BlockId { worker: 0, number },
            keys: 2,
            heaviest: None,
        }
    }

    #[test]
    fn what_a_lost_worker_had_is_made_again_and_each_chunk_counts_once() {
        let mut plan = Plan::new(2, 2);
        assert_eq!(plan.chunks_left(), [0, 1]);
        plan.mapped(0, "a".into(), vec![share(1), Share::default()]);
        plan.mapped(1, "b".into(), vec![share(2), share(3)]);
        plan.mapped(0, "b".into(), vec![share(4), Share::default()]);
        let numbers = |plan: &Plan, partition| {
            let held = plan.blocks(partition).into_iter();
            held.map(|held| held.block.number).collect::<Vec<_>>()
        };
        assert_eq!(
            (numbers(&plan, 0), numbers(&plan, 1)),
            (vec![4, 2], vec![3])
        );
        plan.reduced(0, "a".into(), reduced(9));
        assert_eq!(plan.outputs(), None);
        plan.reduced(1, "b".into(), reduced(8));
        assert_eq!(plan.outputs().unwrap().len(), 2);
        plan.lose("b");
        assert_eq!(plan.chunks_left(), [0, 1]);
        assert_eq!(plan.partitions_left(), [1]);
        assert_eq!(plan.report().mapped_again, 2);
    }

    #[test]
    fn a_report_adds_up_by_partition_and_by_worker() {
        let mut plan = Plan::new(2, 2);
        plan.mapped(0, "a".into(), vec![share(1), Share::default()]);
        plan.mapped(1, "b".into(), vec![share(2), share(3)]);
        plan.reduced(0, "a".into(), reduced(4));
        plan.reduced(1, "a".into(), reduced(5));
        let report = plan.report();
        let values: Vec<u64> = report.partitions.iter().map(|p| p.values).collect();
        assert_eq!(values, [6, 3]);
        let of = |w: &WorkerReport| (w.uri.clone(), w.chunks, w.partitions, w.values);
        assert_eq!(of(&report.workers[0]), ("a".into(), 1, 2, 3));
        assert_eq!(of(&report.workers[1]), ("b".into(), 1, 0, 6));
        assert!((report.skew() - 6.0 / 4.5).abs() < 1e-9);
    }
}
