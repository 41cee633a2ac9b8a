//! How many extra calls a fleet may make: a part of its calls, and a few. Pure: `now` is an argument.

use std::time::Duration;

/// A bucket of tokens: calls put a part of one in, time does, an extra call takes one out.
///
/// The retry budget of Finagle and tower: a fifth of the calls and 10/s over 10 s; see
/// <https://docs.rs/tower/latest/tower/retry/budget/struct.TpsBudget.html>. Hedging has one of 5 %, as advised in "The Tail
/// at Scale" (Dean and Barroso, 2013).
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    per_call: f64,
    per_second: f64,
    most: f64,
    tokens: f64,
    seen: Duration,
}

impl Budget {
    /// For calls that are made again.
    pub(super) fn of_retries() -> Self {
        Self::new(0.2, 10.0, 100.0, 10_000.0)
    }

    /// For calls that are made twice because the first one is late.
    pub(super) fn of_hedges() -> Self {
        Self::new(0.05, 0.0, 1.0, 500.0)
    }

    fn new(per_call: f64, per_second: f64, tokens: f64, most: f64) -> Self {
        Self {
            per_call,
            per_second,
            most,
            tokens,
            seen: Duration::ZERO,
        }
    }

    /// So many calls were made.
    pub(super) fn called(&mut self, calls: usize) {
        self.tokens = (self.tokens + self.per_call * calls as f64).min(self.most);
    }

    /// Takes so many tokens if they are there.
    pub(super) fn take(&mut self, tokens: usize, now: Duration) -> bool {
        let passed = now.saturating_sub(self.seen).as_secs_f64();
        self.tokens = (self.tokens + self.per_second * passed).min(self.most);
        self.seen = now;
        let tokens = tokens as f64;
        let there = self.tokens >= tokens;
        if there {
            self.tokens -= tokens;
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_fifth_of_the_calls_and_ten_a_second_may_be_made_again() {
        let mut budget = Budget::of_retries();
        assert!(budget.take(100, Duration::ZERO));
        assert!(!budget.take(1, Duration::ZERO));
        budget.called(50);
        assert!(budget.take(10, Duration::ZERO));
        assert!(!budget.take(1, Duration::ZERO));
        assert!(budget.take(10, SECOND));
        assert!(!budget.take(1, SECOND));
    }

    #[test]
    fn what_is_not_used_does_not_pile_up_for_ever() {
        let mut budget = Budget::of_hedges();
        budget.called(1_000_000);
        assert!(budget.take(500, SECOND));
        assert!(!budget.take(1, SECOND * 1000));
    }
}
