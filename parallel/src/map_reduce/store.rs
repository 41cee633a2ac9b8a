//! What a worker holds for its jobs: blocks under a lease, within bounds. Pure.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::contract::{BlockId, Fault, Holdings, JobId};

/// The longest lease of a job.
const MAX_LEASE: Duration = Duration::from_secs(3600);

/// Bounds of one worker.
#[derive(Clone, Debug)]
pub struct WorkerLimits {
    /// The most bytes it holds for all jobs together. Default 1 GiB.
    pub max_bytes: u64,
    /// The most jobs at a time. Default 64.
    pub max_jobs: usize,
    /// The most different keys of one chunk. Default 16,777,216.
    pub max_chunk_keys: usize,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 30,
            max_jobs: 64,
            max_chunk_keys: 1 << 24,
        }
    }
}

/// The blocks of all jobs.
#[derive(Debug)]
pub(super) struct Store {
    limits: WorkerLimits,
    jobs: HashMap<JobId, Job>,
    bytes: u64,
}

#[derive(Debug)]
struct Job {
    until: Instant,
    blocks: HashMap<BlockId, Bytes>,
}

impl Job {
    fn bytes(&self) -> u64 {
        self.blocks.values().map(|block| block.len() as u64).sum()
    }
}

impl Store {
    pub(super) fn new(limits: WorkerLimits) -> Self {
        Self {
            limits,
            jobs: HashMap::new(),
            bytes: 0,
        }
    }

    /// Opens a job, or renews it.
    pub(super) fn renew(&mut self, now: Instant, job: JobId, lease: Duration) -> Result<(), Fault> {
        if !self.jobs.contains_key(&job) && self.jobs.len() >= self.limits.max_jobs {
            let what = format!("{} jobs are open, as many as may be", self.jobs.len());
            return Err(Fault::Full { what });
        }
        let until = now + lease.min(MAX_LEASE);
        let new = || Job {
            until,
            blocks: HashMap::new(),
        };
        self.jobs.entry(job).or_insert_with(new).until = until;
        Ok(())
    }

    /// Keeps a block; one that is here already stays as it is.
    pub(super) fn put(&mut self, job: JobId, id: BlockId, block: Bytes) -> Result<(), Fault> {
        let held = self.jobs.get_mut(&job).ok_or_else(|| no_job(job))?;
        let (bytes, limit) = (block.len() as u64, self.limits.max_bytes);
        if held.blocks.contains_key(&id) {
            return Ok(());
        }
        if self.bytes.saturating_add(bytes) > limit {
            let (all, own) = (self.bytes, held.bytes());
            let what = format!(
                "a block of {bytes} bytes is over its limit of {limit} bytes: it holds {all}, {own} of them for this job"
            );
            return Err(Fault::Full { what });
        }
        self.bytes += bytes;
        held.blocks.insert(id, block);
        Ok(())
    }

    pub(super) fn block(&self, job: JobId, id: BlockId) -> Result<Bytes, Fault> {
        let held = self.jobs.get(&job).ok_or_else(|| no_job(job))?;
        let block = held.blocks.get(&id).cloned();
        block.ok_or_else(|| Fault::Missing {
            what: format!(
                "block {} of worker {:x} for job {job:x}",
                id.number, id.worker
            ),
        })
    }

    pub(super) fn has(&self, job: JobId, id: BlockId) -> bool {
        self.jobs
            .get(&job)
            .is_some_and(|held| held.blocks.contains_key(&id))
    }

    /// Frees those of the blocks that other workers than `me` made: they have them still.
    pub(super) fn free_copies(&mut self, job: JobId, me: u64, blocks: &[BlockId]) {
        let Some(held) = self.jobs.get_mut(&job) else {
            return;
        };
        for id in blocks.iter().filter(|id| id.worker != me) {
            let freed = held.blocks.remove(id);
            self.bytes -= freed.map_or(0, |block| block.len() as u64);
        }
    }

    pub(super) fn forget(&mut self, job: JobId) {
        if let Some(gone) = self.jobs.remove(&job) {
            self.bytes -= gone.bytes();
        }
    }

    /// Frees the jobs whose lease ended; gives when the next one does.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Instant> {
        let ended: Vec<JobId> = self
            .jobs
            .iter()
            .filter(|(_, held)| held.until <= now)
            .map(|(job, _)| *job)
            .collect();
        for job in ended {
            self.forget(job);
        }
        self.jobs.values().map(|held| held.until).min()
    }

    pub(super) fn holdings(&self) -> Holdings {
        Holdings {
            jobs: self.jobs.len() as u64,
            blocks: self.jobs.values().map(|job| job.blocks.len() as u64).sum(),
            bytes: self.bytes,
        }
    }
}

fn no_job(job: JobId) -> Fault {
    Fault::Missing {
        what: format!("job {job:x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    fn id(number: u64) -> BlockId {
        BlockId { worker: 1, number }
    }

    fn store(max_bytes: u64) -> Store {
        Store::new(WorkerLimits {
            max_bytes,
            max_jobs: 2,
            ..WorkerLimits::default()
        })
    }

    #[test]
    fn a_job_goes_when_its_lease_ends_and_stays_while_it_is_renewed() {
        let (mut store, start) = (store(100), Instant::now());
        store.renew(start, 1, LEASE).unwrap();
        store.renew(start, 2, LEASE).unwrap();
        store.put(1, id(1), Bytes::from_static(b"one")).unwrap();
        store.put(2, id(2), Bytes::from_static(b"four")).unwrap();
        store.renew(start + LEASE / 2, 1, LEASE).unwrap();
        assert_eq!(
            store.expire(start + LEASE),
            Some(start + LEASE / 2 + LEASE),
            "the other one goes next"
        );
        assert!(store.has(1, id(1)) && !store.has(2, id(2)));
        assert_eq!(store.expire(start + 2 * LEASE), None);
        assert_eq!(store.holdings(), Holdings::default());
    }

    #[test]
    fn bounds_are_told_by_name_and_what_is_freed_counts_no_more() {
        let (mut store, now) = (store(10), Instant::now());
        for job in [1, 2] {
            store.renew(now, job, LEASE).unwrap();
        }
        assert!(matches!(
            store.renew(now, 3, LEASE),
            Err(Fault::Full { .. })
        ));
        store
            .put(1, id(1), Bytes::from_static(b"12345678"))
            .unwrap();
        let over = store.put(2, id(2), Bytes::from_static(b"123")).unwrap_err();
        let text = over.to_string();
        assert!(text.contains("limit of 10 bytes: it holds 8, 0"), "{text}");
        store.free_copies(1, 1, &[id(1)]);
        assert_eq!(store.holdings().blocks, 1, "it is the worker's own");
        store.free_copies(1, 9, &[id(1)]);
        store.put(2, id(2), Bytes::from_static(b"123")).unwrap();
        store.forget(2);
        store.forget(2);
        assert_eq!(store.holdings().bytes, 0);
    }
}
