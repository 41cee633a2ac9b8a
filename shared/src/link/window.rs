//! How many bytes of pieces may be on their way to the peer. Pure: it is told what is sent and taken, and when.
//!
//! A small frame waits behind all that is on its way, wherever that is between the two; a long link needs much on its way
//! to be used at all. So the window grows as long as a piece among others is taken about as fast as one alone, which tells
//! that nothing queues, and shrinks when that takes much longer.

use std::time::Duration;

/// The least that may be on its way.
const LEAST_BYTES: usize = 256 << 10;

/// The most that may be on its way: 40 MiB a second over a link with a round trip of 200 ms.
const MOST_BYTES: usize = 8 << 20;

/// A window that lets so many bytes pass in a microsecond, about a gibibyte in a second, is large enough.
const ENOUGH_PER_MICROSECOND: u128 = 1 << 10;

/// How long it is believed how fast a piece alone is taken: the way may become another one.
const BELIEVED: Duration = Duration::from_secs(10);

/// What is on its way, and how much may be.
#[derive(Debug)]
pub(super) struct Window {
    bytes: usize,
    sent: u64,
    taken: u64,
    /// A piece that is timed.
    lap: Option<Lap>,
    /// How fast a piece is taken that is alone on its way. Not known, the next one goes alone.
    fastest: Option<Duration>,
    /// Since when that is believed.
    since: Duration,
}

/// The way of a piece to the peer, and of the word that it was taken.
#[derive(Clone, Copy, Debug)]
struct Lap {
    /// How many bytes are taken once it is over.
    until: u64,
    began: Duration,
    /// True when the window was full with it.
    full: bool,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            bytes: LEAST_BYTES,
            sent: 0,
            taken: 0,
            lap: None,
            fastest: None,
            since: Duration::ZERO,
        }
    }
}

impl Window {
    /// True when so many more bytes may be sent.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let on_the_way = self.on_the_way();
        on_the_way == 0 || self.fastest.is_some() && on_the_way + bytes <= self.bytes
    }

    fn on_the_way(&self) -> usize {
        (self.sent - self.taken) as usize
    }

    /// So many bytes are sent; `now` counts from the beginning of the connection.
    pub(super) fn send(&mut self, bytes: usize, now: Duration) {
        self.doubt(now);
        let alone = self.on_the_way() == 0;
        self.sent += bytes as u64;
        if self.lap.is_none() && (alone || self.fastest.is_some()) {
            self.lap = Some(Lap {
                until: self.sent,
                began: now,
                full: !self.has_room(bytes),
            });
        }
    }

    fn doubt(&mut self, now: Duration) {
        if now > self.since + BELIEVED {
            self.fastest = None;
            self.lap = None;
            self.since = now;
        }
    }

    /// The peer took so many bytes; false when it cannot have.
    pub(super) fn take(&mut self, bytes: u32, now: Duration) -> bool {
        let taken = self.taken + u64::from(bytes);
        if taken > self.sent {
            return false;
        }
        self.taken = taken;
        self.doubt(now);
        if let Some(lap) = self.lap.take_if(|lap| lap.until <= taken) {
            self.learn(now.saturating_sub(lap.began), lap.full);
        }
        true
    }

    fn learn(&mut self, lap: Duration, full: bool) {
        let Some(fastest) = self.fastest else {
            self.fastest = Some(lap);
            return;
        };
        self.fastest = Some(fastest.min(lap));
        let enough = self.bytes as u128 >= lap.as_micros() * ENOUGH_PER_MICROSECOND;
        if lap > fastest * 5 / 2 {
            self.bytes = (self.bytes / 2).max(LEAST_BYTES);
        } else if full && !enough && lap <= fastest * 3 / 2 {
            self.bytes = (self.bytes * 3 / 2).min(MOST_BYTES);
        }
    }

    /// How many bytes the peer has taken, while some are on their way.
    #[inline]
    pub(super) fn awaits(&self) -> Option<u64> {
        (self.taken < self.sent).then_some(self.taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: usize = 64 << 10;

    /// A link of some length and width, with a sender that has no end of pieces: when each is taken, in turn.
    struct Link {
        window: Window,
        /// The time that a byte is on its way, there and back.
        trip: Duration,
        bytes_per_second: u64,
        now: Duration,
        /// When the link has room for the next one.
        free: Duration,
        flying: std::collections::VecDeque<Duration>,
    }

    impl Link {
        fn new(trip: Duration, bytes_per_second: u64) -> Self {
            Self {
                window: Window::default(),
                trip,
                bytes_per_second,
                now: Duration::ZERO,
                free: Duration::ZERO,
                flying: std::collections::VecDeque::new(),
            }
        }

        /// Sends for so long; gives bytes a second, and the longest time in the second half that a byte took.
        fn run(&mut self, time: Duration) -> (u64, Duration) {
            let (began, mut taken, mut longest) = (self.now, 0, Duration::ZERO);
            while self.now < began + time {
                while self.window.has_room(PIECE) {
                    self.window.send(PIECE, self.now);
                    let width =
                        Duration::from_secs(1) * PIECE as u32 / self.bytes_per_second as u32;
                    self.free = self.free.max(self.now) + width;
                    self.flying.push_back(self.free + self.trip);
                    if self.now > began + time / 2 {
                        longest = longest.max(self.free + self.trip - self.now);
                    }
                }
                if let Some(next) = self.flying.pop_front() {
                    self.now = self.now.max(next);
                    assert!(self.window.take(PIECE as u32, self.now));
                    taken += PIECE as u64;
                }
            }
            (
                taken * 1000 / (self.now - began).as_millis() as u64,
                longest,
            )
        }
    }

    #[test]
    fn a_peer_that_takes_nothing_gets_a_window_and_no_more() {
        let mut window = Window::default();
        let mut sent = 0;
        while window.has_room(PIECE) {
            window.send(PIECE, Duration::ZERO);
            sent += PIECE;
        }
        assert_eq!(sent, PIECE, "the first one goes alone");
        assert!(window.take(sent as u32, Duration::ZERO));
        while window.has_room(PIECE) {
            window.send(PIECE, Duration::ZERO);
            sent += PIECE;
        }
        assert_eq!(sent, PIECE + LEAST_BYTES);
        assert!(window.take(1, Duration::ZERO));
        assert!(!window.has_room(PIECE));
        assert_eq!(window.awaits(), Some(PIECE as u64 + 1));
        assert!(window.take(LEAST_BYTES as u32 - 1, Duration::ZERO));
        assert_eq!(window.awaits(), None);
        assert!(!window.take(1, Duration::ZERO), "that was never sent");
        assert!(
            window.has_room(1 << 30),
            "alone, a piece of any size may go"
        );
    }

    #[test]
    fn a_long_link_is_filled() {
        for trip in [1, 5, 20, 60].map(Duration::from_millis) {
            for width in [10 << 20, 100 << 20] {
                let mut link = Link::new(trip, width);
                link.run(Duration::from_secs(3));
                let (rate, longest) = link.run(Duration::from_secs(30));
                assert!(
                    rate > width * 8 / 10,
                    "{trip:?}: {rate} of {width} a second"
                );
                // And what queues there is bounded, also when a window goes at once.
                let least = Duration::from_secs(1) * LEAST_BYTES as u32 / width as u32;
                let most = trip * 3 + least * 2;
                assert!(longest < most, "{trip:?}, {width}: {longest:?}");
            }
        }
    }

    #[test]
    fn a_short_link_keeps_the_least_window() {
        let mut link = Link::new(Duration::from_micros(60), 2 << 30);
        link.run(Duration::from_secs(1));
        assert_eq!(link.window.bytes, LEAST_BYTES);
    }

    #[test]
    fn a_link_that_becomes_longer_or_narrower_is_learned_anew() {
        let mut link = Link::new(Duration::from_millis(5), 100 << 20);
        link.run(Duration::from_secs(3));
        link.trip = Duration::from_millis(50);
        link.run(Duration::from_secs(15));
        let (rate, _) = link.run(Duration::from_secs(5));
        assert!(rate > 70 << 20, "{rate} a second");
        link.bytes_per_second = 10 << 20;
        link.run(Duration::from_secs(15));
        let (_, longest) = link.run(Duration::from_secs(5));
        assert!(longest < Duration::from_millis(160), "{longest:?}");
    }
}
