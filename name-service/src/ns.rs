//! The program `ns`.

use std::ffi::OsString;
use std::io::Write;

use anyhow::Context;
use clap::Parser;
use farcall_shared::names::DEFAULT_PORT;

use crate::server::Server;

/// Runs a farcall name service.
///
/// Prints `URI = far:Far.NameServer@HOST:PORT` when it is ready, and ends in good order on ctrl-c and SIGTERM.
#[derive(Debug, Parser)]
#[command(name = "ns", version, after_help = EXAMPLES)]
struct Arguments {
    /// Host name or address to listen at
    #[arg(long, default_value = "localhost")]
    host: String,

    /// Port to listen at; 0 takes any free one
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,

    /// Where names are kept: `memory`, or `redb:PATH` for a file that survives a crash
    #[arg(long, default_value = "memory", value_name = "memory|redb:PATH")]
    store: String,
}

const EXAMPLES: &str = "\
Examples:
  ns                                     listen at localhost:9090, forget all names at the end
  ns --store redb:/var/lib/names.redb    keep names in a file; an acknowledged one survives a crash
  ns --host 0.0.0.0 --port 0             listen for other machines, at any free port

Programs find it at localhost:9090, or where the environment variable FARCALL_NS=HOST:PORT says.
`nsc` lists, changes and watches the names.";

/// Runs the program with these arguments; the first is its name.
///
/// # Errors
/// What stopped it, for one line on stderr. Usage errors and `--help` are clap's.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> anyhow::Result<()> {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(e) => e.exit(),
    };
    let host = match arguments.host.contains(':') && !arguments.host.starts_with('[') {
        true => format!("[{}]", arguments.host),
        false => arguments.host,
    };
    let address = format!("{host}:{}", arguments.port);
    let server = Server::bind(&address, &arguments.store)
        .await
        .context("the name service cannot start")?;
    let mut out = std::io::stdout();
    writeln!(out, "URI = {}", server.uri())
        .and_then(|()| out.flush())
        .context("cannot write to stdout")?;
    server.run_until_ctrl_c().await?;
    Ok(())
}
