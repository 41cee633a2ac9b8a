//! Bytes as a peer may send them: sound frames of every kind, made by chance with the crate's own writers.

mod python;
mod spoil;
mod values;

use farcall::descriptor::{DaemonInfoProxy, Descriptor};
use farcall::parts::wire::attached::{self, Entry};
use farcall::parts::wire::batch;
use farcall::parts::wire::frame::flow::{self, Credit, Flow, Item, Piece, Release};
use farcall::parts::wire::frame::{
    self, Bind, Bound, CallFrame, Frame, LENGTH_BYTES, ReplyFrame, Trace, flag,
};
use farcall::parts::wire::handshake::{Hello, Side, VERSIONS, Versions, preface};
use fastrand::Rng;

use crate::target::TargetProxy;

pub use python::{LITERAL_WORDS, message, payload, python_value, serializer};
pub use spoil::{reseal, spoil, spoil_with};
pub use values::{Chance, METHODS, arguments, list};

/// The forged objects' ids: those that the fuzzer's daemon hosts, one that nobody does, and the first that are handed out.
pub const OBJECTS: [&str; 6] = ["target", "open", "Far.Daemon", "nobody", "?1", "?2"];

/// A number that is an edge more often than not.
pub fn number(random: &mut Rng) -> u64 {
    match random.u8(0..8) {
        0 | 1 => random.u64(0..8),
        2 => random.u64(0..300),
        // Just below, at and just above a power of two.
        3..6 => {
            let power = 1u64 << random.u32(0..64);
            power.wrapping_add(random.u64(0..3)).wrapping_sub(1)
        }
        6 => u64::MAX - random.u64(0..3),
        _ => random.u64(..),
    }
}

/// A length: mostly short, now and then at an edge or long.
pub fn length(random: &mut Rng) -> usize {
    match random.u16(..) {
        0..60_000 => random.usize(0..24),
        60_000..65_000 => random.usize(0..400),
        65_000..65_500 => [127, 128, 129, 255, 256, 4095, 4096, 4097][random.usize(0..8)],
        _ => [65_534, 65_535, 65_536, 70_000][random.usize(0..4)],
    }
}

/// A text: letters mostly, with what makes trouble among them.
pub fn text(random: &mut Rng) -> String {
    let count = length(random);
    if count > 1_000 {
        return if random.bool() { "x" } else { "ä" }.repeat(count / 2);
    }
    let odd = [
        '\0',
        '\n',
        '\u{1b}',
        '"',
        '\\',
        'ä',
        '€',
        '\u{10FFFF}',
        '\u{202E}',
    ];
    let letter = |random: &mut Rng| match random.u8(0..20) {
        0 => odd[random.usize(0..odd.len())],
        _ => random.alphanumeric(),
    };
    (0..count).map(|_| letter(random)).collect()
}

/// Bytes without a meaning.
pub fn bytes(random: &mut Rng) -> Vec<u8> {
    let mut bytes = vec![0; length(random)];
    random.fill(&mut bytes);
    bytes
}

/// Who the frames are for: a side that hosts objects is called, one that calls is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// A daemon.
    Callee,
    /// A client.
    Caller,
}

/// Kinds of frames, for chance to pick from.
#[derive(Clone, Copy)]
enum Kind {
    Bind,
    Bound,
    Call,
    Reply,
    Cancel,
    Ping,
    Pong,
    Unbind,
    GoAway,
    Fault,
    Sequence,
    Credit,
    Item,
    End,
    Stop,
    Release,
    /// A call or a reply, cut.
    Pieces,
    Other,
}

/// How often of 64 a callee and a caller get each kind: those that end a connection are few.
const OFTEN: [(Kind, u8, u8); 18] = [
    (Kind::Call, 25, 5),
    (Kind::Sequence, 3, 1),
    (Kind::Credit, 2, 1),
    (Kind::Item, 3, 5),
    (Kind::End, 1, 2),
    (Kind::Stop, 1, 1),
    (Kind::Release, 1, 1),
    (Kind::Reply, 1, 23),
    (Kind::Pieces, 3, 3),
    (Kind::Cancel, 6, 2),
    (Kind::Unbind, 4, 3),
    (Kind::Ping, 3, 3),
    (Kind::Pong, 2, 2),
    (Kind::Bind, 3, 4),
    (Kind::Bound, 1, 3),
    (Kind::Other, 3, 4),
    (Kind::GoAway, 1, 1),
    (Kind::Fault, 1, 1),
];

/// A sound frame of any kind, as it travels; mostly of those that `whom` expects.
pub fn frame(random: &mut Rng, whom: For) -> Vec<u8> {
    let mut out = Vec::new();
    let mut place = random.u8(0..64);
    let picked = OFTEN.iter().find(|(_, callee, caller)| {
        let often = if whom == For::Callee {
            *callee
        } else {
            *caller
        };
        let here = place < often;
        place = place.saturating_sub(often);
        here
    });
    match picked.map_or(Kind::Other, |(kind, ..)| *kind) {
        Kind::Bind => frame::put_bind(&mut out, &bind(random)),
        Kind::Bound => put_bound(&mut out, random),
        Kind::Call => put_call(&mut out, random),
        Kind::Reply => put_reply(&mut out, random),
        Kind::Cancel => frame::put_cancel(&mut out, id(random)),
        Kind::Ping => frame::put_ping(&mut out, number(random)),
        Kind::Pong => frame::put_pong(&mut out, number(random)),
        Kind::Unbind => frame::put_unbind(&mut out, handle(random)),
        Kind::GoAway => frame::put_go_away(&mut out, &text(random)),
        Kind::Fault => frame::put_fault(&mut out, &text(random)),
        Kind::Sequence => put_sequence(&mut out, random),
        Kind::Credit => flow::put_credit(&mut out, credit(random)),
        Kind::Item => put_item(&mut out, random),
        Kind::End => {
            let status = if random.bool() {
                0
            } else {
                number(random) as u16
            };
            flow::put_end(&mut out, stream(random), status, &text(random));
        }
        Kind::Stop => flow::put_stop(&mut out, stream(random)),
        Kind::Release => flow::put_release(&mut out, release(random)),
        Kind::Pieces => put_pieces(&mut out, random, whom),
        Kind::Other => {
            // One that may be skipped; now and then any.
            let first = if random.u8(..) < 16 {
                0
            } else {
                frame::FIRST_SKIPPABLE_KIND
            };
            out.extend_from_slice(&[0, 0, 0, 0, random.u8(first..)]);
            out.extend_from_slice(&bytes(random));
            frame::end(&mut out, 0);
        }
    }
    out
}

/// The first bytes of a side: its preface and its hello.
pub fn greeting(random: &mut Rng, side: Side) -> Vec<u8> {
    let versions = if random.u8(..) < 200 {
        VERSIONS
    } else {
        Versions {
            lowest: random.u8(0..4),
            highest: random.u8(..),
        }
    };
    let mut out = preface(versions).to_vec();
    let start = out.len();
    let hello = Hello {
        incarnation: number(random),
        session: number(random),
        max_message_bytes: (number(random) as u32).max(16 << 10),
        max_calls_in_flight: (number(random) as u32).max(1),
        features: number(random),
        software: text(random),
        credentials: bytes(random),
    };
    hello.put(&mut out, side);
    // A tag of later.
    if random.u8(..) < 64 {
        let value = bytes(random);
        out.push(random.u8(..));
        out.extend_from_slice(&(value.len() as u16).to_le_bytes());
        out.extend_from_slice(&value);
        frame::end(&mut out, start);
    }
    out
}

/// Writes a frame with the crate's own writers; false for one that keeps too little of itself to be written again.
pub fn put(out: &mut Vec<u8>, frame: &Frame<'_>) -> bool {
    match frame {
        Frame::Bind(bind) => frame::put_bind(out, bind),
        Frame::Bound(bound) => frame::put_bound(out, bound),
        Frame::Call(call) => {
            let start = frame::begin_call(out, call);
            out.extend_from_slice(call.body);
            frame::end(out, start);
        }
        Frame::Reply(reply) => {
            let start = frame::begin_reply(out, reply.status, reply.id);
            out.extend_from_slice(reply.body);
            out[start + LENGTH_BYTES + 1] = reply.flags;
            frame::end(out, start);
        }
        Frame::Flow(flow) => put_flow(out, flow),
        Frame::Cancel(id) => frame::put_cancel(out, *id),
        Frame::Ping(token) => frame::put_ping(out, *token),
        Frame::Pong(token) => frame::put_pong(out, *token),
        Frame::GoAway(why) => frame::put_go_away(out, why),
        Frame::Fault(why) => frame::put_fault(out, why),
        Frame::Unbind(handle) => frame::put_unbind(out, *handle),
        Frame::Skipped(_) => return false,
    }
    true
}

fn put_flow(out: &mut Vec<u8>, flow: &Flow<'_>) {
    match flow {
        Flow::Item(item) => {
            let start = flow::begin_item(out, item.stream);
            out.extend_from_slice(item.body);
            out[start + LENGTH_BYTES + 1] = item.flags;
            frame::end(out, start);
        }
        Flow::End(end) => flow::put_end(out, end.stream, end.status, end.text),
        Flow::Credit(credit) => flow::put_credit(out, *credit),
        Flow::Stop(stream) => flow::put_stop(out, *stream),
        Flow::Release(release) => flow::put_release(out, *release),
        Flow::Piece(piece) => {
            let start = flow::begin_piece(out, piece.frame, piece.left);
            out.extend_from_slice(piece.body);
            frame::end(out, start);
        }
        Flow::Taken(taken) => flow::put_taken(out, *taken),
        Flow::Sequence(sequence) => {
            let start = flow::begin_sequence(out, sequence.mode);
            out.extend_from_slice(sequence.calls);
            frame::end(out, start);
        }
    }
}

/// The bind of one of [`OBJECTS`] as a proxy of it would ask.
pub fn bind_of(object: &str, handle: u32, codec: u8) -> Bind<'_> {
    Bind {
        handle,
        codec,
        incarnation: 0,
        object,
        methods: methods(object),
    }
}

fn methods(object: &str) -> Vec<(&'static str, u64)> {
    let descriptor: &'static Descriptor = match object {
        "Far.Daemon" => DaemonInfoProxy::<()>::descriptor(),
        "open" => return Vec::new(),
        _ => TargetProxy::descriptor(),
    };
    descriptor
        .methods
        .iter()
        .map(|m| (m.name.as_str(), m.signature))
        .collect()
}

fn bind(random: &mut Rng) -> Bind<'static> {
    let object = OBJECTS[random.usize(0..OBJECTS.len())];
    let mut bind = bind_of(object, handle(random), random.u8(1..4));
    match random.u8(0..32) {
        0 => bind.incarnation = number(random),
        1 => bind.codec = random.u8(..),
        2 => bind.methods.reverse(),
        3 => bind
            .methods
            .iter_mut()
            .for_each(|(_, signature)| *signature ^= 1),
        4 => {
            let names = ["square", "", "no such method", "s"];
            let count = [1, 1_023, 1_024, 1_025, 3_000][random.usize(0..5)];
            bind.methods = (0..count).map(|n| (names[n % 4], number(random))).collect();
        }
        _ => {}
    }
    bind
}

fn put_bound(out: &mut Vec<u8>, random: &mut Rng) {
    let refused = random.u8(..) < 64;
    let (why, missing) = (text(random), text(random));
    let count = if random.u8(..) < 250 {
        random.usize(0..4)
    } else {
        2_000
    };
    let bound = Bound {
        handle: handle(random),
        status: if refused { number(random) as u16 } else { 0 },
        text: if refused { &why } else { "" },
        missing: (0..count)
            .map(|n| (n as u16, &missing[..missing.floor_char_boundary(9)]))
            .collect(),
    };
    frame::put_bound(out, &bound);
}

fn put_call(out: &mut Vec<u8>, random: &mut Rng) {
    let (flags, name) = match random.u8(0..16) {
        0 => (flag::ONEWAY, None),
        1 => (number(random) as u8 & !flag::NAMED & !flag::TRACE, None),
        2 | 3 => (flag::NAMED, Some(text(random))),
        4 => (flag::NAMED | flag::TRACE, Some("echo".to_owned())),
        5 => (flag::TRACE, None),
        6..8 => (flag::BATCH, None),
        8 if random.bool() => (flag::BATCH | flag::ONEWAY, None),
        8 => (flag::BATCH | flag::NAMED, Some("square".to_owned())),
        _ => (0, None),
    };
    let mut trace_id = [0; 16];
    random.fill(&mut trace_id);
    let trace = Trace {
        trace_id,
        span_id: number(random),
        flags: random.u8(..),
    };
    let method = if random.u8(..) < 250 {
        random.u16(0..METHODS)
    } else {
        number(random) as u16
    };
    let (method, mut body) = match flags & flag::BATCH {
        0 => (method, arguments(random, method)),
        // Mostly of a method that computes.
        _ => {
            let method = if random.bool() {
                random.u16(0..2)
            } else {
                method
            };
            (method, calls(random, method))
        }
    };
    let mut flags = flags;
    let refers = flags & flag::BATCH == 0 && method > 10 && random.u8(..) < 240;
    if refers || random.u8(..) < 16 {
        flags |= flag::ATTACHED;
        put_list(&mut body, random, matches!(method, 13 | 14));
    }
    let call = CallFrame {
        flags,
        method,
        id: id(random),
        handle: handle(random),
        deadline_ms: if random.bool() {
            60_000
        } else {
            number(random) as u32
        },
        trace: (flags & flag::TRACE != 0).then_some(trace),
        name: name.as_deref(),
        body: &body,
    };
    put(out, &Frame::Call(call));
}

/// Calls in a row, sound as a rule; now and then something else among them, or behind them.
fn put_sequence(out: &mut Vec<u8>, random: &mut Rng) {
    let start = flow::begin_sequence(
        out,
        if random.u8(..) < 250 {
            random.u8(0..2)
        } else {
            random.u8(..)
        },
    );
    for _ in 0..random.usize(0..6) {
        put_call(out, random);
        match random.u8(..) {
            0 => frame::put_cancel(out, id(random)),
            1 => out.extend_from_slice(&bytes(random)),
            2 => put_sequence(out, random),
            _ => {}
        }
    }
    frame::end(out, start);
}

/// The list of what a value refers to, sound as a rule, and mostly a stream first where one is wanted.
fn put_list(out: &mut Vec<u8>, random: &mut Rng, mut wants_stream: bool) {
    let start = out.len();
    let count = if random.u8(..) < 250 { 3 } else { 300 };
    for _ in 0..random.usize(1..=count) {
        let (uri, mut id) = (text(random), [0; 16]);
        random.fill(&mut id);
        let entry = match random.u8(0..if wants_stream { 1 } else { 16 }) {
            0 | 1 => Entry::Stream(stream(random)),
            2..8 => Entry::Export(export(random)),
            8..12 => Entry::Returned(export(random)),
            12 | 13 => Entry::Uri(&uri),
            14 => Entry::Metadata(&uri, &id),
            _ => Entry::Correlation(id),
        };
        attached::put(out, &entry);
        wants_stream = false;
    }
    match random.u8(..) {
        0 => out.extend_from_slice(&bytes(random)),
        1 => out.truncate(start.max(out.len() - 1)),
        _ => attached::end(out, start),
    }
}

/// A stream's number, a low one as a rule: they are given in their order.
fn stream(random: &mut Rng) -> u32 {
    match random.u8(..) {
        0..250 => random.u32(0..4),
        _ => number(random) as u32,
    }
}

/// The number of an object that was handed out, as a rule.
fn export(random: &mut Rng) -> u64 {
    match random.u8(..) {
        0..250 => random.u64(1..4),
        _ => number(random),
    }
}

fn release(random: &mut Rng) -> Release {
    Release {
        export: export(random),
        count: if random.u8(..) < 250 {
            1
        } else {
            number(random) as u32
        },
    }
}

fn put_item(out: &mut Vec<u8>, random: &mut Rng) {
    let mut body = arguments(random, 12);
    let mut flags = 0;
    if random.u8(..) < 16 {
        flags = flow::flag::ATTACHED;
        put_list(&mut body, random, false);
    }
    let item = Item {
        flags,
        stream: stream(random),
        body: &body,
    };
    put(out, &Frame::Flow(Flow::Item(item)));
}

/// Of one-way calls or of a stream, and mostly what they cost.
fn credit(random: &mut Rng) -> Credit {
    Credit {
        of: if random.bool() {
            flow::ONEWAY_CALLS
        } else {
            stream(random)
        },
        bytes: if random.bool() {
            random.u32(0..400)
        } else {
            number(random) as u32
        },
    }
}

fn put_reply(out: &mut Vec<u8>, random: &mut Rng) {
    let status = if random.bool() {
        0
    } else {
        number(random) as u16
    };
    let mut body = match (status, random.u8(0..4)) {
        (0, 0) => results(random),
        (0, _) => arguments(random, 2),
        _ => text(random).into_bytes(),
    };
    let mut flags = 0;
    if random.u8(..) < 32 {
        flags = flow::flag::ATTACHED;
        put_list(&mut body, random, false);
    }
    put(
        out,
        &Frame::Reply(ReplyFrame {
            flags,
            status,
            id: id(random),
            body: &body,
        }),
    );
}

/// A call or a reply in pieces; now and then not all of them, or what is no piece of it.
fn put_pieces(out: &mut Vec<u8>, random: &mut Rng, whom: For) {
    let mut frame = Vec::new();
    match whom {
        For::Callee => put_call(&mut frame, random),
        For::Caller => put_reply(&mut frame, random),
    }
    let mut number = random.u32(0..4);
    let mut rest = &frame[frame::LENGTH_BYTES..];
    while !rest.is_empty() {
        let most = [8, 300, 20_000, usize::MAX][random.usize(0..4)].min(rest.len());
        let (body, later) = rest.split_at(random.usize(1..=most));
        let left = later.len() as u32;
        rest = later;
        let piece = Piece {
            frame: number,
            left,
            body,
        };
        match random.u16(..) {
            0..200 => number = id(random),
            200..400 => flow::put_taken(out, self::number(random) as u32),
            400..800 => rest = &[],
            800..1_000 => {
                let left = self::number(random) as u32;
                put_flow(out, &Flow::Piece(Piece { left, ..piece }));
            }
            1_000..1_400 => {
                let (body, left) = (&[][..], 0);
                put_flow(
                    out,
                    &Flow::Piece(Piece {
                        body,
                        left,
                        ..piece
                    }),
                );
                rest = &[];
            }
            _ => put_flow(out, &Flow::Piece(piece)),
        }
        if random.u8(..) < 20 {
            frame::put_ping(out, self::number(random));
        }
    }
}

/// The calls of a batch, sound as a rule.
fn calls(random: &mut Rng, method: u16) -> Vec<u8> {
    let mut body = Vec::new();
    for arguments in list(random, |random| arguments(random, method)) {
        let put = batch::put_call(&mut body, |out| {
            out.extend_from_slice(&arguments);
            Ok::<_, ()>(())
        });
        debug_assert!(put.is_ok());
    }
    spoil_batch(&mut body, random);
    body
}

/// The results of a batch, sound as a rule.
pub fn results(random: &mut Rng) -> Vec<u8> {
    let mut body = Vec::new();
    for result in list(random, |random| arguments(random, 0)) {
        put_result(&mut body, &result, random);
    }
    spoil_batch(&mut body, random);
    body
}

/// A result of a batch, a value more often than not.
pub fn put_result(body: &mut Vec<u8>, result: &[u8], random: &mut Rng) {
    let start = body.len();
    batch::put_result(body, |out| {
        out.extend_from_slice(result);
        Ok(())
    });
    if random.u8(..) < 32 {
        let status = number(random) as u16;
        body[start..start + 2].copy_from_slice(&status.to_le_bytes());
    }
}

/// Now and then what is in a batch is not: bytes that are missing, left over or changed.
pub fn spoil_batch(body: &mut Vec<u8>, random: &mut Rng) {
    if random.u8(..) < 48 {
        let donor = bytes(random);
        spoil(body, &donor, random);
    }
}

/// The first few are those that a client has in flight and a daemon gets again and again.
fn id(random: &mut Rng) -> u32 {
    match random.u8(0..16) {
        0 => number(random) as u32,
        _ => random.u32(0..6),
    }
}

fn handle(random: &mut Rng) -> u32 {
    match random.u8(0..32) {
        0 => number(random) as u32,
        // Those that are bound at first, and the next new one.
        _ => random.u32(0..5),
    }
}
