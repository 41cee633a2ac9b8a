//! Typed proxies whose methods wait.

use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use farcall::{CallError, Proxy as _};

use crate::crash::child::Child;
use crate::harness::{
    DeskBlocking, DeskProxy, Town, assert_ends, assert_unconnected, assert_words, ending,
};

/// Long enough that a local call is answered within it as a rule, short enough to wait for.
const SHORT: Duration = Duration::from_millis(200);

fn desk(town: &Town) -> DeskBlocking {
    DeskBlocking::connect(&town.service.uri("desk.1")).unwrap()
}

#[test]
fn methods_wait_for_their_values_and_their_errors() {
    let town = Town::open(1);
    let desk = desk(&town);
    assert_eq!(desk.square(10), Ok(100));
    assert_eq!(desk.echo("x".into()), Ok("x".into()));
    assert_eq!(desk.fail("no".into()), Ok(Err("no".into())));
    let blob = Bytes::from(vec![7; 1 << 20]);
    assert_eq!(desk.blob(blob.clone()), Ok(blob));
    assert_ends(desk.panic("a".into()), "Failed(Panic)", &["a"]);
    assert_ends(desk.panic_computing("b".into()), "Failed(Panic)", &["b"]);
    assert_eq!(desk.note("one".into()), Ok(()));
    assert_eq!(desk.note("two".into()), Ok(()));
    assert_eq!(
        town.soon(town.members[0].clerk.noted(2)),
        ["one", "two"].map(String::from)
    );
    let nobody = DeskBlocking::connect(&town.service.uri("desk.2"));
    assert_unconnected(nobody, &["desk.2"]);
}

#[test]
fn sixteen_threads_share_one_proxy() {
    let town = Town::shut(1);
    let desk = desk(&town);
    let gate = &town.members[0].clerk.gate;
    thread::scope(|scope| {
        let waiting = [(); 16].map(|()| scope.spawn(|| desk.wait(3)));
        // All of them are there at a time, and nobody is in another's way.
        town.soon(gate.arrived(16));
        for thread in 0..16 {
            let desk = desk.clone();
            scope.spawn(move || {
                (0..100).for_each(|n| assert_eq!(desk.square(n + thread), Ok((n + thread).pow(2))))
            });
        }
        assert_eq!(desk.square(4), Ok(16));
        gate.open(16);
        for waited in waiting {
            assert_eq!(waited.join().unwrap(), Ok(3));
        }
    });
}

#[test]
fn a_call_ends_by_its_deadline() {
    let town = Town::shut(1);
    let desk = desk(&town);
    let began = Instant::now();
    // Whichever side sees first that it is over.
    let (ended, text) = ending(desk.with_deadline(SHORT).wait(1));
    assert!(ended.starts_with("Unknown("), "{ended}");
    assert_words(&text, &["wait of farname:desk.1", "may have run"]);
    let took = began.elapsed();
    assert!(took >= SHORT && took < 10 * SHORT, "{took:?}");
    town.soon(town.members[0].clerk.gate.abandoned(1));
    let hasty = desk.with_deadline(Duration::ZERO);
    assert_ends(hasty.square(2), "NotSent(Expired)", &["0ns"]);
    assert_ends(hasty.note("x".into()), "NotSent(Expired)", &[]);
    let patient = desk.with_deadline(Duration::MAX);
    assert_eq!(patient.square(3), Ok(9));
}

#[test]
fn a_daemon_that_is_killed_in_the_middle_ends_the_calls_at_once() {
    let town = Town::shut(0);
    let child = town.soon(Child::start("worker"));
    let desk = DeskBlocking::connect(&child.uri).unwrap();
    thread::scope(|scope| {
        let waiting = [(); 4].map(|()| scope.spawn(|| desk.wait(1)));
        let grinding = scope.spawn(|| desk.grind(1));
        // Each call counts itself, and so does this one.
        let mut own = 1;
        while desk.count().unwrap() < 5 + own {
            own += 1;
        }
        let began = Instant::now();
        town.soon(child.kill());
        for waited in waiting.into_iter().chain([grinding]) {
            let ended = waited.join().unwrap();
            assert_ends(ended, "Unknown(Disconnected)", &["may have run"]);
        }
        assert!(began.elapsed() < Duration::from_secs(5));
    });
    let next = desk.with_deadline(SHORT).square(3);
    assert!(matches!(next, Err(CallError::NotSent { .. })), "{next:?}");
}

#[test]
fn either_proxy_becomes_the_other() {
    let town = Town::open(1);
    let waiting = desk(&town).with_deadline(SHORT);
    let proxy = DeskProxy::from(waiting.clone());
    assert_eq!(proxy.uri().unwrap().to_string(), town.service.uri("desk.1"));
    assert_eq!(town.soon(proxy.square(5)), Ok(25));
    let never = proxy.with_retries(farcall::Retries::Never);
    assert_eq!(DeskBlocking::from(never).square(6), Ok(36));
}
