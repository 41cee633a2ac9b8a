//! Resources that belong to a session: a server lends licences, and has those of a client back that is killed.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use farcall::Address;
use farcall_examples::licences::{LicenceDesk as _, LicenceDeskProxy, Licences};
use farcall_examples::{crew, program};

/// The name of the server's object.
const DESK: &str = "example.licences";

/// Lends licences to clients, each for as long as its connection lasts
///
/// A client that is killed, even by kill -9, gives back what it has: the server keeps it for the client's session, and
/// releases it as soon as that ends.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  ns --port 9090 &
  resource-tracking server --licences 2 &
  resource-tracking client --take 2 &
  kill -9 $!
  resource-tracking client"
)]
struct Arguments {
    /// The name service where the server is registered
    #[arg(
        long,
        global = true,
        value_name = "HOST:PORT",
        env = "FARCALL_NS",
        default_value = "localhost:9090"
    )]
    ns: Address,
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Lends licences, until ctrl-c
    Server(Server),
    /// Takes licences and holds them, until ctrl-c
    Client(Client),
}

#[derive(Args, Debug)]
struct Server {
    /// How many there are
    #[arg(long, value_name = "N", default_value_t = 3)]
    licences: u32,
}

#[derive(Args, Debug)]
struct Client {
    /// How many to take
    #[arg(long, value_name = "N", default_value_t = 1)]
    take: u32,
    /// Give the first one back at once
    #[arg(long)]
    give_back: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { ns, role } = Arguments::parse();
    let outcome = match role {
        Role::Server(Server { licences }) => {
            let here = crew::listen_address("localhost", 0);
            crew::serve(Licences::new(licences).serve(), DESK, &ns, &here).await
        }
        Role::Client(client) => hold(&ns, client).await,
    };
    program::exit("resource-tracking", outcome)
}

async fn hold(ns: &Address, client: Client) -> anyhow::Result<()> {
    let desk = LicenceDeskProxy::connect(&format!("farname:{DESK}@{ns}")).await?;
    let mut mine = Vec::new();
    for _ in 0..client.take {
        let taken = desk.take().await?.map_err(anyhow::Error::msg);
        mine.push(taken.context("no licence")?);
    }
    if client.give_back && !mine.is_empty() {
        desk.give_back(mine.remove(0)).await?;
    }
    let left = desk.left().await?;
    program::print(format_args!("Holding licences {mine:?}; {left} left\n"))?;
    program::interrupted().await
}
