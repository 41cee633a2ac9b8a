//! Measures farcall beside its peers: server and client as separate processes over loopback TCP, rounds interleaved.

#![expect(
    clippy::disallowed_methods,
    reason = "the peers are written as their own documentation shows them, and the parent waits for processes"
)]

mod child;
mod client;
mod figure;
mod measure;
mod peers;
mod process;
mod report;
mod run;
mod scenarios;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use peers::PeerName;
use scenarios::Scenario;

/// Measures farcall beside its peers in the same run.
///
/// Server and client are processes of their own over loopback TCP. Peers take turns, round after round; the median
/// counts. Progress goes to stderr, the table to stdout.
#[derive(Debug, Parser)]
#[command(after_help = after_help())]
struct Arguments {
    /// What to measure, by the names below; everything unless said otherwise
    #[arg(
        long,
        value_delimiter = ',',
        default_values_t = scenarios::ALL,
        hide_default_value = true,
        value_name = "A,B64,…"
    )]
    scenarios: Vec<Scenario>,
    /// Whom to measure; the ratios need `limit` and `tarpc` among them
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
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long each measurement takes, in seconds
    #[arg(long, default_value_t = 1.0, value_parser = positive)]
    seconds: f64,
    /// Write the rows as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// What this process is: the programs start themselves
    #[arg(long, hide = true)]
    role: Option<Role>,
    /// Which part of a scenario, for a server and a client
    #[arg(long, hide = true, default_value = "")]
    part: String,
    /// The server's address, or several with commas, for a client
    #[arg(long, hide = true)]
    address: Option<String>,
    /// The server's process, for a client
    #[arg(long, hide = true)]
    server_pid: Option<i32>,
    /// How many calls instead of how long, for a client
    #[arg(long, hide = true)]
    calls: Option<u64>,
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

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if seconds > 0.0 && seconds <= 3600.0 => Ok(seconds),
        _ => Err("say a number of seconds above 0 and up to 3600".into()),
    }
}

fn after_help() -> String {
    let mut text = String::from("Scenarios:\n");
    for scenario in scenarios::ALL {
        text += &format!("  {:14} {}\n", scenario.name, scenario.about);
    }
    text + "
Examples:
  cargo run --release --manifest-path benches/Cargo.toml
      everything, with the default peers
  cargo run --release --manifest-path benches/Cargo.toml -- --scenarios A,B64,B256,C8x32,C64x1
      the rates of small calls
  cargo run --release --manifest-path benches/Cargo.toml -- --scenarios D64K,D1M --peers limit,farcall --rounds 5 --json out.json
      throughput against the limit, also as JSON
  cargo run --release --manifest-path benches/Cargo.toml -- --rounds 1 --seconds 0.3
      a quick look at everything"
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = process::allow_many_files().and_then(|()| match arguments.role {
        None => run::all(&arguments),
        Some(Role::Server) => run::serve(&arguments),
        Some(Role::Client) => client::run(&arguments),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("benches: {e:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound_and_its_help_names_every_scenario() {
        Arguments::command().debug_assert();
        let help = Arguments::command().render_long_help().to_string();
        for scenario in scenarios::ALL {
            assert!(help.contains(scenario.about), "{}", scenario.name);
        }
    }

    #[test]
    fn everything_is_measured_unless_said_otherwise() {
        let arguments = Arguments::parse_from(["benches"]);
        assert_eq!(arguments.scenarios, scenarios::ALL);
        let arguments = Arguments::parse_from(["benches", "--scenarios", "A,D64M"]);
        let names: Vec<_> = arguments.scenarios.iter().map(|s| s.name).collect();
        assert_eq!(names, ["A", "D64M"]);
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [["--scenarios", "Z"], ["--seconds", "0"], ["--rounds", "0"]] {
            let line = ["benches"].into_iter().chain(wrong);
            assert!(Arguments::try_parse_from(line).is_err(), "{wrong:?}");
        }
    }
}
