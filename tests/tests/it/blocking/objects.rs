//! Single objects and pools, called without async code.

use farcall::blocking;
use farcall::pool::Pool;
use farcall_tests::mill::MillProxy;

use crate::harness::{DeskProxy, Town, assert_ends, assert_unconnected};

#[test]
fn an_object_is_connected_to_and_called() {
    let town = Town::open(1);
    let desk = blocking::connect::<DeskProxy>(&town.service.uri("desk.1")).unwrap();
    assert_eq!(blocking::wait(desk.square(10)).unwrap(), 100);
    let panicked = blocking::wait(desk.panic("on purpose".into()));
    assert_ends(panicked, "Failed(Panic)", &["on purpose"]);
    let nobody = blocking::connect::<DeskProxy>(&town.service.uri("desk.2"));
    assert_unconnected(nobody, &["desk.2"]);
}

#[test]
fn a_pool_is_started_used_and_closed() {
    let pool = Pool::<MillProxy>::builder()
        .program(env!("CARGO_BIN_EXE_pool-worker"))
        .args(["good"])
        .processes(2)
        .start();
    let pool = blocking::wait(pool).unwrap();
    let pids = blocking::Fleet::over(&pool).unwrap();
    let mut pids: Vec<u32> = pids
        .broadcast(|mill| mill.pid())
        .into_iter()
        .map(|(_, pid)| pid.unwrap())
        .collect();
    pids.dedup();
    assert_eq!(pids.len(), 2);
    blocking::wait(pool.close());
}
