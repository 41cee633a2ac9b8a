//! What a fleet learned from the calls of all its jobs. Pure: `now` is an argument.

use std::collections::HashMap;
use std::time::Duration;

use super::budget::Budget;
use super::digest::Digest;

/// No call is made twice for being late sooner than this.
const SOONEST_HEDGE: Duration = Duration::from_millis(1);

/// While members shed load, and so long after, no call is made twice for being late.
const AFTER_SHEDDING: Duration = Duration::from_secs(1);

/// What is learned.
#[derive(Debug)]
pub(super) struct Learned {
    /// By method number: how long single calls take.
    digests: HashMap<u16, Digest>,
    pub(super) retries: Budget,
    hedges: Budget,
    shed: Option<Duration>,
}

impl Default for Learned {
    fn default() -> Self {
        Self {
            digests: HashMap::new(),
            retries: Budget::of_retries(),
            hedges: Budget::of_hedges(),
            shed: None,
        }
    }
}

impl Learned {
    /// A call of a method ended, or a batch of them; a single one took so long.
    pub(super) fn called(&mut self, method: Option<u16>, took: Option<Duration>) {
        self.retries.called(1);
        self.hedges.called(1);
        if let (Some(method), Some(took)) = (method, took) {
            self.digests.entry(method).or_default().note(took);
        }
    }

    /// A member refused a call because it has too much to do.
    pub(super) fn shed(&mut self, now: Duration) {
        self.shed = Some(now);
    }

    /// When a call of a method is late; of the quickest one where the method is not known yet.
    pub(super) fn late_after(&self, method: Option<u16>) -> Option<Duration> {
        let late = match method {
            Some(method) => self.digests.get(&method)?.p95(),
            None => self.digests.values().filter_map(Digest::p95).min(),
        };
        late.map(|late| late.max(SOONEST_HEDGE))
    }

    /// True when one more call may be made twice for being late.
    pub(super) fn may_hedge(&mut self, now: Duration) -> bool {
        let sheds = |shed| now.saturating_sub(shed) < AFTER_SHEDDING;
        !self.shed.is_some_and(sheds) && self.hedges.take(1, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_in_twenty_may_be_made_twice_and_none_while_load_is_shed() {
        let mut learned = Learned::default();
        let mut hedged = 0;
        for n in 0..10_000 {
            let now = Duration::from_millis(n);
            learned.called(Some(1), Some(Duration::from_millis(3)));
            hedged += u32::from(learned.may_hedge(now));
        }
        assert!((490..=510).contains(&hedged), "{hedged}");
        (0..100).for_each(|_| learned.called(None, None));
        learned.shed(Duration::from_secs(20));
        assert!(!learned.may_hedge(Duration::from_millis(20_900)));
        assert!(learned.may_hedge(Duration::from_secs(22)));
    }

    #[test]
    fn a_method_is_late_by_its_own_measure() {
        let mut learned = Learned::default();
        for _ in 0..100 {
            learned.called(Some(1), Some(Duration::from_millis(50)));
            learned.called(Some(2), Some(Duration::from_micros(50)));
        }
        assert!(learned.late_after(Some(1)) > Some(Duration::from_millis(49)));
        assert_eq!(learned.late_after(Some(2)), Some(SOONEST_HEDGE));
        assert_eq!(learned.late_after(None), Some(SOONEST_HEDGE));
        assert_eq!(learned.late_after(Some(3)), None);
    }
}
