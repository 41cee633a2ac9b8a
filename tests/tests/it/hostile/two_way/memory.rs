//! Streams that nobody reads and objects without end: what they take at a daemon.

use farcall_shared::wire::attached::Entry;
use farcall_shared::wire::status::Status;

use super::speech::{FIRST_OBJECT, ask_with, bound_to_hub, credit, item, item_with, opens};
use crate::crash::child::Child;
use crate::harness::{DeskProxy, soon};
use crate::hostile::neighbour::Neighbour;
use crate::hostile::wire::{Raw, Said};

/// What a stream may send before anybody takes something.
const WINDOW: usize = 256 << 10;

/// Waits until all that was sent is handled.
async fn settled(raw: &mut Raw) {
    raw.send(&super::speech::ask(99, "echo", &("x",))).await;
    assert_eq!(raw.reply_to(99).await, (0, b"\x01x".to_vec()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_nobody_reads_takes_no_more_than_its_window() {
    let child = Child::start("worker").await;
    // What the first of anything takes.
    let mut raw = bound_to_hub(&child.address()).await;
    raw.send(&[opens(1, 1), item(1, &[7; 60_000])].concat())
        .await;
    settled(&mut raw).await;
    let before = child.peak_memory();
    raw.send(&opens(2, 2)).await;
    let frame = item(2, &[7; 90]);
    raw.send_all(&frame.repeat(WINDOW / frame.len())).await;
    settled(&mut raw).await;
    let growth = child.peak_memory() - before;
    assert!(growth < 1 << 20, "it grew by {growth} bytes");
    raw.send(&frame.repeat(2)).await;
    assert!(raw.fault().await.contains("no credit left"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_reads_nothing_and_gives_credit_by_the_byte_takes_little_memory() {
    const CREDITS: usize = 2_000_000;
    let child = Child::start("worker").await;
    let desk = soon(DeskProxy::connect(&child.uri)).await.unwrap();
    let neighbour = Neighbour::of(&desk);
    let mut raw = bound_to_hub(&child.address()).await;
    // Streams without end.
    for id in 0..50 {
        raw.send(&super::speech::ask(id, "guarded", &())).await;
    }
    for id in 0..50 {
        raw.send(&credit(id + 1, 1 << 30)).await;
    }
    let before = child.peak_memory();
    let credits: Vec<_> = (1..=50).flat_map(|stream| credit(stream, 1)).collect();
    for _ in 0..CREDITS / 50 {
        raw.send(&credits).await;
    }
    let growth = child.peak_memory().saturating_sub(before);
    assert!(growth < 8 << 20, "it grew by {growth} bytes");
    neighbour.was_served(&desk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_objects_in_one_call_or_in_many_take_bounded_memory() {
    const MANY: u64 = 1_000_000;
    const AT_ONCE: u64 = 10_000;
    let child = Child::start("worker").await;
    let desk = soon(DeskProxy::connect(&child.uri)).await.unwrap();
    let neighbour = Neighbour::of(&desk);
    let before = child.peak_memory();
    let mut raw = bound_to_hub(&child.address()).await;
    let all: Vec<_> = (1..=MANY).map(Entry::Export).collect();
    let call = ask_with(1, "hold", FIRST_OBJECT, &all);
    raw.send_all(&call).await;
    assert!(
        raw.fault()
            .await
            .contains("1000000 references and streams in one value")
    );
    // In items of a stream that is held, so that all of them are.
    let mut raw = bound_to_hub(&child.address()).await;
    let mut refused = 0;
    for stream in 1..=(MANY / AT_ONCE) as u32 {
        let first = u64::from(stream) * AT_ONCE;
        let some: Vec<_> = (first..first + AT_ONCE).map(Entry::Export).collect();
        raw.send(&opens(stream, stream)).await;
        raw.send(&item_with(stream, b"x", &some)).await;
        raw.send(&super::speech::ask(1 << 20, "echo", &("x",)))
            .await;
        loop {
            match raw.said().await {
                Said::Reply(0x10_0000, 0, _) => break,
                Said::Release(_, 1) => refused += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(
        refused >= MANY - 524_288 - AT_ONCE,
        "{refused} were refused"
    );
    // One more is refused in words, for each place in the list that was not free.
    let some: Vec<_> = (1..=AT_ONCE).map(Entry::Export).collect();
    raw.send(&ask_with(1 << 21, "join", FIRST_OBJECT, &some))
        .await;
    let (status, text) = raw.reply_to(1 << 21).await;
    assert_eq!(status, Status::Overloaded as u16);
    assert!(String::from_utf8_lossy(&text).contains("as many as may be"));
    let growth = child.peak_memory() - before;
    assert!(growth < 160 << 20, "it grew by {growth} bytes");
    neighbour.was_served(&desk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_inside_of_streams_as_deep_as_may_be_are_dropped_one_by_one() {
    let child = Child::start("worker").await;
    let desk = soon(DeskProxy::connect(&child.uri)).await.unwrap();
    let neighbour = Neighbour::of(&desk);
    for _ in 0..3 {
        let mut raw = bound_to_hub(&child.address()).await;
        let mut tower = opens(1, 1);
        for stream in 1..1024 {
            tower.extend(item_with(stream, b"x", &[Entry::Stream(stream + 1)]));
        }
        raw.send(&tower).await;
        settled(&mut raw).await;
        raw.finish().await;
    }
    neighbour.was_served(&desk).await;
}
