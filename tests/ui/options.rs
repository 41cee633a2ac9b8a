//! The attribute has one option.

#[farcall::remote(name = "worker")]
trait Named {
    fn process(&self, data: i64) -> i64;
}

#[farcall::remote(crate = farcall, crate = farcall)]
trait Twice {
    fn process(&self, data: i64) -> i64;
}

#[farcall::remote(crate)]
trait Bare {
    fn process(&self, data: i64) -> i64;
}

fn main() {}
