//! Many threads at once, and threads that belong to a runtime.

use std::thread;

use farcall::blocking;
use tokio::runtime::Builder;

use super::fleet;
use crate::harness::{DeskProxy, Town};

#[test]
fn eight_threads_share_a_fleet_and_a_proxy() {
    let town = Town::open(2);
    let fleet = fleet(&town);
    let desk: DeskProxy = blocking::connect(&town.service.uri("desk.1")).unwrap();
    let work = |thread: i64| {
        for _ in 0..5 {
            let squares = fleet.map(0..200, |desk, n| desk.square(n + thread));
            let expected: Vec<i64> = (0..200).map(|n| (n + thread) * (n + thread)).collect();
            assert_eq!(squares.unwrap(), expected);
            let square = blocking::wait(desk.square(thread));
            assert_eq!(square.unwrap(), thread * thread);
        }
    };
    thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || work(thread));
        }
    });
}

#[test]
fn async_code_may_call_it_too() {
    let town = Town::open(2);
    let uri = town.service.uri("desk.*");
    let work = async || {
        let fleet = blocking::Fleet::<DeskProxy>::find(&uri).unwrap();
        // More steps than a task has at a time.
        let squares = fleet.map(0..1_000, |desk, n| desk.square(n)).unwrap();
        assert_eq!(squares[999], 998_001);
        let mut ahead = fleet.imap(0..3, |desk, n| desk.square(n));
        assert_eq!(ahead.next().unwrap().unwrap(), 0);
        drop(ahead);
        let item = fleet.submit(7_u64, |desk, n| desk.wait(n));
        assert_eq!(item.wait().unwrap(), 7);
    };
    let single = Builder::new_current_thread().enable_all().build().unwrap();
    single.block_on(work());
    let many = Builder::new_multi_thread().enable_all().build().unwrap();
    many.block_on(work());
}

#[test]
fn a_closure_may_wait_for_another_call() {
    let town = Town::open(2);
    let fleet = fleet(&town);
    let desk: DeskProxy = blocking::connect(&town.service.uri("desk.1")).unwrap();
    let fourth = fleet.map(0..20, |other, n| {
        let square = blocking::wait(desk.square(n)).unwrap();
        other.square(square)
    });
    let expected: Vec<i64> = (0..20).map(|n: i64| n.pow(4)).collect();
    assert_eq!(fourth.unwrap(), expected);
}
