//! The program `ns`.

use std::ffi::OsString;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Context;
use clap::Parser;
use farcall_shared::names::DEFAULT_PORT;
use farcall_shared::uri::Address;

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

    /// Address at which Python's search for a name server is answered; without it and --bcport there is none on a loopback
    /// address
    #[arg(long, value_name = "IP")]
    bchost: Option<IpAddr>,

    /// UDP port for that; 0 takes any free one [default: 9091]
    #[arg(long, value_name = "PORT")]
    bcport: Option<u16>,

    /// Answer no searches
    #[arg(long, short = 'x', conflicts_with_all = ["bchost", "bcport"])]
    nobc: bool,
}

/// The UDP port at which Python's clients search.
const BROADCAST_PORT: u16 = 9091;

impl Arguments {
    /// Where searches are answered, if they are: for a name service that only this machine reaches when that is asked for.
    fn broadcast(&self, bound: &Address) -> Option<SocketAddr> {
        let asked_for = self.bchost.is_some() || self.bcport.is_some();
        let ip = match bound {
            Address::Tcp { host, .. } => match host.parse::<IpAddr>() {
                Ok(ip) => Some(ip),
                Err(_) if host == "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
                Err(_) => None,
            },
            Address::Unix(_) => return None,
        };
        let public = ip.is_none_or(|ip| !ip.is_loopback());
        if self.nobc || !(asked_for || public) {
            return None;
        }
        let host = self.bchost.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        Some((host, self.bcport.unwrap_or(BROADCAST_PORT)).into())
    }
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
        false => arguments.host.clone(),
    };
    let address = format!("{host}:{}", arguments.port);
    let server = Server::bind(&address, &arguments.store)
        .await
        .context("the name service cannot start")?;
    if let Some(at) = arguments.broadcast(server.address())
        && let Err(error) = server.answer_broadcasts(at).await
    {
        // Another name server of this machine answers there, as a rule.
        tracing::warn!("searches for a name server are not answered at {at}: {error}");
    }
    let mut out = std::io::stdout();
    let uri = server.uri().clone();
    // Before anybody knows that it is there.
    let ended = server.run_until_ctrl_c();
    writeln!(out, "URI = {uri}")
        .and_then(|()| out.flush())
        .context("cannot write to stdout")?;
    ended.await?;
    Ok(())
}
