//! One `map`: hands items to members as they have room, and to others when a member fails them.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
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

/// How long a `map` waits while no member answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often one item is tried before it is given up: it may be the item that kills whoever touches it.
const MAX_ATTEMPTS: u32 = 10;

pub(super) struct Map<'a, P, T, R, F, O> {
    members: &'a Members<P>,
    items: Vec<T>,
    results: Vec<Option<R>>,
    call: F,
    observe: O,
    /// Items that wait, with how often they were tried.
    waiting: VecDeque<(usize, u32)>,
    known: BTreeMap<Epoch, (Member<P>, Window)>,
    changes: watch::Receiver<u64>,
    progress: Progress,
    start: Instant,
    /// When a call last ended with an answer.
    heard: Instant,
    last_error: Option<String>,
}

/// The end of one call.
struct Ended<R> {
    item: usize,
    attempts: u32,
    member: Epoch,
    took: Duration,
    result: Result<R, CallError>,
}

impl<'a, P, T, R, F, Fut, O> Map<'a, P, T, R, F, O>
where
    P: Proxy,
    T: Clone,
    F: Fn(P, T) -> Fut,
    Fut: Future<Output = Result<R, CallError>>,
    O: FnMut(&Progress),
{
    pub(super) fn new(members: &'a Members<P>, items: Vec<T>, call: F, observe: O) -> Self {
        let now = Instant::now();
        Self {
            results: items.iter().map(|_| None).collect(),
            waiting: (0..items.len()).map(|item| (item, 0)).collect(),
            progress: Progress {
                total: items.len() as u64,
                ..Progress::default()
            },
            changes: members.changes(),
            known: BTreeMap::new(),
            start: now,
            heard: now,
            last_error: None,
            members,
            items,
            call,
            observe,
        }
    }

    pub(super) async fn run(mut self) -> Result<Vec<R>, FleetError> {
        let mut calls = FuturesUnordered::new();
        self.refresh();
        while self.progress.done < self.progress.total {
            while let Some((item, attempts, member)) = self.next_call() {
                calls.push(self.start_call(item, attempts, member));
            }
            let wake = self.next_wake();
            tokio::select! {
                Some(ended) = calls.next(), if !calls.is_empty() => self.settle(ended)?,
                changed = self.changes.changed() => {
                    if changed.is_ok() {
                        self.refresh();
                    }
                }
                () = tokio::time::sleep_until(wake) => self.lose_patience(calls.is_empty())?,
            }
        }
        Ok(self.results.into_iter().flatten().collect())
    }

    /// Takes in who came and lets go of who went; calls in flight at who went go on.
    fn refresh(&mut self) {
        let all = self.members.all();
        self.known
            .retain(|epoch, (_, window)| all.contains_key(epoch) || window.in_flight > 0);
        for (epoch, member) in all {
            self.known.entry(epoch).or_insert((member, Window::new()));
        }
    }

    /// The next item and the member with the most room for it.
    fn next_call(&mut self) -> Option<(usize, u32, Epoch)> {
        let &(item, attempts) = self.waiting.front()?;
        let now = self.start.elapsed();
        let open = self
            .known
            .iter_mut()
            .filter(|(_, (_, window))| window.has_room(now));
        let (epoch, (_, window)) = open.min_by_key(|(_, (_, window))| window.in_flight)?;
        window.in_flight += 1;
        self.waiting.pop_front();
        Some((item, attempts, *epoch))
    }

    fn start_call(
        &self,
        item: usize,
        attempts: u32,
        epoch: Epoch,
    ) -> impl Future<Output = Ended<R>> + use<P, T, R, F, Fut, O> {
        let began = Instant::now();
        let call = match (self.known.get(&epoch), self.items.get(item)) {
            (Some((member, _)), Some(value)) => {
                Some((self.call)(member.proxy.clone(), value.clone()))
            }
            _ => None,
        };
        async move {
            let result = match call {
                Some(call) => call.await,
                None => Err(CallError::NotSent {
                    target: "a member that is gone".into(),
                    reason: farcall_shared::error::NotSent::Unresolved("it left the fleet".into()),
                }),
            };
            Ended {
                item,
                attempts: attempts + 1,
                member: epoch,
                took: began.elapsed(),
                result,
            }
        }
    }

    fn settle(&mut self, ended: Ended<R>) -> Result<(), FleetError> {
        let now = self.start.elapsed();
        let Ended { item, attempts, .. } = ended;
        let place = self.known.get_mut(&ended.member);
        match ended.result {
            Ok(result) => {
                self.heard = Instant::now();
                if let Some((member, window)) = place {
                    window.succeeded(ended.took);
                    self.members.finished_one(&member.name);
                }
                if let Some(slot) = self.results.get_mut(item) {
                    *slot = Some(result);
                }
                self.progress.done += 1;
                (self.observe)(&self.progress);
                Ok(())
            }
            Err(error) if !error.is_worth_retrying() => {
                Err(FleetError::Item { index: item, error })
            }
            Err(error)
                if attempts >= MAX_ATTEMPTS && matches!(error, CallError::Unknown { .. }) =>
            {
                Err(FleetError::GivenUp {
                    index: item,
                    attempts,
                    error,
                })
            }
            Err(error) => {
                if let Some((_, window)) = place {
                    window.failed(now);
                }
                tracing::debug!("item {item} goes to another member: {error}");
                // Only what may have run counts against the item: the rest is the member's doing.
                let counted = if matches!(error, CallError::Unknown { .. }) {
                    attempts
                } else {
                    attempts - 1
                };
                self.last_error = Some(error.to_string());
                self.progress.retried += 1;
                self.waiting.push_front((item, counted));
                Ok(())
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

    fn lose_patience(&mut self, nothing_in_flight: bool) -> Result<(), FleetError> {
        if self.heard.elapsed() < PATIENCE {
            return Ok(());
        }
        if !nothing_in_flight {
            // Somebody is at it; its own deadline watches the call.
            self.heard = Instant::now();
            return Ok(());
        }
        Err(self.members.empty(self.last_error.take()))
    }
}
