//! Each rule of the protocol broken once by a server, and what that costs its caller.

use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::handshake::Side;
use tokio::sync::{mpsc, watch};

use super::ends_all;
use crate::harness::{House, begun, soon};
use crate::hostile::neighbour::Neighbour;
use crate::hostile::script::{Script, serve_soundly};
use crate::hostile::wire::{
    Said, any, bind_probe, bound, call_with, cancel, go_away, hello, reply,
};

#[tokio::test]
async fn what_no_server_may_do_ends_each_call_made_there_and_nobody_elses() {
    let house = House::new().await;
    let neighbour = Neighbour::of(&house.desk);
    let over = ((128u32 << 20) + 1).to_le_bytes().to_vec();
    let fields = [9; 20];
    for (bytes, words) in [
        (
            over,
            "a frame of 134217729 bytes is over the limit of 134217728",
        ),
        (
            u32::MAX.to_le_bytes().to_vec(),
            "a frame of 4294967295 bytes is over the limit",
        ),
        (any(0, &fields), "frame kind 0 is unknown"),
        (
            hello(Side::Accepted)[8..].to_vec(),
            "frame kind 2 is unknown",
        ),
        (any(13, &fields), "frame kind 13 is unknown"),
        (any(127, &fields), "frame kind 127 is unknown"),
        (any(4, &fields), "kind 4 is cut short or malformed"),
        (any(6, &[0]), "kind 6 is cut short or malformed"),
        (any(7, &[0; 3]), "kind 7 is cut short or malformed"),
        (any(5, &[32; 30]), "call flags 0x20 are unknown"),
        (
            bound(0),
            "answered a bind of handle 0, which was never asked",
        ),
        (
            bound(7),
            "answered a bind of handle 7, which was never asked",
        ),
        (
            bound(u32::MAX),
            "answered a bind of handle 4294967295, which was never asked",
        ),
        (
            reply(u32::MAX, 0, b""),
            "answered call 4294967295, which was never made",
        ),
        (
            reply(1 << 31, 17, b"no"),
            "answered call 2147483648, which was never made",
        ),
        (
            bind_probe(1, Codec::Postcard),
            "bind of handle 1: the next new one is 0",
        ),
    ] {
        ends_all(move |_| Some(bytes.clone()), words).await;
    }
    neighbour.was_served(&house.desk).await;
}

#[tokio::test]
async fn what_a_server_may_do_without_sense_costs_its_caller_nothing() {
    let script = Script::start(|mut raw, before| async move {
        assert_eq!(before, 0, "the connection was never cut");
        let id = raw.next_call().await;
        let mut odd = vec![
            any(128, b"skip me"),
            any(255, &[]),
            any(9, &[1; 8]),
            any(8, &[1; 8]),
        ];
        odd.extend([0, 7, u32::MAX].map(cancel));
        odd.extend([0, 7, u32::MAX].map(|handle| any(12, &handle.to_le_bytes())));
        // A client hosts nothing, and says so.
        odd.push(bind_probe(0, Codec::Json));
        odd.extend([0, 7, u32::MAX].map(|handle| call_with(handle, handle, 1, b"[]")));
        odd.push(reply(id, 0, b"\x04done"));
        raw.send(&odd.concat()).await;
        serve_soundly(raw).await;
    })
    .await;
    let desk = script.desk().await;
    assert_eq!(soon(desk.echo("x".into())).await.as_deref(), Ok("done"));
    assert_eq!(soon(desk.echo("x".into())).await.as_deref(), Ok("sound"));
}

#[tokio::test]
async fn a_late_reply_acknowledges_a_cancelled_call_and_a_second_one_ends_the_connection() {
    let script = Script::start(|mut raw, before| async move {
        if before > 0 {
            return serve_soundly(raw).await;
        }
        // Cancelled by its caller, answered all the same.
        let first = raw.next_call().await;
        let id = raw.next_call().await;
        assert_ne!(
            first, id,
            "an id is in use until the cancel is acknowledged"
        );
        raw.send(&[reply(first, 0, b"\x04late"), reply(id, 0, b"\x04done")].concat())
            .await;
        let id = raw.next_call().await;
        raw.send(&[reply(id, 0, b"\x04done"), reply(id ^ 1, 0, b"\x06twice")].concat())
            .await;
        assert!(raw.fault().await.contains("which was never made"));
    })
    .await;
    let desk = script.desk().await;
    drop(begun(desk.wait(1)).await);
    assert_eq!(soon(desk.echo("x".into())).await.as_deref(), Ok("done"));
    assert_eq!(soon(desk.echo("x".into())).await.as_deref(), Ok("done"));
    let next = soon(desk.echo("x".into())).await;
    assert_eq!(next.as_deref(), Ok("sound"), "over a new connection");
    script.ended(1).await;
}

#[tokio::test]
async fn a_server_that_says_go_away_twice_answers_what_is_in_flight_and_gets_no_more() {
    let (told, mut read) = mpsc::channel(1);
    let (went_elsewhere, elsewhere) = watch::channel(false);
    let script = Script::start(move |mut raw, before| {
        let (told, mut elsewhere) = (told.clone(), elsewhere.clone());
        async move {
            if before > 0 {
                return serve_soundly(raw).await;
            }
            let id = raw.next_call().await;
            raw.send(&[go_away(), go_away(), any(8, &[1; 8])].concat())
                .await;
            assert_eq!(raw.said().await, Said::Pong(0x0101_0101_0101_0101));
            told.send(()).await.unwrap();
            elsewhere.wait_for(|went| *went).await.unwrap();
            raw.send(&reply(id, 0, b"\x04late")).await;
            assert_eq!(
                raw.said().await,
                Said::End,
                "the client finds nothing wrong"
            );
        }
    })
    .await;
    let desk = script.desk().await;
    let first = begun(desk.echo("x".into())).await;
    soon(read.recv()).await.unwrap();
    let next = soon(desk.echo("x".into())).await;
    assert_eq!(next.as_deref(), Ok("sound"), "over a new connection");
    went_elsewhere.send(true).unwrap();
    assert_eq!(soon(first).await.as_deref(), Ok("late"));
    script.ended(1).await;
}
