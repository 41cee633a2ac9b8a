//! The most frequent words as a map-reduce: workers count, combine, and give the top of what is theirs.

use std::cmp::Reverse;

use farcall::map_reduce::MapReduce;
use serde::{Deserialize, Serialize};

use super::{Chunk, count};

/// How many of the most frequent words are kept.
pub const MAX_TOP: usize = 1_000;

/// Counts words; one input is one job of a [`plan`](super::plan).
#[derive(Clone, Copy, Debug)]
pub struct WordCount;

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Found {
    /// A word, and how often it occurs.
    Word(String),
    /// A file that is left out, wholly or in part, and why.
    Skipped(String),
    /// The bytes that were read.
    Bytes,
}

/// What some of the words come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopWords {
    /// Words.
    pub words: u64,
    /// Different words.
    pub distinct: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// The most frequent words, at most [`MAX_TOP`], then by word.
    pub top: Vec<(String, u64)>,
    /// What was left out, and why.
    pub skipped: Vec<String>,
}

impl TopWords {
    fn cut(&mut self) {
        self.top
            .sort_unstable_by(|a, b| Reverse(a.1).cmp(&Reverse(b.1)).then_with(|| a.0.cmp(&b.0)));
        self.top.truncate(MAX_TOP);
    }
}

impl MapReduce for WordCount {
    type Input = Vec<Chunk>;
    type Key = Found;
    type Value = u64;
    type Output = TopWords;

    fn map(&self, job: Vec<Chunk>, emit: &mut dyn FnMut(Found, u64)) {
        let counted = count(&job);
        for (word, times) in counted.counts {
            emit(Found::Word(word), times);
        }
        for skipped in counted.skipped {
            emit(Found::Skipped(skipped.to_string()), 1);
        }
        emit(Found::Bytes, counted.bytes);
    }

    fn combine(&self, _: &Found, so_far: &mut u64, next: u64) {
        *so_far = so_far.saturating_add(next);
    }

    fn finish(&self, partition: impl Iterator<Item = (Found, u64)>) -> TopWords {
        let mut all = TopWords::default();
        for (found, times) in partition {
            match found {
                Found::Word(word) => {
                    all.words = all.words.saturating_add(times);
                    all.distinct += 1;
                    all.top.push((word, times));
                }
                Found::Skipped(file) => all.skipped.push(file),
                Found::Bytes => all.bytes = times,
            }
        }
        all.cut();
        all
    }

    fn merge(&self, mut first: TopWords, second: TopWords) -> TopWords {
        first.words = first.words.saturating_add(second.words);
        first.distinct += second.distinct;
        first.bytes += second.bytes;
        first.top.extend(second.top);
        first.skipped.extend(second.skipped);
        first.cut();
        first
    }
}
