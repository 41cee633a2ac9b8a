//! The queue's books behind a lock, and those who wait for a change in them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use farcall_shared::shape::Type;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::contract::{JobId, LeaseId, Outcome, Outcomes, Put, Refusal, Taken, Terms, Work};
use super::ledger::{Generation, Ledger, OWN_JOB, Room, Standing};
use super::{WorkError, WorkLimits};

/// The longest that a call which brings or fetches something waits.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Far from any overflow of the clock.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// One queue, whatever the types of its items. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Desk(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    terms: Terms,
    ledger: Mutex<Ledger>,
    /// An item to take, a worker that may take, or the end.
    work: watch::Sender<()>,
    /// A result, or room for an item.
    ends: watch::Sender<()>,
    /// An attendance began or ended.
    presence: watch::Sender<()>,
    /// Calls that wait are answered.
    ending: CancellationToken,
}

impl Desk {
    pub(super) fn new(limits: WorkLimits, item: Type, result: Type) -> Self {
        let lease_ms = u64::try_from(limits.lease.as_millis()).unwrap_or(u64::MAX);
        Self(Arc::new(Inner {
            terms: Terms {
                item,
                result,
                lease_ms,
            },
            ledger: Mutex::new(Ledger::new(limits, fastrand::u64(..))),
            work: watch::Sender::default(),
            ends: watch::Sender::default(),
            presence: watch::Sender::default(),
            ending: CancellationToken::new(),
        }))
    }

    /// Changes the books, and has everybody look again.
    fn change<T>(&self, change: impl FnOnce(&mut Ledger) -> T) -> T {
        let changed = change(&mut self.0.ledger.lock());
        for news in [&self.0.work, &self.0.ends, &self.0.presence] {
            news.send_replace(());
        }
        changed
    }

    /// Looks into the books whenever there is news, until something is found; `None` when that takes too long, or calls are
    /// to end.
    async fn find<T>(
        &self,
        news: &watch::Sender<()>,
        wait: Duration,
        mut look: impl FnMut(&mut Ledger, std::time::Instant) -> Option<T>,
    ) -> Option<T> {
        let end = Instant::now() + wait;
        let mut news = news.subscribe();
        loop {
            news.borrow_and_update();
            let now = Instant::now();
            if self.0.ledger.lock().expire(now.into_std()) {
                self.change(|_| ());
            }
            let due = {
                let mut ledger = self.0.ledger.lock();
                if let Some(found) = look(&mut ledger, now.into_std()) {
                    return Some(found);
                }
                ledger.due()
            };
            if now >= end {
                return None;
            }
            let wake = due.map_or(end, |due| end.min(due.into()));
            let changed = timeout_at(wake, news.changed());
            self.0.ending.run_until_cancelled(changed).await?.ok();
        }
    }

    /// Brings an item of this program.
    pub(super) async fn push(&self, item: Bytes) -> Result<u64, Refusal> {
        loop {
            if self.0.ending.is_cancelled() {
                return Err(Refusal::Closed);
            }
            if let Room::New(index) = self.bring(OWN_JOB, None, &item, FOR_EVER).await? {
                return Ok(index);
            }
        }
    }

    async fn bring(
        &self,
        job: JobId,
        index: Option<u64>,
        item: &Bytes,
        wait: Duration,
    ) -> Result<Room, Refusal> {
        let brought = self.find(&self.0.ends, wait, |ledger, now| {
            match ledger.put(now, job, index, item) {
                Ok(Room::None) => None,
                brought => Some(brought),
            }
        });
        let brought = brought.await.unwrap_or(Ok(Room::None))?;
        if let Room::New(_) = brought {
            self.0.work.send_replace(());
        }
        Ok(brought)
    }

    /// The next result of this program's items; `None` when there will be none.
    pub(super) async fn next(&self) -> Option<Outcome> {
        let popped = self.find(&self.0.ends, FOR_EVER, |ledger, _| {
            ledger.jobs().pop().transpose()
        });
        let outcome = popped.await?.ok();
        self.0.ends.send_replace(());
        outcome
    }

    pub(super) fn close_all(&self) {
        self.change(|ledger| ledger.jobs().close_all());
    }

    /// Waits until all is done and no worker is there that does not know.
    pub(super) async fn deserted(&self) {
        let is_deserted = |ledger: &mut Ledger, _| ledger.is_deserted().then_some(());
        self.find(&self.0.presence, FOR_EVER, is_deserted).await;
    }

    pub(super) fn end(&self) {
        self.0.ending.cancel();
    }
}

impl Work for Desk {
    async fn terms(&self) -> Terms {
        self.0.terms.clone()
    }

    async fn attend(&self, worker: String) -> Result<(), Refusal> {
        let began = Instant::now().into_std();
        let generation = self.change(|ledger| ledger.attend(began, &worker))?;
        let present = Present {
            desk: self,
            worker: &worker,
            generation,
        };
        let ended = self.find(&self.0.presence, FOR_EVER, |ledger, _| {
            match ledger.standing(&worker, generation) {
                Standing::Present => None,
                Standing::Renewed => Some(Ok(())),
                Standing::Gone if ledger.is_over() => Some(Ok(())),
                Standing::Gone => Some(Err(Refusal::Lapsed {
                    worker: worker.clone(),
                })),
            }
        });
        let ended = ended.await.unwrap_or(Ok(()));
        drop(present);
        ended
    }

    async fn take(&self, worker: String, place: u32) -> Result<Taken, Refusal> {
        let look = |ledger: &mut Ledger, _| ledger.take(&worker, place).transpose();
        let taken = self.find(&self.0.work, LONGEST_WAIT, look).await;
        let taken = taken.unwrap_or(Ok(Taken::Nothing));
        if let Ok(Taken::Closed) = taken {
            self.0.presence.send_replace(());
        }
        taken
    }

    async fn finish(&self, lease: LeaseId, end: Result<Bytes, WorkError>) -> Result<(), Refusal> {
        let (finished, is_over) = {
            let mut ledger = self.0.ledger.lock();
            ledger.expire(Instant::now().into_std());
            (ledger.finish(lease, end), ledger.is_over())
        };
        self.0.ends.send_replace(());
        if is_over {
            self.change(|_| ());
        }
        finished
    }

    async fn open(&self, job: JobId) -> Result<(), Refusal> {
        let now = Instant::now().into_std();
        self.change(|ledger| ledger.jobs().open(now, job))
    }

    async fn keep(&self, job: JobId) -> Result<(), Refusal> {
        let now = Instant::now().into_std();
        self.0.ledger.lock().jobs().keep(now, job)
    }

    async fn put(&self, job: JobId, index: u64, item: Bytes) -> Result<Put, Refusal> {
        let brought = self.bring(job, Some(index), &item, LONGEST_WAIT).await?;
        Ok(match brought {
            Room::New(_) | Room::Known => Put::Accepted,
            Room::None => Put::Full,
        })
    }

    async fn results(&self, job: JobId, from: u64) -> Result<Outcomes, Refusal> {
        let now = Instant::now().into_std();
        self.0.ledger.lock().jobs().fetched(now, job, from)?;
        // There is room for others now.
        self.0.ends.send_replace(());
        let found = self.find(&self.0.ends, LONGEST_WAIT, |ledger, now| {
            match ledger.jobs().results(now, job) {
                Ok(found) if found.outcomes.is_empty() && !found.is_over => None,
                found => Some(found),
            }
        });
        let nothing = Outcomes {
            outcomes: Vec::new(),
            is_over: false,
        };
        found.await.unwrap_or(Ok(nothing))
    }

    async fn close(&self, job: JobId) -> Result<(), Refusal> {
        let now = Instant::now().into_std();
        self.change(|ledger| ledger.jobs().close(now, job))
    }

    async fn forget(&self, job: JobId) {
        self.change(|ledger| ledger.forget(job));
    }
}

/// A worker is there until this goes, with the call that holds it.
struct Present<'a> {
    desk: &'a Desk,
    worker: &'a str,
    generation: Generation,
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.desk
            .change(|ledger| ledger.depart(self.worker, self.generation));
    }
}
