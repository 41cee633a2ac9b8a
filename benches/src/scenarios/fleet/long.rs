//! More items than anybody wants in memory: what a caller holds who takes results one by one.

use std::time::{Duration, Instant};

use futures_util::StreamExt;

use super::{Threads, Workers};
use crate::client::Client;
use crate::figure::Figure;
use crate::peers::PeerName;
use crate::scenarios::Room;

const WORKERS: usize = 2;
const ITEMS: i64 = 10_000_000;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Long;

impl Room for Long {
    fn measures(&self, peer: PeerName) -> bool {
        peer == PeerName::Farcall
    }

    /// Memory does not change from round to round.
    fn rounds(&self, _asked: u32) -> u32 {
        1
    }

    fn may_be_pinned(&self) -> bool {
        false
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(600)
    }

    fn serve(&self, _peer: PeerName, part: &str) -> anyhow::Result<()> {
        super::serve(part, WORKERS, Threads::Default)
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        tokio::runtime::Runtime::new()?.block_on(async {
            let workers = Workers::connect(client).await?;
            let start = Instant::now();
            let mut squares = workers.fleet.imap(0..ITEMS, |worker, n| worker.process(n));
            let (mut count, mut sum) = (0, 0);
            while let Some(square) = squares.next().await {
                count += 1;
                sum += i128::from(square?);
            }
            let seconds = start.elapsed().as_secs_f64();
            anyhow::ensure!(count == ITEMS, "{count} results of {ITEMS} items");
            anyhow::ensure!(sum == sum_of_squares(ITEMS), "a wrong sum: {sum}");
            let peak = client.own.peak_kib()? * 1024.0 / 1e6;
            Ok(vec![
                Figure::new("peak", peak, "MB"),
                Figure::new("items_per_s", ITEMS as f64 / seconds, "1/s"),
            ])
        })
    }
}

/// Of the numbers below this one.
fn sum_of_squares(below: i64) -> i128 {
    let n = i128::from(below);
    (n - 1) * n * (2 * n - 1) / 6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_squares() {
        assert_eq!(sum_of_squares(0), 0);
        assert_eq!(sum_of_squares(4), 1 + 4 + 9);
    }
}
