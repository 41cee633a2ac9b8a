//! `nsc` as a user runs it, against a name service and objects in this process.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod calls;
mod house;
mod names;
mod objects;
mod refusals;
mod watch;
