//! Scatter and gather: a dispatcher cuts a text into chunks and has all word counters that it finds count them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::{Args, Parser, Subcommand};
use farcall::{Address, Fleet};
use farcall_examples::lines::{
    self, CHUNK_LINES, COUNTERS, CountDispatcher, CountDispatcherProxy, Counts, DISPATCHER,
    LineCounter, LineCounterProxy,
};
use farcall_examples::{crew, program};

const PROGRAM: &str = "distributed-computing2";

/// How many words the client shows.
const TOP: usize = 5;

/// Counts the words of a text in chunks, on all word counters that there are
///
/// A counter that dies costs nothing: what it had is counted by another one.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  ns --port 9090 &
  distributed-computing2 counter 1 &
  distributed-computing2 counter 2 &
  distributed-computing2 dispatcher &
  distributed-computing2 client --compare book.txt"
)]
struct Arguments {
    /// The name service where all are registered
    #[arg(
        long,
        global = true,
        value_name = "HOST:PORT",
        env = "FARCALL_NS",
        default_value = "localhost:9090"
    )]
    ns: Address,
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Counts words, until ctrl-c
    Counter(Counter),
    /// Spreads texts over the counters, until ctrl-c
    Dispatcher,
    /// Has the words of a file counted, and shows the most frequent ones
    Client(Client),
}

#[derive(Args, Debug)]
struct Counter {
    /// Its number: it is registered as example.dc2.wordcount.NUMBER
    number: u32,
    /// How long to pause after every ten lines, so that the gain can be seen
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 10)]
    pause: u64,
}

#[derive(Args, Debug)]
struct Client {
    /// The text
    file: PathBuf,
    /// Have counter 1 count the whole text first, and see that the result is the same
    #[arg(long)]
    compare: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { ns, role } = Arguments::parse();
    let here = crew::listen_address("localhost", 0);
    let outcome = match role {
        Role::Counter(Counter { number, pause }) => {
            let (name, pause) = (format!("{COUNTERS}{number}"), Duration::from_millis(pause));
            let counter = Slow {
                name: name.clone(),
                pause,
            };
            crew::serve(counter.serve(), &name, &ns, &here).await
        }
        Role::Dispatcher => dispatch(&ns, &here).await,
        Role::Client(options) => program::unless_interrupted(client(&ns, options)).await,
    };
    program::exit(PROGRAM, outcome)
}

/// A counter that takes its time.
struct Slow {
    name: String,
    pause: Duration,
}

impl LineCounter for Slow {
    async fn count(&self, lines: Vec<String>) -> Counts {
        program::complain(&format!("{}: {} lines …", self.name, lines.len()));
        lines::count_slowly(&lines, self.pause).await
    }
}

/// Counts with all counters there are at the time.
struct Spread(Fleet<LineCounterProxy>);

impl CountDispatcher for Spread {
    async fn count(&self, lines: Vec<String>) -> Result<Counts, String> {
        let chunks = lines.chunks(CHUNK_LINES).map(<[String]>::to_vec);
        let counted = self.0.map(chunks, |counter, chunk| counter.count(chunk));
        match counted.await {
            Ok(counts) => Ok(lines::sum(counts)),
            Err(error) => Err(format!("{:#}", anyhow::Error::from(error))),
        }
    }
}

async fn dispatch(ns: &Address, here: &str) -> anyhow::Result<()> {
    let counters = Fleet::find(&format!("farname:{COUNTERS}*@{ns}")).await?;
    crew::serve(Spread(counters).serve(), DISPATCHER, ns, here).await
}

async fn client(ns: &Address, Client { file, compare }: Client) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut single = None;
    if compare {
        program::print(format_args!(
            "A single counter counts {} lines:\n",
            lines.len()
        ))?;
        let counter = format!("farname:{COUNTERS}1@{ns}");
        let counter = LineCounterProxy::connect(&counter).await?;
        let counter = counter.with_deadline(Duration::from_secs(600));
        single = Some(timed(async { Ok(counter.count(lines.clone()).await?) }).await?);
    }
    program::print(format_args!("All counters count {} lines:\n", lines.len()))?;
    let dispatcher = format!("farname:{DISPATCHER}@{ns}");
    let dispatcher = CountDispatcherProxy::connect(&dispatcher).await?;
    let dispatcher = dispatcher.with_deadline(Duration::from_secs(600));
    let counting = async { dispatcher.count(lines).await?.map_err(anyhow::Error::msg) };
    let all = timed(counting).await?;
    ensure!(
        single.is_none_or(|single| single == all),
        "all counters together counted something else"
    );
    Ok(())
}

/// Shows the most frequent words of a count, and how long it took.
async fn timed(count: impl Future<Output = anyhow::Result<Counts>>) -> anyhow::Result<Counts> {
    let started = Instant::now();
    let counts = count.await?;
    let seconds = started.elapsed().as_secs_f64();
    let mut words: Vec<_> = counts.iter().collect();
    words.sort_by_key(|(word, count)| (std::cmp::Reverse(**count), *word));
    for (word, count) in words.into_iter().take(TOP) {
        program::print(format_args!("  {word} ({count})\n"))?;
    }
    let total: u64 = counts.values().sum();
    program::print(format_args!("{total} words in {seconds:.2} s\n"))?;
    Ok(counts)
}
