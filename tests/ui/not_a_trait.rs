//! The attribute goes on a trait and on nothing else.

#[farcall::remote]
pub struct Worker {
    pub data: i64,
}

#[farcall::remote]
impl Worker {}

#[farcall::remote]
/// Docs.
pub fn process(_data: i64) {}

fn main() {}
