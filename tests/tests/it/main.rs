//! The system as its users meet it: both sides at once, through the public API of `farcall`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod batches;
mod blocking;
mod calls;
mod context;
mod crash;
mod daemon;
mod deadlines;
mod dynamic;
mod evolution;
mod fleet;
mod harness;
mod hooks;
mod hostile;
mod instances;
mod map_reduce;
mod metadata;
mod names;
mod oneway;
mod pieces;
mod pool;
mod proxies;
mod pyro;
mod sessions;
mod tarpc_peers;
mod two_way;
mod unix;
mod work;
