//! The jobs of a queue: whose items there are, how many, and the results that wait to be fetched.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use crate::work::contract::{JobId, Outcome, Outcomes, Refusal};
use crate::work::{CLIENT_LEASE, MAX_CLIENTS};

/// The job of the program that made the queue; it lasts as long as the queue.
pub(in crate::work) const OWN_JOB: JobId = 0;

/// The most results in one answer.
const MAX_OUTCOMES: usize = 1024;

/// An answer is complete when its results take so many bytes.
const ENOUGH_BYTES: usize = 1 << 20;

/// What became of an item at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::work) enum Room {
    /// It is a new one, and this is its number.
    New(u64),
    /// It was brought before.
    Known,
    /// There is no room.
    None,
}

#[derive(Debug)]
pub(in crate::work) struct Jobs {
    known: HashMap<JobId, Job>,
    /// Items in all jobs whose result was not fetched.
    items: usize,
    max_items: usize,
    is_closed: bool,
}

#[derive(Debug, Default)]
struct Job {
    /// How many items were brought.
    items: u64,
    /// How many of them have no result.
    unfinished: u64,
    results: VecDeque<Outcome>,
    /// The position of the first of them.
    first: u64,
    is_closed: bool,
    /// The client's lease; none for the queue's own.
    until: Option<Instant>,
}

impl Jobs {
    pub(super) fn new(max_items: usize) -> Self {
        Self {
            known: HashMap::from([(OWN_JOB, Job::default())]),
            items: 0,
            max_items,
            is_closed: false,
        }
    }

    pub(in crate::work) fn open(&mut self, now: Instant, job: JobId) -> Result<(), Refusal> {
        if self.is_closed {
            return Err(Refusal::Closed);
        }
        if self.known.len() > MAX_CLIENTS && !self.known.contains_key(&job) {
            return Err(Refusal::Full);
        }
        let until = Some(now + CLIENT_LEASE);
        self.known.entry(job).or_insert_with(|| Job {
            until,
            ..Job::default()
        });
        Ok(())
    }

    /// The job, whose client is there.
    fn job(&mut self, now: Instant, job: JobId) -> Result<&mut Job, Refusal> {
        let known = self.known.get_mut(&job);
        let known = known.ok_or(Refusal::UnknownJob { job })?;
        if let Some(until) = &mut known.until {
            *until = now + CLIENT_LEASE;
        }
        Ok(known)
    }

    pub(in crate::work) fn keep(&mut self, now: Instant, job: JobId) -> Result<(), Refusal> {
        self.job(now, job).map(|_| ())
    }

    /// Counts an item in; without a number it is the next one.
    pub(super) fn enter(
        &mut self,
        now: Instant,
        job: JobId,
        index: Option<u64>,
    ) -> Result<Room, Refusal> {
        let is_full = self.items >= self.max_items;
        let is_closed = self.is_closed;
        let known = self.job(now, job)?;
        let index = index.unwrap_or(known.items);
        if index < known.items {
            return Ok(Room::Known);
        }
        if index > known.items {
            let last = known.items;
            return Err(Refusal::Order { job, index, last });
        }
        if is_closed || known.is_closed {
            return Err(Refusal::Closed);
        }
        if is_full {
            return Ok(Room::None);
        }
        known.items += 1;
        known.unfinished += 1;
        self.items += 1;
        Ok(Room::New(index))
    }

    pub(super) fn settle(&mut self, job: JobId, outcome: Outcome) {
        match self.known.get_mut(&job) {
            Some(known) => {
                known.unfinished -= 1;
                known.results.push_back(outcome);
            }
            // Nobody waits for it any more.
            None => self.items -= 1,
        }
    }

    /// The next result of the queue's own job, taken out; `Err` when there will be none.
    pub(in crate::work) fn pop(&mut self) -> Result<Option<Outcome>, Refusal> {
        let job = OWN_JOB;
        let known = self.known.get_mut(&job);
        let known = known.ok_or(Refusal::UnknownJob { job })?;
        match known.results.pop_front() {
            Some(outcome) => {
                known.first += 1;
                self.items -= 1;
                Ok(Some(outcome))
            }
            None if self.is_closed && known.unfinished == 0 => Err(Refusal::Closed),
            None => Ok(None),
        }
    }

    /// The client has all results before a position; they are forgotten.
    pub(in crate::work) fn fetched(
        &mut self,
        now: Instant,
        job: JobId,
        before: u64,
    ) -> Result<(), Refusal> {
        let known = self.job(now, job)?;
        let mut fetched = 0;
        while known.first < before && known.results.pop_front().is_some() {
            known.first += 1;
            fetched += 1;
        }
        self.items -= fetched;
        Ok(())
    }

    /// The results of a job that its client has not.
    pub(in crate::work) fn results(
        &mut self,
        now: Instant,
        job: JobId,
    ) -> Result<Outcomes, Refusal> {
        let is_closed = self.is_closed;
        let known = self.job(now, job)?;
        let mut bytes = 0;
        let some = known
            .results
            .iter()
            .take(MAX_OUTCOMES)
            .take_while(|outcome| {
                let has_room = bytes < ENOUGH_BYTES;
                bytes += outcome.end.as_ref().map_or(0, bytes::Bytes::len);
                has_room
            });
        let outcomes: Vec<Outcome> = some.cloned().collect();
        let is_over = (is_closed || known.is_closed)
            && known.unfinished == 0
            && outcomes.len() == known.results.len();
        Ok(Outcomes { outcomes, is_over })
    }

    /// No more items of one job.
    pub(in crate::work) fn close(&mut self, now: Instant, job: JobId) -> Result<(), Refusal> {
        self.job(now, job)?.is_closed = true;
        Ok(())
    }

    /// No more items at all.
    pub(in crate::work) fn close_all(&mut self) {
        self.is_closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Ends a job, of which so many items were still waiting.
    pub(super) fn forget(&mut self, job: JobId, waiting: usize) {
        if job != OWN_JOB
            && let Some(gone) = self.known.remove(&job)
        {
            self.items -= waiting + gone.results.len();
        }
    }

    /// Jobs whose clients are away for too long.
    pub(super) fn abandoned(&self, now: Instant) -> Vec<JobId> {
        let late = |job: &Job| job.until.is_some_and(|until| until <= now);
        let known = self.known.iter();
        known
            .filter(|(_, job)| late(job))
            .map(|(id, _)| *id)
            .collect()
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.known.values().filter_map(|job| job.until).min()
    }
}
