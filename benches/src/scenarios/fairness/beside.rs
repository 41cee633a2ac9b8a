//! A cheap call beside long computations that go over the same connection.

use anyhow::Context;
use tokio::task::JoinSet;

use super::{Slowest, WARM_UP, connect, latencies};
use crate::client::Client;
use crate::figure::Figure;
use crate::peers::PeerName;
use crate::scenarios::Room;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside;

impl Room for Beside {
    fn measures(&self, peer: PeerName) -> bool {
        peer == PeerName::Farcall
    }

    fn may_be_pinned(&self) -> bool {
        false
    }

    fn serve(&self, _peer: PeerName, _part: &str) -> anyhow::Result<()> {
        super::serve(0)
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        tokio::runtime::Runtime::new()?.block_on(async {
            let proxy = connect(client.address()).await?;
            latencies(&proxy, WARM_UP).await?;
            let idle = Slowest::of(latencies(&proxy, client.time).await?);
            let mut computing = JoinSet::new();
            for _ in 0..2 * std::thread::available_parallelism()?.get() {
                let proxy = proxy.clone();
                computing.spawn(async move {
                    loop {
                        if let Err(e) = proxy.compute().await {
                            return e;
                        }
                    }
                });
            }
            latencies(&proxy, WARM_UP).await?;
            let busy = Slowest::of(latencies(&proxy, client.time).await?);
            if let Some(ended) = computing.try_join_next() {
                return Err(ended?).context("a computation failed");
            }
            let mut figures = [idle.figures("idle"), busy.figures("busy")].concat();
            figures.push(busy.ratio("ratio", &idle));
            Ok(figures)
        })
    }
}
