//! After a valid handshake: each rule of the protocol broken once, and what that costs its sender.

use farcall::{Daemon, Limits};
use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::frame;
use farcall_shared::wire::status::Status;

use super::wire::{
    DEPTH, ECHO, Open, Probe, Raw, Said, WAIT, any, bind, bind_probe, call, call_with, reply,
};
use crate::harness::{DeskProxy, House, begun, soon};

#[tokio::test]
async fn what_no_peer_may_do_ends_the_connection_with_a_fault_that_names_it() {
    let house = House::new().await;
    for (bytes, words) in [
        (
            u32::MAX.to_le_bytes().to_vec(),
            "a frame of 4294967295 bytes is over the limit of 134217728",
        ),
        (vec![0; 4], "cut short or malformed"),
        (
            reply(7, 0, b"?"),
            "the peer answered call 7, which was never made",
        ),
        (any(4, &[9; 10]), "cut short or malformed"),
        (any(15, b"what"), "frame kind 15 is unknown to this version"),
        (
            any(127, b"what"),
            "frame kind 127 is unknown to this version",
        ),
        (
            any(5, &[32; 30]),
            "call flags 0x20 are unknown to this version",
        ),
        (any(5, &[0; 10]), "cut short or malformed"),
        (
            bind(0, Codec::Postcard),
            "bind of handle 0, which is bound already",
        ),
        (
            bind(5, Codec::Postcard),
            "bind of handle 5: the next new one is 1",
        ),
        (bind(u32::MAX, Codec::Postcard), "bind of handle 4294967295"),
        (
            [call(1, WAIT, &(5u64,)), call(1, WAIT, &(5u64,))].concat(),
            "call id 1 is in flight already",
        ),
    ] {
        let mut raw = Raw::bound(house.daemon.address()).await;
        raw.send(&bytes).await;
        let fault = raw.fault().await;
        assert!(fault.contains(words), "{fault:?} should say {words:?}");
        house.works().await;
    }
}

#[tokio::test]
async fn what_a_peer_may_do_without_sense_costs_it_an_error_at_most() {
    let house = House::new().await;
    let mut raw = Raw::bound(house.daemon.address()).await;
    for (bytes, status) in [
        (call_with(1, 77, ECHO, b"\x00"), Status::UnknownObject),
        (call_with(1, u32::MAX, ECHO, b"\x00"), Status::UnknownObject),
        (call_with(1, 0, 999, b"\x00"), Status::UnknownMethod),
        (call_with(1, 0, ECHO, b""), Status::BadArguments),
        (
            call_with(1, 0, ECHO, b"\xff\xff\xff\xff\xff\xff\xff"),
            Status::BadArguments,
        ),
        (
            call_with(1, 0, ECHO, b"\x01x and more"),
            Status::BadArguments,
        ),
    ] {
        raw.send(&bytes).await;
        assert_eq!(raw.reply_to(1).await.0, status as u16, "{bytes:?}");
    }
    raw.send(&any(128, b"skip me")).await;
    raw.send(&any(255, &[])).await;
    raw.send(&any(12, &u32::MAX.to_le_bytes())).await;
    raw.send(&any(7, &u32::MAX.to_le_bytes())).await;
    raw.send(&any(9, &[1; 8])).await;
    // A codec that nobody knows refuses the object, and with it its calls.
    let mut odd = bind(1, Codec::Postcard);
    odd[9] = 250;
    raw.send(&odd).await;
    assert!(matches!(raw.said().await, Said::Bound(1, status, text)
        if status == Status::BadArguments as u16 && text.contains("codec 250")));
    raw.send(&call_with(2, 1, ECHO, b"\x00")).await;
    assert_eq!(raw.reply_to(2).await.0, Status::BadArguments as u16);
    assert!(raw.echoes().await);
}

#[tokio::test]
async fn a_call_past_the_limit_of_running_ones_is_rejected_before_it_starts() {
    let limits = Limits {
        max_calls_in_flight: 1,
        ..Limits::default()
    };
    let house = House::with(Daemon::builder().limits(limits)).await;
    let mut raw = Raw::bound(house.daemon.address()).await;
    raw.send(&[call(1, WAIT, &(5u64,)), call(2, WAIT, &(6u64,))].concat())
        .await;
    assert_eq!(raw.reply_to(2).await.0, Status::Overloaded as u16);
    assert_eq!(house.clerk.runs(), 1);
    house.gate().open(1);
    assert_eq!(raw.reply_to(1).await.0, Status::Done as u16);
}

#[tokio::test]
async fn handles_are_given_back_and_taken_again_in_any_order() {
    let house = House::new().await;
    let mut raw = Raw::bound(house.daemon.address()).await;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut held = vec![true];
    for _ in 0..2_000 {
        let handle = random.usize(..=held.len().min(40));
        if held.get(handle) == Some(&true) {
            held[handle] = false;
            let mut unbind = Vec::new();
            frame::put_unbind(&mut unbind, handle as u32);
            raw.send(&unbind).await;
            raw.send(&call_with(1, handle as u32, ECHO, b"\x01x")).await;
            assert_eq!(raw.reply_to(1).await.0, Status::UnknownObject as u16);
        } else {
            held.resize(held.len().max(handle + 1), true);
            held[handle] = true;
            raw.send(&bind(handle as u32, Codec::Postcard)).await;
            assert_eq!(
                raw.said().await,
                Said::Bound(handle as u32, 0, String::new())
            );
            raw.send(&call_with(1, handle as u32, ECHO, b"\x01x")).await;
            assert_eq!(raw.reply_to(1).await, (0, b"\x01x".to_vec()));
        }
    }
}

#[tokio::test]
async fn proxies_that_go_in_the_order_they_came_leave_their_connection_as_it_was() {
    let house = House::new().await;
    let mut proxies = Vec::new();
    for _ in 0..3 {
        proxies.push(soon(DeskProxy::connect(&house.uri)).await.unwrap());
    }
    let call = begun(house.desk.wait(7)).await;
    house.gate().arrived(1).await;
    proxies.into_iter().for_each(drop);
    let next = soon(DeskProxy::connect(&house.uri)).await.unwrap();
    assert_eq!(soon(next.square(3)).await, Ok(9));
    house.gate().open(1);
    assert_eq!(soon(call).await, Ok(7), "the connection was never cut");
}

#[tokio::test]
async fn a_million_levels_of_nesting_are_bad_arguments_in_every_codec() {
    let house = House::new().await;
    let mut raw = Raw::bound(house.daemon.address()).await;
    house.host("probe", Open.serve());
    for (handle, codec) in [
        (1, Codec::Postcard),
        (2, Codec::MessagePack),
        (3, Codec::Json),
    ] {
        raw.send(&bind_probe(handle, codec)).await;
        assert_eq!(raw.said().await, Said::Bound(handle, 0, String::new()));
    }
    let json: String = r#"[{"inside":"#.to_owned() + &r#"{"inside":"#.repeat(100_000);
    for (handle, body) in [
        (1, vec![1; 1 << 20]),
        (2, vec![0x91; 1 << 20]),
        (
            2,
            [
                vec![0x91],
                [&[0x81, 0xa6][..], b"inside"].concat().repeat(100_000),
            ]
            .concat(),
        ),
        (3, vec![b'['; 1 << 20]),
        (3, json.into_bytes()),
    ] {
        raw.send(&call_with(1, handle, DEPTH, &body)).await;
        let (status, text) = raw.reply_to(1).await;
        assert_eq!(
            status,
            Status::BadArguments as u16,
            "{}",
            String::from_utf8_lossy(&text)
        );
    }
    raw.send(&call_with(1, 1, DEPTH, &[1, 1, 1, 0])).await;
    assert_eq!(raw.reply_to(1).await, (0, vec![4]));
}

#[tokio::test]
async fn a_fault_or_a_go_away_from_a_caller_ends_its_connection_alone() {
    let house = House::new().await;
    let mut out = Vec::new();
    frame::put_fault(&mut out, "I am offended");
    let mut raw = Raw::bound(house.daemon.address()).await;
    raw.send(&call(1, WAIT, &(5u64,))).await;
    house.gate().arrived(1).await;
    raw.send(&out).await;
    assert_eq!(raw.said().await, Said::End);
    house.gate().abandoned(1).await;
    out.clear();
    frame::put_go_away(&mut out, "done");
    let mut raw = Raw::bound(house.daemon.address()).await;
    raw.send(&[call(1, WAIT, &(5u64,)), out].concat()).await;
    house.gate().arrived(1).await;
    house.gate().open(1);
    assert_eq!(
        raw.said().await,
        Said::Reply(1, 0, vec![5]),
        "what is in flight is answered first"
    );
    assert_eq!(raw.said().await, Said::End);
    house.works().await;
}
