//! A peer made by hand: it can say anything.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use farcall::descriptor::Descriptor;
use farcall::{Address, Limits};
use farcall_shared::wire::batch;
use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::frame::flow::{self, Credit, Flow};
use farcall_shared::wire::frame::{self, Bind, Bound, CallFrame, Frame, LENGTH_BYTES};
use farcall_shared::wire::handshake::{Hello, PREFACE_BYTES, Side, VERSIONS, feature, preface};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::harness::{DeskProxy, MillProxy, soon};

/// The number of `echo` in the desk's trait.
pub(super) const ECHO: u16 = 1;
/// The number of `wait`.
pub(super) const WAIT: u16 = 3;
/// The number of `grind`.
pub(super) const GRIND: u16 = 5;
/// The number of `bytes` in the probe's trait.
pub(super) const BYTES: u16 = 0;
/// The number of `depth` in the probe's trait.
pub(super) const DEPTH: u16 = 1;
/// The number of `bytes_later`.
pub(super) const BYTES_LATER: u16 = 2;
/// The number of `bytes_computed`.
pub(super) const BYTES_COMPUTED: u16 = 3;

/// A type that nests as deep as its bytes say.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Nest {
    pub(crate) inside: Option<Box<Nest>>,
}

/// What is dangerous to offer.
#[farcall::remote]
pub(crate) trait Probe {
    /// So many bytes, a million at most.
    async fn bytes(&self, count: u64) -> Vec<u8>;
    /// How deep it is.
    async fn depth(&self, nest: Nest) -> u64;
    /// As many, after others had their turn.
    async fn bytes_later(&self, count: u64) -> Bytes;
    /// As many, from the compute pool.
    fn bytes_computed(&self, count: u64) -> Bytes;
}

/// A [`Probe`].
#[derive(Clone, Debug)]
pub(crate) struct Open;

impl Probe for Open {
    async fn bytes(&self, count: u64) -> Vec<u8> {
        vec![7; count.min(1 << 20) as usize]
    }

    async fn depth(&self, nest: Nest) -> u64 {
        std::iter::successors(Some(&nest), |n| n.inside.as_deref()).count() as u64
    }

    async fn bytes_later(&self, count: u64) -> Bytes {
        tokio::task::yield_now().await;
        self.bytes_computed(count)
    }

    fn bytes_computed(&self, count: u64) -> Bytes {
        vec![7; count.min(1 << 20) as usize].into()
    }
}

/// A socket of which every byte is chosen by the test.
#[derive(Debug)]
pub(super) struct Raw {
    reading: OwnedReadHalf,
    writing: OwnedWriteHalf,
    /// Frames of which pieces came, by number.
    begun: HashMap<u32, Vec<u8>>,
}

/// A frame, its texts copied.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Reply(u32, u16, Vec<u8>),
    Bound(u32, u16, String),
    Bind(u32),
    Call(u32, bool),
    /// Its id, its method and the arguments of its calls.
    Batch(u32, u16, Vec<Vec<u8>>),
    /// Its mode, and of each of its calls the id and whether it is one-way.
    Sequence(u8, Vec<(u32, bool)>),
    /// Of what, and how many bytes.
    Credit(u32, u32),
    Cancel(u32),
    Unbind(u32),
    /// The number of its frame, how much follows, and its content.
    Piece(u32, u32, Vec<u8>),
    Taken(u32),
    Fault(String),
    Ping,
    Pong(u64),
    GoAway,
    Item(u32, Vec<u8>),
    /// A stream and a status.
    Ended(u32, u16),
    Stop(u32),
    /// An export and how many references to it.
    Release(u64, u32),
    Other,
    /// The peer closed.
    End,
}

impl Said {
    /// A frame without its length.
    pub(super) fn read(payload: &[u8]) -> Self {
        match Frame::parse(payload).unwrap() {
            Frame::Reply(reply) => Self::Reply(reply.id, reply.status, reply.body.to_vec()),
            Frame::Bound(Bound {
                handle,
                status,
                text,
                ..
            }) => Self::Bound(handle, status, text.into()),
            Frame::Bind(bind) => Self::Bind(bind.handle),
            Frame::Call(call) if call.flags & frame::flag::BATCH != 0 => {
                let mut rest = call.body;
                let calls = std::iter::from_fn(|| batch::next_call(&mut rest).map(<[u8]>::to_vec));
                Self::Batch(call.id, call.method, calls.collect())
            }
            Frame::Flow(Flow::Sequence(sequence)) => {
                Self::Sequence(sequence.mode, calls_of(sequence.calls))
            }
            Frame::Flow(Flow::Credit(credit)) => Self::Credit(credit.of, credit.bytes),
            Frame::Call(call) => Self::Call(call.id, call.flags & frame::flag::ONEWAY != 0),
            Frame::Cancel(id) => Self::Cancel(id),
            Frame::Fault(text) => Self::Fault(text.into()),
            Frame::Ping(_) => Self::Ping,
            Frame::Pong(token) => Self::Pong(token),
            Frame::GoAway(_) => Self::GoAway,
            Frame::Unbind(handle) => Self::Unbind(handle),
            Frame::Flow(Flow::Item(item)) => Self::Item(item.stream, item.body.to_vec()),
            Frame::Flow(Flow::End(end)) => Self::Ended(end.stream, end.status),
            Frame::Flow(Flow::Stop(stream)) => Self::Stop(stream),
            Frame::Flow(Flow::Release(release)) => Self::Release(release.export, release.count),
            Frame::Flow(Flow::Piece(piece)) => {
                Self::Piece(piece.frame, piece.left, piece.body.to_vec())
            }
            Frame::Flow(Flow::Taken(bytes)) => Self::Taken(bytes),
            _ => Self::Other,
        }
    }
}

pub(super) fn hello(side: Side) -> Vec<u8> {
    hello_with(side, 0)
}

/// A hello that says which features its side has.
pub(super) fn hello_with(side: Side, features: u64) -> Vec<u8> {
    let limits = Limits::default();
    let mut out = preface(VERSIONS).to_vec();
    let hello = Hello {
        incarnation: 0,
        session: 1,
        max_message_bytes: limits.max_message_bytes,
        max_calls_in_flight: limits.max_calls_in_flight,
        features,
        software: "by hand".into(),
        credentials: Vec::new(),
    };
    hello.put(&mut out, side);
    out
}

impl Raw {
    pub(super) async fn dial(address: &Address) -> Self {
        Self::over(soon(TcpStream::connect(address.to_string())).await.unwrap())
    }

    pub(super) fn over(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        let (reading, writing) = socket.into_split();
        Self {
            reading,
            writing,
            begun: HashMap::new(),
        }
    }

    /// Dials and shakes hands as a caller.
    pub(super) async fn connect(address: &Address) -> Self {
        Self::connect_with(address, 0).await
    }

    /// The same with features.
    pub(super) async fn connect_with(address: &Address, features: u64) -> Self {
        let mut raw = Self::dial(address).await;
        raw.send(&hello_with(Side::Dialled, features)).await;
        assert!(raw.welcome().await);
        raw
    }

    /// Dials, shakes hands and binds the desk as handle 0.
    pub(super) async fn bound(address: &Address) -> Self {
        let mut raw = Self::connect(address).await;
        raw.send(&bind(0, Codec::Postcard)).await;
        assert_eq!(raw.said().await, Said::Bound(0, 0, String::new()));
        raw
    }

    /// The same, with everything that goes two ways.
    pub(super) async fn bound_two_way(address: &Address) -> Self {
        let mut raw = Self::connect_with(address, feature::TWO_WAY).await;
        raw.send(&bind(0, Codec::Postcard)).await;
        assert_eq!(raw.said().await, Said::Bound(0, 0, String::new()));
        raw
    }

    /// Reads the peer's half of the handshake; false when it closed instead.
    pub(super) async fn welcome(&mut self) -> bool {
        let mut preface = [0; PREFACE_BYTES];
        soon(self.reading.read_exact(&mut preface)).await.is_ok()
            && soon(self.payload()).await.is_some()
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        soon(self.writing.write_all(bytes)).await.unwrap();
    }

    /// Sends a flood, which takes its time.
    pub(super) async fn send_all(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(1 << 20) {
            self.send(part).await;
        }
    }

    /// Sends to a peer that may close meanwhile, and may take as long as it likes.
    pub(super) async fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writing.write_all(bytes).await
    }

    /// Says that nothing more comes, and waits until the peer closes.
    pub(super) async fn finish(&mut self) {
        let _ = soon(self.writing.shutdown()).await;
        self.rest().await;
    }

    /// All that comes until the peer closes.
    pub(super) async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset is a close too.
        let _ = soon(self.reading.read_to_end(&mut bytes)).await;
        bytes
    }

    async fn payload(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; LENGTH_BYTES];
        self.reading.read_exact(&mut length).await.ok()?;
        let mut payload = vec![0; u32::from_le_bytes(length) as usize];
        self.reading.read_exact(&mut payload).await.ok()?;
        Some(payload)
    }

    /// The next frame, which must come.
    pub(super) async fn said(&mut self) -> Said {
        soon(self.says()).await
    }

    /// The next frame, whenever it comes.
    pub(super) async fn says(&mut self) -> Said {
        match self.payload().await {
            Some(payload) => Said::read(&payload),
            None => Said::End,
        }
    }

    /// The fault that ends the connection; other frames before it are skipped.
    pub(super) async fn fault(&mut self) -> String {
        loop {
            match self.said().await {
                Said::Fault(text) => {
                    assert_eq!(self.said().await, Said::End, "a fault is the last word");
                    return text;
                }
                Said::End => panic!("the connection was closed without a word"),
                _ => {}
            }
        }
    }

    /// The reply to a call; other frames before it are skipped.
    pub(super) async fn reply_to(&mut self, id: u32) -> (u16, Vec<u8>) {
        loop {
            match self.said().await {
                Said::Reply(of, status, body) if of == id => return (status, body),
                Said::Fault(text) => panic!("{text}"),
                Said::End => panic!("the connection was closed"),
                _ => {}
            }
        }
    }

    /// The next frame, put together if it comes in pieces.
    async fn said_whole(&mut self) -> Said {
        loop {
            match self.said().await {
                Said::Piece(number, left, content) => {
                    self.send(&taken(content.len())).await;
                    self.begun.entry(number).or_default().extend(content);
                    if left == 0 {
                        return Said::read(&self.begun.remove(&number).unwrap());
                    }
                }
                other => return other,
            }
        }
    }

    /// The next reply: its call and its status; other frames before it are skipped.
    pub(super) async fn reply_to_any(&mut self) -> (u32, u16) {
        loop {
            match self.said_whole().await {
                Said::Reply(id, status, _) => return (id, status),
                Said::Fault(text) => panic!("{text}"),
                Said::End => panic!("the connection was closed"),
                _ => {}
            }
        }
    }

    /// The fault that ends the connection, or `None` when it ends without one; other frames before it are skipped.
    pub(super) async fn last_word(&mut self) -> Option<String> {
        let mut fault = None;
        loop {
            match self.said().await {
                Said::Fault(text) => fault = Some(text),
                Said::End => return fault,
                _ => {}
            }
        }
    }

    /// The id of the next call that is not one-way; other frames before it are skipped. For ever at the end.
    pub(super) async fn next_call(&mut self) -> u32 {
        loop {
            match self.says().await {
                Said::Call(id, false) => return id,
                Said::End => std::future::pending().await,
                _ => {}
            }
        }
    }

    /// Sends a byte at a time, each by itself.
    pub(super) async fn trickle(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.send(&[*byte]).await;
            // The other side reads it before the next one comes.
            tokio::task::yield_now().await;
        }
    }

    /// The next frame that is `wanted`; others before it are skipped.
    pub(super) async fn until(&mut self, wanted: &Said) {
        loop {
            match self.said().await {
                said if said == *wanted => return,
                Said::Fault(text) => panic!("{text}"),
                Said::End => panic!("the connection was closed before {wanted:?}"),
                _ => {}
            }
        }
    }

    /// True when the connection still answers calls.
    pub(super) async fn echoes(&mut self) -> bool {
        self.send(&call(99, ECHO, &("still here",))).await;
        let (status, body) = self.reply_to(99).await;
        status == 0 && body.ends_with(b"still here")
    }
}

/// A bind of the desk.
pub(super) fn bind(handle: u32, codec: Codec) -> Vec<u8> {
    bind_to("desk", DeskProxy::descriptor(), handle, codec)
}

/// A bind of the probe.
pub(super) fn bind_probe(handle: u32, codec: Codec) -> Vec<u8> {
    bind_to("probe", ProbeProxy::descriptor(), handle, codec)
}

/// A bind of the mill.
pub(super) fn bind_mill(handle: u32, codec: Codec) -> Vec<u8> {
    bind_to("mill", MillProxy::descriptor(), handle, codec)
}

pub(super) fn bind_to(object: &str, descriptor: &Descriptor, handle: u32, codec: Codec) -> Vec<u8> {
    let mut out = Vec::new();
    frame::put_bind(
        &mut out,
        &Bind {
            handle,
            codec: codec as u8,
            incarnation: 0,
            object,
            methods: descriptor
                .methods
                .iter()
                .map(|m| (m.name.as_str(), m.signature))
                .collect(),
        },
    );
    out
}

/// A call of the object at handle 0 that may take a minute.
pub(super) fn call(id: u32, method: u16, arguments: &impl Serialize) -> Vec<u8> {
    let mut body = Vec::new();
    Codec::Postcard
        .encode(arguments, &mut body, 1 << 20)
        .unwrap();
    call_with(id, 0, method, &body)
}

pub(super) fn call_with(id: u32, handle: u32, method: u16, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let head = CallFrame {
        flags: 0,
        method,
        id,
        handle,
        deadline_ms: Duration::from_secs(60).as_millis() as u32,
        trace: None,
        name: None,
        body: &[],
    };
    let start = frame::begin_call(&mut out, &head);
    out.extend_from_slice(body);
    frame::end(&mut out, start);
    out
}

/// A call of the object at handle 0 that stands for as many as there are arguments.
pub(super) fn batch_call(id: u32, method: u16, calls: &[Vec<u8>]) -> Vec<u8> {
    batch_with(id, method, &batch_of(calls), |_| {})
}

/// The same with any body, its header changed.
pub(super) fn batch_with(
    id: u32,
    method: u16,
    body: &[u8],
    change: impl FnOnce(&mut CallFrame<'_>),
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut head = CallFrame {
        flags: frame::flag::BATCH,
        method,
        id,
        handle: 0,
        deadline_ms: 60_000,
        trace: None,
        name: None,
        body: &[],
    };
    change(&mut head);
    let start = frame::begin_call(&mut out, &head);
    out.extend_from_slice(body);
    frame::end(&mut out, start);
    out
}

/// The body of a batch.
pub(super) fn batch_of(calls: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    for call in calls {
        let written = batch::put_call(&mut body, |out| {
            out.extend_from_slice(call);
            Ok::<_, ()>(())
        });
        written.unwrap();
    }
    body
}

/// Arguments of each of these calls.
pub(super) fn arguments<A: Serialize>(calls: impl IntoIterator<Item = A>) -> Vec<Vec<u8>> {
    let written = |call| {
        let mut out = Vec::new();
        Codec::Postcard.encode(&call, &mut out, 1 << 20).unwrap();
        out
    };
    calls.into_iter().map(written).collect()
}

/// The results in the reply to a batch.
pub(super) fn results(mut body: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let next = || batch::next_result(&mut body).map(|(status, result)| (status, result.to_vec()));
    std::iter::from_fn(next).collect()
}

/// A reply with a result.
pub(super) fn reply(id: u32, status: u16, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let start = frame::begin_reply(&mut out, status, id);
    out.extend_from_slice(body);
    frame::end(&mut out, start);
    out
}

/// The answer to a bind: yes.
pub(super) fn bound(handle: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let yes = Bound {
        handle,
        status: 0,
        text: "",
        missing: Vec::new(),
    };
    frame::put_bound(&mut out, &yes);
    out
}

/// A cancel.
pub(super) fn cancel(id: u32) -> Vec<u8> {
    let mut out = Vec::new();
    frame::put_cancel(&mut out, id);
    out
}

/// A go-away.
pub(super) fn go_away() -> Vec<u8> {
    let mut out = Vec::new();
    frame::put_go_away(&mut out, "leaving");
    out
}

/// A piece of a frame.
pub(super) fn piece(number: u32, left: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let start = flow::begin_piece(&mut out, number, left);
    out.extend_from_slice(content);
    frame::end(&mut out, start);
    out
}

/// A frame cut into pieces of so many bytes.
pub(super) fn pieces(number: u32, frame: &[u8], bytes: usize) -> Vec<Vec<u8>> {
    let content = &frame[LENGTH_BYTES..];
    let cut = |(n, part): (usize, &[u8])| {
        let left = content.len() - n * bytes - part.len();
        piece(number, left as u32, part)
    };
    content.chunks(bytes).enumerate().map(cut).collect()
}

/// The word that so many bytes of pieces were taken.
pub(super) fn taken(bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    flow::put_taken(&mut out, bytes as u32);
    out
}

/// A frame of any kind.
pub(super) fn any(kind: u8, fields: &[u8]) -> Vec<u8> {
    let mut out = (fields.len() as u32 + 1).to_le_bytes().to_vec();
    out.push(kind);
    out.extend_from_slice(fields);
    out
}

/// A call that wants no reply.
pub(super) fn oneway(method: u16, arguments: &impl Serialize) -> Vec<u8> {
    let mut out = call(0, method, arguments);
    out[LENGTH_BYTES + 1] |= frame::flag::ONEWAY;
    out
}

/// Calls that are run one after the other.
pub(super) fn sequence(mode: u8, calls: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    let start = flow::begin_sequence(&mut out, mode);
    out.extend_from_slice(&calls.concat());
    frame::end(&mut out, start);
    out
}

/// Credit of one-way calls.
pub(super) fn credit(bytes: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let of = flow::ONEWAY_CALLS;
    flow::put_credit(&mut out, Credit { of, bytes });
    out
}

fn calls_of(mut calls: &[u8]) -> Vec<(u32, bool)> {
    let mut out = Vec::new();
    while let Some(total) = frame::frame_bytes(calls, u32::MAX).unwrap() {
        let Frame::Call(call) = Frame::parse(&calls[LENGTH_BYTES..total]).unwrap() else {
            panic!("no call");
        };
        out.push((call.id, call.flags & frame::flag::ONEWAY != 0));
        calls = &calls[total..];
    }
    out
}
