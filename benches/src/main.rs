//! Measures farcall beside its peers: server and client as separate processes over loopback TCP, rounds interleaved.

#![expect(
    clippy::disallowed_methods,
    reason = "the peers are written as their own documentation shows them"
)]

mod client;
mod peers;
mod report;
mod run;
mod scenario;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use peers::PeerName;
use scenario::Scenario;

/// Measures farcall beside its peers in the same run.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  cargo run --release --manifest-path benches/Cargo.toml
  cargo run --release --manifest-path benches/Cargo.toml -- --scenarios A,B64 --peers limit,farcall,tarpc --pin one --rounds 5 --json out.json")]
struct Arguments {
    /// What to measure
    #[arg(long, value_delimiter = ',', default_value = "A,B64,B256,C8x32,C64x1")]
    scenarios: Vec<Scenario>,
    /// Whom to measure
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "limit,farcall,farcall-async,tarpc"
    )]
    peers: Vec<PeerName>,
    /// `one` puts both processes on one core, where ratios repeat; `free` lets them run anywhere
    #[arg(long, default_value = "one")]
    pin: Pin,
    /// How often each is measured; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long each measurement takes, in seconds
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Write the rows as JSON
    #[arg(long)]
    json: Option<std::path::PathBuf>,
    /// What this process is: the programs start themselves
    #[arg(long, hide = true)]
    role: Option<Role>,
    /// The server's address, for a client
    #[arg(long, hide = true)]
    address: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Pin {
    One,
    Free,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Role {
    Server,
    Client,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.role {
        None => run::all(&arguments),
        Some(Role::Server) => peers::serve(arguments.peers[0]),
        Some(Role::Client) => client::measure(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("benches: {e:#}");
            ExitCode::FAILURE
        }
    }
}
