//! Master and workers by pull: a dispatcher, workers that fetch numbers from it, and clients that want them factorized.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use clap::{Args, Parser, Subcommand, value_parser};
use farcall::work::{WorkClient, WorkQueue, Worker};
use farcall::{Address, Daemon};
use farcall_examples::factors::{Factors, numbers};
use farcall_examples::{crew, program};

const PROGRAM: &str = "distributed-computing";

const DISPATCHER: &str = "example.distributed.dispatcher";

/// Factorizes numbers on any number of workers, which fetch them from a dispatcher
///
/// A worker that dies gives its number back at once, and several clients do not get in each other's way.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  ns --port 9090 &
  distributed-computing dispatcher &
  distributed-computing worker --name one &
  distributed-computing worker --name two &
  distributed-computing client --items 40"
)]
struct Arguments {
    /// The name service where the dispatcher is registered
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
    /// Hosts the queue of numbers, until ctrl-c
    Dispatcher(Dispatcher),
    /// Factorizes numbers for as long as the dispatcher is there
    Worker(Hand),
    /// Brings numbers, and prints their factors as they come
    Client(Client),
}

#[derive(Args, Debug)]
struct Dispatcher {
    /// The address to listen on, by which the others reach this machine
    #[arg(long, default_value = "localhost")]
    host: String,
    /// The port to listen on; 0 is any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

#[derive(Args, Debug)]
struct Hand {
    /// What results and errors call this worker [default: its process id]
    #[arg(long)]
    name: Option<String>,
    /// How many numbers to work at at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=256))]
    at_a_time: u32,
}

#[derive(Args, Debug)]
struct Client {
    /// How many random numbers to bring
    #[arg(long, value_name = "N", default_value_t = 40)]
    items: u32,
    /// Equal seeds give equal numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { ns, role } = Arguments::parse();
    let work = format!("farname:{DISPATCHER}@{ns}");
    let outcome = match role {
        Role::Dispatcher(options) => dispatch(&ns, options).await,
        Role::Worker(options) => program::unless_interrupted(pull(&work, options)).await,
        Role::Client(options) => program::unless_interrupted(bring(&work, options)).await,
    };
    program::exit(PROGRAM, outcome)
}

async fn dispatch(ns: &Address, Dispatcher { host, port }: Dispatcher) -> anyhow::Result<()> {
    let interrupted = Daemon::ctrl_c()?;
    let queue = WorkQueue::<u64, Factors>::new();
    let daemon = Daemon::builder()
        .names(ns.to_string())
        .bind(&crew::listen_address(&host, port))
        .await?;
    let uri = daemon.publish(DISPATCHER, queue.serve()).await?;
    program::print(format_args!("Ready. Object uri = {uri}\n"))?;
    interrupted.await;
    queue.end();
    daemon.shutdown().await;
    Ok(())
}

async fn pull(work: &str, Hand { name, at_a_time }: Hand) -> anyhow::Result<()> {
    let name = name.unwrap_or_else(|| format!("process {}", std::process::id()));
    program::print(format_args!("This is worker {name}. Work = {work}\n"))?;
    let worker = Worker::of(work).named(&name).at_a_time(at_a_time);
    let pulled = worker.pull(move |number: u64| {
        program::print(format_args!("{name}: {number} …\n"))?;
        anyhow::Ok(Factors::of(number, &name))
    });
    let pulled = pulled.await?;
    program::print(format_args!(
        "All is done: {} by this worker.\n",
        pulled.done
    ))
}

async fn bring(work: &str, Client { items, seed }: Client) -> anyhow::Result<()> {
    let dispatcher = WorkClient::<u64, Factors>::connect(work).await?;
    let started = Instant::now();
    let bring = async {
        for number in numbers(items, seed) {
            dispatcher.push(number).await?;
        }
        anyhow::Ok(dispatcher.close().await?)
    };
    let ((), results) = tokio::try_join!(bring, collect(&dispatcher))?;
    ensure!(results == items, "{results} results of {items} numbers");
    let seconds = started.elapsed().as_secs_f64();
    program::print(format_args!("{items} numbers in {seconds:.2} s\n"))
}

async fn collect(dispatcher: &WorkClient<u64, Factors>) -> anyhow::Result<u32> {
    let mut results = 0;
    while let Some((index, result)) = dispatcher.next_result().await? {
        let factors = result.with_context(|| format!("number {index} has no result"))?;
        ensure!(factors.are_right(), "{} says that {factors}", factors.by);
        program::print(format_args!("{factors} (from {})\n", factors.by))?;
        results += 1;
    }
    Ok(results)
}
