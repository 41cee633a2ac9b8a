//! Servers that break the rules of streams and references: their client's calls end, and a sound one is found again.

use std::sync::Arc;

use farcall_shared::wire::attached::Entry;
use farcall_shared::wire::handshake::Side;
use futures_util::StreamExt;
use tokio::sync::Notify;

use super::speech::{
    FIRST_OBJECT, FIRST_STREAM, end_of, greeting, item, item_with, opens, reply_with,
};
use crate::harness::{assert_ends, begun, soon};
use crate::hostile::script::{Script, serve_soundly};
use crate::hostile::wire::{Raw, Said, reply};
use crate::two_way::HubProxy;

async fn hub_of(script: &Script) -> HubProxy {
    let uri = format!("far:hub@{}", script.address());
    soon(HubProxy::connect(&uri)).await.unwrap()
}

#[tokio::test]
async fn a_fault_of_a_server_ends_the_calls_in_flight_and_the_client_recovers() {
    let guest = [Entry::Export(7), Entry::Stream(8)];
    for (bytes, words) in [
        (item(5, b"x"), "an item of stream 5, which is not open"),
        (
            item_with(5, b"x", &guest),
            "an item of stream 5, which is not open",
        ),
        (
            reply_with(4_000_000, b"x", &guest),
            "answered call 4000000, which was never made",
        ),
        (end_of(5), "the end of stream 5, which is not open"),
        (
            reply_with(4_000_000, b"x", &[Entry::Stream(0)]),
            "stream 0 is open already",
        ),
        (opens(1, 0), "stream 0 is open already"),
    ] {
        let script = Script::with_greeting(greeting(Side::Accepted), move |mut raw, before| {
            let bytes = bytes.clone();
            async move {
                if before > 0 {
                    return serve_soundly(raw).await;
                }
                raw.next_call().await;
                raw.send(&bytes).await;
                raw.rest().await;
            }
        })
        .await;
        let hub = hub_of(&script).await;
        let end = soon(hub.echo("x".into())).await;
        assert_ends(end, "Unknown(Disconnected)", &[words]);
        assert_eq!(soon(hub.echo("x".into())).await.as_deref(), Ok("sound"));
    }
}

/// The id of the next call, which must come.
async fn called(raw: &mut Raw) -> u32 {
    soon(raw.next_call()).await
}

#[tokio::test]
async fn a_reply_whose_caller_has_just_gone_gives_back_what_it_brought() {
    let script = Script::with_greeting(greeting(Side::Accepted), |mut raw, _| async move {
        let (first, second) = (called(&mut raw).await, called(&mut raw).await);
        let brought = [Entry::Export(7), Entry::Stream(8)];
        let replies = [
            reply_with(first, FIRST_OBJECT, &brought),
            reply(second, 0, b"\x01x"),
        ];
        raw.send(&replies.concat()).await;
        let mut said = [raw.said().await, raw.said().await];
        said.sort_by_key(|said| matches!(said, Said::Stop(_)));
        assert_eq!(said, [Said::Release(7, 1), Said::Stop(8)]);
        raw.send(&end_of(8)).await;
        serve_soundly(raw).await;
    })
    .await;
    let hub = hub_of(&script).await;
    let counter = begun(hub.counter()).await;
    assert_eq!(soon(hub.echo("x".into())).await.as_deref(), Ok("x"));
    // Its reply came before the other one, and it was not asked for it.
    drop(counter);
    assert_eq!(soon(hub.echo("x".into())).await.as_deref(), Ok("sound"));
}

#[tokio::test]
async fn a_reply_to_a_call_that_was_given_up_gives_back_what_it_brought() {
    let given_up = Arc::new(Notify::new());
    let told = Arc::clone(&given_up);
    let script = Script::with_greeting(greeting(Side::Accepted), move |mut raw, _| {
        let told = Arc::clone(&told);
        async move {
            let id = called(&mut raw).await;
            told.notify_one();
            raw.until(&Said::Cancel(id)).await;
            let next = called(&mut raw).await;
            let replies = [
                reply_with(id, FIRST_OBJECT, &[Entry::Export(7)]),
                reply(next, 0, b"\x01x"),
            ];
            raw.send(&replies.concat()).await;
            raw.until(&Said::Release(7, 1)).await;
            serve_soundly(raw).await;
        }
    })
    .await;
    let hub = hub_of(&script).await;
    let counter = begun(hub.counter()).await;
    soon(given_up.notified()).await;
    drop(counter);
    assert_eq!(soon(hub.echo("x".into())).await.as_deref(), Ok("x"));
    assert_eq!(soon(hub.echo("x".into())).await.as_deref(), Ok("sound"));
}

#[tokio::test]
async fn a_stream_of_a_server_that_dies_ends_with_an_error_and_what_it_brought_is_no_burden() {
    let script = Script::with_greeting(greeting(Side::Accepted), |mut raw, before| async move {
        if before > 0 {
            return serve_soundly(raw).await;
        }
        let id = called(&mut raw).await;
        let frames = [
            reply_with(id, FIRST_STREAM, &[Entry::Stream(1)]),
            item_with(1, FIRST_OBJECT, &[Entry::Export(1)]),
            item_with(1, &[5], &[Entry::Export(2)]),
            item_with(1, FIRST_OBJECT, &[Entry::Export(3), Entry::Stream(2)]),
        ];
        raw.send(&frames.concat()).await;
    })
    .await;
    let hub = hub_of(&script).await;
    let mut counters = soon(hub.each_counter(5)).await.unwrap();
    script.ended(1).await;
    let counter = soon(StreamExt::next(&mut counters)).await.unwrap().unwrap();
    let odd = soon(StreamExt::next(&mut counters))
        .await
        .unwrap()
        .unwrap_err();
    assert!(
        odd.to_string().contains("the result cannot be read"),
        "{odd}"
    );
    let rest: Vec<_> = soon(counters.collect()).await;
    assert_eq!(rest.len(), 2);
    assert_ends(
        rest.into_iter().nth(1).unwrap(),
        "Unknown(Disconnected)",
        &["each_counter"],
    );
    assert!(soon(counter.next()).await.is_err());
    assert_eq!(soon(hub.echo("x".into())).await.as_deref(), Ok("sound"));
}
