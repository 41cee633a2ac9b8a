//! Hosts an object that squares numbers, and registers it in a name service.

use std::process::ExitCode;

use clap::Parser;
use farcall::Address;
use farcall_examples::contract::{Squarer, Worker as _};
use farcall_examples::{crew, program};

/// Hosts an object that squares numbers, and registers it in a name service
///
/// Prints the object's URI when it is ready. Ctrl-c and SIGTERM end it: calls in flight are answered first.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  ns --port 9090 &
  squares-server --ns localhost:9090 --name worker.1 &
  squares-server --ns localhost:9090 --name worker.2 &
  squares-client --ns localhost:9090"
)]
struct Arguments {
    /// The name service to register in
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "FARCALL_NS",
        default_value = "localhost:9090"
    )]
    ns: Address,
    /// The name to register
    #[arg(long)]
    name: String,
    /// The address to listen on, by which clients reach this machine
    #[arg(long, default_value = "localhost")]
    host: String,
    /// The port to listen on; 0 is any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments {
        ns,
        name,
        host,
        port,
    } = Arguments::parse();
    let address = crew::listen_address(&host, port);
    program::exit(
        "squares-server",
        crew::serve(Squarer.serve(), &name, &ns, &address).await,
    )
}
