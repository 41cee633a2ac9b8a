//! How many calls one member has in flight, and when a member that failed is asked again. Pure.

use std::time::Duration;

/// Calls in flight at first: one computes while the next is on its way, on two cores.
const FIRST: usize = 4;

/// The fewest.
const FEWEST: usize = 2;

/// The most.
const MOST: usize = 256;

/// Calls that take less than this are cheap: more of them are kept in flight.
const CHEAP: Duration = Duration::from_millis(10);

/// Calls that take more than this wait in a queue at the member: fewer are kept in flight, so that others get them.
const DEAR: Duration = Duration::from_millis(200);

/// The first pause of a member that failed.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What one `map` knows of one member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    size: usize,
    pub(super) in_flight: usize,
    failures: u32,
    /// Not asked before this time, counted from the start of the `map`.
    rests_until: Duration,
    /// It is a member no more: what is in flight goes on, nothing is added.
    leaves: bool,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            size: FIRST,
            in_flight: 0,
            failures: 0,
            rests_until: Duration::ZERO,
            leaves: false,
        }
    }

    pub(super) fn leave(&mut self) {
        self.leaves = true;
    }

    pub(super) fn has_room(&self, now: Duration) -> bool {
        !self.leaves && self.in_flight < self.size && now >= self.rests_until
    }

    pub(super) fn rests_until(&self) -> Duration {
        self.rests_until
    }

    pub(super) fn succeeded(&mut self, took: Duration) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.failures = 0;
        if took < CHEAP {
            self.size = (self.size + 1).min(MOST);
        } else if took > DEAR {
            self.size = (self.size / 2).max(FEWEST);
        }
    }

    pub(super) fn failed(&mut self, now: Duration) {
        self.in_flight = self.in_flight.saturating_sub(1);
        // Calls that were in flight together fail together: that is one failure.
        if now < self.rests_until {
            return;
        }
        let pause = FIRST_PAUSE
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.rests_until = now + pause;
        self.size = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn cheap_calls_widen_it_and_dear_ones_narrow_it() {
        let mut window = Window::new();
        for _ in 0..1000 {
            window.succeeded(MS);
        }
        assert_eq!(window.size, MOST);
        for _ in 0..20 {
            window.succeeded(500 * MS);
        }
        assert_eq!(window.size, FEWEST);
    }

    #[test]
    fn who_leaves_gets_nothing_more_however_its_calls_end() {
        let mut window = Window::new();
        window.in_flight = 1;
        window.leave();
        assert!(!window.has_room(Duration::ZERO));
        window.succeeded(MS);
        assert!(!window.has_room(Duration::ZERO));
        window.failed(Duration::ZERO);
        assert!(!window.has_room(LONGEST_PAUSE));
    }

    #[test]
    fn a_member_that_fails_rests_longer_each_time_and_never_for_good() {
        let mut window = Window::new();
        window.in_flight = 2;
        window.failed(Duration::ZERO);
        window.failed(Duration::ZERO);
        assert_eq!(window.rests_until(), FIRST_PAUSE);
        assert!(!window.has_room(FIRST_PAUSE - MS));
        assert!(window.has_room(FIRST_PAUSE));
        let mut now = FIRST_PAUSE;
        for _ in 0..50 {
            window.failed(now);
            assert!(window.rests_until() <= now + LONGEST_PAUSE);
            now = window.rests_until();
        }
        assert!(window.has_room(now));
    }
}
