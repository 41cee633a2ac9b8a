//! Which methods are cheap enough to run where I/O is done. Pure: it is told how long runs took.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A run of at most this is cheap: handing it to another thread and back costs about as much.
const CHEAP: Duration = Duration::from_micros(20);

/// A run of more than this held up others.
const SLOW: Duration = Duration::from_micros(500);

/// A run of more than this was slow by itself, whatever else the machine did meanwhile.
const SURELY_SLOW: Duration = Duration::from_millis(5);

/// Cheap runs in a row, in place, after which one that took a little long is forgiven: the machine was busy.
const GRACE: u32 = 16;

/// Cheap runs in a row, in the pool, before a method runs in place.
const FIRST_TRIAL: u32 = 16;

/// The longest trial.
const LONGEST_TRIAL: u32 = 1 << 20;

/// What is known of one method's running time. Its first runs are in the pool, and so are all runs of a method that is
/// not cheap nearly every time; each slow run in place makes the next trial eight times as long.
#[derive(Debug)]
pub(super) struct Pace {
    /// Cheap runs in a row.
    streak: AtomicU32,
    /// How many it takes.
    trial: AtomicU32,
}

impl Pace {
    /// Of a method that has to show that it is cheap.
    pub(super) fn unknown() -> Self {
        Self {
            streak: AtomicU32::new(0),
            trial: AtomicU32::new(FIRST_TRIAL),
        }
    }

    /// Of a method that is taken for cheap until it is slow.
    pub(super) fn trusted() -> Self {
        Self {
            streak: AtomicU32::new(FIRST_TRIAL + GRACE),
            trial: AtomicU32::new(FIRST_TRIAL),
        }
    }

    #[inline]
    pub(super) fn runs_in_place(&self) -> bool {
        self.streak.load(Ordering::Relaxed) >= self.trial.load(Ordering::Relaxed)
    }

    /// Notes a run. Threads may note at the same time: a lost count only lengthens a trial.
    #[inline]
    pub(super) fn note(&self, took: Duration) {
        if took > CHEAP {
            self.stumble(took);
            return;
        }
        let streak = self.streak.load(Ordering::Relaxed).saturating_add(1);
        self.streak.store(streak, Ordering::Relaxed);
        // What behaved for long enough is forgiven: a run can also be slow because the machine was busy.
        let trial = self.trial.load(Ordering::Relaxed);
        if streak >= trial.saturating_mul(64) && trial > FIRST_TRIAL {
            self.trial
                .store((trial / 8).max(FIRST_TRIAL), Ordering::Relaxed);
        }
    }

    #[cold]
    fn stumble(&self, took: Duration) {
        let streak = self.streak.load(Ordering::Relaxed);
        let trial = self.trial.load(Ordering::Relaxed);
        if took <= SURELY_SLOW && streak >= trial.saturating_add(GRACE) {
            self.streak.store(trial, Ordering::Relaxed);
            return;
        }
        self.streak.store(0, Ordering::Relaxed);
        if streak >= trial && took > SLOW {
            self.trial.store(
                trial.saturating_mul(8).min(LONGEST_TRIAL),
                Ordering::Relaxed,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_millis(50);

    fn cheap_runs(pace: &Pace, count: u32) {
        for _ in 0..count {
            pace.note(CHEAP);
        }
    }

    #[test]
    fn a_method_runs_in_place_only_after_a_row_of_cheap_runs() {
        let pace = Pace::unknown();
        cheap_runs(&pace, FIRST_TRIAL - 1);
        assert!(!pace.runs_in_place());
        pace.note(LONG);
        cheap_runs(&pace, FIRST_TRIAL - 1);
        assert!(!pace.runs_in_place());
        cheap_runs(&pace, 1);
        assert!(pace.runs_in_place());
    }

    #[test]
    fn one_slow_run_in_place_sends_it_back_for_a_longer_trial_each_time() {
        let pace = Pace::unknown();
        let mut trial = FIRST_TRIAL;
        while trial < LONGEST_TRIAL {
            cheap_runs(&pace, trial);
            assert!(pace.runs_in_place());
            pace.note(LONG);
            cheap_runs(&pace, trial);
            assert!(!pace.runs_in_place());
            pace.note(LONG);
            trial *= 8;
        }
        assert!(pace.trial.load(Ordering::Relaxed) <= LONGEST_TRIAL);
    }

    #[test]
    fn a_run_that_took_a_little_long_is_forgiven_once_in_a_while() {
        let pace = Pace::trusted();
        let busy = SURELY_SLOW;
        pace.note(busy);
        assert!(pace.runs_in_place());
        cheap_runs(&pace, GRACE);
        pace.note(busy);
        assert!(pace.runs_in_place());
        cheap_runs(&pace, GRACE - 1);
        pace.note(busy);
        assert!(!pace.runs_in_place());
        let pace = Pace::trusted();
        pace.note(LONG);
        assert!(!pace.runs_in_place());
    }

    #[test]
    fn long_good_conduct_is_rewarded() {
        let pace = Pace::unknown();
        cheap_runs(&pace, FIRST_TRIAL);
        pace.note(LONG);
        cheap_runs(&pace, FIRST_TRIAL * 8 * 64);
        pace.note(Duration::from_micros(30));
        pace.note(Duration::from_micros(30));
        assert!(!pace.runs_in_place());
        cheap_runs(&pace, FIRST_TRIAL);
        assert!(pace.runs_in_place());
    }
}
