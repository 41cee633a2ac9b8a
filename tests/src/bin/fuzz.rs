//! Feeds forged input to everything that reads what a peer sent, and tells what broke.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use farcall_tests::fuzz::{self, Counting, Part, Report, Trace};

#[global_allocator]
static MEMORY: Counting = &peakmem_alloc::INSTRUMENTED_SYSTEM;

/// Feeds forged input to everything that reads what a peer sent
///
/// Sound frames, hellos, values and messages are made by chance, spoiled, cut as a socket would cut them, and read. Nothing may
/// panic, take longer than seconds or more memory than allowed, and what was read must read the same once it is
/// written again. The seed makes the same inputs again. Exits with 1 when something broke, and shows the input.
#[derive(Debug, Parser)]
#[command(
    name = "fuzz",
    after_help = "Examples:
  cargo run --release -p farcall-tests --bin fuzz
  cargo run --release -p farcall-tests --bin fuzz -- --inputs 1000000 --part codec
  cargo run --release -p farcall-tests --bin fuzz -- --seed 42 --json
  cargo run --release -p farcall-tests --bin fuzz -- --part frames --replay 050000000709000000"
)]
struct Arguments {
    /// How many inputs, over all parts
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    inputs: u64,
    /// What makes the same inputs again; a random one is shown first
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Which readers
    #[arg(long, default_value = "all")]
    part: Wanted,
    /// Feed this one input, as a report showed it
    #[arg(long, value_name = "HEX", conflicts_with_all = ["inputs", "seed"])]
    replay: Option<String>,
    /// Show every input before it is read, for crashes that end the process
    #[arg(long)]
    trace: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// The reader of frames
    Frames,
    /// The reader of prefaces and hellos
    Handshake,
    /// The codecs, for arguments and results of many types
    Codec,
    /// The reader of Python literals
    Serpent,
    /// The readers of Pyro5's messages and payloads
    Pyro,
    /// A daemon and a client, over sockets
    Link,
    /// All of them
    All,
}

impl Wanted {
    fn part(self) -> Option<Part> {
        match self {
            Self::Frames => Some(Part::Frames),
            Self::Handshake => Some(Part::Handshake),
            Self::Codec => Some(Part::Codec),
            Self::Serpent => Some(Part::Serpent),
            Self::Pyro => Some(Part::Pyro),
            Self::Link => Some(Part::Link),
            Self::All => None,
        }
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fuzz: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// True when nothing broke.
fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let report = match &arguments.replay {
        Some(hex) => replay(hex, arguments.part)?,
        None => {
            if arguments.json {
                eprintln!("seed {seed}");
            } else {
                println!("seed {seed}");
            }
            feed(arguments, seed)?
        }
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(report.is_clean())
}

fn feed(arguments: &Arguments, seed: u64) -> anyhow::Result<Report> {
    let progress = |part, done, all| eprintln!("{part:?}: {done} of {all} inputs");
    let trace = if arguments.trace {
        Trace::Every
    } else {
        Trace::Nothing
    };
    let parts = match arguments.part.part() {
        Some(part) => vec![(part, arguments.inputs)],
        None => Part::ALL
            .map(|part| (part, part.share(arguments.inputs)))
            .to_vec(),
    };
    let parts = parts
        .into_iter()
        .map(|(part, inputs)| fuzz::run(part, inputs, seed, trace, progress));
    Ok(Report {
        seed: Some(seed),
        parts: parts.collect::<anyhow::Result<_>>()?,
    })
}

fn replay(hex: &str, wanted: Wanted) -> anyhow::Result<Report> {
    let part = wanted
        .part()
        .context("--replay needs the --part that the input was for")?;
    let input = fuzz::unhex(hex).context("--replay takes an even number of hex digits")?;
    Ok(Report {
        seed: None,
        parts: vec![fuzz::replay(part, &input)?],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, since what runs beside it would be counted with its memory.
    #[test]
    fn two_hundred_thousand_inputs_break_nothing() {
        let random = fastrand::u64(..);
        println!("seed {random}");
        for seed in [1, 2, 3, random] {
            for part in Part::ALL {
                let inputs = if part == Part::Link { 500 } else { 10_000 };
                let report = fuzz::run(part, inputs, seed, Trace::Nothing, |_, _, _| {}).unwrap();
                assert!(report.broken.is_empty(), "seed {seed}: {report}");
                assert_eq!(report.inputs, inputs, "seed {seed}: {report}");
            }
        }
    }
}
