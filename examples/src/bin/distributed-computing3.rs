//! Yellow pages: workers are found by what they say they can do, and calls go to those that are free.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::ensure;
use clap::{Args, Parser, Subcommand};
use farcall::{Address, Daemon, Fleet, Publication};
use farcall_examples::factors::{FACTORIZER, Factorizer, FactorizerProxy, Factors, numbers};
use farcall_examples::{crew, program};
use futures_util::TryStreamExt as _;

const PROGRAM: &str = "distributed-computing3";

/// Factorizes numbers on all workers that are tagged as able to
///
/// The client knows no names, sends more to workers that are faster, and has what a dead one had done by another.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  ns --port 9090 &
  distributed-computing3 worker &
  distributed-computing3 worker &
  distributed-computing3 client"
)]
struct Arguments {
    /// The name service where the workers are registered
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
    /// Factorizes numbers, until ctrl-c
    Worker(Hand),
    /// Has random numbers factorized
    Client(Client),
}

#[derive(Args, Debug)]
struct Hand {
    /// The name to register [default: Worker_ and the process id]
    #[arg(long)]
    name: Option<String>,
    /// The address to listen on, by which clients reach this machine
    #[arg(long, default_value = "localhost")]
    host: String,
}

#[derive(Args, Debug)]
struct Client {
    /// How many
    #[arg(long, value_name = "N", default_value_t = 40)]
    items: u32,
    /// Equal seeds give equal numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { ns, role } = Arguments::parse();
    let outcome = match role {
        Role::Worker(options) => work(&ns, options).await,
        Role::Client(options) => program::unless_interrupted(ask(&ns, options)).await,
    };
    program::exit(PROGRAM, outcome)
}

/// A worker.
struct Named(String);

impl Factorizer for Named {
    fn factorize(&self, number: u64) -> Factors {
        program::complain(&format!("{}: {number} …", self.0));
        Factors::of(number, &self.0)
    }
}

async fn work(ns: &Address, Hand { name, host }: Hand) -> anyhow::Result<()> {
    let name = name.unwrap_or_else(|| format!("Worker_{}", std::process::id()));
    let daemon = Daemon::builder()
        .names(ns.to_string())
        .bind(&crew::listen_address(&host, 0))
        .await?;
    let able = Publication::default().with_tag(FACTORIZER);
    let object = Named(name.clone()).serve();
    let uri = daemon.publish_as(&name, object, able).await?;
    program::print(format_args!("Ready. Object uri = {uri}\n"))?;
    Ok(daemon.run_until_ctrl_c().await?)
}

async fn ask(ns: &Address, Client { items, seed }: Client) -> anyhow::Result<()> {
    let able = Fleet::<FactorizerProxy>::find(&format!("farmeta:{FACTORIZER}@{ns}")).await?;
    let started = Instant::now();
    let mut by: BTreeMap<String, u32> = BTreeMap::new();
    let mut results = able.map_unordered(numbers(items, seed), |worker, n| worker.factorize(n));
    while let Some((_, factors)) = results.try_next().await? {
        ensure!(factors.are_right(), "{} says that {factors}", factors.by);
        program::print(format_args!("{} factorized {factors}\n", factors.by))?;
        *by.entry(factors.by).or_default() += 1;
    }
    let all: u32 = by.values().sum();
    ensure!(all == items, "{all} results of {items} numbers");
    let seconds = started.elapsed().as_secs_f64();
    let workers = by.len();
    program::print(format_args!(
        "{items} numbers by {workers} workers in {seconds:.2} s\n"
    ))
}
