//! How much one member has in flight for one job, in chunks of how many items, and when it is asked again after it failed.
//! Pure: `now` is an argument, counted from any fixed time.

use std::time::Duration;

use farcall_shared::descriptor::Runs;

/// How long a chunk of items is to take.
const CHUNK: Duration = Duration::from_millis(50);

/// How long the shortest chunk takes, however few items are left: one item as a rule.
const SHORTEST_CHUNK: Duration = Duration::from_millis(1);

/// The most items of a chunk: of trivial ones, half as many and twice as many were no faster.
const MAX_CHUNK: usize = 4096;

/// How much larger a chunk may be than the one before.
const GROWTH: usize = 4;

/// Chunks in flight: one runs while the next is on its way.
const CHUNKS_IN_FLIGHT: usize = 2;

/// What single items in flight are to take together.
const QUEUE: Duration = Duration::from_millis(20);

/// Single items in flight at first, and the fewest while they take less than [`DEAR`].
const FEW: usize = 4;

/// The fewest.
const FEWEST: usize = 2;

/// The most.
const MOST: usize = 256;

/// Items that take more than this wait in a queue at the member: fewer are kept in flight, so that others get them.
const DEAR: Duration = Duration::from_millis(200);

/// Items in flight where the method waits: they overlap.
const WAITING: usize = 64;

/// The first pause of a member that failed.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How a job's items travel, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Travel {
    /// No item ended yet.
    Unknown,
    /// In chunks: each is one call of a method that computes.
    Chunks,
    /// One by one: each is a call of a method that waits.
    Waiting,
    /// One by one: each is several calls.
    Single,
}

impl Travel {
    /// Of items whose first call was of such a method.
    pub(super) fn of(runs: Runs) -> Self {
        match runs {
            Runs::Compute => Self::Chunks,
            Runs::Async => Self::Waiting,
        }
    }
}

/// What one job knows of one member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Items of the next chunk.
    chunk: usize,
    flights: usize,
    in_flight: usize,
    /// Seconds an item takes, when several are in flight.
    pace: Option<f64>,
    ended: Duration,
    failures: u32,
    rests_until: Duration,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            chunk: 1,
            flights: 0,
            in_flight: 0,
            pace: None,
            ended: Duration::ZERO,
            failures: 0,
            rests_until: Duration::ZERO,
        }
    }

    /// How many items may be sent now, together.
    pub(super) fn room(&self, travel: Travel, now: Duration) -> usize {
        if now < self.rests_until {
            return 0;
        }
        let chunk = match travel {
            Travel::Chunks => self.chunk,
            _ => 1,
        };
        if chunk > 1 {
            return if self.flights < CHUNKS_IN_FLIGHT {
                chunk
            } else {
                0
            };
        }
        let width = match travel {
            // It has to show that it answers.
            _ if self.pace.is_none() => FEW,
            Travel::Waiting => WAITING,
            _ if self.within(DEAR) == 0 => FEWEST,
            _ => self.within(QUEUE).clamp(FEW, MOST),
        };
        usize::from(self.in_flight < width)
    }

    /// The fewest items that are worth a chunk.
    pub(super) fn fewest(&self) -> usize {
        self.within(SHORTEST_CHUNK).clamp(1, self.chunk.max(1))
    }

    /// True when nothing is in flight and something may be.
    pub(super) fn is_idle(&self, now: Duration) -> bool {
        self.in_flight == 0 && now >= self.rests_until
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn rests_until(&self) -> Duration {
        self.rests_until
    }

    /// Seconds an item takes.
    pub(super) fn pace(&self) -> Option<f64> {
        self.pace
    }

    pub(super) fn started(&mut self, items: usize) {
        self.flights += 1;
        self.in_flight += items;
    }

    fn landed(&mut self, items: usize) {
        self.flights = self.flights.saturating_sub(1);
        self.in_flight = self.in_flight.saturating_sub(items);
    }

    /// A flight of items that began at `began` ended; `finished` of them ran.
    pub(super) fn succeeded(
        &mut self,
        items: usize,
        finished: usize,
        began: Duration,
        now: Duration,
    ) {
        self.landed(items);
        self.failures = 0;
        // What was in flight before it kept the member busy until then.
        let took = now.saturating_sub(began.max(self.ended)).as_secs_f64();
        self.ended = now;
        let pace = took / finished.max(1) as f64;
        self.pace = Some(match self.pace {
            Some(known) => (known + pace) / 2.0,
            None => pace,
        });
        let most = finished.saturating_mul(GROWTH).clamp(1, MAX_CHUNK);
        // A small one says little about how large they may be.
        if finished * GROWTH >= self.chunk || finished < items {
            self.chunk = self.within(CHUNK).clamp(1, most);
        }
    }

    /// How many items take so long together.
    fn within(&self, time: Duration) -> usize {
        let pace = self.pace.unwrap_or(f64::MAX).max(1e-9);
        (time.as_secs_f64() / pace) as usize
    }

    /// A flight of items failed by the member's doing; `jitter` from 0 to 1 is drawn by the caller.
    pub(super) fn failed(&mut self, items: usize, now: Duration, jitter: f64) {
        self.landed(items);
        // Calls that were in flight together fail together: that is one failure.
        if now < self.rests_until {
            return;
        }
        let pause = FIRST_PAUSE
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        // Half of it at least, so that a member that fails at once is not asked at once.
        self.rests_until = now + pause.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0));
        self.chunk = (self.chunk / GROWTH).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Runs chunks one after the other, each item taking so long; gives the sizes.
    fn chunks(window: &mut Window, item: Duration, count: usize) -> Vec<usize> {
        let mut now = window.ended;
        let mut sizes = Vec::new();
        for _ in 0..count {
            let size = window.room(Travel::Chunks, now);
            window.started(size);
            let began = now;
            now += item * size as u32;
            window.succeeded(size, size, began, now);
            sizes.push(size);
        }
        sizes
    }

    #[test]
    fn chunks_grow_to_what_takes_a_twentieth_of_a_second() {
        let mut window = Window::new();
        assert_eq!(chunks(&mut window, MS, 5), [1, 4, 16, 50, 50]);
        let mut window = Window::new();
        let sizes = chunks(&mut window, Duration::from_nanos(100), 10);
        assert_eq!(sizes.last(), Some(&MAX_CHUNK));
        let mut window = Window::new();
        assert_eq!(chunks(&mut window, 100 * MS, 5), [1; 5]);
    }

    #[test]
    fn items_that_become_slow_make_chunks_small_again() {
        let mut window = Window::new();
        chunks(&mut window, Duration::from_micros(100), 10);
        let sizes = chunks(&mut window, 20 * MS, 12);
        assert_eq!(sizes.last(), Some(&2), "{sizes:?}");
        window.started(1000);
        window.succeeded(1000, 3, window.ended, window.ended + 200 * MS);
        assert_eq!(window.chunk, 1);
    }

    #[test]
    fn the_shortest_chunk_is_one_item_unless_items_are_very_short() {
        let mut window = Window::new();
        chunks(&mut window, MS, 10);
        assert_eq!(window.fewest(), 1);
        let mut window = Window::new();
        chunks(&mut window, Duration::from_micros(10), 10);
        let size = window.fewest();
        assert!((90..=110).contains(&size), "{size}");
    }

    #[test]
    fn few_dear_items_and_many_that_wait_are_in_flight() {
        let in_flight = |item: Duration, travel| {
            let mut window = Window::new();
            chunks(&mut window, item, 10);
            while window.room(travel, window.ended) == 1 {
                window.started(1);
            }
            window.in_flight()
        };
        assert_eq!(in_flight(500 * MS, Travel::Single), FEWEST);
        assert_eq!(in_flight(100 * MS, Travel::Single), FEW);
        assert_eq!(in_flight(MS, Travel::Single), 20);
        assert_eq!(in_flight(500 * MS, Travel::Waiting), WAITING);
    }

    #[test]
    fn a_member_that_fails_rests_longer_each_time_and_never_for_good() {
        let mut window = Window::new();
        window.started(1);
        window.started(1);
        window.failed(1, Duration::ZERO, 1.0);
        window.failed(1, Duration::ZERO, 1.0);
        assert_eq!(window.rests_until(), FIRST_PAUSE);
        assert!(!window.is_idle(FIRST_PAUSE - MS));
        assert!(window.is_idle(FIRST_PAUSE));
        let mut now = FIRST_PAUSE;
        for _ in 0..50 {
            window.failed(1, now, fastrand::f64());
            assert!(window.rests_until() <= now + LONGEST_PAUSE);
            assert!(window.rests_until() >= now + FIRST_PAUSE / 2);
            now = window.rests_until();
        }
        assert!(window.is_idle(now));
    }
}
