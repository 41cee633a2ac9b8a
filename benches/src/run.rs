//! The parent: peers in turn, round after round, and a server and a client for each measurement.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::child::Started;
use crate::client::Word;
use crate::figure::Figure;
use crate::peers::PeerName;
use crate::report::{self, Results};
use crate::scenarios::Scenario;
use crate::{Arguments, Pin};

/// What a server prints instead of its address when it cannot serve.
const CANNOT: &str = "cannot serve: ";

pub(crate) fn all(arguments: &Arguments) -> anyhow::Result<()> {
    let mut results = Results::new(load());
    for &scenario in &arguments.scenarios {
        let rounds = scenario.room.rounds(arguments.rounds);
        for round in 1..=rounds {
            for &peer in &arguments.peers {
                let measured = scenario.room.measures(peer);
                if !measured || results.is_skipped(scenario, peer) {
                    continue;
                }
                let what = format!(
                    "{} of {}, round {round} of {rounds}",
                    scenario.name,
                    peer.text()
                );
                eprintln!("{what}");
                let pair = Pair {
                    arguments,
                    scenario,
                    peer,
                };
                match scenario.room.round(&pair) {
                    Ok(figures) => results.add(scenario, peer, figures),
                    Err(e) => {
                        eprintln!("{what}: {e:#}");
                        results.skip(scenario, peer, format!("{e:#}"));
                    }
                }
            }
        }
    }
    report::write(arguments, &results, load())
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.trim().to_owned()
}

/// The server process.
pub(crate) fn serve(arguments: &Arguments) -> anyhow::Result<()> {
    let (scenario, peer) = (arguments.scenarios[0], arguments.peers[0]);
    let served = scenario.room.serve(peer, &arguments.part);
    if let Err(e) = &served {
        // One line, which the parent can tell from an address.
        println!("{CANNOT}{}", format!("{e:#}").replace('\n', " "));
    }
    served
}

/// A server and a client of one peer, still to be started.
pub(crate) struct Pair<'a> {
    arguments: &'a Arguments,
    scenario: Scenario,
    peer: PeerName,
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Server,
    Client,
}

/// Counts the instructions of one end, and writes them to a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted<'a> {
    pub(crate) end: End,
    pub(crate) calls: u64,
    pub(crate) file: &'a Path,
}

impl Pair<'_> {
    pub(crate) fn peer(&self) -> PeerName {
        self.peer
    }

    /// Starts both for one part of the scenario; gives what the client measured.
    pub(crate) fn measure(&self, part: &str) -> anyhow::Result<Vec<Figure>> {
        self.start_both(part, None)
    }

    /// As `measure`, with one end under callgrind.
    pub(crate) fn count(&self, counted: Counted<'_>) -> anyhow::Result<Vec<Figure>> {
        self.start_both("", Some(counted))
    }

    fn start_both(&self, part: &str, counted: Option<Counted<'_>>) -> anyhow::Result<Vec<Figure>> {
        let patience = self.scenario.room.patience();
        let mut command = self.command(End::Server, part, counted)?;
        command.args(["--role", "server"]);
        let server = Started::new(command)?;
        let address = server.line(patience).context("the server")?;
        if let Some(why) = address.strip_prefix(CANNOT) {
            anyhow::bail!("{why}");
        }
        let mut command = self.command(End::Client, part, counted)?;
        command.args(["--role", "client", "--address", &address]);
        command.args(["--server-pid", &server.pid().to_string()]);
        let client = Started::new(command)?;
        let line = client.line(patience).context("the client")?;
        client.end()?;
        server.end()?;
        let word: Word =
            serde_json::from_str(&line).with_context(|| format!("the client says '{line}'"))?;
        word.map_err(anyhow::Error::msg)
    }

    fn command(
        &self,
        end: End,
        part: &str,
        counted: Option<Counted<'_>>,
    ) -> anyhow::Result<Command> {
        let mut words: Vec<std::ffi::OsString> = Vec::new();
        if self.arguments.pin == Pin::One && self.scenario.room.may_be_pinned() {
            words.extend(["taskset", "-c", "0"].map(Into::into));
        }
        if let Some(counted) = counted.filter(|counted| counted.end == end) {
            let out = format!("--callgrind-out-file={}", counted.file.display());
            words.extend(["valgrind", "-q", "--tool=callgrind", &out].map(Into::into));
        }
        words.push(std::env::current_exe()?.into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.envs(self.scenario.room.environment(part).iter().copied());
        command.args(["--scenarios", self.scenario.name]);
        command.args(["--peers", self.peer.text(), "--part", part]);
        command.args(["--seconds", &self.arguments.seconds.to_string()]);
        if let Some(counted) = counted {
            command.args(["--calls", &counted.calls.to_string()]);
        }
        Ok(command)
    }
}
