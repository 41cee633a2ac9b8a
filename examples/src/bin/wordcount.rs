//! Counts the words of files on many processes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use farcall::pool;
use farcall::progress::Bar;
use farcall_examples::contract::{Counter, WordCounter as _, WordCounterProxy};
use farcall_examples::crew::{self, Crew, CrewOptions};
use farcall_examples::program::{self, Shares};
use farcall_examples::words::{Plan, RANGE_BYTES, Summary, Tally, plan};
use indicatif::{BinaryBytes, HumanCount};
use serde::Serialize;

const PROGRAM: &str = "wordcount";

/// Counts the words of files on many processes
///
/// Starts workers as child processes; the workers read the files. A word is a run of ASCII
/// letters, in lower case. Directories are taken with all that is below them; links inside them are not followed.
/// Files that cannot be read are reported and skipped.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  wordcount --workers 4 .
  wordcount --json --top 100 books/ notes.txt

On workers of your own, which must see the same files under the same paths:
  ns --port 9090 &
  wordcount --ns localhost:9090 --serve wordcount.1 &
  wordcount --ns localhost:9090 ."
)]
struct Arguments {
    #[command(flatten)]
    crew: CrewOptions,
    /// How many of the most frequent words to show
    #[arg(long, value_name = "K", default_value_t = 10)]
    top: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Files and directories
    #[arg(value_name = "PATH", required_unless_present = "serve")]
    paths: Vec<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    program::exit(PROGRAM, run().await)
}

async fn run() -> anyhow::Result<()> {
    pool::worker(async { Ok(Counter.serve()) }).await;
    let arguments = Arguments::parse();
    match arguments.crew.place(PROGRAM)? {
        Some(place) => {
            crew::serve(Counter.serve(), &place.name, &place.names, &place.address).await
        }
        None => program::unless_interrupted(count(arguments)).await,
    }
}

async fn count(arguments: Arguments) -> anyhow::Result<()> {
    let paths = arguments.paths;
    let plan = tokio::task::spawn_blocking(move || plan(&paths, RANGE_BYTES))
        .await
        .context("the search for files")??;
    let outcome = count_planned(plan, &arguments.crew).await?;
    for skipped in &outcome.summary.skipped {
        program::complain(&format!("{PROGRAM}: skipped {skipped}"));
    }
    if arguments.json {
        program::print(outcome.to_json(arguments.top)?)
    } else {
        program::print(outcome.to_text(arguments.top))
    }
}

/// What was counted, and by whom.
struct Outcome {
    summary: Summary,
    elapsed: Duration,
    workers: Vec<(String, u64)>,
}

async fn count_planned(plan: Plan, options: &CrewOptions) -> anyhow::Result<Outcome> {
    let bar = Bar::new();
    let crew = Crew::<WordCounterProxy>::start(PROGRAM, options, &bar).await?;
    let fleet = crew.fleet();
    let tally = Arc::new(Mutex::new(Tally::new(&plan)));

    let started = Instant::now();
    let jobs = plan.jobs.into_iter().map(|job| job.chunks).enumerate();
    let count_one = |counter: WordCounterProxy, (position, chunks)| {
        let tally = tally.clone();
        async move {
            let counted = counter.count(chunks).await;
            // Added up as they come: together the answers may be larger than memory.
            counted.map(|counted| lock(&tally).add(position, counted))
        }
    };
    let counted = fleet
        .map_with(jobs, count_one, |progress| bar.show(progress))
        .await;
    let elapsed = started.elapsed();
    bar.clear();
    let workers = fleet.shares();
    crew.end().await;

    counted?;
    Ok(Outcome {
        summary: lock(&tally).finish(),
        elapsed,
        workers,
    })
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The object that `--json` prints.
#[derive(Serialize)]
struct Json<'a> {
    words: u64,
    distinct: u64,
    files: u64,
    bytes: u64,
    top: &'a [(String, u64)],
    seconds: f64,
    workers: BTreeMap<&'a str, u64>,
}

impl Outcome {
    fn top(&self, top: usize) -> &[(String, u64)] {
        self.summary
            .counts
            .get(..top)
            .unwrap_or(&self.summary.counts)
    }

    fn to_json(&self, top: usize) -> anyhow::Result<String> {
        let json = Json {
            words: self.summary.words,
            distinct: self.summary.distinct,
            files: self.summary.files,
            bytes: self.summary.bytes,
            top: self.top(top),
            seconds: self.elapsed.as_secs_f64(),
            workers: self
                .workers
                .iter()
                .map(|(name, calls)| (name.as_str(), *calls))
                .collect(),
        };
        Ok(serde_json::to_string(&json)? + "\n")
    }

    fn to_text(&self, top: usize) -> String {
        let mut text = String::new();
        for (word, count) in self.top(top) {
            text += &format!("{:>12}  {word}\n", HumanCount(*count).to_string());
        }
        let Summary {
            words,
            distinct,
            files,
            bytes,
            ref skipped,
            ..
        } = self.summary;
        let shares = Shares {
            elapsed: self.elapsed,
            workers: &self.workers,
        };
        let skipped = match skipped.len() {
            0 => String::new(),
            skipped => format!("; {skipped} skipped"),
        };
        text + &format!(
            "{} words, {} of them different, in {} files of {}{skipped}\n{shares}",
            HumanCount(words),
            HumanCount(distinct),
            HumanCount(files),
            BinaryBytes(bytes),
        )
    }
}
