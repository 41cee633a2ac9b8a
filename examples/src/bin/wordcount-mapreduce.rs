//! Counts the words of files by map-reduce: only the most frequent ones come back to this program.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use farcall::map_reduce::{self, Report, Settings, WorkerProxy};
use farcall::pool;
use farcall::progress::Bar;
use farcall_examples::crew::{self, Crew, CrewOptions};
use farcall_examples::program;
use farcall_examples::words::{MAX_TOP, Plan, RANGE_BYTES, TopWords, WordCount, plan};
use indicatif::{BinaryBytes, HumanCount};
use serde_json::json;

const PROGRAM: &str = "wordcount-mapreduce";

/// Finds the most frequent words of files by map-reduce
///
/// Workers count the words of files, combine and partition what they counted, fetch partitions from each other, and merge
/// their tops in a tree. A word is a run of ASCII letters, in lower case. A large file that cannot be read to its end is
/// reported, and counted in part.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  wordcount-mapreduce --workers 4 .

On workers of your own, which must see the same files under the same paths and can reach each other:
  ns --port 9090 &
  wordcount-mapreduce --ns localhost:9090 --serve wordcount-mapreduce.1 &
  wordcount-mapreduce --ns localhost:9090 ."
)]
struct Arguments {
    #[command(flatten)]
    crew: CrewOptions,
    /// How many of the most frequent words to show, at most 1000
    #[arg(long, value_name = "K", default_value_t = 10)]
    top: usize,
    /// Into how many partitions to spread the words [default: two for each worker]
    #[arg(long, value_name = "N")]
    partitions: Option<u32>,
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
    let worker = || map_reduce::worker(WordCount);
    pool::worker(async { Ok(worker()) }).await;
    let arguments = Arguments::parse();
    match arguments.crew.place(PROGRAM)? {
        Some(place) => crew::serve(worker(), &place.name, &place.names, &place.address).await,
        None => program::unless_interrupted(count(arguments)).await,
    }
}

async fn count(arguments: Arguments) -> anyhow::Result<()> {
    let paths = arguments.paths.clone();
    let plan = tokio::task::spawn_blocking(move || plan(&paths, RANGE_BYTES))
        .await
        .context("the search for files")??;
    for skipped in &plan.skipped {
        program::complain(&format!("{PROGRAM}: skipped {skipped}"));
    }
    let (mut words, report) = count_planned(plan, &arguments).await?;
    for skipped in &words.skipped {
        program::complain(&format!("{PROGRAM}: skipped {skipped}"));
    }
    words.top.truncate(arguments.top.min(MAX_TOP));
    if arguments.json {
        program::print(to_json(&words, &report))
    } else {
        program::print(to_text(&words, &report))
    }
}

async fn count_planned(plan: Plan, arguments: &Arguments) -> anyhow::Result<(TopWords, Report)> {
    let bar = Bar::new();
    let crew = Crew::<WorkerProxy>::start(PROGRAM, &arguments.crew, &bar).await?;
    let jobs = plan.jobs.into_iter().map(|job| job.chunks);
    let settings = Settings {
        partitions: arguments.partitions,
        ..Settings::default()
    };
    let counted = map_reduce::run_with::<WordCount>(crew.fleet(), jobs, &settings, |progress| {
        bar.show_step(progress)
    });
    let counted = counted.await;
    bar.clear();
    crew.end().await;
    Ok(counted?)
}

fn to_json(words: &TopWords, report: &Report) -> String {
    let json = json!({
        "words": words.words,
        "distinct": words.distinct,
        "bytes": words.bytes,
        "top": words.top,
        "skew": report.skew(),
        "mapped_again": report.mapped_again,
        "reduced_again": report.reduced_again,
    });
    format!("{json}\n")
}

fn to_text(words: &TopWords, report: &Report) -> String {
    let top = words.top.iter().map(|(word, count)| {
        let count = HumanCount(*count).to_string();
        format!("{count:>12}  {word}\n")
    });
    top.collect::<String>()
        + &format!(
            "{} words, {} of them different, in {}\n{report}",
            HumanCount(words.words),
            HumanCount(words.distinct),
            BinaryBytes(words.bytes)
        )
}
