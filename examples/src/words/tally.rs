//! Adds up what the jobs of a plan counted: each job once, and of each file all or nothing.

use std::cmp::Reverse;

use super::table::Table;
use super::{Counted, Plan, Skipped};

/// The sum so far.
#[derive(Debug)]
pub struct Tally {
    figures: Figures,
    files: u64,
    skipped: Vec<Skipped>,
    /// Of each job: its number of files, the large file it is a range of, and whether it was added.
    jobs: Vec<(u64, Option<usize>, Added)>,
    /// Of each large file: what its ranges counted, until all are in.
    large: Vec<Large>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Added {
    No,
    Yes,
}

#[derive(Debug)]
struct Large {
    left: u64,
    figures: Figures,
    failed: Option<Skipped>,
}

#[derive(Debug, Default)]
struct Figures {
    table: Table,
    words: u64,
    bytes: u64,
}

/// What was counted in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Words.
    pub words: u64,
    /// Different words.
    pub distinct: u64,
    /// Files, without the skipped ones.
    pub files: u64,
    /// Bytes, without those of skipped files.
    pub bytes: u64,
    /// The words and how often they occur, most frequent first, then by word.
    pub counts: Vec<(String, u64)>,
    /// What was left out, and why.
    pub skipped: Vec<Skipped>,
}

impl Tally {
    /// Expects the answers to the jobs of `plan`.
    pub fn new(plan: &Plan) -> Self {
        let large = |&left: &u64| Large {
            left,
            figures: Figures::default(),
            failed: None,
        };
        Self {
            figures: Figures::default(),
            files: 0,
            skipped: plan.skipped.clone(),
            jobs: plan
                .jobs
                .iter()
                .map(|job| (job.chunks.len() as u64, job.range_of, Added::No))
                .collect(),
            large: plan.ranges.iter().map(large).collect(),
        }
    }

    /// Adds what the job at `position` of the plan counted; a second answer to the same job changes nothing.
    pub fn add(&mut self, position: usize, counted: Counted) {
        let Some((files, range_of, added)) = self.jobs.get_mut(position) else {
            return;
        };
        if std::mem::replace(added, Added::Yes) == Added::Yes {
            return;
        }
        match range_of.and_then(|file| self.large.get_mut(file)) {
            None => {
                self.files += files.saturating_sub(counted.skipped.len() as u64);
                self.figures.add(&counted);
                self.skipped.extend(counted.skipped);
            }
            Some(large) => {
                large.add(&counted);
                if large.left == 0 {
                    let figures = std::mem::take(&mut large.figures);
                    match large.failed.take() {
                        Some(failed) => self.skipped.push(failed),
                        None => {
                            self.files += 1;
                            self.figures.merge(figures);
                        }
                    }
                }
            }
        }
    }

    /// Takes the sum out, when all answers are in.
    pub fn finish(&mut self) -> Summary {
        let figures = std::mem::take(&mut self.figures);
        let mut counts = figures.table.into_counts();
        counts.sort_unstable_by(|a, b| Reverse(a.1).cmp(&Reverse(b.1)).then_with(|| a.0.cmp(&b.0)));
        Summary {
            words: figures.words,
            distinct: counts.len() as u64,
            files: std::mem::take(&mut self.files),
            bytes: figures.bytes,
            counts,
            skipped: std::mem::take(&mut self.skipped),
        }
    }
}

impl Large {
    fn add(&mut self, counted: &Counted) {
        self.left = self.left.saturating_sub(1);
        if let Some(skipped) = counted.skipped.first() {
            self.failed = Some(skipped.clone());
            self.figures = Figures::default();
        } else if self.failed.is_none() {
            self.figures.add(counted);
        }
    }
}

impl Figures {
    fn add(&mut self, counted: &Counted) {
        for (word, times) in &counted.counts {
            self.table.add(word.as_bytes(), *times);
        }
        self.words = self.words.saturating_add(counted.words);
        self.bytes = self.bytes.saturating_add(counted.bytes);
    }

    fn merge(&mut self, other: Self) {
        self.table.merge(other.table);
        self.words = self.words.saturating_add(other.words);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}
