//! What large frames name and refer to: nothing of it overtakes them, and all of it is taken back when they are given up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use farcall::{Daemon, Limits, Proxy, Streaming};
use farcall_shared::wire::attached::Entry;
use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::frame::{Frame, flow::Flow};
use farcall_shared::wire::handshake::Side;
use farcall_shared::wire::status::Status;
use futures_util::stream;
use tokio::sync::Notify;
use tokio::sync::mpsc;

use super::speech::{ask, ask_with, bound_to_hub, credit, greeting, stop};
use crate::harness::{LOOPBACK, begun, soon};
use crate::hostile::script::Script;
use crate::hostile::wire::{Raw, Said, any, cancel, piece, reply, taken};
use crate::pieces::{DepotProxy, content, parts};
use crate::two_way::{HubProxy, Pack, Town};

/// Goes in pieces, and is shorter than what the peers here take.
const LARGE: usize = 900_000;

/// A server by hand, one connection of which is the test's.
struct Met {
    script: Script,
    raws: mpsc::UnboundedReceiver<Raw>,
}

impl Met {
    async fn new() -> Self {
        let (tell, raws) = mpsc::unbounded_channel();
        let script = Script::with_greeting(greeting(Side::Accepted), move |raw, _| {
            let told = tell.send(raw);
            async move { told.unwrap() }
        })
        .await;
        Self { script, raws }
    }

    async fn hub(&self) -> HubProxy {
        let uri = format!("far:hub@{}", self.script.address());
        soon(HubProxy::connect(&uri)).await.unwrap()
    }

    async fn raw(&mut self) -> Raw {
        soon(self.raws.recv()).await.unwrap()
    }
}

/// The first piece; nothing more comes until it is taken.
async fn first_piece(raw: &mut Raw) -> (u32, Vec<u8>) {
    match raw.said().await {
        Said::Piece(number, 1.., content) => (number, content),
        other => panic!("{other:?}"),
    }
}

/// Takes the rest of the frame that has begun so, and nothing else; gives all of it.
async fn complete(raw: &mut Raw, mut whole: Vec<u8>) -> Vec<u8> {
    raw.send(&taken(whole.len())).await;
    loop {
        match raw.said().await {
            Said::Piece(_, left, content) => {
                raw.send(&taken(content.len())).await;
                whole.extend(content);
                if left == 0 {
                    return whole;
                }
            }
            other => panic!("{other:?} goes before the frame is complete"),
        }
    }
}

/// Takes the pieces that were on their way, up to the word that the rest does not come.
async fn given_up(raw: &mut Raw, of: u32) {
    let mut on_the_way = PIECE;
    loop {
        match raw.said().await {
            Said::Piece(number, 1.., content) if number == of => on_the_way += content.len(),
            Said::Piece(number, 0, content) if number == of && content.is_empty() => break,
            other => panic!("{other:?}"),
        }
    }
    raw.send(&taken(on_the_way)).await;
}

/// What a piece holds.
const PIECE: usize = 64 << 10;

/// Says that it was dropped.
struct Guard(Arc<Notify>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Numbers, and who is told when their source is dropped.
fn guarded() -> (Streaming<u64>, Arc<Notify>) {
    let gone = Arc::new(Notify::new());
    let guard = Guard(Arc::clone(&gone));
    let numbers = stream::iter((0..5).inspect(move |_| _ = &guard));
    (Streaming::new(numbers), gone)
}

#[tokio::test]
async fn items_wait_for_the_last_piece_of_the_call_that_names_their_stream() {
    let mut met = Met::new().await;
    let hub = met.hub().await;
    let (numbers, gone) = guarded();
    let mut call = begun(hub.store(numbers, content(1, LARGE))).await;
    let mut raw = met.raw().await;
    let (_, first) = first_piece(&mut raw).await;
    // Other calls go at once.
    let small = begun(hub.echo("small".into())).await;
    assert!(matches!(raw.said().await, Said::Call(_, false)));
    drop(small);
    assert!(matches!(raw.said().await, Said::Cancel(_)));
    let whole = complete(&mut raw, first).await;
    let Ok(Frame::Call(made)) = Frame::parse(&whole) else {
        panic!("no call");
    };
    let together = vec![1, 0, 0, 1, 0, 1, 1, 0, 2, 1, 0, 3, 1, 0, 4];
    assert_eq!(raw.said().await, Said::Item(1, together));
    assert_eq!(raw.said().await, Said::Ended(1, 0));
    soon(gone.notified()).await;
    raw.send(&reply(made.id, 0, &[5])).await;
    assert_eq!(soon(&mut call).await, Ok(5));
}

#[tokio::test]
async fn a_large_call_that_is_given_up_takes_back_its_stream_and_its_objects() {
    let mut met = Met::new().await;
    let hub = met.hub().await;
    let (numbers, gone) = guarded();
    let call = begun(hub.store(numbers, content(1, LARGE))).await;
    let mut raw = met.raw().await;
    let (number, _) = first_piece(&mut raw).await;
    drop(call);
    soon(gone.notified()).await;
    given_up(&mut raw, number).await;

    let town = Town::new().await;
    let counter = soon(town.hub.counter()).await.unwrap();
    let pack = Pack {
        label: "x".repeat(LARGE),
        counters: vec![Some(counter)],
    };
    let call = begun(hub.unpack(pack)).await;
    let (number, _) = first_piece(&mut raw).await;
    drop(call);
    given_up(&mut raw, number).await;
    // The third peer has its object back.
    soon(town.centre.gone.arrived(1)).await;

    // Neither is heard of again, and the next call has the free id.
    let _small = begun(hub.echo("small".into())).await;
    assert_eq!(raw.said().await, Said::Call(0, false));
}

#[tokio::test]
async fn a_reference_is_given_back_behind_the_large_reply_that_takes_it_home() {
    let town = Town::new().await;
    let mut raw = bound_to_hub(town.daemon.address()).await;
    raw.send(&ask(1, "pack", &("small",))).await;
    // A counter and the hub's own one, which is object 2.
    assert_eq!(raw.reply_to(1).await.0, 0);
    let pack = &("x".repeat(LARGE), vec![Some(0_u16), Some(1)]);
    let mut arguments = Vec::new();
    let written = Codec::Postcard.encode(pack, &mut arguments, 2 * LARGE);
    written.unwrap();
    let entries = [Entry::Export(7), Entry::Returned(2)];
    raw.send(&ask_with(2, "unpack", &arguments, &entries)).await;
    let (_, first) = first_piece(&mut raw).await;
    // It is dropped by now, since the method has returned it.
    raw.send(&any(8, &5_u64.to_le_bytes())).await;
    assert_eq!(raw.said().await, Said::Pong(5));
    complete(&mut raw, first).await;
    assert_eq!(raw.said().await, Said::Release(7, 1));
}

#[tokio::test]
async fn a_stream_that_is_stopped_within_a_large_item_ends_at_once() {
    let mut met = Met::new().await;
    let uri = format!("far:depot@{}", met.script.address());
    let depot = soon(DepotProxy::connect(&uri)).await.unwrap();
    let _call = begun(depot.store(String::new(), parts(vec![3, 4 * LARGE, 3]))).await;
    let mut raw = met.raw().await;
    assert!(matches!(raw.said().await, Said::Call(_, false)));
    assert!(matches!(raw.said().await, Said::Item(1, _)));
    let (number, _) = first_piece(&mut raw).await;
    raw.send(&stop(1)).await;
    assert_eq!(raw.said().await, Said::Piece(number, 0, Vec::new()));
    assert_eq!(raw.said().await, Said::Ended(1, Status::Cancelled as u16));
}

#[tokio::test]
async fn credit_beyond_a_large_item_lets_none_overtake_it() {
    let mut met = Met::new().await;
    let uri = format!("far:depot@{}", met.script.address());
    let depot = soon(DepotProxy::connect(&uri)).await.unwrap();
    let _call = begun(depot.store(String::new(), parts(vec![3, LARGE, 3]))).await;
    let mut raw = met.raw().await;
    assert!(matches!(raw.said().await, Said::Call(_, false)));
    raw.send(&credit(1, 64 << 20)).await;
    assert!(matches!(raw.said().await, Said::Item(1, _)));
    let (_, first) = first_piece(&mut raw).await;
    let whole = complete(&mut raw, first).await;
    assert!(matches!(
        Frame::parse(&whole),
        Ok(Frame::Flow(Flow::Item(_)))
    ));
    assert_eq!(raw.said().await, Said::Item(1, vec![3, 2, 2, 2]));
    assert_eq!(raw.said().await, Said::Ended(1, 0));
}

#[tokio::test]
async fn calls_of_a_large_batch_are_cancelled_behind_it() {
    let mut met = Met::new().await;
    let hub = met.hub().await;
    let mut batch = hub.batch();
    let first = batch.add(|hub| hub.echo("x".repeat(LARGE)));
    let second = batch.add(|hub| hub.echo("small".into()));
    let sent = tokio::spawn(batch.send());
    let mut raw = met.raw().await;
    let (_, begun) = first_piece(&mut raw).await;
    drop(first);
    let whole = complete(&mut raw, begun).await;
    assert!(matches!(
        Frame::parse(&whole),
        Ok(Frame::Flow(Flow::Sequence(_)))
    ));
    let Said::Cancel(cancelled) = raw.said().await else {
        panic!("not a cancel");
    };
    raw.send(&reply(cancelled, Status::Cancelled as u16, b""))
        .await;
    soon(sent).await.unwrap().unwrap();
    let other = 1 - cancelled;
    raw.send(&reply(other, 0, b"\x05small")).await;
    assert_eq!(soon(second).await.as_deref(), Ok("small"));
}

#[tokio::test]
async fn a_large_reply_that_is_given_up_takes_back_its_objects() {
    let town = Town::new().await;
    let mut raw = bound_to_hub(town.daemon.address()).await;
    for round in 1..4 {
        raw.send(&ask(round, "pack", &("x".repeat(LARGE),))).await;
        let (number, _) = first_piece(&mut raw).await;
        assert_eq!(town.centre.alive(), 1);
        raw.send(&cancel(round)).await;
        given_up(&mut raw, number).await;
        assert_eq!(raw.reply_to(round).await.0, Status::Cancelled as u16);
        soon(town.centre.gone.arrived(1)).await;
    }
}

#[tokio::test]
async fn what_a_large_frame_refers_to_is_dropped_when_its_connection_ends_in_the_middle() {
    let mut met = Met::new().await;
    let hub = met.hub().await;
    let (numbers, gone) = guarded();
    let call = tokio::spawn(async move { hub.store(numbers, content(1, LARGE)).await });
    let mut raw = met.raw().await;
    first_piece(&mut raw).await;
    drop(raw);
    soon(gone.notified()).await;
    call.abort();

    let town = Town::new().await;
    let mut raw = bound_to_hub(town.daemon.address()).await;
    raw.send(&ask(1, "pack", &("x".repeat(LARGE),))).await;
    first_piece(&mut raw).await;
    drop(raw);
    soon(town.centre.gone.arrived(1)).await;
    // In the middle of what comes.
    let mut raw = bound_to_hub(town.daemon.address()).await;
    raw.send(&piece(1, 1000, &[5; 40])).await;
    drop(raw);
    assert_eq!(soon(town.hub.echo("x".into())).await.as_deref(), Ok("x"));
}

#[tokio::test]
async fn a_peer_that_does_not_go_on_with_a_large_frame_loses_its_connection() {
    let limits = Limits {
        stall: Duration::from_millis(200),
        ..Limits::default()
    };
    let daemon = Daemon::builder().limits(limits).bind(LOOPBACK);
    let daemon = daemon.await.unwrap();
    for bytes in [1, 20_000, 70_000] {
        let mut raw = Raw::dial(daemon.address()).await;
        raw.send(&greeting(Side::Dialled)).await;
        assert!(raw.welcome().await);
        let begun = (0..8).map(|number| piece(number, 10_000_000, &vec![5; bytes]));
        raw.send(&begun.collect::<Vec<_>>().concat()).await;
        let fault = raw.fault().await;
        assert_eq!(fault, "large frames of which nothing came for 200ms");
    }
}

/// Blobs of the same memory, which are not copied on their way out.
#[tokio::test]
async fn large_frames_go_in_turn() {
    let mut met = Met::new().await;
    let hub = met.hub().await;
    let blob = Bytes::from(vec![7; LARGE]);
    let one = begun(hub.store(Streaming::new(stream::empty()), blob.clone())).await;
    let other = begun(hub.store(Streaming::new(stream::empty()), blob)).await;
    let mut raw = met.raw().await;
    let mut numbers = Vec::new();
    while numbers.len() < 8 {
        let Said::Piece(number, _, content) = raw.said().await else {
            panic!("not a piece");
        };
        raw.send(&taken(content.len())).await;
        numbers.push(number);
    }
    let ones = numbers.iter().filter(|number| **number == 1).count();
    assert!((3..=5).contains(&ones), "{numbers:?}");
    drop((one, other));
}
