//! Credit of one-way calls by hand: peers that take more than they have, and that give what was not taken.

use std::time::Duration;

use farcall_shared::wire::frame::flag;
use farcall_shared::wire::frame::flow::mode::GO_ON;
use farcall_shared::wire::frame::flow::{ONEWAY_CALL_BYTES, ONEWAY_CALLS, ONEWAY_WINDOW_BYTES};
use farcall_shared::wire::handshake::{Side, feature};

use super::neighbour::Neighbour;
use super::script::Script;
use super::wire::{Raw, Said, WAIT, call, call_with, credit, hello_with, oneway, reply, sequence};
use crate::harness::{House, assert_ends, soon};

/// The number of `note` in the desk's trait.
const NOTE: u16 = 11;

const WINDOW: usize = ONEWAY_WINDOW_BYTES as usize;

/// What a call costs.
fn cost(frame: &[u8]) -> usize {
    frame.len() + ONEWAY_CALL_BYTES as usize
}

/// A one-way call that waits at the gate.
fn waits() -> Vec<u8> {
    let mut call = call(0, WAIT, &(1u64,));
    call[5] |= flag::ONEWAY;
    call
}

/// How many calls of this cost may be sent before there is credit.
fn most(cost: usize) -> usize {
    WINDOW.div_ceil(cost)
}

#[tokio::test]
async fn a_peer_that_sends_more_one_way_calls_than_it_may_loses_its_connection() {
    let house = House::new().await;
    let neighbour = Neighbour::of(&house.desk);
    let one = waits();
    let all = most(cost(&one));
    let mut raw = Raw::bound_two_way(house.daemon.address()).await;
    raw.send(&one.repeat(all)).await;
    house.gate().arrived(all as u32).await;
    assert!(raw.echoes().await, "so many it may");
    raw.send(&one).await;
    assert!(
        raw.fault()
            .await
            .contains("more one-way calls than its window of 1048576 bytes")
    );
    // In a sequence, too.
    let mut raw = Raw::bound_two_way(house.daemon.address()).await;
    raw.send(&sequence(GO_ON, &vec![one.clone(); 2 * all]))
        .await;
    assert!(raw.echoes().await, "in one message it may send more");
    raw.send(&sequence(GO_ON, &[call(1, 1, &("x",))])).await;
    assert_eq!(raw.reply_to(1).await.0, 0, "others cost nothing");
    raw.send(&sequence(GO_ON, &[one])).await;
    assert!(
        raw.fault()
            .await
            .contains("more one-way calls than its window")
    );
    neighbour.was_served(&house.desk).await;
}

#[tokio::test]
async fn a_peer_of_an_older_version_has_no_window() {
    let house = House::new().await;
    let mut raw = Raw::bound(house.daemon.address()).await;
    let one = waits();
    let all = 2 * most(cost(&one));
    raw.send(&one.repeat(all)).await;
    house.gate().arrived(all as u32).await;
    assert!(raw.echoes().await);
    house.gate().open_for_good();
    assert!(raw.echoes().await);
    raw.send(&credit(0)).await;
    assert!(raw.fault().await.contains("never sent"));
}

#[tokio::test]
async fn whatever_becomes_of_one_way_calls_their_credit_comes_back() {
    let house = House::new().await;
    house.gate().open_for_good();
    let mut refused = call_with(0, 0, 999, b"");
    refused[5] |= flag::ONEWAY;
    let mut unbound = call_with(0, 5, 0, b"");
    unbound[5] |= flag::ONEWAY;
    let mut bad = call_with(0, 0, NOTE, b"");
    bad[5] |= flag::ONEWAY;
    let mut panics = call(0, 9, &("on purpose",));
    panics[5] |= flag::ONEWAY;
    let mut grinds = call(0, 5, &(1u64,));
    grinds[5] |= flag::ONEWAY;
    let kinds = [
        oneway(NOTE, &("x",)),
        waits(),
        refused,
        unbound,
        bad,
        panics,
        grinds,
    ];
    let mut raw = Raw::bound_two_way(house.daemon.address()).await;
    let (mut left, mut owed) = (WINDOW as i64, 0);
    let mut sent = 0;
    while sent < 3 * WINDOW {
        let mut bytes = Vec::new();
        for kind in kinds.iter().cycle().take(700) {
            if left > 0 {
                left -= cost(kind) as i64;
                owed += cost(kind);
                sent += cost(kind);
                bytes.extend_from_slice(kind);
            }
        }
        raw.send(&bytes).await;
        while left <= 0 {
            match raw.said().await {
                Said::Credit(ONEWAY_CALLS, bytes) => {
                    assert!(
                        bytes as usize >= WINDOW / 2,
                        "a frame is worth half a window"
                    );
                    left += i64::from(bytes);
                    owed = owed
                        .checked_sub(bytes as usize)
                        .expect("no more than was sent");
                }
                Said::Ping => {}
                other => panic!("{other:?}"),
            }
        }
    }
    house.works().await;
}

#[tokio::test]
async fn a_caller_that_gives_credit_it_does_not_owe_loses_its_connection() {
    let house = House::new().await;
    for bytes in [1, ONEWAY_WINDOW_BYTES, u32::MAX] {
        let mut raw = Raw::bound_two_way(house.daemon.address()).await;
        raw.send(&credit(bytes)).await;
        assert!(
            raw.fault()
                .await
                .contains("credit of one-way calls that were never sent")
        );
    }
    let mut raw = Raw::bound_two_way(house.daemon.address()).await;
    raw.send(&credit(0)).await;
    assert!(raw.echoes().await, "nothing is nothing");
    house.works().await;
}

#[tokio::test]
async fn a_server_that_gives_credit_it_does_not_owe_is_left() {
    for (bytes, times) in [(u32::MAX, 1), (ONEWAY_WINDOW_BYTES, 1), (100, 3), (180, 1)] {
        let script = server(move |_| credit(bytes).repeat(times)).await;
        let desk = script.desk().await;
        soon(desk.note("x".into())).await.unwrap();
        assert_ends(
            soon(desk.wait(1)).await,
            "Unknown(Disconnected)",
            &["credit of one-way calls that were never sent"],
        );
    }
    // What it owes it may give: it has said so when it answers.
    let frame = oneway(NOTE, &("x",));
    let owed = cost(&frame) as u32;
    let script = server(move |id| [credit(owed), reply(id, 0, &[5])].concat()).await;
    let desk = script.desk().await;
    soon(desk.note("x".into())).await.unwrap();
    assert_eq!(soon(desk.wait(1)).await, Ok(5));
}

/// A server that takes one-way calls, and says what `answer` gives to the first other one.
async fn server(answer: impl Fn(u32) -> Vec<u8> + Clone + Send + Sync + 'static) -> Script {
    let greeting = hello_with(Side::Accepted, feature::TWO_WAY);
    Script::with_greeting(greeting, move |mut raw, _| {
        let answer = answer.clone();
        async move {
            let id = raw.next_call().await;
            let _ = raw.try_send(&answer(id)).await;
            raw.rest().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_server_that_gives_no_credit_gets_no_more_than_its_window_and_callers_end_by_their_deadline()
 {
    let greeting = hello_with(Side::Accepted, feature::TWO_WAY);
    let script = Script::with_greeting(greeting, |mut raw, _| async move {
        let mut calls = 0;
        loop {
            match raw.says().await {
                Said::Call(0, true) => calls += 1,
                Said::Call(id, false) => {
                    let _ = raw.try_send(&reply(id, 0, &[0])).await;
                }
                Said::End => break,
                _ => {}
            }
        }
        assert_eq!(calls, most(cost(&oneway(NOTE, &("a line",)))));
    })
    .await;
    let desk = script.desk().await;
    let hasty = desk.with_deadline(Duration::from_millis(500));
    let ended = loop {
        if let Err(error) = soon(hasty.note("a line".into())).await {
            break Err::<(), _>(error);
        }
    };
    assert_ends(ended, "NotSent(Expired)", &["note of far:desk@", "500ms"]);
    assert_eq!(soon(desk.wait(1)).await, Ok(0), "other calls go on");
    drop((desk, hasty));
    // Its count is seen to when the script ends.
    drop(script);
}
