//! What a caller feels of others: the slowest of a hundred calls alone, and beside those who ask much.
//!
//! Both ends run as a program of a user would, with tokio's default runtime and on all cores.

mod beside;
mod flood;
mod pieces;
mod relay;

use std::time::{Duration, Instant};

use bytes::Bytes;
use farcall::{Connections, Daemon, Remote};

use crate::figure::{Figure, percentile};
use crate::peers::{self, farcall::Plain, farcall::Squarer};

pub(crate) use beside::Beside;
pub(crate) use flood::Flood;
pub(crate) use pieces::Pieces;

/// Calls that are not counted, first: in them a plain `fn` shows that it is cheap.
const WARM_UP: Duration = Duration::from_millis(200);

#[farcall::remote]
trait Mixed {
    /// Cheap.
    fn process(&self, data: i64) -> i64;
    /// As much work as one core does in 50 ms when it does nothing else.
    fn compute(&self) -> u64;
    /// What it got.
    fn echo(&self, data: Bytes) -> Bytes;
    /// How many bytes it got.
    fn length(&self, data: Bytes) -> u64;
    /// The blob that the daemon holds.
    fn blob(&self) -> Bytes;
}

struct Mixture {
    /// Rounds of `work` in `compute`.
    rounds: u64,
    blob: Bytes,
}

impl Mixed for Mixture {
    fn process(&self, data: i64) -> i64 {
        data * data
    }
    fn compute(&self) -> u64 {
        work(self.rounds)
    }
    fn echo(&self, data: Bytes) -> Bytes {
        data
    }
    fn length(&self, data: Bytes) -> u64 {
        data.len() as u64
    }
    fn blob(&self) -> Bytes {
        self.blob.clone()
    }
}

/// Something that cannot be computed faster than step by step.
fn work(rounds: u64) -> u64 {
    (0..rounds).fold(1, |n: u64, step| {
        std::hint::black_box(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step))
    })
}

/// How many rounds of `work` take this long on a core of their own: by the best of some tries, which nobody disturbed.
fn rounds_in(time: Duration) -> u64 {
    const TRY: u64 = 1_000_000;
    let tries = (0..10).map(|_| {
        let start = Instant::now();
        std::hint::black_box(work(std::hint::black_box(TRY)));
        start.elapsed()
    });
    let best = tries.min().unwrap_or(time).max(Duration::from_nanos(1));
    (TRY as f64 * time.as_secs_f64() / best.as_secs_f64()) as u64
}

/// A daemon as a user would start it, which holds a blob of so many bytes.
fn serve(blob: usize) -> anyhow::Result<()> {
    let blob = Bytes::from(vec![7; blob]);
    tokio::runtime::Runtime::new()?.block_on(async {
        let daemon = Daemon::bind("127.0.0.1:0").await?;
        let rounds = rounds_in(Duration::from_millis(50));
        daemon.register("mixed", Mixed::serve(Mixture { rounds, blob }))?;
        daemon.register("plain", Plain::serve(Squarer))?;
        peers::ready(&daemon.address().to_string()).await
    })
}

/// A connection of its own.
async fn connect(address: &str) -> anyhow::Result<MixedProxy> {
    let uri = format!("far:mixed@{address}");
    let own = Connections::new();
    let remote = Remote::connect_with(&own, &uri, MixedProxy::descriptor()).await?;
    Ok(MixedProxy::over(remote))
}

/// How long cheap calls took, one after the other for that time, in nanoseconds.
async fn latencies(proxy: &MixedProxy, time: Duration) -> anyhow::Result<Vec<u64>> {
    let (mut latencies, start) = (Vec::new(), Instant::now());
    while start.elapsed() < time {
        let began = Instant::now();
        anyhow::ensure!(proxy.process(3).await? == 9, "a wrong answer");
        latencies.push(began.elapsed().as_nanos() as u64);
    }
    Ok(latencies)
}

/// What the slowest of them took.
struct Slowest {
    p99_us: f64,
    /// A caller that waits for each answer makes few calls while it is held up: what holds it up shows here first.
    p999_us: f64,
}

impl Slowest {
    fn of(mut latencies: Vec<u64>) -> Self {
        let mut us = |share| percentile(&mut latencies, share).unwrap_or_default() as f64 / 1000.0;
        Self {
            p99_us: us(0.99),
            p999_us: us(0.999),
        }
    }

    fn figures(&self, when: &str) -> [Figure; 2] {
        [
            Figure::new(format!("{when}_p99"), self.p99_us, "us"),
            Figure::new(format!("{when}_p999"), self.p999_us, "us"),
        ]
    }

    /// How much longer than in another time.
    fn ratio(&self, metric: &str, idle: &Self) -> Figure {
        Figure::new(metric, self.p99_us / idle.p99_us, "x idle")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_work_has_more_rounds() {
        assert!(rounds_in(Duration::from_millis(50)) > rounds_in(Duration::from_millis(1)));
    }
}
