//! Which member gets the next call: the policies, and the trait for one's own. Pure.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A member that may get the next call.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many items it has in flight from this fleet.
    pub in_flight: usize,
    /// How long an item takes there, in seconds, as a peak EWMA over 10 s; `None` until one ended.
    pub latency: Option<f64>,
    /// Its share among the others, 1 unless its metadata has a tag `weight=W`; less while it is new.
    pub weight: f64,
    /// Its zone, from a tag `zone=Z` of its metadata.
    pub zone: Option<&'a str>,
}

/// A policy.
pub trait Balance: Debug + Send + Sync + 'static {
    /// The place of the member that gets the next call, among one or more candidates. `key` is given by
    /// [`call_for`](super::Fleet::call_for). A place that does not exist means the first.
    fn pick(&self, candidates: &[Candidate<'_>], key: Option<u64>) -> usize;
}

/// The less loaded one of two random members; the load is calls in flight times peak-EWMA latency. The default.
///
/// "The power of two choices in randomized load balancing" (Mitzenmacher, 2001); the load is Finagle's.
#[derive(Clone, Copy, Debug, Default)]
pub struct PowerOfTwo;

impl Balance for PowerOfTwo {
    fn pick(&self, candidates: &[Candidate<'_>], _key: Option<u64>) -> usize {
        let count = candidates.len();
        if count < 2 {
            return 0;
        }
        let one = fastrand::usize(..count);
        let other = (one + fastrand::usize(1..count)) % count;
        match (candidates.get(one), candidates.get(other)) {
            (Some(a), Some(b)) if load(a, b) <= load(b, a) => one,
            _ => other,
        }
    }
}

/// A member nobody knows yet is taken to be as fast as the other one.
fn load(this: &Candidate<'_>, other: &Candidate<'_>) -> f64 {
    let latency = this.latency.or(other.latency).unwrap_or(1.0);
    (this.in_flight + 1) as f64 * latency / this.weight
}

/// The member with the fewest calls in flight for its weight; any of them where several have as few.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeastOutstanding;

impl Balance for LeastOutstanding {
    fn pick(&self, candidates: &[Candidate<'_>], _key: Option<u64>) -> usize {
        let start = fastrand::usize(..candidates.len().max(1));
        let load = |place: usize| {
            let candidate = candidates.get(place);
            candidate.map_or(f64::MAX, |c| c.in_flight as f64 / c.weight)
        };
        let places = (start..candidates.len()).chain(0..start);
        places
            .min_by(|a, b| load(*a).total_cmp(&load(*b)))
            .unwrap_or(0)
    }
}

/// Each member in its turn, twice as often where the weight is twice as much.
#[derive(Debug, Default)]
pub struct RoundRobin(AtomicUsize);

impl Balance for RoundRobin {
    fn pick(&self, candidates: &[Candidate<'_>], _key: Option<u64>) -> usize {
        let turn = self.0.fetch_add(1, Ordering::Relaxed);
        let even = candidates
            .windows(2)
            .all(|two| matches!(two, [a, b] if a.weight == b.weight));
        if even {
            return turn % candidates.len().max(1);
        }
        // Turns walk along the weights in steps of the golden ratio, which spreads them evenly.
        let all: f64 = candidates.iter().map(|c| c.weight).sum();
        let mut at = (turn as f64 * 0.618_033_988_749_894_9).fract() * all;
        let place = candidates.iter().position(|c| {
            at -= c.weight;
            at < 0.0
        });
        place.unwrap_or(0)
    }
}

/// The member that the key belongs to: always the same one while it is there, and when it goes only its keys move. Calls
/// without a key go anywhere.
///
/// Rendezvous hashing (Thaler and Ravishankar, 1998), weighted by the logarithmic method.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rendezvous;

impl Balance for Rendezvous {
    fn pick(&self, candidates: &[Candidate<'_>], key: Option<u64>) -> usize {
        let Some(key) = key else {
            return PowerOfTwo.pick(candidates, None);
        };
        let score = |candidate: &Candidate<'_>| {
            // From 0 to 1, neither included.
            let drawn = (mixed(key, candidate.name) >> 11) as f64 / (1_u64 << 53) as f64;
            -candidate.weight / drawn.clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON).ln()
        };
        let best = candidates
            .iter()
            .enumerate()
            .max_by(|(_, a), (_, b)| score(a).total_cmp(&score(b)));
        best.map_or(0, |(place, _)| place)
    }
}

/// A number that depends on all bits of both, the same in every process: FNV-1a, finished by SplitMix64.
fn mixed(key: u64, name: &str) -> u64 {
    let mut hash = Fnv(key ^ 0xcbf2_9ce4_8422_2325);
    name.hash(&mut hash);
    let mut z = hash.finish().wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The key of a value, the same in every process of the same build.
pub(super) fn key(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    value.hash(&mut hash);
    hash.finish()
}

struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Members of one zone, while there are any that may be called; else all. Another policy picks among them.
#[derive(Clone, Debug)]
pub struct PreferZone<B> {
    zone: String,
    among: B,
}

impl<B: Balance> PreferZone<B> {
    /// Prefers `zone`; `among` picks there.
    pub fn new(zone: impl Into<String>, among: B) -> Self {
        Self {
            zone: zone.into(),
            among,
        }
    }
}

impl<B: Balance> Balance for PreferZone<B> {
    fn pick(&self, candidates: &[Candidate<'_>], key: Option<u64>) -> usize {
        let near: Vec<usize> = (0..candidates.len())
            .filter(|place| candidates.get(*place).and_then(|c| c.zone) == Some(&self.zone))
            .collect();
        if near.is_empty() || near.len() == candidates.len() {
            return self.among.pick(candidates, key);
        }
        let chosen: Vec<Candidate<'_>> = near
            .iter()
            .filter_map(|place| candidates.get(*place).copied())
            .collect();
        let picked = self.among.pick(&chosen, key);
        near.get(picked).or(near.first()).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
