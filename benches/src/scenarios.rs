//! What is measured: the list of scenarios, each kind in a room of its own.

mod bulk;
mod calls;
mod fairness;
mod fan;
mod fleet;
mod instructions;
mod memory;
mod names;
mod objects;
mod python;
mod scaling;
mod two_way;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::client::Client;
use crate::figure::Figure;
use crate::peers::{self, PeerName};
use crate::run::Pair;

use bulk::Bulk;
use calls::Calls;
use fairness::{Beside, Flood, Pieces};
use fan::Out;
use fleet::{Failing, Long, Loss, Lost, Slow, Trivial, Waiting};
use instructions::Instructions;
use memory::Memory;
use names::Names;
use python::{Many, Object, One};
use scaling::{Connections, InFlight, Objects};
use two_way::{References, Small, Still};

/// One scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Of which kind it is, with what distinguishes it from others of that kind.
    pub(crate) room: &'static dyn Room,
}

/// What a kind of scenario does in the three processes.
pub(crate) trait Room: fmt::Debug + Sync {
    /// Whether this peer has such figures.
    fn measures(&self, peer: PeerName) -> bool {
        !peer.only_maps()
    }

    /// How many rounds tell more than one, of those asked for.
    fn rounds(&self, asked: u32) -> u32 {
        asked
    }

    /// Whether it means something on one core.
    fn may_be_pinned(&self) -> bool {
        true
    }

    /// How long to wait for the server's address, and for the client's figures.
    fn patience(&self) -> Duration {
        Duration::from_secs(180)
    }

    /// What both processes of a part find in their environment besides.
    fn environment(&self, _part: &str) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The parent: one round.
    fn round(&self, pair: &Pair<'_>) -> anyhow::Result<Vec<Figure>> {
        pair.measure("")
    }

    /// The server process.
    fn serve(&self, peer: PeerName, _part: &str) -> anyhow::Result<()> {
        peers::serve(peer, 1)
    }

    /// The client process.
    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>>;
}

const fn scenario(name: &'static str, about: &'static str, room: &'static dyn Room) -> Scenario {
    Scenario { name, about, room }
}

pub(crate) const ALL: [Scenario; 37] = [
    scenario(
        "A",
        "latency of a call, 1 in flight",
        &Calls {
            connections: 1,
            window: 1,
        },
    ),
    scenario(
        "B64",
        "one connection, 64 in flight",
        &Calls {
            connections: 1,
            window: 64,
        },
    ),
    scenario(
        "B256",
        "one connection, 256 in flight",
        &Calls {
            connections: 1,
            window: 256,
        },
    ),
    scenario(
        "C8x32",
        "8 connections, 32 in flight on each",
        &Calls {
            connections: 8,
            window: 32,
        },
    ),
    scenario(
        "C64x1",
        "64 connections, 1 in flight on each",
        &Calls {
            connections: 64,
            window: 1,
        },
    ),
    scenario(
        "D64K",
        "echo of 64 KiB, 8 in flight",
        &Bulk {
            bytes: 64 << 10,
            window: 8,
        },
    ),
    scenario(
        "D1M",
        "echo of 1 MiB, 4 in flight",
        &Bulk {
            bytes: 1 << 20,
            window: 4,
        },
    ),
    scenario(
        "D64M",
        "echo of 64 MiB, 1 in flight, and what both ends keep of it",
        &Bulk {
            bytes: 64 << 20,
            window: 1,
        },
    ),
    scenario(
        "E",
        "memory of an idle connection, and (farcall) of a registered object",
        &Memory,
    ),
    scenario(
        "F",
        "a name service with 1,000,000 names in a durable store (farcall)",
        &Names,
    ),
    scenario(
        "G1",
        "instructions of a call, user code, 1 in flight (needs valgrind)",
        &Instructions { window: 1 },
    ),
    scenario(
        "G100",
        "instructions of a call, user code, 100 in flight (needs valgrind)",
        &Instructions { window: 100 },
    ),
    scenario(
        "I64",
        "fan-in: 64 clients of one server, 8 in flight each",
        &Calls {
            connections: 64,
            window: 8,
        },
    ),
    scenario(
        "O64",
        "fan-out: one client of 64 servers, 100,000 calls, 256 in flight in all",
        &Out,
    ),
    scenario(
        "P1",
        "a cheap call beside long computations on one connection (farcall; never pinned)",
        &Beside,
    ),
    scenario(
        "P2",
        "a quiet connection beside one that floods and one that never reads (farcall; never pinned)",
        &Flood,
    ),
    scenario(
        "two-way-pieces",
        "a cheap call beside blobs of 64 MiB on one connection (farcall; never pinned)",
        &Pieces,
    ),
    scenario(
        "S1",
        "1 to 1,000 connections, 256 in flight in all",
        &Connections,
    ),
    scenario(
        "S2",
        "1 and 100,000 registered objects, 256 in flight (farcall)",
        &Objects,
    ),
    scenario("S3", "64 to 10,000 in flight on one connection", &InFlight),
    scenario(
        "fleet-trivial",
        "trivial items mapped over 2 worker processes (farcall and Python's pools; never pinned, as all fleets)",
        &Trivial,
    ),
    scenario(
        "fleet-8",
        "items that wait 1 ms, mapped over 8 worker processes (farcall)",
        &Waiting { workers: 8 },
    ),
    scenario(
        "fleet-64",
        "the same over 64 worker processes (farcall)",
        &Waiting { workers: 64 },
    ),
    scenario(
        "fleet-frozen",
        "10,000 such items over 8 workers, one of which freezes in the middle (farcall)",
        &Lost { loss: Loss::Frozen },
    ),
    scenario(
        "fleet-killed",
        "the same, one of which is killed in the middle (farcall)",
        &Lost { loss: Loss::Killed },
    ),
    scenario(
        "fleet-slow",
        "single calls to 8 workers, one of which becomes 20 times slower (farcall)",
        &Slow,
    ),
    scenario(
        "fleet-failing",
        "single calls to 8 workers, one of which fails at once (farcall)",
        &Failing,
    ),
    scenario(
        "fleet-memory",
        "memory of a caller that streams 10,000,000 items through 2 workers (farcall)",
        &Long,
    ),
    scenario(
        "two-way-stream",
        "a stream of small items, beside pipelined one-way calls (farcall, tonic)",
        &Small,
    ),
    scenario(
        "two-way-references",
        "100,000 references handed out and given back: the memory of both ends (farcall)",
        &References,
    ),
    scenario(
        "two-way-still-reader",
        "endless streams of which nothing is taken: the memory of the producer (farcall)",
        &Still,
    ),
    scenario(
        "python-calls",
        "one Python client of a farcall daemon and of Pyro5's, one call after the other (farcall, pyro5)",
        &One {
            parts: &python::CALLS,
            bytes: 0,
            object: Object::Typed,
        },
    ),
    scenario(
        "python-batch",
        "the same with 100 calls in each message (farcall, pyro5)",
        &One {
            parts: &python::BATCH,
            bytes: 0,
            object: Object::Typed,
        },
    ),
    scenario(
        "python-large",
        "the same with texts and bytes of 1,000,000 (farcall, pyro5)",
        &One {
            parts: &python::LARGE,
            bytes: 1_000_000,
            object: Object::Typed,
        },
    ),
    scenario(
        "python-object",
        "methods, attributes and items of an object that speaks Python (farcall, pyro5)",
        &One {
            parts: &python::OBJECT,
            bytes: 0,
            object: Object::Dynamic,
        },
    ),
    scenario(
        "python-clients",
        "200 Python clients at once (farcall, pyro5)",
        &Many { clients: 200 },
    ),
    scenario(
        "python-daemon",
        "farcall's client and Pyro5's of a Python daemon (farcall, pyro5)",
        &python::Rust,
    ),
];

impl PartialEq for Scenario {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = ALL.iter().find(|s| s.name.eq_ignore_ascii_case(name));
        known.copied().ok_or_else(|| {
            let names: Vec<_> = ALL.iter().map(|s| s.name).collect();
            format!("there are {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_found_by_its_name_and_by_no_other() {
        for scenario in ALL {
            assert_eq!(scenario.name.parse(), Ok(scenario));
            assert_eq!(scenario.name.to_lowercase().parse(), Ok(scenario));
        }
        assert!("B".parse::<Scenario>().unwrap_err().contains("B64, B256"));
    }
}
