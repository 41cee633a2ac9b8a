//! What is measured: how many connections, and how many calls in flight on each.

use std::str::FromStr;

/// One scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) connections: usize,
    /// Calls in flight on each connection.
    pub(crate) window: usize,
    pub(crate) about: &'static str,
}

pub(crate) const ALL: [Scenario; 5] = [
    Scenario {
        name: "A",
        connections: 1,
        window: 1,
        about: "latency of a call, one in flight",
    },
    Scenario {
        name: "B64",
        connections: 1,
        window: 64,
        about: "one connection, 64 in flight",
    },
    Scenario {
        name: "B256",
        connections: 1,
        window: 256,
        about: "one connection, 256 in flight",
    },
    Scenario {
        name: "C8x32",
        connections: 8,
        window: 32,
        about: "8 connections, 32 in flight on each",
    },
    Scenario {
        name: "C64x1",
        connections: 64,
        window: 1,
        about: "64 connections, 1 in flight on each",
    },
];

impl FromStr for Scenario {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = ALL.iter().find(|s| s.name == name);
        known.copied().ok_or_else(|| {
            let names: Vec<_> = ALL.iter().map(|s| s.name).collect();
            format!("unknown scenario '{name}'; there are {}", names.join(", "))
        })
    }
}
