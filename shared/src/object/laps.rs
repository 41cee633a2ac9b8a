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
    ended: coarse::Time,
    runs: u32,
    /// True when the last run may have been a long one.
    suspects: bool,
}

impl Laps {
    /// Runs begin now.
    pub fn begin(&mut self) {
        self.ended = coarse::now();
    }

    /// A run begins; what it gives goes to [`finish`](Self::finish).
    #[inline]
    pub(super) fn start(&mut self) -> Lap {
        self.runs = self.runs.wrapping_add(1);
        let exact = self.suspects || self.runs.is_multiple_of(EXACT_EVERY);
        Lap(exact.then(Instant::now))
    }

    /// The run is over; gives how long it surely took. Zero means a time too short to tell.
    #[inline]
    pub(super) fn finish(&mut self, lap: Lap) -> Duration {
        if let Some(began) = lap.0 {
            self.suspects = false;
            let took = began.elapsed();
            self.ended = coarse::now();
            return took;
        }
        let now = coarse::now();
        if now == self.ended {
            return Duration::ZERO;
        }
        self.step_to(now)
    }

    #[cold]
    fn step_to(&mut self, now: coarse::Time) -> Duration {
        // The clock may have stepped just after the run began.
        let took = coarse::between(self.ended, now).saturating_sub(coarse::step());
        self.suspects = took.is_zero();
        self.ended = now;
        took
    }
}

/// A run that is not over.
#[derive(Debug)]
pub(super) struct Lap(Option<Instant>);

#[cfg(target_os = "linux")]
mod coarse {
    //! The kernel's clock as it was at its last tick.

    use std::sync::LazyLock;
    use std::time::Duration;

    use rustix::time::{ClockId, clock_getres, clock_gettime};

    /// Seconds and nanoseconds, as the kernel gives them.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(super) struct Time(i64, i64);

    #[inline]
    pub(super) fn now() -> Time {
        let time = clock_gettime(ClockId::MonotonicCoarse);
        Time(time.tv_sec, time.tv_nsec)
    }

    pub(super) fn between(from: Time, to: Time) -> Duration {
        duration(to).saturating_sub(duration(from))
    }

    /// How far the clock goes at a time.
    pub(super) fn step() -> Duration {
        static STEP: LazyLock<Duration> = LazyLock::new(|| {
            let step = clock_getres(ClockId::MonotonicCoarse);
            duration(Time(step.tv_sec, step.tv_nsec))
        });
        *STEP
    }

    fn duration(time: Time) -> Duration {
        Duration::new(time.0 as u64, time.1 as u32)
    }
}

#[cfg(not(target_os = "linux"))]
mod coarse {
    //! Where there is no coarse clock, the exact one.

    use std::sync::LazyLock;
    use std::time::{Duration, Instant};

    pub(super) type Time = Duration;

    pub(super) fn now() -> Time {
        static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
        EPOCH.elapsed()
    }

    pub(super) fn between(from: Time, to: Time) -> Duration {
        to.saturating_sub(from)
    }

    pub(super) fn step() -> Duration {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(laps: &mut Laps, run: Duration) -> Duration {
        let lap = laps.start();
        let began = Instant::now();
        while began.elapsed() < run {
            std::hint::spin_loop();
        }
        laps.finish(lap)
    }

    #[test]
    fn a_long_run_is_seen_at_once() {
        let mut laps = Laps::default();
        laps.begin();
        time(&mut laps, Duration::ZERO);
        let took = time(&mut laps, Duration::from_millis(50));
        assert!(took >= Duration::from_millis(30), "{took:?}");
    }

    #[test]
    fn a_run_of_a_fraction_of_a_millisecond_is_seen_within_a_few() {
        let mut laps = Laps::default();
        laps.begin();
        let seen = (0..EXACT_EVERY).any(|_| {
            let took = time(&mut laps, Duration::from_micros(300));
            took >= Duration::from_micros(300)
        });
        assert!(seen);
    }
}
