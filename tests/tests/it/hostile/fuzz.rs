//! Frames by chance after a sound handshake, to a daemon and to a client: sound ones, spoiled ones, and mere bytes.
//!
//! The program `fuzz` of this crate does this for long, and sees to memory as well.

use std::time::Duration;

use farcall::CallError;
use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::frame;
use farcall_shared::wire::handshake::Side;
use farcall_tests::forge::{self, For, reseal, spoil};
use fastrand::Rng;
use tokio::task::JoinSet;

use super::neighbour::Neighbour;
use super::script::Script;
use super::wire::{ECHO, Raw, WAIT, any, bind, bind_probe, call, call_with, hello, reply};
use crate::crash::child::Child;
use crate::harness::{DeskProxy, House, soon};

const FRAMES: usize = 50_000;

/// Frames of one connection; the first that is no frame ends it.
const BATCH: usize = 25;

/// One sound frame of any kind, for the objects of a child.
fn sound(random: &mut Rng) -> Vec<u8> {
    let id = random.u32(0..40);
    match random.u8(0..8) {
        0 => bind(random.u32(0..4), Codec::MessagePack),
        1 => bind_probe(1, Codec::Json),
        2 => call(id, ECHO, &("a text of some length",)),
        3 => call(id, WAIT, &(7u64,)),
        4 => call(id, 0, &(12i64,)),
        5 => call_with(id, random.u32(0..4), random.u16(0..14), &[1; 9]),
        6 => reply(id, random.u16(0..70), b"result"),
        _ => forge::frame(random, For::Callee),
    }
}

/// A frame that was sound once.
fn spoiled(random: &mut Rng) -> Vec<u8> {
    let mut frame = sound(random);
    if random.bool() {
        spoil(&mut frame, &sound(random), random);
        if random.u8(..) < 192 {
            reseal(&mut frame);
        }
    }
    frame
}

/// A frame of any kind, as long as it says, and nothing else about it by design.
fn mere_bytes(random: &mut Rng) -> Vec<u8> {
    let fields: Vec<u8> = (0..random.usize(0..80)).map(|_| random.u8(..)).collect();
    any(random.u8(0..16), &fields)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_frames_by_chance_hurt_nobody_else() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    // It aborts on any panic that is not the clerk's.
    let child = Child::start("worker").await;
    let desk = soon(DeskProxy::connect(&child.uri)).await.unwrap();
    let neighbour = Neighbour::of(&desk);
    let address = child.address();
    let greeting = [hello(Side::Dialled), bind(0, Codec::Postcard)].concat();
    for round in 0..FRAMES / BATCH {
        let mut bytes = greeting.clone();
        for _ in 0..BATCH {
            let make = if round % 4 == 0 { mere_bytes } else { spoiled };
            bytes.append(&mut make(&mut random));
        }
        let mut raw = Raw::dial(&address).await;
        let _ = soon(raw.try_send(&bytes)).await;
        // What waits or was cut short is cancelled when its peer closes.
        raw.finish().await;
    }
    neighbour.was_served(&desk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_by_chance_from_a_server_end_the_calls_made_there_and_nobody_elses() {
    const ROUNDS: usize = 500;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let house = House::new().await;
    let neighbour = Neighbour::of(&house.desk);
    let script = Script::start(move |mut raw, before| async move {
        let mut random = Rng::with_seed(seed.wrapping_add(before as u64));
        raw.next_call().await;
        let mut bytes = Vec::new();
        for _ in 0..BATCH {
            let frame = match random.u8(0..4) {
                0 => mere_bytes(&mut random),
                1 => spoiled(&mut random),
                _ => forge::frame(&mut random, For::Caller),
            };
            bytes.extend_from_slice(&frame);
            if random.bool() {
                frame::put_ping(&mut bytes, 1);
            }
        }
        let _ = raw.try_send(&bytes).await;
        // It closes in the middle of whatever that was.
        raw.finish().await;
    })
    .await;
    let desk = script.desk().await.with_deadline(Duration::from_secs(5));
    for round in 0..ROUNDS {
        let calls: JoinSet<_> = (0..8).map(|n| desk.wait(n)).collect();
        let told = soon(desk.note("on the way".into())).await;
        assert!(
            matches!(told, Ok(()) | Err(CallError::NotSent { .. })),
            "{told:?}"
        );
        for end in soon(calls.join_all()).await {
            let text = end.map_or_else(|e| e.to_string(), |value| value.to_string());
            let panicked = text.contains("its task was stopped");
            assert!(
                !panicked && !text.contains("deadline"),
                "round {round}: {text}"
            );
        }
    }
    neighbour.was_served(&house.desk).await;
}
