//! Words in lines of text: what `distributed-computing2` counts.

use std::collections::BTreeMap;
use std::time::Duration;

/// The name of the dispatcher.
pub const DISPATCHER: &str = "example.dc2.dispatcher";

/// What the names of all counters begin with.
pub const COUNTERS: &str = "example.dc2.wordcount.";

/// How many lines a counter gets at a time.
pub const CHUNK_LINES: usize = 200;

/// After how many lines a counter pauses.
pub const LINES_PER_PAUSE: usize = 10;

/// Words shorter than this are not counted.
const SHORTEST_WORD: usize = 4;

/// How often there is each word.
pub type Counts = BTreeMap<String, u64>;

/// Counts words.
#[farcall::remote]
pub trait LineCounter {
    /// Counts the longer words of some lines.
    #[idempotent]
    async fn count(&self, lines: Vec<String>) -> Counts;
}

/// Has words counted by many.
#[farcall::remote]
pub trait CountDispatcher {
    /// Counts the longer words of a text, with all counters there are.
    #[idempotent]
    async fn count(&self, lines: Vec<String>) -> Result<Counts, String>;
}

/// Adds the words of some lines to `counts`.
pub fn count(lines: &[String], counts: &mut Counts) {
    let words = lines
        .iter()
        .flat_map(|line| line.split(|c: char| !c.is_alphabetic()))
        .filter(|word| word.chars().count() >= SHORTEST_WORD);
    for word in words {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
}

/// Counts some lines as slowly as it is told to, so that many counters can be seen to be faster than one.
pub async fn count_slowly(lines: &[String], pause: Duration) -> Counts {
    let mut counts = Counts::new();
    for some in lines.chunks(LINES_PER_PAUSE) {
        count(some, &mut counts);
        tokio::time::sleep(pause).await;
    }
    counts
}

/// Adds up counts.
pub fn sum(all: impl IntoIterator<Item = Counts>) -> Counts {
    let mut sum = Counts::new();
    for (word, count) in all.into_iter().flatten() {
        *sum.entry(word).or_default() += count;
    }
    sum
}
