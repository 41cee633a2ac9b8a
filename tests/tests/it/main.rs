//! The system as its users meet it: both sides at once, through the public API of `farcall`.

mod calls;
mod daemon;
mod deadlines;
mod evolution;
mod harness;
mod proxies;
mod unix;
