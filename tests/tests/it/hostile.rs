//! Peers that break every rule, against a daemon and against a proxy: the others are served, and nothing hangs.

#![expect(
    clippy::disallowed_methods,
    reason = "a test awaits or aborts the tasks it spawns, and they end with its runtime"
)]

mod batches;
mod callers;
mod credit;
mod doors;
mod flood;
mod fuzz;
mod ids;
mod neighbour;
mod notes;
mod pieces;
mod rules;
mod script;
mod sequences;
mod servers;
mod two_way;
mod wire;

pub(crate) use wire::{Open, Probe};
