//! What waits, who works at what, and what came out. Pure: it is told the time, it decides.

mod jobs;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::contract::{JobId, LeaseId, Outcome, Refusal, Taken};
use super::{MAX_AT_A_TIME, MAX_WORKER_NAME_BYTES, MAX_WORKERS, WorkError, WorkLimits};
use jobs::Jobs;
pub(super) use jobs::{OWN_JOB, Room};

/// Tells one attendance of a worker from its next.
pub(super) type Generation = u64;

/// The books of one queue.
#[derive(Debug)]
pub(super) struct Ledger {
    limits: WorkLimits,
    waiting: VecDeque<Item>,
    leased: HashMap<LeaseId, Leased>,
    next_lease: LeaseId,
    workers: HashMap<String, Attendance>,
    next_generation: Generation,
    jobs: Jobs,
}

#[derive(Debug)]
struct Item {
    job: JobId,
    index: u64,
    payload: Bytes,
    losses: u32,
}

#[derive(Debug)]
struct Leased {
    item: Item,
    worker: String,
    place: u32,
}

#[derive(Debug)]
struct Attendance {
    generation: Generation,
    until: Instant,
    /// What it has, by place.
    places: BTreeMap<u32, LeaseId>,
}

/// How an attendance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The worker is there by this one.
    Present,
    /// By a later one.
    Renewed,
    /// It is not there.
    Gone,
}

impl Ledger {
    /// Empty books. `first_lease` is drawn at random, so that a lease of an earlier run is no lease of this one.
    pub(super) fn new(limits: WorkLimits, first_lease: LeaseId) -> Self {
        Self {
            limits,
            waiting: VecDeque::new(),
            leased: HashMap::new(),
            next_lease: first_lease,
            workers: HashMap::new(),
            next_generation: 0,
            jobs: Jobs::new(limits.max_items),
        }
    }

    /// A worker is there, from now on for one lease; an earlier attendance of it ends, and its items stay.
    pub(super) fn attend(&mut self, now: Instant, worker: &str) -> Result<Generation, Refusal> {
        if worker.is_empty() || worker.len() > MAX_WORKER_NAME_BYTES {
            return Err(Refusal::Invalid);
        }
        if self.workers.len() >= MAX_WORKERS && !self.workers.contains_key(worker) {
            return Err(Refusal::Full);
        }
        self.next_generation += 1;
        let (generation, until) = (self.next_generation, now + self.limits.lease);
        if let Some(known) = self.workers.get_mut(worker) {
            (known.generation, known.until) = (generation, until);
        } else if !self.is_over() {
            let new = Attendance {
                generation,
                until,
                places: BTreeMap::new(),
            };
            self.workers.insert(worker.to_owned(), new);
        }
        Ok(generation)
    }

    pub(super) fn standing(&self, worker: &str, generation: Generation) -> Standing {
        match self.workers.get(worker) {
            None => Standing::Gone,
            Some(known) if known.generation == generation => Standing::Present,
            Some(_) => Standing::Renewed,
        }
    }

    /// An attendance ended; unless there is a later one, the worker's items go back.
    pub(super) fn depart(&mut self, worker: &str, generation: Generation) {
        if self.standing(worker, generation) == Standing::Present {
            self.dismiss(worker);
        }
    }

    fn dismiss(&mut self, worker: &str) {
        let Some(gone) = self.workers.remove(worker) else {
            return;
        };
        // The item that waited longest stands first again.
        for lease in gone.places.into_values().rev() {
            let Some(mut lost) = self.leased.remove(&lease) else {
                continue;
            };
            lost.item.losses += 1;
            if lost.item.losses < self.limits.max_losses {
                self.waiting.push_front(lost.item);
                continue;
            }
            let end = Err(WorkError::Lost {
                losses: lost.item.losses,
                worker: lost.worker.clone(),
            });
            self.settle(lost, end);
        }
    }

    /// An item for a place of a worker, the same as long as it is not finished; `None` when there is none yet, or the worker
    /// does not attend yet.
    pub(super) fn take(&mut self, worker: &str, place: u32) -> Result<Option<Taken>, Refusal> {
        if place >= MAX_AT_A_TIME {
            return Err(Refusal::Invalid);
        }
        if self.is_over() {
            // It knows now.
            self.workers.remove(worker);
            return Ok(Some(Taken::Closed));
        }
        let Some(known) = self.workers.get_mut(worker) else {
            return Ok(None);
        };
        if let Some(lease) = known.places.get(&place)
            && let Some(leased) = self.leased.get(lease)
        {
            let item = leased.item.payload.clone();
            return Ok(Some(Taken::Item {
                lease: *lease,
                item,
            }));
        }
        let Some(item) = self.waiting.pop_front() else {
            return Ok(None);
        };
        let lease = self.next_lease;
        self.next_lease = lease.wrapping_add(1);
        known.places.insert(place, lease);
        let payload = item.payload.clone();
        let worker = worker.to_owned();
        let leased = Leased {
            item,
            worker,
            place,
        };
        self.leased.insert(lease, leased);
        Ok(Some(Taken::Item {
            lease,
            item: payload,
        }))
    }

    /// The end of an item.
    pub(super) fn finish(
        &mut self,
        lease: LeaseId,
        end: Result<Bytes, WorkError>,
    ) -> Result<(), Refusal> {
        let leased = self.leased.remove(&lease).ok_or(Refusal::Over { lease })?;
        if let Some(known) = self.workers.get_mut(&leased.worker) {
            known.places.remove(&leased.place);
        }
        self.settle(leased, end);
        Ok(())
    }

    fn settle(&mut self, leased: Leased, end: Result<Bytes, WorkError>) {
        let outcome = Outcome {
            index: leased.item.index,
            worker: leased.worker,
            end,
        };
        self.jobs.settle(leased.item.job, outcome);
    }

    /// Brings an item.
    pub(super) fn put(
        &mut self,
        now: Instant,
        job: JobId,
        index: Option<u64>,
        payload: &Bytes,
    ) -> Result<Room, Refusal> {
        let room = self.jobs.enter(now, job, index)?;
        if let Room::New(index) = room {
            self.waiting.push_back(Item {
                job,
                index,
                payload: payload.clone(),
                losses: 0,
            });
        }
        Ok(room)
    }

    /// The jobs, but for what concerns their items.
    pub(super) fn jobs(&mut self) -> &mut Jobs {
        &mut self.jobs
    }

    /// Ends a job: what waits of it goes, and nobody hears of what is in work.
    pub(super) fn forget(&mut self, job: JobId) {
        let before = self.waiting.len();
        self.waiting.retain(|item| item.job != job);
        self.jobs.forget(job, before - self.waiting.len());
    }

    /// Closed, and nothing left to do.
    pub(super) fn is_over(&self) -> bool {
        self.jobs.is_closed() && self.waiting.is_empty() && self.leased.is_empty()
    }

    /// Over, and no worker there that does not know.
    pub(super) fn is_deserted(&self) -> bool {
        self.is_over() && self.workers.is_empty()
    }

    /// Ends what was not renewed in time; true when that was something.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let late = self.workers.iter().filter(|(_, known)| known.until <= now);
        let late: Vec<String> = late.map(|(worker, _)| worker.clone()).collect();
        for worker in &late {
            self.dismiss(worker);
        }
        let abandoned = self.jobs.abandoned(now);
        for job in &abandoned {
            self.forget(*job);
        }
        !(late.is_empty() && abandoned.is_empty())
    }

    /// When the next thing ends unless it is renewed.
    pub(super) fn due(&self) -> Option<Instant> {
        let workers = self.workers.values().map(|known| known.until).min();
        workers.into_iter().chain(self.jobs.due()).min()
    }
}
