//! Second copies of items whose call is late: hedges of single calls, and speculation at the end of a job.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use farcall_shared::error::CallError;
use tokio::time::Instant;

use super::Job;
use super::items::{Copied, Copy, Flight, Item, Kind};
use crate::Proxy;

/// A flight that takes so many times what it is expected to take is copied at the end of a job. Spark's and Hadoop's
/// speculative execution have 1.5 to 3.
const STRAGGLES: u32 = 3;

/// No flight straggles sooner.
const SOONEST: Duration = Duration::from_millis(20);

/// While there is other work, flights that are late are looked at so often.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Items with two calls in flight, by index.
#[derive(Debug, Default)]
pub(super) struct Twins(HashMap<usize, Twin>);

#[derive(Debug)]
struct Twin {
    /// Calls that have not ended.
    left: u32,
    /// How the call ended that did, without a value.
    lost: Option<CallError>,
    finished: bool,
    first: usize,
    second: Option<usize>,
}

/// What the end of an item's call means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// What it says: there is no other call, or that one ended without a value, as told.
    Itself(Option<CallError>),
    /// The other call is to be stopped, if it is one of a flight that nobody needs now.
    Wins(Option<usize>),
    /// Nothing: the other call has a value, or may still have one.
    Nothing,
}

impl Twins {
    /// True when every item has one call at most.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True while an item waits for its second call and has no result.
    pub(super) fn is_wanted(&self, index: usize) -> bool {
        self.0.get(&index).is_some_and(|twin| !twin.finished)
    }

    fn add(&mut self, index: usize, first: usize) {
        let twin = Twin {
            left: 1,
            lost: None,
            finished: false,
            first,
            second: None,
        };
        self.0.insert(index, twin);
    }

    /// The second call is in flight.
    pub(super) fn launched(&mut self, index: usize, flight: usize) {
        if let Some(twin) = self.0.get_mut(&index) {
            twin.left += 1;
            twin.second = Some(flight);
        }
    }

    /// A call of the item ended in a flight, with a value or not.
    pub(super) fn ended(&mut self, index: usize, flight: usize, value: Value<'_>) -> Meaning {
        let Some(twin) = self.0.get_mut(&index) else {
            return Meaning::Itself(None);
        };
        twin.left = twin.left.saturating_sub(1);
        let other = match twin.first == flight {
            true => twin.second,
            false => Some(twin.first),
        };
        let meaning = match value {
            _ if twin.finished => Meaning::Nothing,
            Value::There => {
                twin.finished = true;
                Meaning::Wins(other.filter(|_| twin.left > 0))
            }
            Value::None(error) if twin.left > 0 => {
                twin.lost = error.cloned();
                Meaning::Nothing
            }
            Value::None(_) => Meaning::Itself(twin.lost.take()),
        };
        // Who waits for its second call looks here whether it is wanted.
        if twin.left == 0 {
            self.0.remove(&index);
        }
        meaning
    }
}

/// Whether a call ended with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    There,
    /// How it did, unless it was given up.
    None(Option<&'a CallError>),
}

impl<P, I, R, F, Fut> Job<P, I, R, F, Fut>
where
    P: Proxy,
    I: Iterator,
    I::Item: Clone,
    F: Fn(P, I::Item) -> Fut,
    Fut: Future<Output = Result<R, CallError>>,
{
    /// Notes when a flight is to end, and when it may be late.
    pub(super) fn expect(&mut self, id: usize) {
        let pace = |job: &Self, epoch| {
            let known = job.known.get(epoch)?;
            // A member that never ended an item is taken to be as fast as the others.
            let paces = || job.known.values().filter_map(|known| known.window.pace());
            let pace = known
                .window
                .pace()
                .or_else(|| paces().max_by(f64::total_cmp))?;
            Some(pace * known.window.in_flight() as f64)
        };
        let Some(flight) = self.flights.get(id) else {
            return;
        };
        let expected =
            pace(self, &flight.epoch).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let single = flight.items.len() == 1;
        let late = self
            .members
            .learned
            .lock()
            .late_after(None)
            .filter(|_| single);
        let soonest = match (expected.map(straggles), late) {
            (Some(one), Some(other)) => one.min(other),
            (one, other) => match one.or(other) {
                Some(only) => only,
                // It is looked at when somebody knows more.
                None => SOONEST,
            },
        };
        if let Some(flight) = self.flights.get_mut(id) {
            flight.expected = expected;
        }
        let at = Instant::now() + soonest;
        self.late = Some(self.late.map_or(at, |known| known.min(at)));
    }

    /// Copies the items of flights that are late, once there is nothing better to do for who would run them.
    pub(super) fn copy_late_ones(&mut self, most: usize) {
        let busy = self.has_fresh(most) || !self.queues.is_empty() || self.known.len() < 2;
        let now = self.members.now();
        let mut next: Option<Duration> = None;
        let mut late = Vec::new();
        for (id, flight) in &self.flights {
            if flight.copied == Copied::Yes || flight.kind == Kind::Suspect {
                continue;
            }
            let age = now.saturating_sub(flight.began);
            let after = self.late_after(flight);
            match after {
                Some(after) if age >= after && !busy => late.push(id),
                Some(after) => {
                    // While there is other work nobody looks; then not at once again.
                    let left = after.saturating_sub(age).max(LOOK_AGAIN);
                    next = Some(next.map_or(left, |known| known.min(left)));
                }
                None => next = Some(next.map_or(SOONEST, |known| known.min(SOONEST))),
            }
        }
        self.late = next.map(|left| Instant::now() + left);
        for id in late {
            self.copy(id);
        }
    }

    /// How old a flight may get.
    fn late_after(&self, flight: &Flight<P, I::Item>) -> Option<Duration> {
        let method = flight.chunk.first_method()?;
        let single = flight.items.len() == 1;
        let learned = single.then(|| self.members.learned.lock().late_after(Some(method)));
        if self.is_one_call() {
            return learned.flatten();
        }
        let expected = flight.expected.or_else(|| {
            let paces = self.known.values().filter_map(|known| known.window.pace());
            let pace = paces.max_by(f64::total_cmp)?;
            Duration::try_from_secs_f64(pace * flight.items.len() as f64).ok()
        })?;
        let learned = learned.flatten().unwrap_or_default();
        Some(straggles(expected).max(learned))
    }

    /// True for a single call through the fleet.
    fn is_one_call(&self) -> bool {
        self.progress.total == Some(1)
    }

    fn copy(&mut self, id: usize) {
        let license = self
            .flights
            .get(id)
            .and_then(|flight| flight.chunk.license());
        let Some(license) = license else {
            return;
        };
        let now = self.members.now();
        // A single call that is late is a hedge, of which there may be few; the last ones of a job are all worth it.
        if self.is_one_call() && !self.members.learned.lock().may_hedge(now) {
            return;
        }
        let Some(flight) = self.flights.get_mut(id) else {
            return;
        };
        flight.copied = Copied::Yes;
        for item in flight.items.iter().flatten() {
            self.twins.add(item.index, id);
            self.queues.copies.push_back(Copy {
                item: Item {
                    index: item.index,
                    value: item.value.clone(),
                    past: item.past.clone(),
                },
                license: Arc::clone(&license),
                flight: id,
                at: flight.epoch,
            });
        }
    }
}

fn straggles(expected: Duration) -> Duration {
    expected.saturating_mul(STRAGGLES).max(SOONEST)
}

#[cfg(test)]
mod tests {
    use farcall_shared::error::NotSent;

    use super::*;

    fn lost() -> CallError {
        CallError::NotSent {
            target: "x".into(),
            reason: NotSent::Superseded,
        }
    }

    #[test]
    fn the_first_value_of_two_calls_counts_and_the_other_one_is_stopped() {
        let mut twins = Twins::default();
        twins.add(7, 1);
        twins.launched(7, 2);
        assert_eq!(twins.ended(7, 2, Value::There), Meaning::Wins(Some(1)));
        assert_eq!(twins.ended(7, 1, Value::There), Meaning::Nothing);
        assert_eq!(twins.ended(7, 3, Value::There), Meaning::Itself(None));
    }

    #[test]
    fn the_second_loss_of_two_calls_is_told_with_the_first() {
        let mut twins = Twins::default();
        twins.add(7, 1);
        twins.launched(7, 2);
        let error = lost();
        assert_eq!(
            twins.ended(7, 1, Value::None(Some(&error))),
            Meaning::Nothing
        );
        assert!(twins.is_wanted(7));
        let second = twins.ended(7, 2, Value::None(Some(&error)));
        assert_eq!(second, Meaning::Itself(Some(error)));
        assert!(!twins.is_wanted(7));
    }

    #[test]
    fn a_loss_whose_copy_was_never_made_is_the_items_own() {
        let mut twins = Twins::default();
        twins.add(7, 1);
        let alone = twins.ended(7, 1, Value::None(Some(&lost())));
        assert_eq!(alone, Meaning::Itself(None));
    }
}
