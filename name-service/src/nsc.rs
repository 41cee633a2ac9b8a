//! The program `nsc`: asks and changes a name service, and calls the objects that it knows.

mod arguments;
mod call;
mod cli;
mod describe;
mod fit;
mod names;
mod object;
mod output;
mod registry;
mod watch;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _};
use farcall_shared::uri::with_default_port;

use self::cli::{Cli, Command};
use self::names::Names;
use self::output::{Output, one_line};

/// The exit code where the command line is wrong.
const USAGE: u8 = 2;

/// Runs the program with these arguments, of which the first is its name, and gives its exit code.
///
/// 0: done, also where the reader of stdout went away; 1: it failed; 2: the command line is wrong. A failure is one
/// line on stderr.
///
/// # Examples
///
/// ```
/// use std::process::ExitCode;
///
/// assert_eq!(farcall_names::nsc::run(["nsc", "--version"].map(Into::into)), ExitCode::SUCCESS);
/// ```
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(e) => {
            // Where nobody reads stderr there is nobody to tell.
            let _ = e.print();
            return match e.use_stderr() {
                true => ExitCode::from(USAGE),
                false => ExitCode::SUCCESS,
            };
        }
    };
    match perform(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) if is_broken_pipe(&e) => ExitCode::SUCCESS,
        Err(e) => {
            complain(&format!("{e:#}"));
            match e.is::<WrongUsage>() {
                true => ExitCode::from(USAGE),
                false => ExitCode::FAILURE,
            }
        }
    }
}

fn perform(cli: Cli) -> anyhow::Result<()> {
    if let Command::Completions { shell } = &cli.command {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut Cli::command(), "nsc", &mut script);
        return output::write(&script);
    }
    let address = with_default_port(&cli.ns)
        .map_err(|e| WrongUsage(format!("--ns or the environment variable FARCALL_NS: {e}")))?;
    let names = Names::new(address, cli.timeout);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let end = runtime.block_on(obey(cli.command, &names, Output::new(cli.json)));
    // The lookup of a host name may hang in a thread of its own; nobody waits for it any more.
    runtime.shutdown_background();
    end
}

async fn obey(command: Command, names: &Names, out: Output) -> anyhow::Result<()> {
    match command {
        Command::List { pattern } => registry::list(names, out, pattern).await,
        Command::Lookup { name } => registry::lookup(names, out, &name).await,
        Command::Register(wanted) => registry::register(names, out, wanted).await,
        Command::Remove { name } => registry::remove(names, out, &name).await,
        Command::Meta { name, tags, clear } => {
            let tags = (clear || !tags.is_empty()).then_some(tags);
            registry::meta(names, out, &name, tags).await
        }
        Command::Find { tags, any } => registry::find(names, out, tags, any).await,
        Command::Count => registry::count(names, out).await,
        Command::Watch { pattern } => watch::watch(names, out, pattern).await,
        Command::Ping => registry::ping(names, out).await,
        Command::Describe { object } => describe::describe(names, out, &object).await,
        Command::Call(wanted) => call::call(names, out, &wanted).await,
        // Done before there is anything to ask.
        Command::Completions { .. } => Ok(()),
    }
}

/// Writes a line to stderr, whatever the text holds.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "nsc: {}", one_line(text));
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

/// The command line is wrong in a way that clap does not see.
#[derive(Debug)]
struct WrongUsage(String);

impl fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}
