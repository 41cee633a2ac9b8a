//! Sequences by hand: to a daemon, and in answer to a client's batch.

use farcall::{Daemon, Limits, Proxy};
use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::frame::flow::mode::{GO_ON, STOP_AT_FIRST_ERROR};
use farcall_shared::wire::frame::{self, flag};
use farcall_shared::wire::handshake::{Side, feature};
use farcall_shared::wire::status::Status;
use fastrand::Rng;
use futures_util::StreamExt;

use super::neighbour::Neighbour;
use super::script::Script;
use super::wire::{
    BYTES, BYTES_COMPUTED, BYTES_LATER, ECHO, GRIND, Raw, Said, WAIT, any, batch_with, bind_probe,
    call, call_with, cancel, hello, hello_with, oneway, reply, sequence,
};
use crate::crash::child::Child;
use crate::harness::{DeskProxy, House, assert_ends, ending, soon};

/// The number of `count` in the desk's trait.
const COUNT: u16 = 6;

/// The number of `panic`.
const PANIC: u16 = 8;

/// The number of `note`.
const NOTE: u16 = 11;

fn echo(id: u32) -> Vec<u8> {
    call(id, ECHO, &(id.to_string(),))
}

/// What a call of `echo` brings.
fn echoed(id: u32) -> (u16, Vec<u8>) {
    let text = id.to_string();
    (0, [&[text.len() as u8], text.as_bytes()].concat())
}

/// The call behind its length.
fn with_flags(mut call: Vec<u8>, flags: u8) -> Vec<u8> {
    call[5] |= flags;
    call
}

#[tokio::test]
async fn what_is_no_sequence_ends_its_connection_with_a_fault_that_says_why() {
    let house = House::new().await;
    let neighbour = Neighbour::of(&house.desk);
    let cut = |bytes: Vec<u8>, at: usize| bytes[..at].to_vec();
    let one = echo(1);
    let nested = sequence(GO_ON, &[echo(1), sequence(GO_ON, &[echo(2)])]);
    let whole = one.len();
    let wrong = [
        (sequence(2, &[echo(1)]), "mode 2"),
        (sequence(255, &[]), "mode 255"),
        (any(23, &[]), "cut short"),
        (sequence(GO_ON, &[echo(1), vec![7]]), "cut short"),
        (sequence(GO_ON, &[cut(one.clone(), whole - 1)]), "cut short"),
        (sequence(GO_ON, &[cut(one, 3)]), "cut short"),
        (sequence(GO_ON, &[vec![0; 4]]), "in a sequence"),
        (sequence(GO_ON, &[vec![255; 40]]), "cut short"),
        (
            sequence(GO_ON, &[any(5, &[0; 10])]),
            "in a sequence: a frame of kind 5 is cut short",
        ),
        (
            sequence(GO_ON, &[any(60, &[])]),
            "in a sequence: frame kind 60 is unknown",
        ),
        (nested, "other frames than calls"),
        (
            sequence(GO_ON, &[any(200, b"skipped elsewhere")]),
            "other frames than calls",
        ),
        (sequence(GO_ON, &[cancel(1)]), "other frames than calls"),
        (
            sequence(GO_ON, &[reply(1, 0, b"")]),
            "other frames than calls",
        ),
        (
            sequence(GO_ON, &[echo(4), echo(4)]),
            "call id 4 is in flight already",
        ),
        (
            [call(5, WAIT, &(1u64,)), sequence(GO_ON, &[echo(5)])].concat(),
            "call id 5 is in flight",
        ),
        (
            [
                sequence(GO_ON, &[call(5, WAIT, &(1u64,)), echo(6)]),
                echo(6),
            ]
            .concat(),
            "call id 6",
        ),
        (
            [
                sequence(GO_ON, &[call(5, WAIT, &(1u64,))]),
                sequence(GO_ON, &[echo(5)]),
            ]
            .concat(),
            "call id 5",
        ),
    ];
    for (bytes, words) in wrong {
        let mut raw = Raw::bound_two_way(house.daemon.address()).await;
        raw.send(&bytes).await;
        let fault = raw.fault().await;
        assert!(fault.contains(words), "{fault:?} should say {words:?}");
    }
    let mut raw = Raw::bound(house.daemon.address()).await;
    raw.send(&sequence(GO_ON, &[echo(1)])).await;
    assert!(raw.fault().await.contains("not agreed on"));
    neighbour.was_served(&house.desk).await;
}

#[tokio::test]
async fn a_call_that_may_not_be_costs_itself_and_the_others_are_run() {
    let house = House::new().await;
    let mut raw = Raw::bound_two_way(house.daemon.address()).await;
    let mut late = echo(5);
    late[16..20].copy_from_slice(&0u32.to_le_bytes());
    let batch = |call: &mut frame::CallFrame<'_>| call.id = 6;
    let bad = [
        (call_with(1, 77, ECHO, b"\x00"), Status::UnknownObject),
        (call_with(2, 0, 999, b"\x00"), Status::UnknownMethod),
        (call_with(3, 0, ECHO, b""), Status::BadArguments),
        (
            with_flags(call_with(4, 0, 0, b"\x04\0echo\x00"), flag::NAMED),
            Status::BadArguments,
        ),
        (late, Status::Expired),
        (batch_with(6, 0, b"", batch), Status::BadArguments),
        (call(7, PANIC, &("on purpose",)), Status::Panicked),
    ];
    let calls: Vec<Vec<u8>> = bad
        .iter()
        .zip(10..)
        .flat_map(|((call, _), id)| [call.clone(), echo(id)])
        .collect();
    raw.send(&sequence(GO_ON, &calls)).await;
    for ((_, status), id) in bad.iter().zip(1..) {
        assert_eq!(raw.reply_to(id).await.0, *status as u16, "call {id}");
        assert_eq!(raw.reply_to(9 + id).await, echoed(9 + id));
    }
    // No calls are nothing, and so is what follows of it.
    raw.send(&[sequence(GO_ON, &[]), sequence(STOP_AT_FIRST_ERROR, &[])].concat())
        .await;
    assert!(raw.echoes().await);
    // The first of them ends one that stops.
    let call = bad[1].0.clone();
    raw.send(&sequence(STOP_AT_FIRST_ERROR, &[call, echo(3)]))
        .await;
    assert_eq!(raw.reply_to(2).await.0, Status::UnknownMethod as u16);
    let (status, text) = raw.reply_to(3).await;
    assert_eq!(status, 25, "that is its number on the wire");
    assert!(
        String::from_utf8(text)
            .unwrap()
            .contains("brought no value")
    );
}

#[tokio::test]
async fn what_comes_behind_a_sequence_changes_nothing_in_it() {
    let house = House::new().await;
    let mut raw = Raw::bound_two_way(house.daemon.address()).await;
    let mut unbind = Vec::new();
    frame::put_unbind(&mut unbind, 0);
    let calls = sequence(GO_ON, &[call(1, WAIT, &(1u64,)), echo(2)]);
    raw.send(&[calls, unbind, echo(3)].concat()).await;
    assert_eq!(raw.reply_to(3).await.0, Status::UnknownObject as u16);
    house.gate().open(1);
    assert_eq!(raw.reply_to(2).await, echoed(2));
}

#[tokio::test]
async fn calls_of_a_sequence_are_cancelled_one_by_one_and_their_ids_are_free_at_once() {
    let house = House::new().await;
    let mut raw = Raw::bound_two_way(house.daemon.address()).await;
    let cancelled = |id| Said::Reply(id, Status::Cancelled as u16, b"cancelled".to_vec());
    let calls = [
        call(1, WAIT, &(1u64,)),
        call(2, COUNT, &()),
        echo(3),
        call(4, GRIND, &(4u64,)),
        echo(5),
    ];
    raw.send(&sequence(GO_ON, &calls)).await;
    house.gate().arrived(1).await;
    raw.send(&[cancel(2), cancel(2)].concat()).await;
    assert_eq!(raw.said().await, cancelled(2), "although it had not begun");
    raw.send(&echo(2)).await;
    assert_eq!(raw.reply_to(2).await, echoed(2), "of another call");
    raw.send(&[call(2, WAIT, &(9u64,)), cancel(1)].concat())
        .await;
    assert_eq!(raw.said().await, cancelled(1));
    house.gate().abandoned(1).await;
    assert_eq!(raw.reply_to(3).await, echoed(3));
    // What computes ends first.
    house.gate().arrived(2).await;
    raw.send(&cancel(4)).await;
    assert_eq!(raw.said().await, cancelled(4));
    assert!(raw.echoes().await);
    house.gate().open(2);
    let mut last = [raw.reply_to_any().await, raw.reply_to_any().await];
    last.sort();
    assert_eq!(last, [(2, 0), (5, 0)]);
    assert_eq!(house.clerk.runs(), 3, "and the one with id 2 never ran");
}

#[tokio::test]
async fn a_sequence_that_finds_no_room_is_refused_as_a_whole() {
    let limits = Limits {
        max_calls_in_flight: 3,
        ..Limits::default()
    };
    let house = House::with(Daemon::builder().limits(limits)).await;
    let mut raw = Raw::bound_two_way(house.daemon.address()).await;
    raw.send(&[call(1, WAIT, &(5u64,)), call(2, WAIT, &(6u64,))].concat())
        .await;
    house.gate().arrived(2).await;
    let noted = oneway(NOTE, &("lost",));
    raw.send(&sequence(GO_ON, &[echo(3), noted, echo(4)])).await;
    for id in [3, 4] {
        assert_eq!(raw.reply_to(id).await.0, Status::Overloaded as u16);
    }
    raw.send(&sequence(GO_ON, &[echo(3)])).await;
    assert_eq!(raw.reply_to(3).await, echoed(3));
    raw.send(&sequence(GO_ON, &[echo(3), echo(4), echo(5), echo(6)]))
        .await;
    assert!(raw.fault().await.contains("more than 3 calls"));
}

#[tokio::test]
async fn a_sequence_of_as_many_calls_as_may_be_is_run_and_one_of_more_is_a_fault() {
    const MOST: u32 = 65_536;
    let house = House::new().await;
    let mut raw = Raw::bound_two_way(house.daemon.address()).await;
    let calls: Vec<Vec<u8>> = (0..MOST).map(echo).collect();
    raw.send(&sequence(GO_ON, &calls)).await;
    for id in 0..MOST {
        assert_eq!(raw.reply_to_any().await, (id, 0));
    }
    let notes = vec![oneway(NOTE, &("",)); MOST as usize + 1];
    raw.send(&sequence(GO_ON, &notes)).await;
    assert!(raw.fault().await.contains("more than 65536 calls"));
    house.works().await;
}

#[tokio::test]
async fn a_caller_that_goes_has_no_further_call_of_its_sequence_begin() {
    let house = House::new().await;
    let mut raw = Raw::bound_two_way(house.daemon.address()).await;
    let noted = oneway(NOTE, &("late",));
    raw.send(&sequence(
        GO_ON,
        &[call(1, WAIT, &(1u64,)), call(2, COUNT, &()), noted],
    ))
    .await;
    house.gate().arrived(1).await;
    drop(raw);
    house.gate().abandoned(1).await;
    house.works().await;
    // What runs one-way goes on, what is behind it does not begin.
    let mut raw = Raw::bound_two_way(house.daemon.address()).await;
    let waits = with_flags(call(0, WAIT, &(1u64,)), flag::ONEWAY);
    raw.send(&sequence(GO_ON, &[waits, call(2, COUNT, &())]))
        .await;
    house.gate().arrived(1).await;
    drop(raw);
    house.works().await;
    house.gate().open(1);
    house.works().await;
    assert_eq!(house.clerk.runs(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_of_a_sequence_wait_for_their_reader_in_little_memory() {
    const CALLS: u32 = 600;
    const RESULT_BYTES: u64 = 1 << 18;
    for method in [BYTES, BYTES_LATER, BYTES_COMPUTED] {
        let child = Child::start("worker").await;
        let before = child.peak_memory();
        let desk = soon(DeskProxy::connect(&child.uri)).await.unwrap();
        let neighbour = Neighbour::of(&desk);
        let mut raw = Raw::connect_with(&child.address(), feature::TWO_WAY).await;
        raw.send(&bind_probe(0, Codec::Postcard)).await;
        assert_eq!(raw.said().await, Said::Bound(0, 0, String::new()));
        let calls: Vec<_> = (0..CALLS)
            .map(|id| call(id, method, &(RESULT_BYTES,)))
            .collect();
        raw.send(&sequence(GO_ON, &calls)).await;
        for _ in 0..1_000 {
            assert_eq!(soon(desk.echo("x".into())).await.as_deref(), Ok("x"));
        }
        for id in 0..CALLS {
            assert_eq!(raw.reply_to_any().await, (id, 0));
        }
        let growth = child.peak_memory() - before;
        assert!(
            growth < 48 << 20,
            "method {method}: it grew by {growth} bytes"
        );
        neighbour.was_served(&desk).await;
    }
}

#[tokio::test]
async fn sequences_with_any_byte_changed_cost_their_sender_a_call_or_its_connection() {
    let house = House::new().await;
    house.gate().open_for_good();
    let neighbour = Neighbour::of(&house.desk);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    for _ in 0..300 {
        let mut raw = Raw::bound_two_way(house.daemon.address()).await;
        let calls = [
            echo(1),
            call(2, WAIT, &(2u64,)),
            oneway(NOTE, &("x",)),
            echo(3),
        ];
        let mut bytes = sequence(random.u8(0..2), &calls);
        for _ in 0..random.usize(1..4) {
            let at = random.usize(4..bytes.len());
            bytes[at] = random.u8(..);
        }
        raw.send(&bytes).await;
        raw.send(&any(200, b"and on")).await;
        raw.finish().await;
    }
    neighbour.was_served(&house.desk).await;
}

/// A server that hears of batches and answers the first one by `answer`, which gets the ids of its calls.
async fn server(answer: impl Fn(Vec<u32>) -> Vec<u8> + Clone + Send + Sync + 'static) -> Script {
    let greeting = hello_with(Side::Accepted, feature::TWO_WAY);
    Script::with_greeting(greeting, move |mut raw, _| {
        let answer = answer.clone();
        async move {
            let Said::Sequence(GO_ON, calls) = raw.says().await else {
                panic!("no sequence");
            };
            let ids = calls
                .into_iter()
                .filter(|(_, oneway)| !oneway)
                .map(|(id, _)| id);
            let _ = raw.try_send(&answer(ids.collect())).await;
            raw.rest().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_batch_is_one_message_and_takes_its_replies_in_any_order() {
    let script = server(|ids| {
        assert_eq!(ids.len(), 5);
        let reply = |(n, id): (usize, &u32)| reply(*id, 0, &[2 * n as u8]);
        let mut replies: Vec<_> = ids.iter().enumerate().map(reply).collect();
        replies.reverse();
        replies.concat()
    })
    .await;
    let desk = script.desk().await;
    let mut batch = desk.batch();
    let calls = batch.add_each(0..5, |desk, number| desk.square(number));
    drop(batch.add(|desk| desk.note("one-way".into())));
    soon(batch.send()).await.unwrap();
    let values: Vec<_> = soon(calls.collect()).await;
    assert_eq!(values, (0..5).map(Ok).collect::<Vec<_>>());
    drop(desk);
}

#[tokio::test]
async fn a_server_that_answers_a_part_of_a_batch_and_closes_leaves_the_rest_unknown() {
    let answers = |ids: Vec<u32>| {
        let fault = any(11, b"\x03\0bye");
        let skipped = reply(ids[1], Status::Skipped as u16, b"skipped");
        let strange = reply(ids[2], 61, b"who knows");
        [reply(ids[0], 0, &[18]), skipped, strange, fault].concat()
    };
    let script = server(answers).await;
    let desk = script.desk().await;
    let mut batch = desk.batch();
    let calls = batch.add_each(0..5, |desk, number| desk.wait(number));
    soon(batch.send()).await.unwrap();
    let ended: Vec<_> = soon(calls.collect()).await;
    let mut ended = ended.into_iter();
    assert_eq!(ended.next().unwrap(), Ok(18));
    let rest: Vec<_> = ended.map(|call| ending(call).0).collect();
    let unknown = "Unknown(Disconnected)";
    assert_eq!(
        rest,
        ["Rejected(Skipped)", "Rejected(Other)", unknown, unknown]
    );
}

#[tokio::test]
async fn a_server_that_answers_a_call_of_a_batch_twice_has_broken_the_rules() {
    let twice = |ids: Vec<u32>| reply(ids[0], 0, &[18]).repeat(2);
    let script = server(twice).await;
    let desk = script.desk().await;
    let mut batch = desk.batch();
    let first = batch.add(|desk| desk.wait(1));
    let second = batch.add(|desk| desk.wait(2));
    soon(batch.send()).await.unwrap();
    assert_ends(soon(second).await, "Unknown(Disconnected)", &["twice"]);
    drop(first);
}

#[tokio::test]
async fn an_older_server_gets_no_batch_and_its_caller_is_told() {
    let script = Script::with_greeting(hello(Side::Accepted), |mut raw, _| async move {
        let Said::Call(id, false) = raw.says().await else {
            panic!("something came before the call");
        };
        let _ = raw.try_send(&reply(id, 0, &[2])).await;
        raw.rest().await;
    })
    .await;
    let desk = script.desk().await;
    let mut batch = desk.batch();
    let call = batch.add(|desk| desk.square(1));
    assert_ends(
        soon(batch.send()).await,
        "NotSent(Unsupported)",
        &[
            "a batch of far:desk@",
            "runs no batches",
            &script.address().to_string(),
        ],
    );
    assert_ends(soon(call).await, "NotSent(Unsupported)", &["square of"]);
    assert_eq!(soon(desk.square(1)).await, Ok(1));
}
