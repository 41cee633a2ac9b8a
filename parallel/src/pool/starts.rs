//! When a worker is started in another's place, and when that is given up. Pure.

use std::time::Duration;

/// So many starts in a row that fail end a pool without workers.
const MAX_FAILED_STARTS: u32 = 5;

/// A worker that lived longer died of what it did, not of how it was started.
const YOUNG: Duration = Duration::from_secs(1);

/// Workers in a row that may die young before there are pauses: a pool that loses some at a time gets others at once.
const FREE: u32 = 3;

/// The first pause.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What a pool remembers of its starts.
#[derive(Debug, Default)]
pub(super) struct Starts {
    /// Workers that get work now.
    ready: usize,
    failed_in_row: u32,
    died_young_in_row: u32,
}

/// What follows a start that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Again(Duration),
    GiveUp,
}

impl Starts {
    pub(super) fn ready(&mut self) {
        self.ready += 1;
        self.failed_in_row = 0;
    }

    /// A worker took its calls; its successor starts at once.
    pub(super) fn spent(&mut self) {
        self.ready = self.ready.saturating_sub(1);
    }

    /// A worker died; gives the pause before its successor starts.
    pub(super) fn lost(&mut self, lived: Duration) -> Duration {
        self.ready = self.ready.saturating_sub(1);
        if lived >= YOUNG {
            self.died_young_in_row = 0;
            return Duration::ZERO;
        }
        self.died_young_in_row = self.died_young_in_row.saturating_add(1);
        pause(self.died_young_in_row.saturating_sub(FREE))
    }

    pub(super) fn failed(&mut self) -> Verdict {
        self.failed_in_row = self.failed_in_row.saturating_add(1);
        if self.ready == 0 && self.failed_in_row >= MAX_FAILED_STARTS {
            return Verdict::GiveUp;
        }
        Verdict::Again(pause(self.failed_in_row))
    }
}

fn pause(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        _ => FIRST_PAUSE
            .saturating_mul(1 << (failures - 1).min(10))
            .min(LONGEST_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_that_fail_pause_longer_and_end_a_pool_that_has_nobody() {
        let mut starts = Starts::default();
        let mut before = Duration::ZERO;
        for _ in 1..MAX_FAILED_STARTS {
            match starts.failed() {
                Verdict::Again(pause) => assert!(std::mem::replace(&mut before, pause) < pause),
                Verdict::GiveUp => panic!("too early"),
            }
        }
        assert_eq!(starts.failed(), Verdict::GiveUp);
    }

    #[test]
    fn a_pool_that_has_somebody_goes_on_trying_and_never_hotly() {
        let mut starts = Starts::default();
        starts.ready();
        for _ in 0..100 {
            assert!(matches!(starts.failed(), Verdict::Again(pause) if pause >= FIRST_PAUSE));
        }
        assert_eq!(starts.failed(), Verdict::Again(LONGEST_PAUSE));
        starts.ready();
        assert_eq!(starts.failed(), Verdict::Again(FIRST_PAUSE));
        starts.spent();
        starts.lost(YOUNG);
        for _ in 2..MAX_FAILED_STARTS {
            assert_ne!(starts.failed(), Verdict::GiveUp);
        }
        assert_eq!(starts.failed(), Verdict::GiveUp);
    }

    #[test]
    fn workers_that_die_young_one_after_the_other_are_replaced_with_pauses() {
        let mut starts = Starts::default();
        for _ in 0..FREE {
            assert_eq!(starts.lost(Duration::ZERO), Duration::ZERO);
        }
        assert_eq!(starts.lost(Duration::ZERO), FIRST_PAUSE);
        assert_eq!(starts.lost(Duration::ZERO), 2 * FIRST_PAUSE);
        assert_eq!(starts.lost(YOUNG), Duration::ZERO);
        assert_eq!(starts.lost(Duration::ZERO), Duration::ZERO);
    }
}
