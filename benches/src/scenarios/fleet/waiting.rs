//! Items that wait: how near the fleet comes to what its workers could do at best.

use std::time::{Duration, Instant};

use super::{Threads, WAIT, Waits, Workers, check};
use crate::client::Client;
use crate::figure::Figure;
use crate::peers::PeerName;
use crate::scenarios::Room;

/// Items of one worker while the others do nothing.
const ALONE: i64 = 200;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(in crate::scenarios) workers: usize,
}

impl Room for Waiting {
    fn measures(&self, peer: PeerName) -> bool {
        peer == PeerName::Farcall
    }

    fn may_be_pinned(&self) -> bool {
        false
    }

    fn serve(&self, _peer: PeerName, part: &str) -> anyhow::Result<()> {
        super::serve(part, self.workers, Threads::One)
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        tokio::runtime::Runtime::new()?.block_on(async {
            let workers = Workers::connect(client).await?;
            let alone = alone(&workers).await?;
            workers.warm_up().await?;
            // So many that the best a fleet could do takes about as long as asked for.
            let of_each = client.time.as_secs_f64() / WAIT.as_secs_f64();
            let items = of_each.max(1.0) as i64 * self.workers as i64;
            let before = workers.waits().await?;
            let start = Instant::now();
            let map = workers.fleet.map(0..items, |worker, n| worker.wait(n));
            let squares = map.await?;
            let took = start.elapsed();
            check(&squares, items)?;
            let busy = workers.waits().await?.since(before).mean();
            let share = |item: Duration| {
                let best = item.as_secs_f64() * items as f64 / self.workers as f64;
                best / took.as_secs_f64()
            };
            let us = |item: Duration| item.as_secs_f64() * 1e6;
            Ok(vec![
                Figure::new("share", share(alone), "of ideal"),
                Figure::new("share_busy", share(busy), "of ideal"),
                Figure::new("item", us(alone), "us"),
                Figure::new("item_busy", us(busy), "us"),
                Figure::new("items_per_s", items as f64 / took.as_secs_f64(), "1/s"),
            ])
        })
    }
}

/// What an item takes in one process, as that process sees it, while nobody else is at work.
async fn alone(workers: &Workers) -> anyhow::Result<Duration> {
    let worker = workers.odd_one();
    let before = Waits::of(worker).await?;
    for n in 0..ALONE {
        anyhow::ensure!(worker.wait(n).await? == n * n, "a wrong answer");
    }
    Ok(Waits::of(worker).await?.since(before).mean())
}
