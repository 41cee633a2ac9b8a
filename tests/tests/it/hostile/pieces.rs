//! Large frames in pieces by hand: what goes between them, what a peer says of them that is not so, and what is given up.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use farcall::{CallError, Daemon, Limits, error::NotSent, error::Unknown};
use farcall_shared::wire::blob;
use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::frame::{Frame, ReplyFrame};
use farcall_shared::wire::handshake::{Side, feature};
use farcall_shared::wire::status::Status;
use tokio::sync::mpsc;

use super::script::Script;
use super::wire::{
    BYTES, ECHO, Open, Probe, Raw, Said, any, bind, bind_probe, call, call_with, cancel,
    hello_with, piece, pieces, reply, taken,
};
use crate::crash::child::Child;
use crate::harness::{DeskProxy, House, begun, soon};

/// Longer than what goes in one piece.
const LARGE: usize = 1 << 20;

/// What a piece holds at most.
const PIECE: usize = 64 << 10;

/// A client, its desk, and the server that is made by hand.
struct Met {
    script: Script,
    raws: mpsc::UnboundedReceiver<Raw>,
    desk: DeskProxy,
}

impl Met {
    async fn new(features: u64) -> Self {
        let (tell, raws) = mpsc::unbounded_channel();
        let greeting = hello_with(Side::Accepted, features);
        let script = Script::with_greeting(greeting, move |raw, _| {
            let told = tell.send(raw);
            async move { told.unwrap() }
        })
        .await;
        let desk = script.desk().await;
        Self { script, raws, desk }
    }

    /// The server's end of the next connection, on which the desk is bound.
    async fn raw(&mut self) -> Raw {
        soon(self.raws.recv()).await.unwrap()
    }
}

/// Frames of which pieces came.
#[derive(Default)]
struct Gathered(HashMap<u32, Vec<u8>>);

impl Gathered {
    /// Adds a piece; gives its frame when that is complete.
    fn add(&mut self, number: u32, left: u32, content: &[u8]) -> Option<Vec<u8>> {
        assert!(content.len() <= PIECE, "a piece of {} bytes", content.len());
        let frame = self.0.entry(number).or_default();
        frame.extend_from_slice(content);
        if left > 0 {
            return None;
        }
        self.0.remove(&number)
    }

    /// Takes pieces until a frame is complete.
    async fn complete(&mut self, raw: &mut Raw) -> Vec<u8> {
        loop {
            match raw.said().await {
                Said::Piece(number, left, content) => {
                    raw.send(&taken(content.len())).await;
                    if let Some(frame) = self.add(number, left, &content) {
                        return frame;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

fn content(seed: u64, bytes: usize) -> Bytes {
    let mut content = vec![0; bytes];
    fastrand::Rng::with_seed(seed).fill(&mut content);
    content.into()
}

/// The blob that is the only argument, or the result.
fn blob_in(body: &[u8]) -> Bytes {
    let (blob::Blob(bytes),) = Codec::Postcard.decode(body).unwrap();
    bytes
}

fn body_of(bytes: &Bytes) -> Vec<u8> {
    let mut body = Vec::new();
    let encoded = Codec::Postcard.encode(bytes, &mut body, 1 << 28);
    encoded.unwrap();
    body
}

#[tokio::test]
async fn a_small_call_is_answered_while_a_large_one_is_on_its_way() {
    let mut met = Met::new(feature::TWO_WAY).await;
    let mut raw = met.raw().await;
    let (sent, mut gathered) = (content(1, LARGE), Gathered::default());
    let mut large = begun(met.desk.blob(sent.clone())).await;
    let Said::Piece(number, left, first) = raw.said().await else {
        panic!("the large call comes whole");
    };
    assert_eq!(gathered.add(number, left, &first), None);
    // Nothing is taken, so nothing more of it comes. Then a few pieces, and again nothing more.
    for taken_first in [0, first.len()] {
        raw.send(&taken(taken_first)).await;
        let mut small = begun(met.desk.echo("small".into())).await;
        let id = loop {
            match raw.said().await {
                Said::Piece(number, left, content) if taken_first > 0 => {
                    assert_eq!(gathered.add(number, left, &content), None);
                }
                Said::Call(id, false) => break id,
                other => panic!("{other:?}"),
            }
        };
        raw.send(&reply(id, 0, b"\x05small")).await;
        assert_eq!(soon(&mut small).await.as_deref(), Ok("small"));
    }
    let open: usize = gathered.0.values().map(Vec::len).sum();
    raw.send(&taken(open - first.len())).await;
    let whole = gathered.complete(&mut raw).await;
    let Ok(Frame::Call(call)) = Frame::parse(&whole) else {
        panic!("{:?}", &whole[..20]);
    };
    assert_eq!(blob_in(call.body), sent);
    raw.send(&reply(call.id, 0, &body_of(&sent))).await;
    assert_eq!(soon(&mut large).await, Ok(sent));
}

#[tokio::test]
async fn a_small_reply_goes_between_the_pieces_of_a_large_one() {
    let house = House::new().await;
    let mut raw = Raw::connect_with(house.daemon.address(), feature::TWO_WAY).await;
    let blob = content(2, LARGE);
    raw.send(&bind(0, Codec::Postcard)).await;
    assert_eq!(raw.said().await, Said::Bound(0, 0, String::new()));
    // Its arguments come whole: a peer need not cut.
    raw.send(&call_with(1, 0, BLOB, &body_of(&blob))).await;
    let mut gathered = Gathered::default();
    let Said::Piece(number, left, first) = raw.said().await else {
        panic!("the large reply comes whole");
    };
    assert_eq!(gathered.add(number, left, &first), None);
    assert!(raw.echoes().await, "it waits for the large reply");
    raw.send(&taken(first.len())).await;
    let whole = gathered.complete(&mut raw).await;
    let Some(ReplyFrame { id, body, .. }) = ReplyFrame::read(&whole) else {
        panic!("{:?}", &whole[..20]);
    };
    assert_eq!((id, body.len()), (1, body_of(&blob).len()));
    assert!(body == body_of(&blob));
    assert!(raw.echoes().await);
}

/// The number of `blob` in the desk's trait.
const BLOB: u16 = 2;

#[tokio::test]
async fn pieces_of_any_size_and_of_several_frames_are_put_together() {
    let house = House::new().await;
    let mut raw = Raw::connect_with(house.daemon.address(), feature::TWO_WAY).await;
    raw.send(&bind(0, Codec::Postcard)).await;
    assert_eq!(raw.said().await, Said::Bound(0, 0, String::new()));
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..40 {
        let count = random.u32(1..=8);
        let mut queues: Vec<_> = (0..count)
            .map(|id| {
                let bytes = [3, 900, 20_000, 150_000][random.usize(0..4)];
                let text = "x".repeat(random.usize(1..=bytes));
                let size = [1 + random.usize(0..=bytes), 17_000, bytes][random.usize(0..3)];
                let cut = pieces(id * 7, &call(id, ECHO, &(&text,)), size);
                (text, cut.into_iter())
            })
            .collect();
        let mut stream = Vec::new();
        let mut open: Vec<usize> = (0..queues.len()).collect();
        while !open.is_empty() {
            let at = random.usize(0..open.len());
            match queues[open[at]].1.next() {
                Some(piece) => stream.extend(piece),
                None => drop(open.swap_remove(at)),
            }
            if random.u8(..) < 8 {
                stream.extend(any(9, &[1; 8]));
            }
        }
        let cut = random.usize(1..=stream.len());
        raw.send(&stream[..cut]).await;
        raw.send(&stream[cut..]).await;
        let mut answered = 0;
        while answered < count {
            match raw.said().await {
                Said::Reply(id, 0, body) => {
                    let text = &queues[id as usize].0;
                    assert!(
                        body.ends_with(text.as_bytes()),
                        "call {id} of round {round}"
                    );
                    answered += 1;
                }
                Said::Taken(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_piece_of_anything_ends_the_connection_with_a_fault_that_names_it() {
    let limits = Limits {
        max_message_bytes: 1 << 20,
        ..Limits::default()
    };
    let house = House::with(Daemon::builder().limits(limits)).await;
    let begin = |number| piece(number, 100, b"\x05");
    let ping_inside = {
        let taken = taken(1);
        piece(1, 0, &taken[4..])
    };
    let piece_inside = {
        let inner = piece(2, 0, b"\x05");
        pieces(1, &inner, 5).concat()
    };
    let cases: [(Vec<u8>, &str); 14] = [
        (
            piece(1, 0, b""),
            "an empty piece of frame 1, which was not begun",
        ),
        (
            piece(1, 7, b""),
            "an empty piece of frame 1, which was not begun",
        ),
        (
            [begin(1), piece(1, 100, b"")].concat(),
            "a piece of 0 bytes and 100 to come, where 100 were to come of frame 1",
        ),
        (
            [begin(1), piece(1, 50, b"xx")].concat(),
            "a piece of 2 bytes and 50 to come, where 100 were to come of frame 1",
        ),
        (
            [begin(1), piece(1, 99, b"xx")].concat(),
            "a piece of 2 bytes and 99 to come, where 100 were to come of frame 1",
        ),
        (
            [begin(1), piece(1, u32::MAX, b"x")].concat(),
            "a piece of 1 bytes and 4294967295 to come, where 100 were to come of frame 1",
        ),
        (
            (0..9).flat_map(begin).collect(),
            "pieces of more than 8 frames at a time",
        ),
        (
            piece(3, u32::MAX, b"\x05"),
            "pieces of frames of 4294967296 bytes, which is over the limit of 1048576",
        ),
        (
            [piece(3, 600_000, b"\x05"), piece(4, 600_000, b"\x05")].concat(),
            "pieces of frames of 1200002 bytes, which is over the limit of 1048576",
        ),
        (ping_inside, "pieces of a frame that is itself about pieces"),
        (
            piece_inside,
            "pieces of a frame that is itself about pieces",
        ),
        (piece(1, 0, &[60, 1, 2]), "frame kind 60 is unknown"),
        (taken(1), "1 bytes of pieces were taken that were not sent"),
        (
            any(21, &[0; 7]),
            "a frame of kind 21 is cut short or malformed",
        ),
    ];
    for (bytes, words) in cases {
        for trickles in [false, true] {
            let mut raw = Raw::connect_with(house.daemon.address(), feature::TWO_WAY).await;
            if trickles {
                raw.trickle(&bytes).await;
            } else {
                raw.send(&bytes).await;
            }
            let fault = raw.fault().await;
            assert!(fault.contains(words), "{fault:?} should say {words:?}");
            house.works().await;
        }
    }
    let mut raw = Raw::connect(house.daemon.address()).await;
    raw.send(&begin(1)).await;
    let fault = raw.fault().await;
    assert_eq!(fault, "a piece, and pieces were not agreed on");
    house.works().await;
}

#[tokio::test]
async fn a_frame_that_its_sender_gave_up_is_forgotten() {
    let house = House::new().await;
    let mut raw = Raw::connect_with(house.daemon.address(), feature::TWO_WAY).await;
    raw.send(&bind(0, Codec::Postcard)).await;
    assert_eq!(raw.said().await, Said::Bound(0, 0, String::new()));
    for _ in 0..100 {
        // Eight at a time, and no more of any.
        let begun = (0..8).map(|number| piece(number, 10_000_000, &[5; 30]));
        raw.send(&begun.collect::<Vec<_>>().concat()).await;
        let given_up = (0..8).map(|number| piece(number, 0, b""));
        raw.send(&given_up.collect::<Vec<_>>().concat()).await;
    }
    assert!(raw.echoes().await);
}

#[tokio::test]
async fn frames_of_which_only_beginnings_come_take_little_memory() {
    let child = Child::start("worker").await;
    let (before, reserved) = (child.peak_memory(), child.peak_reserved());
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let mut raw = Raw::connect_with(&child.address(), feature::TWO_WAY).await;
        let begun = (0..8).map(|number| piece(number, 15 << 20, &[5; 30_000]));
        raw.send(&begun.collect::<Vec<_>>().concat()).await;
        assert!(matches!(raw.said().await, Said::Taken(65_536..)));
        waiting.push(raw);
    }
    let growth = child.peak_memory() - before;
    let reserved = child.peak_reserved() - reserved;
    assert!(growth < 64 << 20, "it grew by {growth} bytes");
    assert!(reserved < 1 << 30, "it reserved {reserved} bytes");
    let desk = soon(DeskProxy::connect(&child.uri)).await.unwrap();
    assert_eq!(soon(desk.square(3)).await, Ok(9));
}

#[tokio::test]
async fn a_peer_that_knows_no_pieces_gets_whole_frames() {
    let mut met = Met::new(feature::BATCHES).await;
    let mut raw = met.raw().await;
    let blob = content(3, LARGE);
    let mut large = begun(met.desk.blob(blob.clone())).await;
    let Said::Call(id, false) = raw.said().await else {
        panic!("the call comes in pieces");
    };
    raw.send(&reply(id, 0, &body_of(&blob))).await;
    assert_eq!(soon(&mut large).await, Ok(blob));

    let house = House::new().await;
    house.host("probe", Open.serve());
    let mut raw = Raw::connect(house.daemon.address()).await;
    raw.send(&bind_probe(0, Codec::Postcard)).await;
    raw.send(&call(1, BYTES, &(LARGE as u64,))).await;
    let (status, body) = raw.reply_to(1).await;
    assert_eq!((status, body.len()), (0, LARGE + 3));
}

/// Takes pieces until no more than so many bytes of their frame are left.
async fn take_until(raw: &mut Raw, most_left: usize) {
    loop {
        let Said::Piece(_, left, content) = raw.said().await else {
            panic!("not a piece");
        };
        if left as usize <= most_left {
            return;
        }
        raw.send(&taken(content.len())).await;
    }
}

#[tokio::test]
async fn a_large_call_whose_last_piece_did_not_leave_is_made_again_and_was_not_sent() {
    // Behind the first piece, and then again, or behind the last one.
    for (most_left, was_sent) in [(LARGE, false), (0, true)] {
        let mut met = Met::new(feature::TWO_WAY).await;
        let desk = met.desk.clone();
        let large = tokio::spawn(async move { desk.blob(content(4, LARGE)).await });
        for most_left in [LARGE, most_left] {
            take_until(&mut met.raw().await, most_left).await;
        }
        let ended = soon(large).await.unwrap();
        match &ended {
            Err(CallError::Unknown {
                reason: Unknown::Disconnected(_),
                ..
            }) => assert!(was_sent, "{ended:?}"),
            Err(CallError::NotSent {
                reason: NotSent::Disconnected(_),
                ..
            }) => assert!(!was_sent, "{ended:?}"),
            _ => panic!("{ended:?}"),
        }
        met.script.ended(2).await;
    }
}

#[tokio::test]
async fn a_large_call_that_nobody_waits_for_is_not_sent_on() {
    let mut met = Met::new(feature::TWO_WAY).await;
    let mut raw = met.raw().await;
    let large = begun(met.desk.blob(content(5, LARGE))).await;
    let Said::Piece(number, 1.., content) = raw.said().await else {
        panic!("not a piece");
    };
    drop(large);
    assert_eq!(raw.said().await, Said::Piece(number, 0, Vec::new()));
    raw.send(&taken(content.len())).await;
    // Its id is free at once.
    let mut small = begun(met.desk.echo("small".into())).await;
    let Said::Call(id, false) = raw.said().await else {
        panic!("not a call");
    };
    raw.send(&reply(id, 0, b"\x05small")).await;
    assert_eq!(soon(&mut small).await.as_deref(), Ok("small"));
}

#[tokio::test]
async fn a_large_call_that_is_not_taken_by_its_deadline_was_not_sent() {
    let mut met = Met::new(feature::TWO_WAY).await;
    let mut raw = met.raw().await;
    let within = Duration::from_millis(400);
    let desk = met.desk.clone().with_deadline(within);
    let ended = soon(desk.blob(content(6, LARGE))).await;
    match ended {
        Err(CallError::NotSent {
            reason: NotSent::Expired(told),
            ..
        }) => assert_eq!(told, within),
        other => panic!("{other:?}"),
    }
    let Said::Piece(number, 1.., _) = raw.said().await else {
        panic!("not a piece");
    };
    assert_eq!(raw.said().await, Said::Piece(number, 0, Vec::new()));
}

#[tokio::test]
async fn a_large_one_way_call_is_sent_once_all_of_it_is_and_its_handle_is_given_back_behind_it() {
    let mut met = Met::new(feature::TWO_WAY).await;
    let mut raw = met.raw().await;
    let line = "x".repeat(LARGE);
    let mut note = begun(met.desk.note(line.clone())).await;
    let Said::Piece(number, left, first) = raw.said().await else {
        panic!("not a piece");
    };
    let mut gathered = Gathered::default();
    assert_eq!(gathered.add(number, left, &first), None);
    assert!(futures_util::poll!(&mut note).is_pending());
    drop((note, met.desk));
    raw.send(&taken(first.len())).await;
    let whole = gathered.complete(&mut raw).await;
    let Ok(Frame::Call(call)) = Frame::parse(&whole) else {
        panic!("{:?}", &whole[..20]);
    };
    assert!(call.body.ends_with(line.as_bytes()));
    let handle = call.handle;
    assert_eq!(raw.said().await, Said::Unbind(handle));
}

#[tokio::test]
async fn a_large_reply_that_nobody_waits_for_is_not_sent_on() {
    let house = House::new().await;
    house.host("probe", Open.serve());
    let mut raw = Raw::connect_with(house.daemon.address(), feature::TWO_WAY).await;
    raw.send(&bind_probe(0, Codec::Postcard)).await;
    raw.send(&call(1, BYTES, &(LARGE as u64,))).await;
    assert_eq!(raw.said().await, Said::Bound(0, 0, String::new()));
    let Said::Piece(number, 1.., content) = raw.said().await else {
        panic!("not a piece");
    };
    raw.send(&cancel(1)).await;
    assert_eq!(raw.said().await, Said::Piece(number, 0, Vec::new()));
    assert_eq!(raw.reply_to(1).await.0, Status::Cancelled as u16);
    raw.send(&taken(content.len())).await;
    raw.send(&call(1, BYTES, &(3u64,))).await;
    assert_eq!(raw.reply_to(1).await.0, 0);
}

#[tokio::test]
async fn a_peer_that_takes_no_pieces_is_given_up_by_the_stall_limit() {
    let limits = Limits {
        stall: Duration::from_millis(200),
        ..Limits::default()
    };
    let house = House::with(Daemon::builder().limits(limits)).await;
    house.host("probe", Open.serve());
    let mut raw = Raw::connect_with(house.daemon.address(), feature::TWO_WAY).await;
    raw.send(&bind_probe(0, Codec::Postcard)).await;
    raw.send(&call(1, BYTES, &(LARGE as u64,))).await;
    loop {
        match raw.said().await {
            Said::End => break,
            Said::Bound(..) | Said::Piece(..) | Said::Ping => {}
            other => panic!("{other:?}"),
        }
    }
    house.works().await;
}
