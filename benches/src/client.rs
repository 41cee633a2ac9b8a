//! The client process: measures what its scenario says and prints the figures as one line of JSON.

use std::time::Duration;

use anyhow::Context;

use crate::Arguments;
use crate::figure::Figure;
use crate::measure::Until;
use crate::peers::{self, Caller, PeerName};
use crate::process::Process;

/// What a client knows.
pub(crate) struct Client {
    pub(crate) peer: PeerName,
    pub(crate) addresses: Vec<String>,
    pub(crate) server: Process,
    pub(crate) own: Process,
    /// How long a measurement takes.
    pub(crate) time: Duration,
    /// How many calls it makes instead, if so.
    pub(crate) calls: Option<u64>,
    /// Which part of the scenario this is.
    pub(crate) part: String,
}

/// The figures, or why there are none.
pub(crate) type Word = Result<Vec<Figure>, String>;

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (scenario, peer) = (arguments.scenarios[0], arguments.peers[0]);
    let client = Client {
        peer,
        addresses: split(arguments.address.as_deref().context("no address")?),
        server: Process::of(arguments.server_pid.context("no server")?),
        own: Process::own(),
        time: Duration::from_secs_f64(arguments.seconds),
        calls: arguments.calls,
        part: arguments.part.clone(),
    };
    let word: Word = scenario.room.measure(&client).map_err(|e| format!("{e:#}"));
    println!("{}", serde_json::to_string(&word)?);
    // Whatever still runs, a flood for one, ends here.
    std::process::exit(0)
}

impl Client {
    /// The server's address, where there is one server.
    pub(crate) fn address(&self) -> &str {
        &self.addresses[0]
    }

    pub(crate) async fn connect(&self) -> anyhow::Result<Box<dyn Caller>> {
        peers::connect(self.peer, self.address()).await
    }

    pub(crate) async fn connect_many(&self, count: usize) -> anyhow::Result<Vec<Box<dyn Caller>>> {
        let mut callers = Vec::with_capacity(count);
        for _ in 0..count {
            callers.push(self.connect().await?);
        }
        Ok(callers)
    }

    /// How long to call.
    pub(crate) fn until(&self) -> Until {
        self.calls.map_or(Until::Time(self.time), Until::Calls)
    }

    /// The part of the scenario, where it is a number.
    pub(crate) fn part_number(&self) -> anyhow::Result<usize> {
        let part = &self.part;
        part.parse()
            .with_context(|| format!("part '{part}' is no number"))
    }
}

fn split(addresses: &str) -> Vec<String> {
    addresses.split(',').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_separated_by_commas() {
        assert_eq!(split("a:1"), ["a:1"]);
        assert_eq!(split("a:1,b:2"), ["a:1", "b:2"]);
    }
}
