//! Batches by hand: to a daemon, and in answer to a client's fleet.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use farcall::{CallError, Daemon, Fleet, FleetError, Limits, error::Unknown};
use farcall_shared::wire::batch;
use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::frame::flag;
use farcall_shared::wire::handshake::{Side, feature};
use farcall_shared::wire::status::{Refusal, Status};
use fastrand::Rng;

use super::script::Script;
use super::wire::{
    Raw, Said, any, arguments, batch_call, batch_of, batch_with, bind_mill, bound, cancel,
    hello_with, reply, results,
};
use crate::harness::{MillHouse, MillProxy, soon};

/// The numbers of the mill's methods.
const SQUARE: u16 = 0;
const BYTES: u16 = 1;
const GRIND: u16 = 4;
const PAUSE: u16 = 6;

/// One that a mill has not.
const NONE: u16 = 99;

/// A peer that has bound the mill as handle 0.
async fn at(house: &MillHouse) -> Raw {
    let mut raw = Raw::connect(house.daemon.address()).await;
    raw.send(&bind_mill(0, Codec::Postcard)).await;
    assert_eq!(raw.said().await, Said::Bound(0, 0, String::new()));
    raw
}

/// Sees that the connection lives and that the one compute thread has nothing else to do.
async fn grinds(raw: &mut Raw) {
    raw.send(&batch_call(900, GRIND, &arguments([(77_u64,)])))
        .await;
    assert_eq!(raw.reply_to(900).await.0, 0);
}

/// A mill with one compute thread: what comes later is done later.
async fn narrow() -> MillHouse {
    MillHouse::with(Daemon::builder().compute_threads(1)).await
}

#[tokio::test]
async fn a_batch_gives_every_result_in_the_order_of_its_calls() {
    let house = MillHouse::ready().await;
    let mut raw = at(&house).await;
    raw.send(&batch_call(
        3,
        SQUARE,
        &arguments((0..300_u64).map(|n| (n,))),
    ))
    .await;
    let (status, body) = raw.reply_to(3).await;
    let expected = arguments((0..300_u64).map(|n| (n * n,)));
    assert_eq!(status, 0);
    assert_eq!(
        results(&body),
        expected.into_iter().map(|r| (0, r)).collect::<Vec<_>>()
    );
    assert_eq!(house.miller.log(), (0..300).collect::<Vec<_>>());
    raw.send(&batch_call(3, SQUARE, &[])).await;
    assert_eq!(
        raw.reply_to(3).await,
        (0, Vec::new()),
        "no calls, no results"
    );
}

#[tokio::test]
async fn calls_before_what_is_malformed_are_done_and_nothing_behind_it_is() {
    let house = MillHouse::ready().await;
    let mut raw = at(&house).await;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let mut started = 0;
    for _ in 0..200 {
        let calls = arguments((0..random.u64(0..5)).map(|n| (n,)));
        let mut body = batch_of(&calls);
        let behind: Vec<u8> = (0..random.usize(0..6)).map(|_| random.u8(..)).collect();
        // A length that is longer than what is there, or no length.
        let tail = match random.bool() {
            true => [&(100 + random.u32(..1 << 31)).to_le_bytes()[..], &behind].concat(),
            false => vec![0; random.usize(0..4)],
        };
        body.extend_from_slice(&tail);
        raw.send(&batch_with(3, SQUARE, &body, |_| {})).await;
        let (status, body) = raw.reply_to(3).await;
        assert_eq!((status, results(&body).len()), (0, calls.len()), "{tail:?}");
        started += calls.len();
        assert_eq!(house.miller.log().len(), started);
    }
    // No calls, by the looks of it, but of arguments that do not fit.
    raw.send(&batch_with(3, SQUARE, &[0; 12], |_| {})).await;
    let statuses: Vec<u16> = results(&raw.reply_to(3).await.1)
        .into_iter()
        .map(|(status, _)| status)
        .collect();
    assert_eq!(statuses, [Status::BadArguments as u16; 3]);
}

#[tokio::test]
async fn a_batch_that_may_not_be_is_refused_as_a_whole_and_its_connection_lives() {
    let house = MillHouse::ready().await;
    let mut raw = at(&house).await;
    let calls = batch_of(&arguments([(1_u64,), (2,)]));
    let refused = [
        (batch_with(5, PAUSE, &calls, |_| {}), Status::BadArguments),
        (batch_with(5, NONE, &calls, |_| {}), Status::UnknownMethod),
        (
            batch_with(5, u16::MAX, &calls, |_| {}),
            Status::UnknownMethod,
        ),
        (
            batch_with(5, SQUARE, &calls, |call| {
                call.flags |= flag::NAMED;
                call.name = Some("square");
            }),
            Status::BadArguments,
        ),
        (
            batch_with(5, SQUARE, &calls, |call| call.handle = 7),
            Status::UnknownObject,
        ),
        (
            batch_with(5, SQUARE, &calls, |call| call.deadline_ms = 0),
            Status::Expired,
        ),
    ];
    for (bytes, status) in refused {
        raw.send(&bytes).await;
        let (told, text) = raw.reply_to(5).await;
        assert_eq!(
            told,
            status as u16,
            "{status:?}: {}",
            String::from_utf8_lossy(&text)
        );
    }
    assert!(
        house.miller.log().is_empty(),
        "none of them started anything"
    );
    raw.send(&batch_call(6, SQUARE, &arguments([(4_u64,)])))
        .await;
    assert_eq!(raw.reply_to(6).await.0, 0);
}

#[tokio::test]
async fn a_one_way_batch_is_run_and_not_answered() {
    let house = narrow().await;
    house.miller.open_for_good();
    let mut raw = at(&house).await;
    let calls = batch_of(&arguments([(1_u64,), (2,), (3,)]));
    raw.send(&batch_with(5, SQUARE, &calls, |call| {
        call.flags |= flag::ONEWAY;
    }))
    .await;
    raw.send(&batch_call(6, GRIND, &arguments([(4_u64,)])))
        .await;
    assert!(
        matches!(raw.said().await, Said::Reply(6, 0, _)),
        "nothing is said of the first one"
    );
    assert_eq!(house.miller.log(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_batch_over_the_message_limit_is_refused_by_its_length() {
    let limits = Limits {
        max_message_bytes: 64 << 10,
        ..Limits::default()
    };
    let house = MillHouse::with(Daemon::builder().limits(limits)).await;
    let mut raw = at(&house).await;
    let most = vec![vec![1; 1000]; 70];
    let _ = raw.try_send(&batch_call(3, SQUARE, &most)).await;
    assert!(raw.fault().await.contains("is over the limit of 65536"));
    assert!(house.miller.log().is_empty());
}

#[tokio::test]
async fn one_call_of_a_batch_fails_by_itself() {
    let house = MillHouse::ready().await;
    let mut raw = at(&house).await;
    let mut calls = arguments([(1_u64,), (13,), (2,), (3,)]);
    calls.insert(2, Vec::new());
    calls.insert(4, b"\xff\xff".to_vec());
    raw.send(&batch_call(3, BYTES, &calls)).await;
    let (status, body) = raw.reply_to(3).await;
    assert_eq!(status, 0);
    let bad = Status::BadArguments as u16;
    let results = results(&body);
    let statuses: Vec<u16> = results.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [0, Status::Panicked as u16, bad, 0, bad, 0]);
    assert!(String::from_utf8_lossy(&results[1].1).contains("thirteen"));
    assert_eq!(results[5].1, b"\x03\x07\x07\x07");
}

#[tokio::test]
async fn a_cancel_in_the_middle_of_a_batch_starts_no_further_call() {
    let house = narrow().await;
    let mut raw = at(&house).await;
    raw.send(&batch_call(3, GRIND, &arguments((0..5_u64).map(|n| (n,)))))
        .await;
    house.miller.started(1).await;
    raw.send(&cancel(3)).await;
    assert_eq!(raw.reply_to(3).await.0, Status::Cancelled as u16);
    house.miller.open_for_good();
    grinds(&mut raw).await;
    assert_eq!(house.miller.log(), [0, 77]);
}

#[tokio::test]
async fn a_batch_past_its_deadline_starts_no_further_call() {
    let house = narrow().await;
    let mut raw = at(&house).await;
    let calls = batch_of(&arguments((0..5_u64).map(|n| (n,))));
    raw.send(&batch_with(3, GRIND, &calls, |call| call.deadline_ms = 40))
        .await;
    house.miller.started(1).await;
    // A call that begins later and ends at its own deadline.
    let pause = batch_with(4, PAUSE, &arguments([(9_u64,)])[0], |call| {
        call.flags = 0;
        call.deadline_ms = 60;
    });
    raw.send(&pause).await;
    assert_eq!(raw.reply_to(4).await.0, Status::Cancelled as u16);
    house.miller.open_for_good();
    grinds(&mut raw).await;
    assert_eq!(house.miller.log(), [0, 9, 77]);
}

#[tokio::test]
async fn a_batch_that_ran_for_long_starts_no_further_call_however_its_last_one_ended() {
    for (first, status) in [(0, Status::Done), (u64::MAX, Status::Panicked)] {
        let house = narrow().await;
        let mut raw = at(&house).await;
        let calls = [first, 1, 2].map(|n: u64| (n,));
        raw.send(&batch_call(3, GRIND, &arguments(calls))).await;
        house.miller.started(1).await;
        // A call that begins later and ends when a batch has run long enough.
        let pause = batch_with(4, PAUSE, &arguments([(9_u64,)])[0], |call| {
            call.flags = 0;
            call.deadline_ms = 250;
        });
        raw.send(&pause).await;
        assert_eq!(raw.reply_to(4).await.0, Status::Cancelled as u16);
        house.miller.open_for_good();
        let (whole, body) = raw.reply_to(3).await;
        let statuses: Vec<u16> = results(&body).iter().map(|(status, _)| *status).collect();
        assert_eq!((whole, statuses), (0, vec![status as u16]));
        grinds(&mut raw).await;
        assert_eq!(house.miller.log(), [first, 9, 77]);
    }
}

#[tokio::test]
async fn a_batch_ends_once_its_results_take_a_mebibyte_and_the_rest_is_not_started() {
    let house = narrow().await;
    house.miller.open_for_good();
    let mut raw = at(&house).await;
    let third = 400_u64 << 10;
    raw.send(&batch_call(3, BYTES, &arguments([(third,); 10])))
        .await;
    let (status, body) = raw.reply_to(3).await;
    let lengths: Vec<usize> = results(&body).iter().map(|(_, r)| r.len()).collect();
    assert_eq!((status, lengths), (0, vec![(400 << 10) + 3; 3]));
    grinds(&mut raw).await;
    assert_eq!(house.miller.log(), [third, third, third, 77]);
}

#[tokio::test]
async fn a_daemon_that_drains_answers_the_batch_in_flight_and_refuses_the_next() {
    let house = narrow().await;
    let mut raw = at(&house).await;
    raw.send(&batch_call(3, GRIND, &arguments([(1_u64,), (2,), (3,)])))
        .await;
    house.miller.started(1).await;
    let shutting = tokio::spawn({
        let daemon = house.daemon.clone();
        async move { daemon.shutdown().await }
    });
    while raw.said().await != Said::GoAway {}
    raw.send(&batch_call(4, GRIND, &arguments([(4_u64,)])))
        .await;
    assert_eq!(raw.reply_to(4).await.0, Status::Draining as u16);
    house.miller.open_for_good();
    let (status, body) = raw.reply_to(3).await;
    assert_eq!((status, results(&body).len()), (0, 3));
    drop(raw);
    soon(shutting).await.unwrap();
    assert_eq!(house.miller.log(), [1, 2, 3]);
}

#[tokio::test]
async fn a_batch_id_that_is_in_flight_is_a_fault_and_the_first_batch_stops() {
    let house = narrow().await;
    let mut raw = at(&house).await;
    let calls = batch_call(5, GRIND, &arguments([(1_u64,), (2,)]));
    raw.send(&calls).await;
    house.miller.started(1).await;
    raw.send(&calls).await;
    assert_eq!(raw.fault().await, "call id 5 is in flight already");
    house.miller.open_for_good();
    grinds(&mut at(&house).await).await;
    assert_eq!(house.miller.log(), [1, 77]);
}

#[tokio::test]
async fn results_that_fill_the_longest_message_end_a_batch_and_fail_no_call() {
    let limits = Limits {
        max_message_bytes: 64 << 10,
        ..Limits::default()
    };
    let house = MillHouse::with(Daemon::builder().limits(limits)).await;
    let mut raw = at(&house).await;
    let most = 20_000_u64;
    raw.send(&batch_call(3, BYTES, &arguments([(most,); 10])))
        .await;
    let (status, body) = raw.reply_to(3).await;
    let results = results(&body);
    assert_eq!(status, 0);
    assert!(
        results.iter().all(|(status, _)| *status == 0),
        "{:?}",
        results.iter().map(|(s, _)| *s).collect::<Vec<_>>()
    );
    assert_eq!(house.miller.log().len(), results.len());
}

/// What a hostile server says to the calls of a batch: a body.
type Lie = fn(&[Vec<u8>]) -> (u16, Vec<u8>);

/// A server that answers single calls with 1 and batches with lies, and how many calls came in batches.
async fn liar(lie: Lie) -> (Script, Fleet<MillProxy>, Arc<AtomicUsize>) {
    let batched = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&batched);
    let greeting = hello_with(Side::Accepted, feature::BATCHES);
    let script = Script::with_greeting(greeting, move |mut raw, _| {
        let count = Arc::clone(&count);
        async move {
            loop {
                let answer = match raw.says().await {
                    Said::End => return,
                    Said::Call(id, false) => reply(id, 0, b"\x01"),
                    Said::Batch(id, _, calls) => {
                        count.fetch_add(calls.len(), Ordering::SeqCst);
                        let (status, body) = lie(&calls);
                        reply(id, status, &body)
                    }
                    Said::Bind(handle) => bound(handle),
                    Said::Ping => any(9, &[0; 8]),
                    _ => continue,
                };
                let _ = raw.try_send(&answer).await;
            }
        }
    })
    .await;
    let uri = format!("far:mill@{}", script.address());
    (script, Fleet::of([uri]).unwrap(), batched)
}

/// So many results of 1.
fn ones(count: usize) -> Vec<u8> {
    b"\0\0\x01\0\0\0\x01".repeat(count)
}

/// Results that are no value.
fn refusals(count: usize, status: u16) -> Vec<u8> {
    let mut body = Vec::new();
    for _ in 0..count {
        let start = body.len();
        batch::put_result(&mut body, |_| Err(Refusal::new(Status::Panicked, "a lie")));
        body[start..start + 2].copy_from_slice(&status.to_le_bytes());
    }
    body
}

const ITEMS: u64 = 2_000;

/// For a server that ends few of them at a time.
const FEW: u64 = 100;

#[tokio::test]
async fn calls_that_a_server_leaves_out_are_made_again() {
    let lies: [Lie; 5] = [
        |calls| (0, ones(calls.len().div_ceil(2))),
        |calls| (0, ones(calls.len() + 7)),
        // The last length lies.
        |calls| {
            (
                0,
                [ones(calls.len() - 1), b"\0\0\xff\xff\0\0\x01".to_vec()].concat(),
            )
        },
        |_| (0, [ones(1), b"\0\0\xff\xff\xff\xff\x01".to_vec()].concat()),
        |_| (0, [ones(1), b"\0".to_vec()].concat()),
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let (_script, fleet, batched) = liar(lie).await;
        let ones = soon(fleet.map(0..ITEMS, |mill, n| mill.square(n))).await;
        assert_eq!(ones.unwrap(), [1; ITEMS as usize], "lie {number}");
        assert!(batched.load(Ordering::SeqCst) > 1, "lie {number}");
    }
}

#[tokio::test]
async fn a_server_that_answers_batches_with_nothing_is_one_that_fails() {
    let lies: [Lie; 3] = [
        |_| (0, Vec::new()),
        |_| (0, b"?".to_vec()),
        |_| (0, vec![0xff; 100]),
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let (script, alone, batched) = liar(lie).await;
        let house = MillHouse::ready().await;
        let uris = [format!("far:mill@{}", script.address()), house.uri.clone()];
        let fleet: Fleet<MillProxy> = Fleet::of(uris).unwrap();
        let squares = soon(fleet.map(0..ITEMS, |mill, n| mill.square(n))).await;
        for (n, square) in (0..).zip(squares.unwrap()) {
            assert!(
                square == 1 || square == n * n,
                "lie {number}: {n}: {square}"
            );
        }
        // Alone, it is not asked as fast as it answers.
        batched.store(0, Ordering::SeqCst);
        let alone = alone.with_patience(Duration::from_millis(300));
        let ended = soon(alone.map(0..FEW, |mill, n| mill.square(n))).await;
        assert!(
            ended.is_ok() || matches!(ended, Err(FleetError::Empty { .. })),
            "lie {number}: {ended:?}"
        );
        let batched = batched.load(Ordering::SeqCst);
        assert!(batched <= 20 * FEW as usize, "{batched} calls were made");
    }
}

#[tokio::test]
async fn a_status_that_nobody_knows_is_read_by_its_range_in_a_batch_too() {
    let lies: [(Lie, &str); 4] = [
        (|calls| (0, refusals(calls.len(), 9)), "Failed"),
        (|calls| (0, refusals(calls.len(), 40)), "Rejected"),
        (|calls| (0, refusals(calls.len(), 900)), "Unknown"),
        (|calls| (0, refusals(calls.len(), u16::MAX)), "Unknown"),
    ];
    for (lie, expected) in lies {
        let (_script, fleet, batched) = liar(lie).await;
        let settled = soon(fleet.map_settled(0..FEW, |mill, n| mill.grind_once(n))).await;
        let settled = settled.unwrap();
        let mut wrong = 0;
        for result in settled.results {
            let ended = match &result {
                Ok(1) => continue,
                Err(FleetError::Item { error, .. }) => match error {
                    CallError::Failed { .. } => "Failed",
                    CallError::Rejected { .. } => "Rejected",
                    CallError::Unknown {
                        reason: Unknown::Cancelled(_),
                        ..
                    } => "Unknown",
                    _ => "something else",
                },
                _ => "something else",
            };
            assert_eq!(ended, expected, "{result:?}");
            wrong += 1;
        }
        assert_eq!(
            wrong,
            batched.load(Ordering::SeqCst),
            "each call of a batch is made once: {expected}"
        );
        assert!(wrong > 0);
    }
}

#[tokio::test]
async fn a_refusal_of_a_whole_batch_is_that_of_each_of_its_calls() {
    let (_script, fleet, batched) = liar(|_| (17, b"no such thing".to_vec())).await;
    let settled = soon(fleet.map_settled(0..ITEMS, |mill, n| mill.square(n))).await;
    let summary = settled.unwrap().summary;
    assert_eq!(summary.failed as usize, batched.load(Ordering::SeqCst));
    assert!(summary.failed > 0 && summary.ok > 0);
    assert!(
        summary.errors[0].contains("no such thing"),
        "{:?}",
        summary.errors
    );
}
