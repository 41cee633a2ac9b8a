//! References that are handed out and given back: what both ends hold before, meanwhile and after.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Held, serve, uri};
use crate::client::Client;
use crate::figure::Figure;
use crate::peers::{self, PeerName};
use crate::run::Pair;
use crate::scenarios::Room;

/// References of one list, and lists that are held at a time.
const LIST: u32 = 1000;
const LISTS: usize = 100;

/// Lists first, so that buffers and tables that any use makes are there already.
const WARM_UP_LISTS: usize = 10;

/// Part: what is freed goes back to the operating system, so that the memory of a process is what it holds.
const HELD: &str = "held";

/// Part: glibc's allocator as it is, which keeps what is freed as long as anything near the top of its heap is in use.
const CACHED: &str = "cached";

/// Has glibc's allocator keep nothing.
const KEEP_NOTHING: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0:glibc.malloc.trim_threshold=4096:glibc.malloc.top_pad=0",
);

#[farcall::remote]
trait Token {
    fn number(&self) -> u64;
}

#[farcall::remote]
trait Mint {
    fn tokens(&self, many: u32) -> Vec<TokenProxy>;
    /// How many there are that somebody holds.
    fn alive(&self) -> u64;
}

#[derive(Default)]
struct Works {
    alive: Arc<AtomicU64>,
}

/// Counts how many of its kind there are.
struct Piece {
    number: u64,
    alive: Arc<AtomicU64>,
}

impl Token for Piece {
    fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Mint for Works {
    fn tokens(&self, many: u32) -> Vec<TokenProxy> {
        let piece = |_| {
            let number = self.alive.fetch_add(1, Ordering::Relaxed);
            let alive = Arc::clone(&self.alive);
            TokenProxy::local(Piece { number, alive })
        };
        (0..many).map(piece).collect()
    }

    fn alive(&self) -> u64 {
        self.alive.load(Ordering::Relaxed)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct References;

impl Room for References {
    fn measures(&self, peer: PeerName) -> bool {
        peer == PeerName::Farcall
    }

    fn environment(&self, part: &str) -> &'static [(&'static str, &'static str)] {
        match part {
            HELD => &[KEEP_NOTHING],
            _ => &[],
        }
    }

    fn round(&self, pair: &Pair<'_>) -> anyhow::Result<Vec<Figure>> {
        let mut figures = pair.measure(HELD)?;
        let cached = pair.measure(CACHED)?;
        figures.extend(cached.into_iter().filter_map(|figure| {
            let metric = figure.metric.strip_suffix("_ratio")?;
            let metric = format!("{metric}_ratio_cached");
            Some(Figure { metric, ..figure })
        }));
        Ok(figures)
    }

    fn serve(&self, _peer: PeerName, _part: &str) -> anyhow::Result<()> {
        serve(|| Works::default().serve())
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        peers::runtime()?.block_on(async {
            let mint = MintProxy::connect(&uri(client)).await?;
            drop(hold(&mint, WARM_UP_LISTS).await?);
            given_back(&mint).await?;
            let before = Held::now(client)?;
            let lists = hold(&mint, LISTS).await?;
            let held = Held::now(client)?;
            drop(lists);
            given_back(&mint).await?;
            let after = Held::now(client)?;
            let mut figures = [("before", before), ("held", held), ("after", after)]
                .map(|(when, memory)| memory.figures(when))
                .concat();
            let ratio = |end, after: f64, before: f64| Figure::new(end, after / before, "x before");
            figures.push(ratio("server_ratio", after.server, before.server));
            figures.push(ratio("client_ratio", after.client, before.client));
            Ok(figures)
        })
    }
}

/// Gets references, and calls as many of them as one list has, from all over.
async fn hold(mint: &MintProxy, lists: usize) -> anyhow::Result<Vec<Vec<TokenProxy>>> {
    let mut held = Vec::with_capacity(lists);
    for number in 0..lists {
        let tokens = mint.tokens(LIST).await?;
        for (at, token) in tokens.iter().enumerate().step_by(lists) {
            let expected = number as u64 * u64::from(LIST) + at as u64;
            anyhow::ensure!(token.number().await? == expected, "another token answers");
        }
        held.push(tokens);
    }
    let alive = mint.alive().await?;
    let all = lists as u64 * u64::from(LIST);
    anyhow::ensure!(alive == all, "{alive} of {all} are alive");
    Ok(held)
}

/// Until the server has dropped all of them.
async fn given_back(mint: &MintProxy) -> anyhow::Result<()> {
    while mint.alive().await? > 0 {}
    Ok(())
}
