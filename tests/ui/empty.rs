//! A remote trait has something to call.

#[farcall::remote]
pub trait Worker {}

fn main() {}
