//! Callers that speak oddly after their handshake: any kind, any length, in crumbs, or half.

use farcall::{Daemon, Limits};
use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::frame;
use farcall_shared::wire::handshake::Side;
use farcall_shared::wire::status::Status;
use fastrand::Rng;

use super::neighbour::Neighbour;
use super::wire::{
    ECHO, GRIND, Raw, Said, WAIT, any, bind, bound, call, call_with, cancel, go_away, hello, reply,
};
use crate::harness::{House, assert_ends, soon};

#[tokio::test]
async fn a_frame_of_any_kind_and_length_is_taken_skipped_or_a_fault() {
    let house = House::new().await;
    let neighbour = Neighbour::of(&house.desk);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    for kind in 0..=255u8 {
        for length in [0, random.usize(1..30), random.usize(30..3_000)] {
            let fields: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
            let mut raw = Raw::bound(house.daemon.address()).await;
            raw.send(&any(kind, &fields)).await;
            match kind {
                0..=2 | 13..=15 | 24..=127 => {
                    let expected = format!("frame kind {kind} is unknown to this version");
                    assert_eq!(raw.fault().await, expected);
                }
                128.. => assert!(raw.echoes().await, "kind {kind} is skipped"),
                // Sound by chance, or told; never silence.
                _ => {
                    let _ = raw.try_send(&any(0, &[])).await;
                    let told = raw.last_word().await;
                    assert!(told.is_some() || kind == 11, "kind {kind}: {fields:?}");
                }
            }
        }
    }
    neighbour.was_served(&house.desk).await;
}

#[tokio::test]
async fn the_longest_frame_is_taken_and_a_longer_one_refused_by_its_length_alone() {
    const MOST: u32 = 64 << 10;
    let limits = Limits {
        max_message_bytes: MOST,
        ..Limits::default()
    };
    let house = House::with(Daemon::builder().limits(limits)).await;
    let neighbour = Neighbour::of(&house.desk);
    let mut raw = Raw::bound(house.daemon.address()).await;
    raw.send(&any(200, &vec![1; MOST as usize - 1])).await;
    assert!(raw.echoes().await);
    raw.send(&(MOST + 1).to_le_bytes()).await;
    let expected = "a frame of 65537 bytes is over the limit of 65536";
    assert_eq!(raw.fault().await, expected);
    neighbour.was_served(&house.desk).await;
}

#[tokio::test]
async fn answers_that_nobody_asked_for_end_their_senders_connection() {
    let house = House::new().await;
    let neighbour = Neighbour::of(&house.desk);
    let twice = [reply(3, 0, b"?"), reply(3, 0, b"?")].concat();
    let mut refused = Vec::new();
    frame::put_refusal(&mut refused, 64, 9, "cancelled");
    for (bytes, words) in [
        (
            bound(0),
            "the peer answered a bind of handle 0, which was never asked",
        ),
        (
            bound(u32::MAX),
            "the peer answered a bind of handle 4294967295, which was never asked",
        ),
        (twice, "the peer answered call 3, which was never made"),
        (
            reply(u32::MAX, 0, b""),
            "the peer answered call 4294967295, which was never made",
        ),
        (refused, "the peer answered call 9, which was never made"),
    ] {
        let mut raw = Raw::bound(house.daemon.address()).await;
        raw.send(&bytes).await;
        assert_eq!(raw.fault().await, words);
    }
    neighbour.was_served(&house.desk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_handles_that_are_not_bound_are_refused_one_by_one() {
    const CALLS: u32 = 50_000;
    let house = House::new().await;
    let neighbour = Neighbour::of(&house.desk);
    let mut raw = Raw::bound(house.daemon.address()).await;
    let mut unbinds = Vec::new();
    (1..=500_000).for_each(|n| frame::put_unbind(&mut unbinds, u32::MAX / n));
    raw.send_all(&unbinds).await;
    assert!(raw.echoes().await);
    for first in (0..CALLS).step_by(1_000) {
        let calls =
            (first..first + 1_000).flat_map(|id| call_with(id, u32::MAX - id, ECHO, b"\x01x"));
        raw.send(&calls.collect::<Vec<_>>()).await;
        for id in first..first + 1_000 {
            assert!(matches!(raw.said().await, Said::Reply(of, status, _)
                if of == id && status == Status::UnknownObject as u16));
        }
    }
    assert!(raw.echoes().await);
    neighbour.was_served(&house.desk).await;
}

#[tokio::test]
async fn a_caller_that_sends_a_byte_at_a_time_is_answered_like_any_other() {
    let house = House::new().await;
    let neighbour = Neighbour::of(&house.desk);
    let mut raw = Raw::dial(house.daemon.address()).await;
    raw.trickle(&hello(Side::Dialled)).await;
    assert!(raw.welcome().await);
    raw.trickle(&bind(0, Codec::Postcard)).await;
    assert_eq!(raw.said().await, Said::Bound(0, 0, String::new()));
    for id in 0..5 {
        raw.trickle(&call(id, ECHO, &("in crumbs",))).await;
        assert_eq!(
            raw.said().await,
            Said::Reply(id, 0, b"\x09in crumbs".to_vec())
        );
    }
    raw.trickle(&4_000_000_000u32.to_le_bytes()).await;
    assert!(raw.fault().await.contains("a frame of 4000000000 bytes"));
    neighbour.was_served(&house.desk).await;
}

#[tokio::test]
async fn a_caller_that_closes_in_the_middle_of_a_frame_has_not_called_and_what_ran_is_stopped() {
    let house = House::new().await;
    let neighbour = Neighbour::of(&house.desk);
    let half = call(2, WAIT, &(6u64,));
    for cut in 1..half.len() {
        let mut raw = Raw::bound(house.daemon.address()).await;
        raw.send(&[&call(1, WAIT, &(5u64,)), &half[..cut]].concat())
            .await;
        house.gate().arrived(1).await;
        raw.finish().await;
        house.gate().abandoned(1).await;
    }
    assert_eq!(house.clerk.runs(), half.len() - 1, "no half call ran");
    neighbour.was_served(&house.desk).await;
}

#[tokio::test]
async fn a_caller_that_says_go_away_twice_is_answered_what_is_in_flight_and_what_it_calls_on() {
    let house = House::new().await;
    let neighbour = Neighbour::of(&house.desk);
    let mut raw = Raw::bound(house.daemon.address()).await;
    let said = [
        call(1, WAIT, &(5u64,)),
        go_away(),
        call(2, ECHO, &("x",)),
        go_away(),
    ];
    raw.send(&said.concat()).await;
    assert_eq!(raw.said().await, Said::Reply(2, 0, b"\x01x".to_vec()));
    house.gate().arrived(1).await;
    house.gate().open(1);
    assert_eq!(raw.said().await, Said::Reply(1, 0, vec![5]));
    assert_eq!(raw.said().await, Said::End);
    neighbour.was_served(&house.desk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_fills_the_compute_pool_and_cancels_has_nothing_run_that_had_not_begun() {
    const CALLS: u32 = 20_000;
    const FIRST: u32 = 1_000;
    let house = House::with(
        Daemon::builder()
            .compute_threads(2)
            .max_compute_queue(10_000),
    )
    .await;
    let neighbour = Neighbour::of(&house.desk);
    let mut raw = Raw::bound(house.daemon.address()).await;
    raw.send(&[call(1, GRIND, &(1u64,)), call(2, GRIND, &(1u64,))].concat())
        .await;
    house.gate().arrived(2).await;
    // Both threads are at the gate.
    for id in FIRST..FIRST + CALLS {
        raw.send(&[call(id, GRIND, &(1u64,)), cancel(id)].concat())
            .await;
    }
    let mut ended = [0; 2];
    for _ in 0..CALLS {
        match raw.said().await {
            Said::Reply(_, status, _) if status == Status::Cancelled as u16 => ended[0] += 1,
            Said::Reply(_, status, _) if status == Status::Overloaded as u16 => ended[1] += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ended, [10_000, 10_000]);
    // The queue is full of what nobody waits for.
    let told = soon(house.desk.grind(2)).await;
    assert_ends(
        told,
        "Rejected(Overloaded)",
        &["compute calls are waiting here already"],
    );
    house.gate().open_for_good();
    neighbour.was_served(&house.desk).await;
    assert_eq!(house.clerk.runs(), 2, "so many began");
}
