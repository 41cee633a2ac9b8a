//! Leases: how long they last, and which names hang on them.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

/// The shortest time to live.
const MIN_TTL: Duration = Duration::from_secs(1);

/// The longest time to live.
const MAX_TTL: Duration = Duration::from_secs(60 * 60);

/// All leases that have not ended.
#[derive(Debug, Default)]
pub(super) struct Leases {
    states: BTreeMap<NonZeroU64, State>,
    due: BTreeSet<(Duration, NonZeroU64)>,
}

#[derive(Debug)]
struct State {
    ttl: Duration,
    expires: Duration,
    names: BTreeSet<Arc<str>>,
}

/// Makes ids that look random and do not repeat in one run.
#[derive(Debug)]
pub(super) struct LeaseIds {
    seed: u64,
}

pub(super) fn clamp(ttl_ms: u64) -> Duration {
    Duration::from_millis(ttl_ms).clamp(MIN_TTL, MAX_TTL)
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Leases {
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    pub(super) fn contains(&self, id: NonZeroU64) -> bool {
        self.states.contains_key(&id)
    }

    pub(super) fn insert(&mut self, id: NonZeroU64, ttl: Duration, expires: Duration) {
        self.states.insert(
            id,
            State {
                ttl,
                expires,
                names: BTreeSet::new(),
            },
        );
        self.due.insert((expires, id));
    }

    /// Removes a lease on which nothing hangs any more; answers its time to live and its end.
    pub(super) fn remove(&mut self, id: NonZeroU64) -> Option<(Duration, Duration)> {
        let state = self.states.remove(&id)?;
        self.due.remove(&(state.expires, id));
        Some((state.ttl, state.expires))
    }

    /// Gives a lease its full time again, unless its time is over.
    pub(super) fn renew(&mut self, id: NonZeroU64, now: Duration) -> Option<Duration> {
        let state = self
            .states
            .get_mut(&id)
            .filter(|state| state.expires > now)?;
        self.due.remove(&(state.expires, id));
        state.expires = now + state.ttl;
        self.due.insert((state.expires, id));
        Some(state.ttl)
    }

    /// How long a lease still lasts; `None` when its time is over.
    pub(super) fn remaining(&self, id: NonZeroU64, now: Duration) -> Option<Duration> {
        let state = self.states.get(&id)?;
        state
            .expires
            .checked_sub(now)
            .filter(|remaining| !remaining.is_zero())
    }

    pub(super) fn next_expiry(&self) -> Option<Duration> {
        self.due.first().map(|(expires, _)| *expires)
    }

    pub(super) fn overdue(&self, now: Duration) -> Option<NonZeroU64> {
        self.due
            .first()
            .filter(|(expires, _)| *expires <= now)
            .map(|(_, id)| *id)
    }

    /// The names that hang on a lease.
    pub(super) fn names(&self, id: NonZeroU64) -> Vec<Arc<str>> {
        self.states
            .get(&id)
            .map(|state| state.names.iter().cloned().collect())
            .unwrap_or_default()
    }

    pub(super) fn hang(&mut self, id: NonZeroU64, name: &Arc<str>) {
        if let Some(state) = self.states.get_mut(&id) {
            state.names.insert(name.clone());
        }
    }

    pub(super) fn unhang(&mut self, id: NonZeroU64, name: &str) {
        if let Some(state) = self.states.get_mut(&id) {
            state.names.remove(name);
        }
    }
}

impl LeaseIds {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The next id that is not taken. The finalizer of SplitMix64 maps distinct inputs to distinct
    /// ids, so an id comes again only after 2^64 others.
    pub(super) fn next(&mut self, taken: impl Fn(NonZeroU64) -> bool) -> NonZeroU64 {
        loop {
            self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut id = self.seed;
            id = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            id = (id ^ (id >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            id ^= id >> 31;
            if let Some(id) = NonZeroU64::new(id).filter(|id| !taken(*id)) {
                return id;
            }
        }
    }
}
