//! Programs without async code: the tests here are such programs.

mod fleets;
mod inside;
mod objects;
mod start;
mod streams;
mod threads;
mod typed;

use std::time::Duration;

use farcall::blocking::Fleet;

use crate::harness::{DeskProxy, Town};

/// The members of a town; no job with them lasts longer than a test may.
fn fleet(town: &Town) -> Fleet<DeskProxy> {
    let fleet = Fleet::find(&town.service.uri("desk.*")).unwrap();
    fleet.with_deadline(Duration::from_secs(10))
}
