//! Items on their way: those that wait for a member, and those in flight.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use farcall_shared::names::Epoch;
use tokio::time::Instant;

use crate::fleet::member::Member;
use crate::remote::{Chunk, Gathers, License};

/// An item, with what it went through.
pub(super) struct Item<T> {
    pub(super) index: usize,
    pub(super) value: T,
    /// Nothing as a rule.
    pub(super) past: Option<Box<Past>>,
}

/// What an item went through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Past {
    /// Calls that could not end it.
    pub(super) failures: u32,
    /// Those of them that may have run.
    pub(super) unknown: u32,
}

/// Items that wait for a member.
pub(super) struct Queues<T> {
    /// That may have killed a member: each goes alone.
    pub(super) suspects: VecDeque<Item<T>>,
    /// Of items that are late elsewhere.
    pub(super) copies: VecDeque<Copy<T>>,
    /// That another member could not end.
    pub(super) again: VecDeque<Item<T>>,
    /// The same, each not before its time.
    later: Vec<(Instant, Item<T>, Kind)>,
}

/// An item that is in flight already.
pub(super) struct Copy<T> {
    pub(super) item: Item<T>,
    pub(super) license: Arc<License>,
    /// The flight that is late, and the member it is at.
    pub(super) flight: usize,
    pub(super) at: Epoch,
}

impl<T> Default for Queues<T> {
    fn default() -> Self {
        Self {
            suspects: VecDeque::new(),
            copies: VecDeque::new(),
            again: VecDeque::new(),
            later: Vec::new(),
        }
    }
}

impl<T> Queues<T> {
    /// True when nothing waits but copies, which nobody needs.
    pub(super) fn is_empty(&self) -> bool {
        self.suspects.is_empty() && self.again.is_empty() && self.later.is_empty()
    }

    /// Has an item wait.
    pub(super) fn put(&mut self, item: Item<T>, pause: Duration, kind: Kind) {
        match kind {
            _ if !pause.is_zero() => self.later.push((Instant::now() + pause, item, kind)),
            Kind::Suspect => self.suspects.push_back(item),
            Kind::Ordinary => self.again.push_back(item),
        }
    }

    /// Has those go whose time has come.
    pub(super) fn wake(&mut self, now: Instant) {
        for (_, item, kind) in self.later.extract_if(.., |(at, ..)| *at <= now) {
            match kind {
                Kind::Suspect => self.suspects.push_back(item),
                Kind::Ordinary => self.again.push_back(item),
            }
        }
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.later.iter().map(|(at, ..)| *at).min()
    }
}

/// How an item is to be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ordinary,
    /// It may have killed a member.
    Suspect,
}

/// A chunk of items at a member.
pub(super) struct Flight<P, T> {
    pub(super) epoch: Epoch,
    pub(super) member: Arc<Member<P>>,
    /// Those without a result yet.
    pub(super) items: Vec<Option<Item<T>>>,
    /// How many of them nobody else finished.
    pub(super) wanted: usize,
    pub(super) chunk: Arc<Chunk>,
    pub(super) gathers: Gathers,
    /// As the members' time goes.
    pub(super) began: Duration,
    /// How long it is to take.
    pub(super) expected: Option<Duration>,
    pub(super) copied: Copied,
    pub(super) kind: Kind,
}

/// Whether there are two flights of a flight's items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copied {
    No,
    Yes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_have_killed_a_member_is_a_suspect_after_its_pause_too() {
        let mut queues = Queues::default();
        for (index, kind) in [(1, Kind::Suspect), (2, Kind::Ordinary)] {
            let item = Item {
                index,
                value: (),
                past: None,
            };
            queues.put(item, Duration::from_secs(1), kind);
        }
        queues.wake(Instant::now());
        assert!(queues.suspects.is_empty() && queues.again.is_empty());
        queues.wake(Instant::now() + Duration::from_secs(2));
        assert_eq!((queues.suspects[0].index, queues.again[0].index), (1, 2));
        assert_eq!(queues.next_wake(), None);
    }
}
