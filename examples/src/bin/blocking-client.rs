//! Squares numbers on one worker from several threads, without async code.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use farcall::{Address, CallError};
use farcall_examples::contract::WorkerBlocking;
use farcall_examples::program;

/// Squares numbers on one worker, from several threads that share a proxy
///
/// Prints each number with its square, in the order they were given.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  blocking-client --ns localhost:9090 12
  blocking-client --ns localhost:9090 --name worker.2 --threads 8 $(seq 1000)"
)]
struct Arguments {
    /// The name service to look in
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "FARCALL_NS",
        default_value = "localhost:9090"
    )]
    ns: Address,
    /// The worker's name
    #[arg(long, default_value = "worker.1")]
    name: String,
    /// How many threads call it
    #[arg(long, default_value = "4")]
    threads: NonZeroUsize,
    /// How long a call may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    deadline: u64,
    /// The numbers
    #[arg(value_name = "NUMBER", required = true, allow_negative_numbers = true)]
    numbers: Vec<i64>,
}

fn main() -> ExitCode {
    program::exit("blocking-client", square(&Arguments::parse()))
}

fn square(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { ns, name, .. } = arguments;
    let worker = WorkerBlocking::connect(&format!("farname:{name}@{ns}"))?
        .with_deadline(Duration::from_secs(arguments.deadline));
    let share = arguments.numbers.len().div_ceil(arguments.threads.get());
    let shares = thread::scope(|scope| {
        let threads: Vec<_> = arguments
            .numbers
            .chunks(share)
            .map(|share| scope.spawn(|| squares(&worker, share)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect::<Result<Vec<_>, _>>()
    })?;
    let lines = arguments.numbers.iter().zip(shares.concat());
    let text: String = lines
        .map(|(number, square)| format!("{number} squared is {square}\n"))
        .collect();
    program::print(text)
}

/// What one thread does.
fn squares(worker: &WorkerBlocking, numbers: &[i64]) -> Result<Vec<i64>, CallError> {
    numbers
        .iter()
        .map(|&number| worker.process(number))
        .collect()
}
