//! Peers that break the rules of streams and references: they lose their own connection, if anything.

mod cuts;
mod faults;
mod large;
mod memory;
mod refusals;
mod servers;
mod speech;
