//! Frames that were sound once, with bytes of them changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::frame;
use fastrand::Rng;

use super::wire::{ECHO, Raw, WAIT, any, bind, bind_probe, call, call_with, hello, reply};
use crate::crash::child::Child;
use crate::harness::{DeskProxy, soon};

const FRAMES: usize = 100_000;

/// Frames of one connection; the first that is no frame ends it.
const BATCH: usize = 25;

/// One sound frame of any kind.
fn sound(random: &mut Rng) -> Vec<u8> {
    let id = random.u32(0..40);
    let mut out = Vec::new();
    match random.u8(0..14) {
        0 => return bind(random.u32(0..4), Codec::MessagePack),
        1 => return bind_probe(1, Codec::Json),
        2 => return call(id, ECHO, &("a text of some length",)),
        3 => return call(id, WAIT, &(7u64,)),
        4 => return call(id, 0, &(12i64,)),
        5 => return call_with(id, random.u32(0..4), random.u16(0..14), &[1; 9]),
        6 => return reply(id, random.u16(0..70), b"result"),
        7 => return any(random.u8(..), &[1; 12]),
        8 => frame::put_cancel(&mut out, id),
        9 => frame::put_ping(&mut out, 5),
        10 => frame::put_pong(&mut out, 5),
        11 => frame::put_unbind(&mut out, random.u32(0..4)),
        12 => frame::put_go_away(&mut out, "bye"),
        _ => frame::put_fault(&mut out, "no"),
    }
    out
}

/// Changes a few bytes, or none; now and then the length too.
fn mutate(frame: &mut Vec<u8>, random: &mut Rng) {
    for _ in 0..random.usize(0..4) {
        let start = if random.u8(..) < 8 { 0 } else { 4 };
        if frame.len() > start {
            let at = random.usize(start..frame.len());
            frame[at] = if random.bool() {
                random.u8(..)
            } else {
                frame[at] ^ (1 << random.u8(0..8))
            };
        }
    }
    if random.u8(..) < 4 {
        frame.truncate(random.usize(0..=frame.len()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_mutated_frames_hurt_nobody_else() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    // It aborts on any panic that is not the clerk's.
    let child = Child::start("worker").await;
    let desk = soon(DeskProxy::connect(&child.uri)).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let neighbour = tokio::spawn({
        let (desk, stop) = (desk.clone(), Arc::clone(&stop));
        async move {
            let mut served = 0u64;
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(
                    soon(desk.echo(format!("{served}"))).await,
                    Ok(format!("{served}"))
                );
                served += 1;
            }
            served
        }
    });
    let address = child.address();
    let greeting = [
        hello(farcall_shared::wire::handshake::Side::Dialled),
        bind(0, Codec::Postcard),
    ]
    .concat();
    for _ in 0..FRAMES / BATCH {
        let mut bytes = greeting.clone();
        for _ in 0..BATCH {
            let mut frame = sound(&mut random);
            mutate(&mut frame, &mut random);
            bytes.extend_from_slice(&frame);
        }
        let mut raw = Raw::dial(&address).await;
        let _ = soon(raw.try_send(&bytes)).await;
        // What waits or was cut short is cancelled when its peer closes.
        raw.finish().await;
    }
    stop.store(true, Ordering::Relaxed);
    assert!(soon(neighbour).await.unwrap() > 100);
    assert_eq!(soon(desk.square(3)).await, Ok(9));
}
