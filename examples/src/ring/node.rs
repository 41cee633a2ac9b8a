//! A node: holds the token for a while, passes it to the next node that lives, and sees that it gets on from there.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::Context as _;
use farcall::names::{Selector, names_at};
use farcall::{Address, CallError, Proxy as _, Retries};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::{Answer, Memory, RingNode, RingNodeProxy, Token};
use crate::program;

/// How long a node may take to take the token, before it counts as dead.
const TAKING_TIME: Duration = Duration::from_secs(3);

/// How long the next node may hold the token; its death is noticed at once.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);

/// How many tokens a node keeps; there is one as a rule, and two when a node that was thought dead comes back.
const MOST_TOKENS: usize = 16;

/// The most nodes of a ring.
const MOST_NODES: u64 = 10_000;

/// The pause before all successors are tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// What a node is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name, `RING.SOMETHING`.
    pub name: String,
    /// What the names of all its nodes begin with.
    pub ring: String,
    /// Where they are registered.
    pub names: Address,
    /// How long it holds the token.
    pub hold: Duration,
    /// After how many hops the token stays where it is.
    pub hops: u64,
}

/// The object of a node.
#[derive(Debug)]
pub struct Node {
    memory: Mutex<Memory>,
    tokens: mpsc::Sender<Token>,
    /// The hops after which the token left.
    passed: watch::Sender<u64>,
}

impl Node {
    /// A node without a token, and the tokens that it will take.
    pub fn new() -> (Self, mpsc::Receiver<Token>) {
        let (tokens, taken) = mpsc::channel(MOST_TOKENS);
        let node = Self {
            memory: Mutex::default(),
            tokens,
            passed: watch::Sender::new(0),
        };
        (node, taken)
    }
}

impl RingNode for Node {
    async fn take(&self, token: Token) -> Answer {
        let Ok(place) = self.tokens.reserve().await else {
            return Answer::Known;
        };
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = memory.look(token);
        if answer == Answer::Taken {
            place.send(token);
        }
        answer
    }

    async fn passed(&self, hop: u64) {
        // The node itself holds the sender.
        let _ = self.passed.subscribe().wait_for(|last| *last >= hop).await;
    }
}

/// Holds and passes on what the node takes, until the token has made all its hops.
///
/// # Errors
/// The name service was never reached; stdout cannot be written.
pub async fn run(
    node: &Node,
    tokens: &mut mpsc::Receiver<Token>,
    settings: &Settings,
) -> anyhow::Result<()> {
    let mut others = Vec::new();
    while let Some(token) = tokens.recv().await {
        program::print(format_args!("{}: {token}\n", settings.name))?;
        sleep(settings.hold).await;
        if token.hop >= settings.hops {
            node.passed.send_replace(token.hop);
            program::print(format_args!("{}: the end after {token}\n", settings.name))?;
            continue;
        }
        pass_on(node, token, settings, &mut others).await?;
    }
    Ok(())
}

/// Passes a token on until it has left the next node as well: if that dies with it, the token is made anew.
async fn pass_on(
    node: &Node,
    held: Token,
    settings: &Settings,
    others: &mut Vec<String>,
) -> anyhow::Result<()> {
    let mut next = Token {
        hop: held.hop + 1,
        ..held
    };
    loop {
        match successors(settings).await {
            Ok(found) => *others = found,
            Err(error) if others.is_empty() => return Err(error),
            // Those that were there a moment ago will do.
            Err(_) => {}
        }
        let Some(successor) = hand_over(&mut next, others).await else {
            // Nobody else is there: the ring is this node.
            node.passed.send_replace(held.hop);
            if others.is_empty() {
                node.take(next).await;
                return Ok(());
            }
            sleep(PAUSE).await;
            continue;
        };
        node.passed.send_replace(held.hop);
        let Some(successor) = successor else {
            return Ok(());
        };
        let watched = successor.with_deadline(LONGEST_HOLD).passed(next.hop);
        if watched.await.is_ok() {
            return Ok(());
        }
        next.renewals += 1;
    }
}

/// Gives the token to the first that takes it, who is then to be watched, or knows it already; `None` when nobody answers.
async fn hand_over(token: &mut Token, nodes: &[String]) -> Option<Option<RingNodeProxy>> {
    for uri in nodes {
        let Ok(node) = RingNodeProxy::connect(uri).await else {
            continue;
        };
        let node = node.with_retries(Retries::Never);
        match node.with_deadline(TAKING_TIME).take(*token).await {
            Ok(Answer::Taken) => return Some(Some(node)),
            Ok(Answer::Known) => return Some(None),
            // It may have it: should it come back, its token is old.
            Err(CallError::Unknown { .. }) => token.renewals += 1,
            Err(_) => {}
        }
    }
    None
}

/// The other nodes, from the next one round to the one before.
async fn successors(settings: &Settings) -> anyhow::Result<Vec<String>> {
    let ring = Selector::Prefix(format!("{}.", settings.ring));
    let listing = async {
        let names = names_at(&settings.names).await?;
        anyhow::Ok(names.list(ring, None, MOST_NODES).await??)
    };
    let page = listing.await.with_context(|| {
        let names = &settings.names;
        format!("cannot ask the name service at {names} who is in the ring")
    })?;
    let me = &settings.name;
    let others = page.entries.into_iter().filter(|entry| entry.name != *me);
    let (before, after): (Vec<_>, Vec<_>) = others.partition(|entry| entry.name < *me);
    Ok(after
        .into_iter()
        .chain(before)
        .map(|entry| entry.uri)
        .collect())
}
