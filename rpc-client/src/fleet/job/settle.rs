//! What the end of a flight means for its items and for the member.

use std::future::Future;
use std::time::Duration;

use farcall_shared::error::{CallError, NotSent, Rejection, Unknown};
use tokio::time::Instant;

use super::Job;
use super::copies::{Meaning, Value};
use super::items::{Flight, Item, Kind, Past};
use crate::Proxy;
use crate::fleet::FleetError;
use crate::fleet::running::{Ended, Ends, Whole};
use crate::fleet::window::Travel;
use crate::remote::Gathers;
use crate::retry;

/// Calls of one item that may have run before it is given up: it may be the item that kills whoever touches it.
const MAX_UNKNOWN: u32 = 3;

/// The longest an item waits for the budget of retries to have something left.
const UNPAID: Duration = Duration::from_millis(100);

/// What the calls of a flight came to.
#[derive(Default)]
struct Tally {
    ok: usize,
    /// Ran and failed.
    failed: usize,
    /// Could not be ended by this member.
    lost: usize,
    /// Were left for another time.
    deferred: usize,
}

/// True when an item whose call ended so is tried again. A deadline that was over before the call began is the call's, not the
/// job's: the item waited too long for its turn at that member.
fn goes_elsewhere(error: &CallError) -> bool {
    let late = matches!(
        error,
        CallError::Rejected {
            reason: Rejection::Expired(_),
            ..
        }
    );
    late || error.is_worth_retrying()
}

impl<P, I, R, F, Fut> Job<P, I, R, F, Fut>
where
    P: Proxy,
    I: Iterator,
    I::Item: Clone,
    F: Fn(P, I::Item) -> Fut,
    Fut: Future<Output = Result<R, CallError>>,
{
    /// Takes in how a flight ended.
    pub(super) fn land(&mut self, ended: Ended<Fut, R>) {
        self.places.extend(ended.places);
        let Some(mut flight) = self.flights.try_remove(ended.id) else {
            return;
        };
        // Its number may be another flight's now.
        self.queues.copies.retain(|copy| copy.flight != ended.id);
        let Ends { values, errors } = ended.ends;
        let mut tally = Tally {
            ok: values.len(),
            ..Tally::default()
        };
        for (_, error) in &errors {
            match error {
                CallError::Rejected {
                    reason: Rejection::Deferred(_),
                    ..
                } => tally.deferred += 1,
                error if goes_elsewhere(error) => tally.lost += 1,
                CallError::Unknown { .. } => tally.lost += 1,
                _ => tally.failed += 1,
            }
        }
        self.learn(&flight, &tally, ended.whole);
        let paid = tally.lost == 0 || {
            let now = self.members.now();
            self.members.learned.lock().retries.take(1, now)
        };
        for (place, value) in values {
            let Some(slot) = flight.items.get_mut(place) else {
                continue;
            };
            let index = slot.as_ref().map(|item| item.index);
            *slot = None;
            if let Some(index) = index
                && self.counts(index, ended.id)
            {
                self.ready.values.push_back((index, value));
            }
        }
        for (place, error) in errors {
            let item = flight.items.get_mut(place).and_then(Option::take);
            if let Some(item) = item {
                self.settle(ended.id, &flight, item, error, paid);
            }
        }
        // What was given up has its result from elsewhere.
        if !self.twins.is_empty() {
            for item in flight.items.into_iter().flatten() {
                self.twins.ended(item.index, ended.id, Value::None(None));
            }
        }
    }

    /// True when a value of an item is its first.
    #[inline]
    fn counts(&mut self, index: usize, id: usize) -> bool {
        if self.twins.is_empty() {
            return true;
        }
        match self.twins.ended(index, id, Value::There) {
            Meaning::Nothing => false,
            Meaning::Wins(other) => {
                self.release(other);
                true
            }
            Meaning::Itself(_) => true,
        }
    }

    /// What the member and the fleet learn from it.
    fn learn(&mut self, flight: &Flight<P, I::Item>, tally: &Tally, whole: Whole) {
        let (now, items) = (self.members.now(), flight.items.len());
        let took = now.saturating_sub(flight.began);
        let method = flight.chunk.first_method();
        self.settle_travel(flight, method, whole);
        let single = (items == 1 && tally.ok == 1).then_some(took);
        self.members.learned.lock().called(method, single);
        if tally.ok > 0 {
            self.heard = Instant::now();
            flight.member.finished(tally.ok as u64);
        }
        let share = self.progress.share(&flight.member.name);
        share.ok += tally.ok as u64;
        share.failed += (tally.failed + tally.lost) as u64;
        let answered = tally.ok + tally.failed;
        let mut load = flight.member.load.lock();
        if tally.ok > 0 {
            load.succeeded(items, took / items.max(1) as u32, now);
        } else if answered + tally.lost + tally.deferred > 0 {
            if load.failed(items, now) {
                tracing::debug!(
                    "{} is put aside: it failed again and again",
                    flight.member.name
                );
            }
        } else {
            load.given_up(items);
        }
        drop(load);
        let Some(known) = self.known.get_mut(&flight.epoch) else {
            return;
        };
        if flight.kind == Kind::Suspect {
            known.alone = false;
        }
        if answered > 0 {
            known.window.succeeded(items, answered, flight.began, now);
        } else {
            // It failed, or it started nothing of what it got, or others were faster by far.
            known.window.failed(items, now, fastrand::f64());
        }
        if !known.stays && known.window.in_flight() == 0 {
            self.known.remove(&flight.epoch);
        }
    }

    fn settle_travel(&mut self, flight: &Flight<P, I::Item>, method: Option<u16>, whole: Whole) {
        let descriptor = P::descriptor();
        let runs = method.and_then(|method| descriptor.methods.get(usize::from(method)));
        match (self.travel, runs) {
            (Travel::Unknown, Some(method)) => self.travel = Travel::of(method.runs),
            (Travel::Chunks, _) if flight.gathers != Gathers::Nothing && whole == Whole::No => {
                self.travel = Travel::Single;
            }
            _ => {}
        }
    }

    /// Takes in that an item's call ended without a value.
    fn settle(
        &mut self,
        id: usize,
        flight: &Flight<P, I::Item>,
        item: Item<I::Item>,
        error: CallError,
        paid: bool,
    ) {
        let value = Value::None(Some(&error));
        if let Meaning::Itself(other) = self.twins.ended(item.index, id, value) {
            self.fail(flight, item, decisive(error, other), paid);
        }
    }

    /// One item less is wanted of a flight; without any it is stopped.
    fn release(&mut self, flight: Option<usize>) {
        let flight = flight.and_then(|id| self.flights.get_mut(id));
        if let Some(flight) = flight {
            flight.wanted = flight.wanted.saturating_sub(1);
            if flight.wanted == 0 {
                flight.chunk.cancel();
            }
        }
    }

    /// An item's call ended without a value: it is tried again or is over.
    fn fail(
        &mut self,
        flight: &Flight<P, I::Item>,
        mut item: Item<I::Item>,
        error: CallError,
        paid: bool,
    ) {
        let index = item.index;
        let deferred = matches!(
            error,
            CallError::Rejected {
                reason: Rejection::Deferred(_),
                ..
            }
        );
        // Another item of its chunk went further elsewhere; this one did nothing yet that may not be repeated.
        if deferred || is_superseded(&error) {
            self.queues.put(item, Duration::ZERO, Kind::Ordinary);
            return;
        }
        self.progress.note_error(&flight.member.name, &error);
        if !goes_elsewhere(&error) {
            let error = FleetError::Item { index, error };
            self.ready.errors.push_back((index, error));
            return;
        }
        let past: &mut Past = item.past.get_or_insert_default();
        past.failures += 1;
        // Only what may have run counts against the item: the rest is the member's doing.
        let mut kind = Kind::Ordinary;
        if let CallError::Unknown { reason, .. } = &error {
            past.unknown += 1;
            if matches!(reason, Unknown::Disconnected(_)) {
                kind = Kind::Suspect;
            }
        }
        if past.unknown >= MAX_UNKNOWN {
            let attempts = past.failures;
            let error = FleetError::GivenUp {
                index,
                attempts,
                error,
            };
            self.ready.errors.push_back((index, error));
            return;
        }
        if let CallError::Rejected {
            reason: Rejection::Overloaded(_),
            ..
        } = error
        {
            let now = self.members.now();
            self.members.learned.lock().shed(now);
        }
        tracing::debug!("item {index} goes to another member: {error}");
        let pause = match past.failures {
            _ if !paid => UNPAID,
            // The first time it is enough to go elsewhere.
            1 => Duration::ZERO,
            failures => retry::jittered(retry::pause(failures)),
        };
        self.last_error = Some(error.to_string());
        self.progress.retried += 1;
        self.queues.put(item, pause, kind);
    }
}

/// Of the ends of an item's two calls, the one that says whether it may be called again.
fn decisive(error: CallError, other: Option<CallError>) -> CallError {
    match other {
        Some(other) if is_superseded(&error) => other,
        Some(other) if !is_superseded(&other) && !other.is_worth_retrying() => other,
        _ => error,
    }
}

/// True for the end of a call that another copy of its item was to make.
fn is_superseded(error: &CallError) -> bool {
    matches!(
        error,
        CallError::NotSent {
            reason: NotSent::Superseded,
            ..
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_losses_the_one_that_forbids_a_repetition_decides() {
        let unknown = |idempotent| CallError::Unknown {
            target: "x".into(),
            reason: Unknown::Cancelled("?".into()),
            idempotent,
        };
        let superseded = || CallError::NotSent {
            target: "x".into(),
            reason: NotSent::Superseded,
        };
        assert_eq!(decisive(superseded(), None), superseded());
        assert_eq!(decisive(superseded(), Some(unknown(true))), unknown(true));
        assert_eq!(decisive(superseded(), Some(unknown(false))), unknown(false));
        assert_eq!(decisive(unknown(false), Some(superseded())), unknown(false));
        assert_eq!(
            decisive(unknown(true), Some(unknown(false))),
            unknown(false)
        );
        assert_eq!(
            decisive(unknown(false), Some(unknown(true))),
            unknown(false)
        );
    }
}
