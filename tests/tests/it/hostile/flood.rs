//! Too much of everything that is allowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::frame;
use farcall_shared::wire::status::Status;

use super::neighbour::Neighbour;
use super::wire::{
    BYTES, BYTES_COMPUTED, BYTES_LATER, Raw, Said, WAIT, any, bind, bind_probe, call, call_with,
};
use crate::crash::child::Child;
use crate::harness::{DeskProxy, House, soon};

/// What a daemon may take beyond what it had, for peers that break the rules.
const MOST_GROWTH: u64 = 48 << 20;

#[tokio::test]
async fn a_declared_length_takes_no_memory() {
    let child = Child::start("worker").await;
    let (before, reserved) = (child.peak_memory(), child.peak_reserved());
    for _ in 0..20 {
        let mut raw = Raw::connect(&child.address()).await;
        raw.send(&u32::MAX.to_le_bytes()).await;
        assert!(
            raw.fault()
                .await
                .contains("a frame of 4294967295 bytes is over the limit of 134217728")
        );
    }
    // The most that is allowed, and nothing of it.
    let mut waiting = Vec::new();
    for _ in 0..100 {
        let mut raw = Raw::connect(&child.address()).await;
        raw.send(&[&(128u32 << 20).to_le_bytes()[..], &[5; 1000]].concat())
            .await;
        waiting.push(raw);
    }
    let desk = soon(DeskProxy::connect(&child.uri)).await.unwrap();
    assert_eq!(soon(desk.square(3)).await, Ok(9));
    let (growth, reserved) = (
        child.peak_memory() - before,
        child.peak_reserved() - reserved,
    );
    assert!(growth < MOST_GROWTH, "it grew by {growth} bytes");
    assert!(reserved < 1 << 30, "it reserved {reserved} bytes");
}

/// Sends calls until the daemon takes no more and ends the connection.
async fn flood(raw: &mut Raw, calls: &[u8]) {
    let flooding = async { while raw.try_send(calls).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(20), flooding)
        .await
        .expect("the stall limit ends it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_reads_no_replies_holds_little_memory_and_is_ended_by_the_stall_limit() {
    let child = Child::start("worker stall_ms=700").await;
    let before = child.peak_memory();
    let stop = Arc::new(AtomicBool::new(false));
    let desk = soon(DeskProxy::connect(&child.uri)).await.unwrap();
    let neighbour = tokio::spawn({
        let (desk, stop) = (desk.clone(), Arc::clone(&stop));
        async move {
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(soon(desk.echo("quick".into())).await, Ok("quick".into()));
            }
        }
    });
    let mut raw = Raw::connect(&child.address()).await;
    raw.send(&bind_probe(0, Codec::Postcard)).await;
    let calls: Vec<u8> = (0..1000)
        .flat_map(|id| call(id, BYTES, &(1u64 << 18,)))
        .collect();
    flood(&mut raw, &calls).await;
    let growth = child.peak_memory() - before;
    assert!(growth < MOST_GROWTH, "it grew by {growth} bytes");
    stop.store(true, Ordering::Relaxed);
    soon(neighbour).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_that_wait_for_their_reader_take_little_memory_wherever_they_were_made() {
    const CALLS: u32 = 600;
    /// More than sockets hold, so that the daemon goes on.
    const SOME: u32 = 100;
    const RESULT_BYTES: u64 = 1 << 18;
    for method in [BYTES, BYTES_LATER, BYTES_COMPUTED] {
        // A reader that is slow because the machine is busy is not to be ended.
        let child = Child::start("worker stall_ms=60000").await;
        let before = child.peak_memory();
        let desk = soon(DeskProxy::connect(&child.uri)).await.unwrap();
        let neighbour = Neighbour::of(&desk);
        let mut raw = Raw::connect(&child.address()).await;
        raw.send(&bind_probe(0, Codec::Postcard)).await;
        assert_eq!(raw.said().await, Said::Bound(0, 0, String::new()));
        let calls = (0..CALLS).flat_map(|id| call(id, method, &(RESULT_BYTES,)));
        raw.send(&calls.collect::<Vec<_>>()).await;
        let mut answered = 0;
        // It reads nothing, then a few, then nothing, then all.
        for few in [SOME, CALLS] {
            for round in 0..1_000 {
                assert_eq!(soon(desk.echo("x".into())).await.as_deref(), Ok("x"));
                if round % 50 == 0 {
                    // It takes nothing, and is there.
                    raw.send(&any(200, &[])).await;
                }
            }
            while answered < few {
                match raw.said().await {
                    Said::Reply(_, 0, body) => {
                        assert!(body.len() as u64 > RESULT_BYTES);
                        answered += 1;
                    }
                    Said::Ping => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        let growth = child.peak_memory() - before;
        assert!(
            growth < MOST_GROWTH,
            "method {method}: it grew by {growth} bytes"
        );
        neighbour.was_served(&desk).await;
    }
}

#[tokio::test]
async fn a_million_binds_end_at_the_limit_and_a_million_of_one_handle_do_not() {
    let house = House::new().await;
    let mut raw = Raw::connect(house.daemon.address()).await;
    let mut bound = 0;
    let fault = 'binding: loop {
        // Whole batches, so that the daemon can always write: a fault behind a full socket may be lost.
        let binds: Vec<u8> = (bound..bound + 1000)
            .flat_map(|handle| bind(handle, Codec::Postcard))
            .collect();
        let _ = soon(raw.try_send(&binds)).await;
        for _ in 0..1000 {
            match raw.said().await {
                Said::Bound(handle, 0, _) => assert_eq!(handle, bound),
                Said::Fault(text) => break 'binding text,
                other => panic!("{other:?}"),
            }
            bound += 1;
        }
        assert!(bound < 1_000_000);
    };
    assert_eq!(
        (bound, &*fault),
        (65_536, "more than 65536 objects bound on one connection")
    );

    let mut raw = Raw::bound(house.daemon.address()).await;
    let mut pair = bind(1, Codec::Postcard);
    frame::put_unbind(&mut pair, 1);
    let pairs = pair.repeat(1000);
    for _ in 0..20 {
        raw.send(&pairs).await;
        for _ in 0..1000 {
            assert_eq!(raw.said().await, Said::Bound(1, 0, String::new()));
        }
    }
    assert!(raw.echoes().await);
    house.works().await;
}

#[tokio::test]
async fn a_flood_of_pings_does_not_become_a_flood_of_pongs() {
    const PINGS: usize = 500_000;
    let house = House::new().await;
    let mut raw = Raw::bound(house.daemon.address()).await;
    let mut ping = Vec::new();
    frame::put_ping(&mut ping, 42);
    raw.send(&ping.repeat(PINGS)).await;
    house.works().await;
    raw.send(&call_with(1, 0, 1, b"\x01x")).await;
    let mut pongs = 0;
    loop {
        match raw.said().await {
            Said::Pong(token) => pongs += usize::from(token == 42),
            Said::Reply(1, 0, _) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!((1..PINGS / 100).contains(&pongs), "{pongs} pongs");
}

#[tokio::test]
async fn cancels_of_calls_that_never_were_are_nothing_and_those_of_running_ones_are_answered_once()
{
    const CALLS: u32 = 5_000;
    let house = House::new().await;
    let mut raw = Raw::bound(house.daemon.address()).await;
    let mut cancels = Vec::new();
    (0..200_000).for_each(|id| frame::put_cancel(&mut cancels, id));
    raw.send(&cancels).await;
    let mut calls = Vec::new();
    for id in 0..CALLS {
        calls.extend_from_slice(&call(id, WAIT, &(1u64,)));
        frame::put_cancel(&mut calls, id);
        frame::put_cancel(&mut calls, id);
    }
    raw.send(&calls).await;
    let mut ended = vec![0; CALLS as usize];
    for _ in 0..CALLS {
        match raw.said().await {
            Said::Reply(id, status, _) if status == Status::Cancelled as u16 => {
                ended[id as usize] += 1
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(ended.iter().all(|count| *count == 1));
    assert!(raw.echoes().await);
    house.works().await;
}
