//! Trivial items: what it costs to have an item done elsewhere.

use std::time::{Duration, Instant};

use super::{Threads, Workers, check};
use crate::client::Client;
use crate::figure::Figure;
use crate::peers::python::Mapping;
use crate::peers::{self, PeerName};
use crate::scenarios::Room;

const WORKERS: usize = 2;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Trivial;

impl Room for Trivial {
    fn measures(&self, peer: PeerName) -> bool {
        items_in_a_second(peer).is_some()
    }

    fn may_be_pinned(&self) -> bool {
        false
    }

    fn serve(&self, peer: PeerName, part: &str) -> anyhow::Result<()> {
        match peer {
            PeerName::Farcall => super::serve(part, WORKERS, Threads::Default),
            // The others start their workers themselves.
            _ => peers::runtime()?.block_on(peers::ready("none")),
        }
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        let rate = items_in_a_second(client.peer).unwrap_or_default();
        let items = (rate as f64 * client.time.as_secs_f64()) as u64;
        let (warm_up, items) = (items / 10 + 1, items + 1);
        let took = tokio::runtime::Runtime::new()?.block_on(async {
            if client.peer == PeerName::Farcall {
                let workers = Workers::connect(client).await?;
                squares(&workers, warm_up).await?;
                return squares(&workers, items).await;
            }
            let mut mapping = Mapping::start(client.peer).await?;
            mapping.squares(warm_up).await?;
            mapping.squares(items).await
        })?;
        let rate = items as f64 / took.as_secs_f64();
        Ok(vec![Figure::new("items_per_s", rate, "1/s")])
    }
}

/// About how many items a peer does in a second, so that a map takes about as long as asked for; of those who map.
fn items_in_a_second(peer: PeerName) -> Option<u64> {
    match peer {
        PeerName::Farcall | PeerName::Pool => Some(1_000_000),
        PeerName::Pool1 => Some(40_000),
        PeerName::Ray => Some(2_000),
        PeerName::Celery => Some(400),
        _ => None,
    }
}

async fn squares(workers: &Workers, items: u64) -> anyhow::Result<Duration> {
    let items = items.cast_signed();
    let start = Instant::now();
    let map = workers.fleet.map(0..items, |worker, n| worker.process(n));
    let squares = map.await?;
    let took = start.elapsed();
    check(&squares, items)?;
    Ok(took)
}
