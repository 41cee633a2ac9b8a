//! How long calls take: a histogram that forgets, for the 95th percentile. Pure.

use std::time::Duration;

/// Buckets to a doubling of the time: the percentile is right to a fifth.
const PER_DOUBLING: f64 = 4.0;

/// Enough for 1 µs to 10 min.
const BUCKETS: usize = 120;

/// Calls after which old ones count half.
const HALF_AFTER: u32 = 2_000;

/// Before so many calls nothing is known.
const FEWEST: u32 = 20;

/// Latencies, the newest the heaviest.
#[derive(Clone, Debug)]
pub(super) struct Digest {
    counts: Vec<u32>,
    total: u32,
}

impl Default for Digest {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            total: 0,
        }
    }
}

impl Digest {
    pub(super) fn note(&mut self, took: Duration) {
        if let Some(count) = self.counts.get_mut(bucket(took)) {
            *count += 1;
        }
        self.total += 1;
        if self.total >= HALF_AFTER {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
        }
    }

    /// The time that 95 of 100 calls do not exceed.
    pub(super) fn p95(&self) -> Option<Duration> {
        if self.total < FEWEST {
            return None;
        }
        let mut left = self.total - self.total / 20;
        let place = self.counts.iter().position(|count| {
            left = left.saturating_sub(*count);
            left == 0
        })?;
        Some(end(place))
    }
}

fn bucket(took: Duration) -> usize {
    let micros = (took.as_secs_f64() * 1e6).max(1.0);
    ((micros.log2() * PER_DOUBLING) as usize).min(BUCKETS - 1)
}

/// Where a bucket ends.
fn end(bucket: usize) -> Duration {
    Duration::from_secs_f64(((bucket + 1) as f64 / PER_DOUBLING).exp2() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn it_finds_what_95_of_100_do_not_exceed() {
        let mut digest = Digest::default();
        for _ in 0..9 {
            digest.note(MS);
        }
        assert_eq!(digest.p95(), None);
        for n in 0..1000 {
            digest.note(if n % 100 < 96 { MS } else { 100 * MS });
        }
        let p95 = digest.p95().unwrap();
        assert!((MS..MS * 5 / 4).contains(&p95), "{p95:?}");
        for n in 0..4000 {
            digest.note(if n % 100 < 90 { MS } else { 100 * MS });
        }
        let p95 = digest.p95().unwrap();
        assert!((100 * MS..125 * MS).contains(&p95), "{p95:?}");
    }

    #[test]
    fn any_time_has_its_bucket() {
        let mut digest = Digest::default();
        for took in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            for _ in 0..FEWEST {
                digest.note(took);
            }
        }
        assert!(digest.p95().is_some());
    }
}
