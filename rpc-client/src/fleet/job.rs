//! One job: hands items to members as they have room, and to others when a member fails them.

mod copies;
mod items;
mod launch;
mod settle;

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::iter::{Fuse, Peekable};
use std::sync::Arc;
use std::time::Duration;

use farcall_shared::error::CallError;
use farcall_shared::names::Epoch;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use slab::Slab;
use tokio::sync::watch;
use tokio::time::Instant;

use super::FleetError;
use super::member::Member;
use super::members::Members;
use super::options::Options;
use super::progress::Progress;
use super::running::{Places, Running};
use super::window::{Travel, Window};
use crate::Proxy;
use copies::Twins;
use items::{Flight, Queues};

/// The longest a job waits without looking whether there is anything to do.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// An item's number and its result.
pub(super) type Outcome<R> = (usize, Result<R, FleetError>);

/// A job gives results as they come; it pulls items as members have room for them.
pub(super) struct Job<P, I: Iterator, R, F, Fut> {
    members: Arc<Members<P>>,
    options: Arc<Options>,
    /// Decides which member an item goes to, for policies that go by it.
    key: Option<u64>,
    input: Peekable<Fuse<I>>,
    /// How many items were pulled.
    pulled: usize,
    call: F,
    running: FuturesUnordered<Running<Fut, R>>,
    /// Empty ones.
    places: Places<Fut>,
    flights: Slab<Flight<P, I::Item>>,
    queues: Queues<I::Item>,
    twins: Twins,
    ready: Ready<R>,
    known: BTreeMap<Epoch, Known<P>>,
    /// The member that is to have nothing in flight, for an item that may have killed another.
    reserved: Option<Epoch>,
    travel: Travel,
    changes: watch::Receiver<u64>,
    pub(super) progress: Progress,
    /// When the next flight may be late.
    late: Option<Instant>,
    /// When a call last ended with an answer.
    heard: Instant,
    end: Option<Instant>,
    last_error: Option<String>,
}

/// What is in flight goes with the job; members are told.
impl<P, I: Iterator, R, F, Fut> Drop for Job<P, I, R, F, Fut> {
    fn drop(&mut self) {
        for (_, flight) in &self.flights {
            flight.member.load.lock().given_up(flight.items.len());
        }
    }
}

/// Items that are over and that nobody took yet.
struct Ready<R> {
    values: VecDeque<(usize, R)>,
    errors: VecDeque<(usize, FleetError)>,
}

impl<R> Ready<R> {
    fn is_empty(&self) -> bool {
        self.values.is_empty() && self.errors.is_empty()
    }
}

/// A member, and how much it has in flight for this job.
struct Known<P> {
    member: Arc<Member<P>>,
    window: Window,
    /// False once it left the fleet: what is in flight there goes on.
    stays: bool,
    /// True while it runs an item that may have killed another member.
    alone: bool,
}

impl<P, I, R, F, Fut> Job<P, I, R, F, Fut>
where
    P: Proxy,
    I: Iterator,
    I::Item: Clone,
    F: Fn(P, I::Item) -> Fut,
    Fut: Future<Output = Result<R, CallError>>,
{
    pub(super) fn new(
        members: &Arc<Members<P>>,
        options: &Arc<Options>,
        input: I,
        call: F,
    ) -> Self {
        let now = Instant::now();
        let total = match input.size_hint() {
            (least, Some(most)) if least == most => Some(most as u64),
            _ => None,
        };
        let mut job = Self {
            changes: members.changes(),
            members: Arc::clone(members),
            options: Arc::clone(options),
            key: None,
            input: input.fuse().peekable(),
            pulled: 0,
            call,
            running: FuturesUnordered::new(),
            places: Vec::new(),
            flights: Slab::new(),
            queues: Queues::default(),
            twins: Twins::default(),
            ready: Ready {
                values: VecDeque::new(),
                errors: VecDeque::new(),
            },
            known: BTreeMap::new(),
            reserved: None,
            travel: Travel::Unknown,
            progress: Progress::new(total),
            late: None,
            heard: now,
            // A deadline that no clock can tell is none.
            end: options.deadline.and_then(|within| now.checked_add(within)),
            last_error: None,
        };
        job.refresh();
        job
    }

    /// The same job, its items going where this key leads.
    pub(super) fn keyed(mut self, key: u64) -> Self {
        self.key = Some(key);
        self
    }

    /// The next item that is over; `None` once there are no more. Items of index `most` and beyond wait. An error ends the
    /// job.
    ///
    /// # Cancel safety
    /// Cancel safe: what is in flight stays so.
    pub(super) async fn next(&mut self, most: usize) -> Option<Result<Outcome<R>, FleetError>> {
        if self.ready.is_empty()
            && let Err(error) = self.come(most).await?
        {
            return Some(Err(error));
        }
        if let Some((index, value)) = self.ready.values.pop_front() {
            self.progress.ok += 1;
            return Some(Ok((index, Ok(value))));
        }
        let (index, error) = self.ready.errors.pop_front()?;
        self.progress.count(&error);
        Some(Ok((index, Err(error))))
    }

    /// Gives every item that is over to `take`, with how far the job has come, until there are no more.
    ///
    /// # Errors
    /// What ends the job, or what `take` gives.
    ///
    /// # Cancel safety
    /// Not cancel safe in itself: `take` has what it was given.
    pub(super) async fn drain(
        &mut self,
        mut take: impl FnMut(usize, Result<R, FleetError>, &Progress) -> Result<(), FleetError>,
    ) -> Result<(), FleetError> {
        while let Some(come) = self.come(usize::MAX).await {
            come?;
            for (index, value) in self.ready.values.drain(..) {
                self.progress.ok += 1;
                take(index, Ok(value), &self.progress)?;
            }
            for (index, error) in self.ready.errors.drain(..) {
                self.progress.count(&error);
                take(index, Err(error), &self.progress)?;
            }
        }
        Ok(())
    }

    /// Waits until an item is over; `None` once there are no more.
    async fn come(&mut self, most: usize) -> Option<Result<(), FleetError>> {
        loop {
            if !self.ready.is_empty() {
                return Some(Ok(()));
            }
            self.queues.wake(Instant::now());
            while self.launch_next(most) {}
            if self.running.is_empty() && self.queues.is_empty() && !self.has_fresh(most) {
                return None;
            }
            if self.running.is_empty() && self.nobody_comes() {
                return Some(Err(self.members.empty(self.last_error.take())));
            }
            let wake = self.next_wake();
            tokio::select! {
                Some(ended) = self.running.next(), if !self.running.is_empty() => self.land(ended),
                changed = self.changes.changed() => {
                    if changed.is_ok() {
                        self.refresh();
                    }
                }
                () = tokio::time::sleep_until(wake) => {
                    if let Err(error) = self.look_at_the_clock(most) {
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    /// True when there was nobody from the beginning, or nobody will come any more.
    fn nobody_comes(&self) -> bool {
        let never_anybody = self.known.is_empty() && self.progress.shares.is_empty();
        (never_anybody && !self.members.expects_somebody()) || self.members.is_given_up()
    }

    /// The result of a job of one item.
    pub(super) async fn only(mut self) -> Result<R, FleetError> {
        match self.next(usize::MAX).await {
            Some(end) => end?.1,
            None => Err(FleetError::Cancelled),
        }
    }

    /// How many items may be pulled ahead of their turn.
    pub(super) fn ahead(&self) -> usize {
        let in_flight: usize = self.known.values().map(|k| k.window.in_flight()).sum();
        (2 * in_flight).max(1024)
    }

    fn has_fresh(&mut self, most: usize) -> bool {
        self.pulled < most && self.input.peek().is_some()
    }

    /// Takes in who came and lets go of who went; calls in flight at who went go on.
    fn refresh(&mut self) {
        let all = self.members.all();
        self.known.retain(|epoch, known| {
            known.stays = all.contains_key(epoch);
            known.stays || known.window.in_flight() > 0
        });
        for (epoch, member) in all.iter() {
            let known = self.known.entry(*epoch).or_insert_with(|| Known {
                member: Arc::clone(member),
                window: Window::new(),
                stays: true,
                alone: false,
            });
            // Its metadata may have changed.
            known.member = Arc::clone(member);
        }
    }

    /// When something may be done that no call and no change of members tells of.
    fn next_wake(&self) -> Instant {
        let now = self.members.now();
        let instant = Instant::now();
        let resting = self.known.values().map(|known| known.window.rests_until());
        let resting = resting
            .filter(|until| *until > now)
            .map(|until| instant + (until - now));
        let patience = self.heard.checked_add(self.options.patience);
        [self.late, self.end, self.queues.next_wake(), patience]
            .into_iter()
            .flatten()
            .chain(resting)
            .fold(instant + LONGEST_WAIT, Instant::min)
    }

    fn look_at_the_clock(&mut self, most: usize) -> Result<(), FleetError> {
        let now = Instant::now();
        if self.end.is_some_and(|end| now >= end) {
            return Err(FleetError::Deadline {
                deadline: self.options.deadline.unwrap_or_default(),
                done: self.progress.done(),
                total: self.progress.total,
            });
        }
        if self.late.is_some_and(|late| now >= late) {
            self.copy_late_ones(most);
        }
        if self.heard.elapsed() < self.options.patience {
            return Ok(());
        }
        if !self.running.is_empty() || self.members.expects_somebody() {
            // Somebody is at it: the call's own deadline watches it, or whoever starts the next member.
            self.heard = now;
            return Ok(());
        }
        Err(self.members.empty(self.last_error.take()))
    }
}
