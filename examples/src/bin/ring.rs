//! Peer to peer: equal nodes pass a token round, and close the ring when one of them dies.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use clap::{Parser, value_parser};
use farcall::{Address, Daemon};
use farcall_examples::ring::{Node, RingNode as _, Settings, Token, run};
use farcall_examples::{crew, program};

/// How long a node that ends answers those who still ask it something.
const GRACE: Duration = Duration::from_secs(1);

/// Is a node of a ring, which passes a token round
///
/// Each node hosts an object and calls that of the next one; there is no master. The nodes find each other in the name
/// service, in the order of their names. When one dies, the one before it passes the token to the next that lives; a token
/// that died with its node is made anew. Nodes may come and go at any time.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  ns --port 9090 &
  ring --name ring.1 &
  ring --name ring.2 &
  ring --name ring.3 --begin --hops 30 --hold 200"
)]
struct Arguments {
    /// The name service where the nodes are registered
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "FARCALL_NS",
        default_value = "localhost:9090"
    )]
    ns: Address,
    /// Its name: that of the ring, a dot, and something of its own
    #[arg(long, value_name = "RING.NODE")]
    name: String,
    /// Begin with the token; one node of the ring does
    #[arg(long)]
    begin: bool,
    /// After how many hops the token stays where it is
    #[arg(long, value_name = "N", default_value_t = u64::MAX)]
    hops: u64,
    /// How long to hold the token
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 100,
        value_parser = value_parser!(u64).range(..=60_000))]
    hold: u64,
    /// The address to listen on, by which the others reach this machine
    #[arg(long, default_value = "localhost")]
    host: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    program::exit("ring", be_node(arguments).await)
}

async fn be_node(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { ns, name, .. } = arguments;
    let ring = name.split_once('.').map(|(ring, _)| ring.to_owned());
    ensure!(
        ring.is_some(),
        "'{name}' has no dot: write RING.NODE, such as ring.1"
    );
    let (node, mut tokens) = Node::new();
    let node = Arc::new(node);
    let daemon = Daemon::builder()
        .names(ns.to_string())
        .grace(GRACE)
        .bind(&crew::listen_address(&arguments.host, 0))
        .await?;
    let uri = daemon.publish(&name, Arc::clone(&node).serve()).await?;
    program::print(format_args!("Ready. Object uri = {uri}\n"))?;
    if arguments.begin {
        node.take(Token {
            hop: 1,
            renewals: 0,
        })
        .await;
    }
    let settings = Settings {
        ring: ring.unwrap_or_default(),
        name,
        names: ns,
        hold: Duration::from_millis(arguments.hold),
        hops: arguments.hops,
    };
    let outcome = tokio::select! {
        outcome = run(&node, &mut tokens, &settings) => outcome,
        interrupted = program::interrupted() => interrupted,
    };
    daemon.shutdown().await;
    outcome
}
