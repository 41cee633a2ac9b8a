//! One job: hands items to members as they have room, and to others when a member fails them.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use farcall_shared::error::CallError;
use farcall_shared::names::Epoch;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::Instant;

use super::members::{Member, Members};
use super::window::Window;
use super::{FleetError, Progress};
use crate::Proxy;

/// How long a job waits while no member answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often one item is tried before it is given up: it may be the item that kills whoever touches it.
const MAX_ATTEMPTS: u32 = 10;

/// A job gives results as they come; it pulls items as members have room for them.
pub(super) struct Job<P, I: Iterator, F, Fut> {
    members: Arc<Members<P>>,
    input: std::iter::Fuse<I>,
    /// How many items were pulled.
    pulled: usize,
    call: F,
    calls: FuturesUnordered<InFlight<I::Item, Fut>>,
    /// Items that wait for another member.
    waiting: VecDeque<Item<I::Item>>,
    known: BTreeMap<Epoch, (Member<P>, Window)>,
    changes: watch::Receiver<u64>,
    pub(super) progress: Progress,
    start: Instant,
    /// When a call last ended with an answer.
    heard: Instant,
    last_error: Option<String>,
}

/// An item, with how often it was tried.
struct Item<T> {
    index: usize,
    value: T,
    attempts: u32,
}

/// An item's call.
struct InFlight<T, Fut> {
    item: Option<Item<T>>,
    member: Epoch,
    began: Instant,
    call: Pin<Box<Fut>>,
}

/// The end of one call.
struct Ended<T, R> {
    item: Item<T>,
    member: Epoch,
    took: Duration,
    result: Result<R, CallError>,
}

/// Nothing in it is pinned but what the box holds.
impl<T, Fut> Unpin for InFlight<T, Fut> {}

impl<T, R, Fut: Future<Output = Result<R, CallError>>> Future for InFlight<T, Fut> {
    type Output = Ended<T, R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(result) = self.call.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        match self.item.take() {
            Some(item) => Poll::Ready(Ended {
                item,
                member: self.member,
                took: self.began.elapsed(),
                result,
            }),
            None => Poll::Pending,
        }
    }
}

impl<P, I, R, F, Fut> Job<P, I, F, Fut>
where
    P: Proxy,
    I: Iterator,
    I::Item: Clone,
    F: Fn(P, I::Item) -> Fut,
    Fut: Future<Output = Result<R, CallError>>,
{
    pub(super) fn new(members: &Arc<Members<P>>, input: I, call: F) -> Self {
        let now = Instant::now();
        let mut job = Self {
            changes: members.changes(),
            members: Arc::clone(members),
            input: input.fuse(),
            pulled: 0,
            call,
            calls: FuturesUnordered::new(),
            waiting: VecDeque::new(),
            known: BTreeMap::new(),
            progress: Progress::default(),
            start: now,
            heard: now,
            last_error: None,
        };
        job.refresh();
        job
    }

    /// The next result, with the index of its item; `None` once there are no more. Items of index `most` and beyond wait.
    ///
    /// # Cancel safety
    /// Cancel safe: what is in flight stays so.
    pub(super) async fn next(&mut self, most: usize) -> Option<Result<(usize, R), FleetError>> {
        loop {
            while self.start_call(most) {}
            if self.calls.is_empty() && self.waiting.is_empty() {
                return None;
            }
            if self.calls.is_empty() && self.members.is_given_up() {
                return Some(Err(self.members.empty(self.last_error.take())));
            }
            let wake = self.next_wake();
            tokio::select! {
                Some(ended) = self.calls.next(), if !self.calls.is_empty() => {
                    if let Some(end) = self.settle(ended) {
                        return Some(end);
                    }
                }
                changed = self.changes.changed() => {
                    if changed.is_ok() {
                        self.refresh();
                    }
                }
                () = tokio::time::sleep_until(wake) => {
                    if let Err(error) = self.lose_patience() {
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    /// Takes in who came and lets go of who went; calls in flight at who went go on.
    fn refresh(&mut self) {
        let all = self.members.all();
        self.known
            .retain(|epoch, (_, window)| all.contains_key(epoch) || window.in_flight > 0);
        for (epoch, (_, window)) in &mut self.known {
            if !all.contains_key(epoch) {
                window.leave();
            }
        }
        for (epoch, member) in all {
            self.known.entry(epoch).or_insert((member, Window::new()));
        }
    }

    /// Gives the next item to the member with the most room for it; false when there is no item or no room.
    fn start_call(&mut self, most: usize) -> bool {
        let Some(item) = self.next_item(most) else {
            return false;
        };
        let now = self.start.elapsed();
        let open = self
            .known
            .iter_mut()
            .filter(|(_, (_, window))| window.has_room(now));
        let Some((epoch, (member, window))) = open.min_by_key(|(_, (_, window))| window.in_flight)
        else {
            self.waiting.push_front(item);
            return false;
        };
        window.in_flight += 1;
        let call = (self.call)(member.proxy.clone(), item.value.clone());
        self.calls.push(InFlight {
            item: Some(item),
            member: *epoch,
            began: Instant::now(),
            call: Box::pin(call),
        });
        true
    }

    fn next_item(&mut self, most: usize) -> Option<Item<I::Item>> {
        if let Some(item) = self.waiting.pop_front() {
            return Some(item);
        }
        if self.pulled >= most {
            return None;
        }
        let value = self.input.next()?;
        let index = self.pulled;
        self.pulled += 1;
        Some(Item {
            index,
            value,
            attempts: 0,
        })
    }

    /// Takes in how a call ended; gives the item's result, or the error that ends the job, unless the item is tried again.
    fn settle(&mut self, ended: Ended<I::Item, R>) -> Option<Result<(usize, R), FleetError>> {
        let now = self.start.elapsed();
        let Item {
            index,
            value,
            attempts,
        } = ended.item;
        let attempts = attempts + 1;
        let place = self.known.get_mut(&ended.member);
        match ended.result {
            Ok(result) => {
                self.heard = Instant::now();
                if let Some((member, window)) = place {
                    window.succeeded(ended.took);
                    self.members.finished_one(&member.name);
                }
                self.progress.done += 1;
                Some(Ok((index, result)))
            }
            Err(error) if !error.is_worth_retrying() => {
                Some(Err(FleetError::Item { index, error }))
            }
            Err(error)
                if attempts >= MAX_ATTEMPTS && matches!(error, CallError::Unknown { .. }) =>
            {
                Some(Err(FleetError::GivenUp {
                    index,
                    attempts,
                    error,
                }))
            }
            Err(error) => {
                if let Some((_, window)) = place {
                    window.failed(now);
                }
                tracing::debug!("item {index} goes to another member: {error}");
                // Only what may have run counts against the item: the rest is the member's doing.
                let counted = if matches!(error, CallError::Unknown { .. }) {
                    attempts
                } else {
                    attempts - 1
                };
                self.last_error = Some(error.to_string());
                self.progress.retried += 1;
                self.waiting.push_front(Item {
                    index,
                    value,
                    attempts: counted,
                });
                None
            }
        }
    }

    /// When a resting member may be asked again, or patience ends.
    fn next_wake(&self) -> Instant {
        let now = self.start.elapsed();
        let resting = self
            .known
            .values()
            .map(|(_, window)| window.rests_until())
            .filter(|until| *until > now);
        let patience = self.heard + PATIENCE;
        match resting.min() {
            Some(until) if !self.waiting.is_empty() => patience.min(self.start + until),
            _ => patience,
        }
    }

    fn lose_patience(&mut self) -> Result<(), FleetError> {
        if self.heard.elapsed() < PATIENCE {
            return Ok(());
        }
        if !self.calls.is_empty() || self.members.expects_somebody() {
            // Somebody is at it: the call's own deadline watches it, or whoever starts the next member.
            self.heard = Instant::now();
            return Ok(());
        }
        Err(self.members.empty(self.last_error.take()))
    }
}
