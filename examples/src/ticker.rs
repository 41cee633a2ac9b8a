//! A ticker: prices that walk at random, and the stream of them that each watcher gets.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{MissedTickBehavior, interval};

/// The name of the ticker's object.
pub const TICKER: &str = "ticker";

/// What is traded.
const SYMBOLS: [&str; 5] = ["ACME", "BOLT", "CRAB", "DUNE", "ECHO"];

/// How many quotes a watcher may be behind, before it misses the oldest.
const MOST_UNSEEN: usize = 1_024;

/// What each symbol costs in the beginning.
const FIRST_CENTS: u64 = 10_000;

/// A price at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Of what.
    pub symbol: String,
    /// The price.
    pub cents: u64,
    /// The time, in ticks since the ticker began; each symbol has one quote at each.
    pub tick: u64,
}

/// A source of quotes.
#[farcall::remote]
pub trait Ticker {
    /// What there are quotes of.
    #[idempotent]
    fn symbols(&self) -> Vec<String>;

    /// The quotes of these symbols from now on; of all if none is named. Who takes them too slowly misses some.
    fn quotes(&self, symbols: Vec<String>) -> impl Stream<Item = Quote>;
}

/// A [`Ticker`].
#[derive(Debug)]
pub struct Market {
    prices: Mutex<Prices>,
    tape: broadcast::Sender<Quote>,
}

#[derive(Debug)]
struct Prices {
    random: Rng,
    tick: u64,
    cents: [u64; SYMBOLS.len()],
}

impl Market {
    /// The same quotes for the same seed.
    pub fn new(seed: u64) -> Self {
        Self {
            prices: Mutex::new(Prices {
                random: Rng::with_seed(seed),
                tick: 0,
                cents: [FIRST_CENTS; SYMBOLS.len()],
            }),
            tape: broadcast::Sender::new(MOST_UNSEEN),
        }
    }

    /// Trades, for ever.
    pub async fn run(&self, pause: Duration) {
        let mut ticks = interval(pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.trade();
        }
    }

    /// Lets one tick pass.
    fn trade(&self) {
        let mut prices = self.prices.lock().unwrap_or_else(PoisonError::into_inner);
        for quote in prices.walk() {
            // Nobody may be watching.
            let _ = self.tape.send(quote);
        }
    }
}

impl Prices {
    /// Each price goes up or down by at most one percent.
    fn walk(&mut self) -> [Quote; SYMBOLS.len()] {
        self.tick += 1;
        let Self {
            random,
            tick,
            cents,
        } = self;
        std::array::from_fn(|n| {
            let step = (cents[n] / 100).max(1);
            cents[n] = (cents[n] + random.u64(0..=2 * step))
                .saturating_sub(step)
                .max(1);
            Quote {
                symbol: SYMBOLS[n].to_owned(),
                cents: cents[n],
                tick: *tick,
            }
        })
    }
}

impl Ticker for Market {
    fn symbols(&self) -> Vec<String> {
        SYMBOLS.map(str::to_owned).to_vec()
    }

    fn quotes(&self, symbols: Vec<String>) -> impl Stream<Item = Quote> {
        let watch = (self.tape.subscribe(), symbols);
        stream::unfold(watch, |(mut tape, symbols)| async move {
            loop {
                match tape.recv().await {
                    Ok(quote) if symbols.is_empty() || symbols.contains(&quote.symbol) => {
                        return Some((quote, (tape, symbols)));
                    }
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    async fn first(seed: u64, quotes: usize) -> Vec<Quote> {
        let market = Market::new(seed);
        let watched = market.quotes(vec!["CRAB".into()]);
        (0..quotes).for_each(|_| market.trade());
        watched.take(quotes).collect().await
    }

    #[tokio::test]
    async fn a_seed_gives_the_same_walk_again() {
        let walk = first(7, 100).await;
        assert_eq!(walk, first(7, 100).await);
        assert_ne!(walk, first(8, 100).await);
        assert!(walk.windows(2).all(|two| {
            two[0].tick + 1 == two[1].tick
                && two[0].cents.abs_diff(two[1].cents) <= two[0].cents / 100
        }));
    }

    #[tokio::test]
    async fn who_is_too_slow_misses_the_oldest() {
        let market = Market::new(1);
        let mut watched = std::pin::pin!(market.quotes(Vec::new()));
        (0..1_000).for_each(|_| market.trade());
        let next = watched.next().await.unwrap();
        let kept = (MOST_UNSEEN / SYMBOLS.len()) as u64;
        assert!((1_000 - kept..1_000).contains(&next.tick), "{next:?}");
    }
}
