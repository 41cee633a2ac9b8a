//! Peers that break every rule, against a daemon and against a proxy: the others are served, and nothing hangs.

mod doors;
mod flood;
mod fuzz;
mod rules;
mod servers;
mod wire;

pub(crate) use wire::{Open, Probe};
