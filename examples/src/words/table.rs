//! How often each word occurs: a hash table that allocates per new word at most, never per occurrence.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Words of up to this many letters are kept in a number.
const SHORT_BYTES: usize = 16;

/// Words and their counts.
#[derive(Debug, Default)]
pub(super) struct Table {
    short: HashMap<u128, u64, Folding>,
    long: HashMap<Box<[u8]>, u64>,
}

impl Table {
    /// Counts one occurrence of a word of up to 16 letters, packed by [`pack`].
    pub(super) fn add_short(&mut self, packed: u128) {
        *self.short.entry(packed).or_default() += 1;
    }

    /// Counts `times` occurrences of a word that is in lower case already.
    pub(super) fn add(&mut self, word: &[u8], times: u64) {
        let count = if word.len() <= SHORT_BYTES {
            self.short
                .entry(word.iter().fold(0, |packed, &letter| pack(packed, letter)))
                .or_default()
        } else if let Some(count) = self.long.get_mut(word) {
            count
        } else {
            self.long.entry(word.into()).or_default()
        };
        *count = count.saturating_add(times);
    }

    /// Moves everything that `other` holds here.
    pub(super) fn merge(&mut self, other: Self) {
        for (packed, times) in other.short {
            let count = self.short.entry(packed).or_default();
            *count = count.saturating_add(times);
        }
        for (word, times) in other.long {
            let count = self.long.entry(word).or_default();
            *count = count.saturating_add(times);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.short.clear();
        self.long.clear();
    }

    /// The words and their counts, in no order.
    pub(super) fn into_counts(self) -> Vec<(String, u64)> {
        let short = self
            .short
            .into_iter()
            .map(|(packed, count)| (unpack(packed), count));
        let long = self
            .long
            .into_iter()
            .map(|(word, count)| (text(&word), count));
        short.chain(long).collect()
    }
}

/// One more letter of a packed word: no letter is 0, so the number tells the length too.
pub(super) fn pack(packed: u128, letter: u8) -> u128 {
    packed << 8 | u128::from(letter)
}

fn unpack(packed: u128) -> String {
    let bytes = packed.to_be_bytes();
    let unused = packed.leading_zeros() as usize / 8;
    text(bytes.get(unused..).unwrap_or_default())
}

fn text(letters: &[u8]) -> String {
    letters.iter().copied().map(char::from).collect()
}

/// Hashes packed words by one multiplication, with keys of this run, so that no file can be made to collide.
#[derive(Clone, Debug)]
struct Folding {
    low: u64,
    high: u64,
}

impl Default for Folding {
    fn default() -> Self {
        let random = RandomState::new();
        Self {
            low: random.hash_one(0),
            high: random.hash_one(1),
        }
    }
}

impl BuildHasher for Folding {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded {
            keys: self.clone(),
            hash: 0,
        }
    }
}

struct Folded {
    keys: Folding,
    hash: u64,
}

impl Hasher for Folded {
    #[inline]
    fn write_u128(&mut self, packed: u128) {
        let low = packed as u64 ^ self.keys.low ^ self.hash;
        let high = (packed >> 64) as u64 ^ self.keys.high;
        let product = u128::from(low) * u128::from(high);
        self.hash = product as u64 ^ (product >> 64) as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u128(u128::from(byte));
        }
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}
