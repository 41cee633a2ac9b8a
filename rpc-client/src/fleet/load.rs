//! What is known of one member's speed and health. Pure: `now` is an argument, counted from any fixed time.

use std::time::Duration;

/// How fast old latencies are forgotten: Finagle's peak EWMA, with its default of 10 s.
const DECAY: Duration = Duration::from_secs(10);

/// Failures in a row that put a member aside, as Envoy's outlier detection.
const CONSECUTIVE_FAILURES: u32 = 5;

/// How long it is put aside the first time; the second time is twice as long, and so on. Envoy's.
const FIRST_EJECTION: Duration = Duration::from_secs(30);

/// The longest. Envoy's.
const LONGEST_EJECTION: Duration = Duration::from_secs(300);

/// How long a newcomer takes until it gets as much as the others: Envoy's slow start.
const SLOW_START: Duration = Duration::from_secs(10);

/// The part a newcomer gets at once: it must show what it can.
const FIRST_PART: f64 = 0.1;

/// What is known of a member, from calls of all jobs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Items in flight.
    pub(super) in_flight: usize,
    /// Seconds an item takes; `None` until one ended.
    latency: Option<f64>,
    seen: Duration,
    failures: u32,
    ejections: u32,
    ejected_until: Duration,
}

impl Load {
    pub(super) fn new() -> Self {
        Self {
            in_flight: 0,
            latency: None,
            seen: Duration::ZERO,
            failures: 0,
            ejections: 0,
            ejected_until: Duration::ZERO,
        }
    }

    /// Seconds an item takes as a rule: a peak counts at once, what follows weighs it down slowly.
    pub(super) fn latency(&self) -> Option<f64> {
        self.latency
    }

    pub(super) fn started(&mut self, items: usize) {
        self.in_flight += items;
    }

    /// Items ended without telling anything of the member: they were given up.
    pub(super) fn given_up(&mut self, items: usize) {
        self.in_flight = self.in_flight.saturating_sub(items);
    }

    /// Items have results, one of which took so long.
    pub(super) fn succeeded(&mut self, items: usize, took: Duration, now: Duration) {
        self.given_up(items);
        self.failures = 0;
        let took = took.as_secs_f64();
        self.latency = Some(match self.latency {
            Some(known) if took < known => {
                let passed = now.saturating_sub(self.seen).as_secs_f64();
                let kept = (-passed / DECAY.as_secs_f64()).exp();
                known * kept + took * (1.0 - kept)
            }
            _ => took,
        });
        self.seen = now;
    }

    /// A call failed: the member's own doing, as far as one can tell. True when it is put aside for that.
    pub(super) fn failed(&mut self, items: usize, now: Duration) -> bool {
        self.given_up(items);
        self.failures = self.failures.saturating_add(1);
        if self.failures < CONSECUTIVE_FAILURES || now < self.ejected_until {
            return false;
        }
        self.failures = 0;
        self.ejections = self.ejections.saturating_add(1);
        let aside = FIRST_EJECTION
            .saturating_mul(self.ejections)
            .min(LONGEST_EJECTION);
        self.ejected_until = now + aside;
        true
    }

    pub(super) fn is_ejected(&self, now: Duration) -> bool {
        now < self.ejected_until
    }
}

/// The part of its fair share that a member of this age gets, where the oldest one has that age.
pub(super) fn part(age: Duration, oldest: Duration) -> f64 {
    let ripe = oldest.min(SLOW_START);
    if age >= ripe {
        return 1.0;
    }
    (age.as_secs_f64() / ripe.as_secs_f64()).max(FIRST_PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_slow_answer_counts_at_once_and_is_forgotten_slowly() {
        let mut load = Load::new();
        load.succeeded(1, MS, 10 * MS);
        load.succeeded(1, 20 * MS, 20 * MS);
        assert_eq!(load.latency(), Some(0.02));
        load.succeeded(1, MS, 120 * MS);
        let latency = load.latency().unwrap();
        assert!((0.019..0.02).contains(&latency), "{latency}");
        load.succeeded(1, MS, DECAY * 10);
        let latency = load.latency().unwrap();
        assert!((0.001..0.0011).contains(&latency), "{latency}");
    }

    #[test]
    fn failures_in_a_row_put_it_aside_longer_each_time_and_never_for_good() {
        let mut load = Load::new();
        let mut now = MS;
        for nth in 1..20 {
            for _ in 1..CONSECUTIVE_FAILURES {
                assert!(!load.failed(1, now));
            }
            assert!(load.failed(1, now));
            let aside = (FIRST_EJECTION * nth).min(LONGEST_EJECTION);
            assert!(load.is_ejected(now + aside - MS));
            now += aside;
            assert!(!load.is_ejected(now));
        }
    }

    #[test]
    fn a_success_between_failures_forgives_them() {
        let mut load = Load::new();
        for _ in 0..100 {
            load.failed(1, MS);
            load.succeeded(1, MS, MS);
        }
        assert!(!load.is_ejected(MS));
    }

    #[test]
    fn a_newcomer_gets_more_and_more() {
        let mut before = 0.0;
        for tenth in 1..=10 {
            let part = part(SLOW_START / 10 * tenth, SLOW_START * 5);
            assert!(part > before && part <= 1.0);
            before = part;
        }
        assert_eq!(part(Duration::ZERO, SLOW_START), FIRST_PART);
    }

    #[test]
    fn those_who_came_together_are_equals_from_the_beginning() {
        assert_eq!(part(Duration::ZERO, Duration::ZERO), 1.0);
        assert_eq!(part(MS, MS), 1.0);
        assert!(part(50 * MS, 100 * MS) >= 0.5);
    }
}
