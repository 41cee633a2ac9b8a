//! Squares numbers on every worker that a name service knows, and checks the answers.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::ensure;
use clap::Parser;
use farcall::Address;
use farcall::blocking::Fleet;
use farcall_examples::contract::WorkerProxy;
use farcall_examples::program::{self, Shares};

/// How many numbers are squared.
const NUMBERS: i64 = 10_000;

/// Squares the numbers from 0 to 9,999 on every worker that a name service knows
///
/// Prints the sum of the squares, the calls per second, and each worker's share.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  squares-client --ns localhost:9090
  squares-client --ns localhost:9090 --name 'worker.[12]'"
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
    /// The workers to use: a name, or a pattern of names
    #[arg(long, value_name = "PATTERN", default_value = "worker.*")]
    name: String,
}

fn main() -> ExitCode {
    program::exit("squares-client", square(Arguments::parse()))
}

fn square(Arguments { ns, name }: Arguments) -> anyhow::Result<()> {
    let fleet = Fleet::<WorkerProxy>::find(&format!("farname:{name}@{ns}"))?;
    ensure!(
        !fleet.is_empty(),
        "no worker found: the name service at {ns} knows no name like {name}; \
         start one with: squares-server --ns {ns} --name worker.1"
    );
    let started = Instant::now();
    let squares = fleet.map(0..NUMBERS, |worker, number| worker.process(number))?;
    let elapsed = started.elapsed();
    for (number, square) in (0..NUMBERS).zip(&squares) {
        ensure!(
            *square == number * number,
            "a worker says that the square of {number} is {square}"
        );
    }
    let shares = Shares {
        elapsed,
        workers: &fleet.shares(),
    };
    program::print(format_args!(
        "The sum of {NUMBERS} squares is {}.\n{shares}",
        squares.iter().sum::<i64>()
    ))
}
