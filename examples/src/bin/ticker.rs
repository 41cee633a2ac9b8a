//! A stream of quotes to any number of watchers, each at its own pace.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::{Args, Parser, Subcommand, value_parser};
use farcall_examples::hosting::Hosting;
use farcall_examples::program;
use farcall_examples::ticker::{Market, Quote, TICKER, Ticker as _, TickerProxy};
use futures_util::{StreamExt as _, TryStreamExt as _};

/// Prices that walk at random, as a stream
///
/// A watcher that stops reading holds up nobody; when it reads on, it has missed some.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  ticker serve --port 4242 &
  ticker watch far:ticker@localhost:4242 --count 10
  ticker watch far:ticker@localhost:4242 ACME BOLT

  ns --port 9090 &
  ticker serve --ns localhost:9090 --seed 7 --pause 100 &
  ticker watch farname:ticker@localhost:9090"
)]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Quotes prices, until ctrl-c
    Serve(Serve),
    /// Shows quotes as they come
    Watch(Watch),
}

#[derive(Args, Debug)]
struct Serve {
    #[command(flatten)]
    hosting: Hosting,
    /// What the walk begins with: the same seed gives the same prices [default: by chance]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// From one quote to the next
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 250,
        value_parser = value_parser!(u64).range(1..=60_000))]
    pause: u64,
}

#[derive(Args, Debug)]
struct Watch {
    /// The ticker, as `ticker serve` prints it
    uri: String,
    /// What to watch [default: all]
    #[arg(value_name = "SYMBOL")]
    symbols: Vec<String>,
    /// End after so many quotes
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().role {
        Role::Serve(options) => serve(options).await,
        Role::Watch(options) => program::unless_interrupted(watch(options)).await,
    };
    program::exit("ticker", outcome)
}

async fn serve(options: Serve) -> anyhow::Result<()> {
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let market = Arc::new(Market::new(seed));
    let object = Arc::clone(&market).serve();
    let daemon = options.hosting.host(TICKER, object).await?;
    tokio::select! {
        ended = daemon.run_until_ctrl_c() => Ok(ended?),
        () = market.run(Duration::from_millis(options.pause)) => Ok(()),
    }
}

async fn watch(options: Watch) -> anyhow::Result<()> {
    let Watch {
        uri,
        symbols,
        count,
    } = options;
    let ticker = TickerProxy::connect(&uri).await?;
    let known = ticker.symbols().await?;
    if let Some(unknown) = symbols.iter().find(|symbol| !known.contains(symbol)) {
        bail!("{uri} has no '{unknown}', but {}", known.join(", "));
    }
    let count = count.unwrap_or(u64::MAX);
    let quotes = ticker.quotes(symbols).await?;
    let mut quotes = quotes.take(usize::try_from(count).unwrap_or(usize::MAX));
    let (mut seen, mut shown) = (HashMap::new(), 0);
    while let Some(quote) = quotes.try_next().await? {
        show(&quote, seen.insert(quote.symbol.clone(), quote.tick))?;
        shown += 1;
    }
    ensure!(shown == count, "{uri} has no more quotes");
    Ok(())
}

/// Shows a quote, and how many it missed since the one before it.
fn show(quote: &Quote, last: Option<u64>) -> anyhow::Result<()> {
    let Quote {
        symbol,
        cents,
        tick,
    } = quote;
    let missed = last.map_or(0, |last| tick.saturating_sub(last + 1));
    if missed > 0 {
        program::complain(&format!("{symbol}: missed {missed} quotes"));
    }
    let (whole, rest) = (cents / 100, cents % 100);
    program::print(format_args!("{symbol} {whole}.{rest:02} at {tick}\n"))
}
