//! Times what runs on a connection's task, for next to nothing: by the system's coarse clock, now and then by the exact one.

use std::time::{Duration, Instant};

/// One run in so many is timed exactly. A reading of the exact clock costs 20–30 ns, of the coarse one 5.
const EXACT_EVERY: u32 = 16;

/// How long runs take that come one after the other.
///
/// A run that takes longer than a step of the coarse clock (1 to 10 ms) is seen at once, one that takes less as a rule
/// within sixteen runs.
#[derive(Debug, Default)]
pub struct Laps {
    /// When the last run ended, by the coarse clock.
    ended: Duration,
    runs: u32,
    /// True when the last run may have been a long one.
    suspects: bool,
}

impl Laps {
    /// Runs begin now.
    pub fn begin(&mut self) {
        self.ended = coarse::now();
    }

    /// Runs, and gives how long that surely took; zero means a time too short to tell.
    #[inline]
    pub(super) fn time<T>(&mut self, run: impl FnOnce() -> T) -> (T, Duration) {
        self.runs = self.runs.wrapping_add(1);
        if self.suspects || self.runs.is_multiple_of(EXACT_EVERY) {
            self.suspects = false;
            let began = Instant::now();
            let result = run();
            let took = began.elapsed();
            self.ended = coarse::now();
            return (result, took);
        }
        let result = run();
        let now = coarse::now();
        if now == self.ended {
            return (result, Duration::ZERO);
        }
        // The clock may have stepped just after the run began.
        let took = now
            .saturating_sub(self.ended)
            .saturating_sub(coarse::step());
        self.suspects = took.is_zero();
        self.ended = now;
        (result, took)
    }
}

#[cfg(target_os = "linux")]
mod coarse {
    //! The kernel's clock as it was at its last tick.

    use std::sync::LazyLock;
    use std::time::Duration;

    use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

    #[inline]
    pub(super) fn now() -> Duration {
        duration(clock_gettime(ClockId::MonotonicCoarse))
    }

    /// How far the clock goes at a time.
    #[cold]
    pub(super) fn step() -> Duration {
        static STEP: LazyLock<Duration> =
            LazyLock::new(|| duration(clock_getres(ClockId::MonotonicCoarse)));
        *STEP
    }

    #[inline]
    fn duration(time: Timespec) -> Duration {
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
}

#[cfg(not(target_os = "linux"))]
mod coarse {
    //! Where there is no coarse clock, the exact one.

    use std::sync::LazyLock;
    use std::time::{Duration, Instant};

    pub(super) fn now() -> Duration {
        static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
        EPOCH.elapsed()
    }

    pub(super) fn step() -> Duration {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compute_for(time: Duration) {
        let began = Instant::now();
        while began.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn a_long_run_is_seen_at_once() {
        let mut laps = Laps::default();
        laps.begin();
        laps.time(|| ());
        let ((), took) = laps.time(|| compute_for(Duration::from_millis(50)));
        assert!(took >= Duration::from_millis(30), "{took:?}");
    }

    #[test]
    fn a_run_of_a_fraction_of_a_millisecond_is_seen_within_a_few() {
        let mut laps = Laps::default();
        laps.begin();
        let seen = (0..EXACT_EVERY).any(|_| {
            let ((), took) = laps.time(|| compute_for(Duration::from_micros(300)));
            took >= Duration::from_micros(300)
        });
        assert!(seen);
    }
}
