//! A chat: the room calls its guests back over the connections that they came by.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use farcall_examples::chat::{
    Event, Hall, Listener, ListenerProxy, ROOM, Room as _, RoomProxy, Welcome,
};
use farcall_examples::hosting::Hosting;
use farcall_examples::program;
use tokio::sync::mpsc;

/// How many events may wait to be printed.
const MOST_UNREAD: usize = 100;

/// A room where everybody hears what the others say
///
/// Who joins gives the room an object to call; it needs no port of its own. Who leaves, dies or does not listen is announced
/// as left, and holds up nobody.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  chat serve --port 4242 &
  chat join far:chat@localhost:4242 --name alice

  ns --port 9090 &
  chat serve --ns localhost:9090 &
  chat join farname:chat@localhost:9090 --name bob"
)]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Hosts the room, until ctrl-c
    Serve(Hosting),
    /// Joins a room: lines of stdin go to the others; the end of stdin leaves
    Join(Join),
}

#[derive(Args, Debug)]
struct Join {
    /// The room, as `chat serve` prints it
    uri: String,
    /// What the others will call you
    #[arg(long)]
    name: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().role {
        Role::Serve(hosting) => serve(&hosting).await,
        Role::Join(options) => join(options).await,
    };
    program::exit("chat", outcome)
}

async fn serve(hosting: &Hosting) -> anyhow::Result<()> {
    let daemon = hosting.host(ROOM, Hall::default().serve()).await?;
    daemon.run_until_ctrl_c().await?;
    Ok(())
}

/// Hears for this program. It is dropped when the room lets go of it, or with the connection.
struct Ear(mpsc::Sender<Event>);

impl Listener for Ear {
    async fn hear(&self, event: Event) {
        // Whoever does not read any more has left.
        let _ = self.0.send(event).await;
    }
}

async fn join(Join { uri, name }: Join) -> anyhow::Result<()> {
    let room = RoomProxy::connect(&uri).await?;
    let (ear, mut events) = mpsc::channel(MOST_UNREAD);
    let ear = ListenerProxy::local(Ear(ear));
    let joined = room.join(name.clone(), ear).await?;
    let Welcome { seat, others } = joined
        .map_err(anyhow::Error::msg)
        .context("cannot join the room")?;
    program::print(format_args!("* {}\n", welcome(&name, &others)))?;
    let mut lines = program::stdin_lines();
    let mut interrupted = std::pin::pin!(program::interrupted());
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => program::print(format_args!("{event}\n"))?,
                None => bail!("{uri} is gone, or has given up on this listener"),
            },
            line = lines.recv() => match line {
                Some(line) => seat.say(line).await?.map_err(anyhow::Error::msg)?,
                None => return Ok(()),
            },
            ended = &mut interrupted => return ended,
        }
    }
}

fn welcome(name: &str, others: &[String]) -> String {
    match others {
        [] => format!("you are {name}; nobody else is here"),
        _ => format!("you are {name}; here already: {}", others.join(", ")),
    }
}
