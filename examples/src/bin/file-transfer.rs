//! Files of any size to and from a server, by streams: a few pieces of them are in memory at a time.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::{Args, Parser, Subcommand};
use farcall_examples::files::{
    Checksum, Draft, FILES, Files as _, FilesProxy, Shelf, check_name, receive, send,
};
use farcall_examples::hosting::Hosting;
use farcall_examples::program;
use indicatif::{HumanBytes, ProgressBar, ProgressFinish, ProgressStyle};

/// How long a file may take to get to the server.
const LONGEST_TRANSFER: Duration = Duration::from_secs(24 * 3600);

/// Gets files from a server, and puts files there
///
/// Both sides compare checksums; a file appears when all of it has come. Files of any size take a few megabytes of memory.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  file-transfer serve ~/shared --port 4242 &
  file-transfer list far:files@localhost:4242
  file-transfer get far:files@localhost:4242 film.mkv --to /tmp/film.mkv
  file-transfer put far:files@localhost:4242 backup.tar"
)]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Serves the files of a directory, and takes new ones, until ctrl-c
    Serve(Serve),
    /// Shows what files there are
    List {
        /// The server, as `file-transfer serve` prints it
        uri: String,
    },
    /// Gets a file
    Get(Get),
    /// Puts a file there, in place of one of the same name
    Put(Put),
}

#[derive(Args, Debug)]
struct Serve {
    /// The directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    hosting: Hosting,
}

#[derive(Args, Debug)]
struct Get {
    /// The server, as `file-transfer serve` prints it
    uri: String,
    /// Which file
    name: String,
    /// Where to [default: its name, here]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Put {
    /// The server, as `file-transfer serve` prints it
    uri: String,
    /// Which file
    file: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().role {
        Role::Serve(options) => serve(options).await,
        Role::List { uri } => program::unless_interrupted(list(&uri)).await,
        Role::Get(options) => program::unless_interrupted(get(options)).await,
        Role::Put(options) => program::unless_interrupted(put(options)).await,
    };
    program::exit("file-transfer", outcome)
}

async fn serve(Serve { directory, hosting }: Serve) -> anyhow::Result<()> {
    let shelf = Shelf::open(directory)?;
    let daemon = hosting.host(FILES, shelf.serve()).await?;
    daemon.run_until_ctrl_c().await?;
    Ok(())
}

async fn list(uri: &str) -> anyhow::Result<()> {
    let files = FilesProxy::connect(uri).await?;
    for entry in files.list().await?.map_err(anyhow::Error::msg)? {
        let size = HumanBytes(entry.bytes).to_string();
        program::print(format_args!("{size:>12}  {}\n", entry.name))?;
    }
    Ok(())
}

async fn get(Get { uri, name, to }: Get) -> anyhow::Result<()> {
    check_name(&name)?;
    let to = to.unwrap_or_else(|| PathBuf::from(&name));
    let files = FilesProxy::connect(&uri).await?;
    let draft = Draft::create(&to)?;
    let began = Instant::now();
    let (bytes, pieces) = files.get(name).await?.map_err(anyhow::Error::msg)?;
    let bar = bar(bytes);
    let came = receive(pieces, draft, |bytes| bar.inc(bytes)).await?;
    bar.finish_and_clear();
    report(&to, came, began)
}

async fn put(Put { uri, file: path }: Put) -> anyhow::Result<()> {
    let shown = path.display();
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("{shown} has no name that can be sent"))?;
    check_name(name)?;
    let file = File::open(&path).with_context(|| format!("cannot read {shown}"))?;
    let metadata = file
        .metadata()
        .with_context(|| format!("cannot read {shown}"))?;
    ensure!(metadata.is_file(), "{shown} is no regular file");
    let files = FilesProxy::connect(&uri).await?;
    let began = Instant::now();
    let bar = bar(metadata.len());
    let telling = bar.clone();
    let pieces = send(file, move |bytes| telling.inc(bytes));
    let files = files.with_deadline(LONGEST_TRANSFER);
    let arrived = files.put(name.to_owned(), pieces).await;
    bar.finish_and_clear();
    report(&path, arrived?.map_err(anyhow::Error::msg)?, began)
}

/// A line on stderr, if that is a terminal.
fn bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes).with_finish(ProgressFinish::AndClear);
    let template = "{wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn report(path: &Path, checksum: Checksum, began: Instant) -> anyhow::Result<()> {
    let seconds = began.elapsed().as_secs_f64();
    let rate = checksum.bytes as f64 / 1e6 / seconds.max(1e-9);
    program::print(format_args!(
        "{}: {checksum}, {seconds:.2} s, {rate:.0} MB/s\n",
        path.display()
    ))
}
