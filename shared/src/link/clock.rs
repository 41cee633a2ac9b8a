//! What a connection waits for in time. Pure: it is told ticks, it answers what is due.

use super::Limits;

/// Milliseconds since the connection began.
pub(super) type Tick = u64;

/// A tick that does not come.
pub(super) const NEVER: Tick = Tick::MAX;

/// How long the peer may take to close after a go-away, in ms: calls it sent before it read of it are still refused in
/// words.
pub(super) const LINGER: Tick = 1_000;

/// How long large buffers that nobody uses are kept, in ms: for a stream of large messages they are taken once.
const KEPT: Tick = 250;

/// The times of one connection.
#[derive(Debug)]
pub(super) struct Clock {
    heartbeat: Tick,
    silence: Tick,
    stall: Tick,
    /// When the peer was last heard.
    heard: Tick,
    /// When it was pinged, if it was not heard since.
    pinged: Option<Tick>,
    /// Since when the socket has taken nothing, and how many bytes it had taken until then.
    blocked: Option<(Tick, u64)>,
    /// Since when the peer has taken nothing of the pieces on their way, and how much it had taken until then.
    untaken: Option<(Tick, u64)>,
    /// Since when nothing came of the large frames that the peer began, and what it had brought until then.
    unfinished: Option<(Tick, u64)>,
    /// Since when everything is answered after this side's go-away.
    drained: Option<Tick>,
    /// When large buffers were last of use, while there are any.
    large: Option<Tick>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// The peer is to be asked whether it is there.
    Ping,
    /// The peer said nothing for too long.
    Silent,
    /// The peer took nothing for too long.
    Stalled,
    /// The peer did not go on with a large frame for too long.
    Unfinished,
    /// The peer had its time to close.
    Drained,
}

impl Clock {
    pub(super) fn new(limits: &Limits) -> Self {
        let ticks = |time: std::time::Duration| Tick::try_from(time.as_millis()).unwrap_or(NEVER);
        Self {
            heartbeat: ticks(limits.heartbeat),
            silence: ticks(limits.silence),
            stall: ticks(limits.stall),
            heard: 0,
            pinged: None,
            blocked: None,
            untaken: None,
            unfinished: None,
            drained: None,
            large: None,
        }
    }

    /// The peer said something.
    #[inline]
    pub(super) fn hear(&mut self, now: Tick) {
        self.heard = now;
        self.pinged = None;
    }

    /// The socket takes no more, after so many bytes.
    pub(super) fn block(&mut self, now: Tick, written: u64) {
        stand(&mut self.blocked, now, written);
    }

    /// The socket took all.
    #[inline]
    pub(super) fn unblock(&mut self) {
        self.blocked = None;
    }

    /// Pieces are on their way; the peer has taken so many bytes so far.
    pub(super) fn await_taken(&mut self, now: Tick, taken: u64) {
        stand(&mut self.untaken, now, taken);
    }

    /// The peer has taken all pieces.
    #[inline]
    pub(super) fn all_taken(&mut self) {
        self.untaken = None;
    }

    /// True while pieces are to be taken or to come.
    #[inline]
    pub(super) fn watches(&self) -> bool {
        self.untaken.is_some() || self.unfinished.is_some()
    }

    /// The peer has begun large frames, and brought so much so far.
    pub(super) fn await_rest(&mut self, now: Tick, brought: u64) {
        stand(&mut self.unfinished, now, brought);
    }

    /// All large frames are complete, or cannot go on.
    #[inline]
    pub(super) fn all_came(&mut self) {
        self.unfinished = None;
    }

    /// Everything is answered after this side's go-away.
    pub(super) fn drain(&mut self, now: Tick) {
        self.drained.get_or_insert(now);
    }

    /// Something is in flight.
    #[inline]
    pub(super) fn go_on(&mut self) {
        self.drained = None;
    }

    /// Large buffers are of use.
    pub(super) fn use_large(&mut self, now: Tick) {
        self.large = Some(now);
    }

    /// True while there are large buffers.
    #[inline]
    pub(super) fn holds_large(&self) -> bool {
        self.large.is_some()
    }

    /// True once, when large buffers were not of use for a while.
    pub(super) fn rests(&mut self, now: Tick) -> bool {
        self.large.take_if(|since| now >= *since + KEPT).is_some()
    }

    /// When something is due at the earliest, if nothing happens until then.
    #[inline]
    pub(super) fn next(&self) -> Tick {
        let mut next = self.answers_until();
        if let Some((since, _)) = self.blocked {
            next = next.min(since.saturating_add(self.stall));
        }
        if self.watches() {
            for (since, _) in [self.untaken, self.unfinished].into_iter().flatten() {
                next = next.min(since.saturating_add(self.stall));
            }
        }
        if let Some(since) = self.drained {
            next = next.min(since.saturating_add(LINGER));
        }
        if let Some(since) = self.large {
            next = next.min(since.saturating_add(KEPT));
        }
        next
    }

    /// When a silent peer is pinged or, if it was, given up: however late this side is with the ping, the peer has its time
    /// to answer.
    #[inline]
    fn answers_until(&self) -> Tick {
        let since = match self.pinged {
            None => return self.heard.saturating_add(self.heartbeat),
            Some(pinged) => pinged.saturating_sub(self.heartbeat).max(self.heard),
        };
        since.saturating_add(self.silence)
    }

    /// What is due. Nothing can be heard of a peer that is not read; the stall limit watches it.
    pub(super) fn due(&mut self, now: Tick, reads: bool) -> Due {
        let over = |since: Tick, wait: Tick| now >= since.saturating_add(wait);
        let mut standstills = [self.blocked, self.untaken].into_iter().flatten();
        if standstills.any(|(since, _)| over(since, self.stall)) {
            return Due::Stalled;
        }
        if self
            .unfinished
            .is_some_and(|(since, _)| over(since, self.stall))
        {
            return Due::Unfinished;
        }
        if self.drained.is_some_and(|since| over(since, LINGER)) {
            return Due::Drained;
        }
        if !reads {
            self.hear(now);
            return Due::Nothing;
        }
        if now < self.answers_until() {
            return Due::Nothing;
        }
        if self.pinged.is_some() {
            return Due::Silent;
        }
        self.pinged = Some(now);
        Due::Ping
    }
}

/// Notes since when a count stands still.
fn stand(since: &mut Option<(Tick, u64)>, now: Tick, count: u64) {
    match since {
        Some((_, before)) if *before == count => {}
        _ => *since = Some((now, count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock::new(&Limits::default())
    }

    #[test]
    fn a_silent_peer_is_pinged_once_and_then_given_up() {
        let mut clock = clock();
        clock.hear(100);
        assert_eq!(clock.next(), 2_600);
        assert_eq!(clock.due(2_599, true), Due::Nothing);
        assert_eq!(clock.due(2_600, true), Due::Ping);
        assert_eq!(clock.next(), 7_600);
        assert_eq!(clock.due(7_599, true), Due::Nothing);
        assert_eq!(clock.due(7_600, true), Due::Silent);
        clock.hear(7_600);
        assert_eq!(clock.due(7_601, true), Due::Nothing);
    }

    #[test]
    fn a_side_that_was_held_up_gives_its_peer_time_to_answer_the_late_ping() {
        let mut clock = clock();
        clock.hear(0);
        assert_eq!(clock.due(60_000, true), Due::Ping);
        assert_eq!(clock.due(60_001, true), Due::Nothing);
        assert_eq!(clock.next(), 65_000);
        assert_eq!(clock.due(65_000, true), Due::Silent);
    }

    #[test]
    fn a_peer_that_is_not_read_is_not_silent_but_may_be_stalled() {
        let mut clock = clock();
        clock.block(5_000, 77);
        assert_eq!(clock.due(30_000, false), Due::Nothing);
        // It took some: the time begins anew.
        clock.block(30_000, 78);
        assert_eq!(clock.due(59_999, false), Due::Nothing);
        clock.block(59_999, 78);
        assert_eq!(clock.due(60_000, false), Due::Stalled);
    }

    #[test]
    fn large_buffers_are_given_back_a_while_after_their_last_use() {
        let mut clock = clock();
        clock.use_large(100);
        clock.use_large(200);
        assert_eq!(clock.next(), 450);
        assert!(!clock.rests(449));
        assert!(clock.rests(450));
        assert!(!clock.rests(1_000));
    }

    #[test]
    fn after_a_go_away_the_peer_has_a_second_from_the_last_answer_on() {
        let mut clock = clock();
        clock.drain(10);
        clock.drain(500);
        assert_eq!(clock.next(), 1_010);
        clock.go_on();
        assert_eq!(clock.due(1_010, true), Due::Nothing);
        clock.drain(1_100);
        assert_eq!(clock.due(2_100, true), Due::Drained);
    }
}
