//! Frames: what travels on a connection once the handshake is over.
//!
//! Every frame is `length u32 | kind u8 | fields`, little-endian; `length` counts what follows it.

pub mod flow;

use super::read::{Fields, Short, cut, put_text};
use flow::Flow;

/// Bytes of the length before every frame.
pub const LENGTH_BYTES: usize = 4;

/// Bytes of a call before its arguments, length included.
pub const CALL_HEADER_BYTES: usize = 20;

/// Bytes of a reply before its result, length included.
pub const REPLY_HEADER_BYTES: usize = 12;

/// Bytes of a trace context.
const TRACE_BYTES: usize = 25;

/// Bytes before a text.
const TEXT_HEADER_BYTES: usize = 2;

/// The longest text of a refusal, in bytes; longer ones are cut.
pub const MAX_TEXT_BYTES: usize = 4096;

/// Kinds at or above this may be skipped by who does not know them.
pub const FIRST_SKIPPABLE_KIND: u8 = 128;

/// The kinds of this version.
mod kind {
    pub(super) const BIND: u8 = 3;
    pub(super) const BOUND: u8 = 4;
    pub(super) const CALL: u8 = 5;
    pub(super) const REPLY: u8 = 6;
    pub(super) const CANCEL: u8 = 7;
    pub(super) const PING: u8 = 8;
    pub(super) const PONG: u8 = 9;
    pub(super) const GO_AWAY: u8 = 10;
    pub(super) const FAULT: u8 = 11;
    pub(super) const UNBIND: u8 = 12;
    pub(super) const ITEM: u8 = 16;
    pub(super) const END: u8 = 17;
    pub(super) const CREDIT: u8 = 18;
    pub(super) const STOP: u8 = 19;
    pub(super) const RELEASE: u8 = 20;
    pub(super) const PIECE: u8 = 21;
    pub(super) const TAKEN: u8 = 22;
    pub(super) const SEQUENCE: u8 = 23;
}

/// Flags of a call; unknown ones below 64 are refused, the rest skipped.
pub mod flag {
    /// No reply is wanted.
    pub const ONEWAY: u8 = 1;
    /// The method's name stands before the arguments, and its number means nothing.
    pub const NAMED: u8 = 2;
    /// A trace context of 25 bytes stands before the name and the arguments.
    pub const TRACE: u8 = 4;
    /// The arguments are those of many calls, see [`batch`](crate::wire::batch).
    pub const BATCH: u8 = 8;
    /// Attachments stand behind the arguments, see [`attached`](crate::wire::attached).
    pub const ATTACHED: u8 = 16;
    /// What a reader must understand.
    pub const MUST_KNOW: u8 = 0x3f;
}

/// A frame, its texts and bodies still in the buffer it was read from.
#[derive(Debug, PartialEq)]
pub enum Frame<'a> {
    /// Names an object once and gives it a handle.
    Bind(Bind<'a>),
    /// Answers a bind.
    Bound(Bound<'a>),
    /// Calls a method.
    Call(CallFrame<'a>),
    /// Ends a call.
    Reply(ReplyFrame<'a>),
    /// Gives a call up.
    Cancel(u32),
    /// Asks for a pong.
    Ping(u64),
    /// Answers a ping.
    Pong(u64),
    /// Says that no further calls are taken; those in flight are answered.
    GoAway(&'a str),
    /// Says why the connection ends; its sender closes it.
    Fault(&'a str),
    /// Gives a handle back.
    Unbind(u32),
    /// Streams, references, pieces and sequences.
    Flow(Flow<'a>),
    /// A kind that may be skipped.
    Skipped(u8),
}

/// Fields of a bind.
#[derive(Debug, PartialEq)]
pub struct Bind<'a> {
    /// The handle, chosen by the caller: any that it had and gave back, or the next new one.
    pub handle: u32,
    /// The codec of arguments and results, see [`Codec`](super::codec::Codec).
    pub codec: u8,
    /// The incarnation that is meant, or 0 for any.
    pub incarnation: u64,
    /// The object.
    pub object: &'a str,
    /// The methods as the caller knows them, in its order; empty when it calls by name.
    pub methods: Vec<(&'a str, u64)>,
}

/// Fields of an answer to a bind.
#[derive(Debug, PartialEq)]
pub struct Bound<'a> {
    /// The handle.
    pub handle: u32,
    /// 0, or why the object cannot be called.
    pub status: u16,
    /// The reason, when `status` is not 0.
    pub text: &'a str,
    /// The caller's methods that this object cannot serve.
    pub missing: Vec<(u16, &'a str)>,
}

/// Fields of a call.
#[derive(Debug, PartialEq)]
pub struct CallFrame<'a> {
    /// See [`flag`].
    pub flags: u8,
    /// The method's number in the caller's bind.
    pub method: u16,
    /// The call's id: dense, not reused before the reply.
    pub id: u32,
    /// The object's handle.
    pub handle: u32,
    /// What is left of the deadline, in milliseconds.
    pub deadline_ms: u32,
    /// The caller's trace, if it has one.
    pub trace: Option<Trace>,
    /// The method's name, for callers that know no numbers.
    pub name: Option<&'a str>,
    /// The arguments.
    pub body: &'a [u8],
}

/// A W3C trace context: 16 bytes trace id, 8 bytes span id, 1 byte flags (bit 0: sampled).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The trace.
    pub trace_id: [u8; 16],
    /// The caller's span.
    pub span_id: u64,
    /// Bit 0: sampled.
    pub flags: u8,
}

/// Fields of a reply.
#[derive(Debug, PartialEq)]
pub struct ReplyFrame<'a> {
    /// See [`flow::flag`].
    pub flags: u8,
    /// See [`Status`](super::status::Status).
    pub status: u16,
    /// The call.
    pub id: u32,
    /// The result, or the text of a refusal.
    pub body: &'a [u8],
}

/// Bytes that are not a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// It says that it is longer than allowed.
    #[error("a frame of {bytes} bytes is over the limit of {limit}")]
    TooLong {
        /// What it says.
        bytes: u32,
        /// The limit.
        limit: u32,
    },
    /// It ends inside a field.
    #[error("a frame of kind {kind} is cut short or malformed")]
    Short {
        /// Its kind.
        kind: u8,
    },
    /// A kind that must be known and is not.
    #[error("frame kind {kind} is unknown to this version")]
    UnknownKind {
        /// Its kind.
        kind: u8,
    },
    /// Flags that must be known and are not.
    #[error("call flags {flags:#04x} are unknown to this version")]
    UnknownFlags {
        /// The flags.
        flags: u8,
    },
}

/// How many bytes the frame at the start of `buffer` takes, length included, once its length is there.
///
/// # Errors
/// TooLong before anything of the frame is stored.
#[inline]
pub fn frame_bytes(buffer: &[u8], limit: u32) -> Result<Option<usize>, FrameError> {
    let Some((length, _)) = buffer.split_first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let bytes = u32::from_le_bytes(*length);
    if bytes > limit {
        return Err(FrameError::TooLong { bytes, limit });
    }
    Ok(Some(LENGTH_BYTES + bytes as usize))
}

impl<'a> ReplyFrame<'a> {
    /// Reads a reply from what stands behind its length; `None` for anything else, which [`Frame::parse`] tells apart.
    #[inline(always)]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, body) = bytes.split_first_chunk::<{ REPLY_HEADER_BYTES - LENGTH_BYTES }>()?;
        let [kind::REPLY, flags, s0, s1, id @ ..] = head else {
            return None;
        };
        Some(Self {
            flags: *flags,
            status: u16::from_le_bytes([*s0, *s1]),
            id: u32::from_le_bytes(*id),
            body,
        })
    }
}

impl<'a> CallFrame<'a> {
    /// How long the frame is, its length field included.
    #[inline]
    pub fn frame_bytes(&self) -> usize {
        let trace = if self.trace.is_some() { TRACE_BYTES } else { 0 };
        let name = self.name.map_or(0, |name| TEXT_HEADER_BYTES + name.len());
        CALL_HEADER_BYTES + trace + name + self.body.len()
    }

    /// Reads a call by number and without a trace from what stands behind its length; `None` for anything else, which
    /// [`Frame::parse`] tells apart.
    #[inline(always)]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, body) = bytes.split_first_chunk::<{ CALL_HEADER_BYTES - LENGTH_BYTES }>()?;
        let &[
            kind::CALL,
            flags,
            m0,
            m1,
            i0,
            i1,
            i2,
            i3,
            h0,
            h1,
            h2,
            h3,
            deadline @ ..,
        ] = head
        else {
            return None;
        };
        if flags & flag::MUST_KNOW & !flag::ONEWAY != 0 {
            return None;
        }
        Some(Self {
            flags,
            method: u16::from_le_bytes([m0, m1]),
            id: u32::from_le_bytes([i0, i1, i2, i3]),
            handle: u32::from_le_bytes([h0, h1, h2, h3]),
            deadline_ms: u32::from_le_bytes(deadline),
            trace: None,
            name: None,
            body,
        })
    }
}

impl<'a> Frame<'a> {
    /// Reads a frame from what stands behind its length.
    ///
    /// # Errors
    /// When the bytes are not a frame that this version knows.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let Some((&kind, rest)) = bytes.split_first() else {
            return Err(FrameError::Short { kind: 0 });
        };
        let mut fields = Fields(rest);
        let frame = match kind {
            kind::CALL => parse_call(&mut fields),
            kind::REPLY => parse_reply(&mut fields),
            _ => return parse_rare(kind, &mut fields),
        };
        match frame {
            Ok(Self::Call(call)) if unknown_flags(call.flags) => {
                Err(FrameError::UnknownFlags { flags: call.flags })
            }
            frame => frame.map_err(|Short| FrameError::Short { kind }),
        }
    }
}

fn unknown_flags(flags: u8) -> bool {
    let known = flag::ONEWAY | flag::NAMED | flag::TRACE | flag::BATCH | flag::ATTACHED;
    flags & flag::MUST_KNOW & !known != 0
}

#[inline]
fn parse_call<'a>(fields: &mut Fields<'a>) -> Result<Frame<'a>, Short> {
    let flags = fields.u8()?;
    let method = fields.u16()?;
    let id = fields.u32()?;
    let handle = fields.u32()?;
    let deadline_ms = fields.u32()?;
    let trace = if flags & flag::TRACE != 0 {
        Some(parse_trace(fields)?)
    } else {
        None
    };
    let name = if flags & flag::NAMED != 0 {
        Some(fields.text()?)
    } else {
        None
    };
    Ok(Frame::Call(CallFrame {
        flags,
        method,
        id,
        handle,
        deadline_ms,
        trace,
        name,
        body: fields.0,
    }))
}

fn parse_trace(fields: &mut Fields<'_>) -> Result<Trace, Short> {
    let mut trace_id = [0; 16];
    trace_id.copy_from_slice(fields.bytes(16)?);
    Ok(Trace {
        trace_id,
        span_id: fields.u64()?,
        flags: fields.u8()?,
    })
}

#[inline]
fn parse_reply<'a>(fields: &mut Fields<'a>) -> Result<Frame<'a>, Short> {
    Ok(Frame::Reply(ReplyFrame {
        flags: fields.u8()?,
        status: fields.u16()?,
        id: fields.u32()?,
        body: fields.0,
    }))
}

fn parse_rare<'a>(kind: u8, fields: &mut Fields<'a>) -> Result<Frame<'a>, FrameError> {
    let frame = match kind {
        kind::BIND => parse_bind(fields).map(Frame::Bind),
        kind::BOUND => parse_bound(fields).map(Frame::Bound),
        kind::CANCEL => fields.u32().map(Frame::Cancel),
        kind::PING => fields.u64().map(Frame::Ping),
        kind::PONG => fields.u64().map(Frame::Pong),
        kind::GO_AWAY => fields.text().map(Frame::GoAway),
        kind::FAULT => fields.text().map(Frame::Fault),
        kind::UNBIND => fields.u32().map(Frame::Unbind),
        kind::ITEM..=kind::SEQUENCE => match Flow::parse(kind, fields) {
            Some(flow) => flow.map(Frame::Flow),
            None => return Err(FrameError::UnknownKind { kind }),
        },
        FIRST_SKIPPABLE_KIND.. => Ok(Frame::Skipped(kind)),
        _ => return Err(FrameError::UnknownKind { kind }),
    };
    frame.map_err(|Short| FrameError::Short { kind })
}

fn parse_bind<'a>(fields: &mut Fields<'a>) -> Result<Bind<'a>, Short> {
    let handle = fields.u32()?;
    let codec = fields.u8()?;
    let incarnation = fields.u64()?;
    let object = fields.text()?;
    let count = fields.u16()?;
    // A method takes 10 bytes or more, so the count cannot ask for more memory than the frame has.
    let mut methods = Vec::with_capacity(usize::from(count).min(fields.0.len() / 10));
    for _ in 0..count {
        methods.push((fields.text()?, fields.u64()?));
    }
    Ok(Bind {
        handle,
        codec,
        incarnation,
        object,
        methods,
    })
}

fn parse_bound<'a>(fields: &mut Fields<'a>) -> Result<Bound<'a>, Short> {
    let handle = fields.u32()?;
    let status = fields.u16()?;
    let text = fields.text()?;
    let count = fields.u16()?;
    let mut missing = Vec::with_capacity(usize::from(count).min(fields.0.len() / 4));
    for _ in 0..count {
        missing.push((fields.u16()?, fields.text()?));
    }
    Ok(Bound {
        handle,
        status,
        text,
        missing,
    })
}

/// Begins a frame whose length is not known yet; [`end`] fills it in.
#[inline]
fn begin(out: &mut Vec<u8>, kind: u8) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, kind]);
    start
}

/// Fills in the length of the frame that began at `start`.
#[inline(always)]
pub fn end(out: &mut [u8], start: usize) {
    end_with(out, start, 0);
}

/// As [`end`], for a frame with so many more bytes that are not in `out`.
#[inline(always)]
pub fn end_with(out: &mut [u8], start: usize, more: usize) {
    let bytes = out.len().saturating_sub(start + LENGTH_BYTES) + more;
    let length = u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
    if let Some(place) = out.get_mut(start..start + LENGTH_BYTES) {
        place.copy_from_slice(&length);
    }
}

/// Begins a call; the arguments are appended next, then [`end`] closes it.
#[inline(always)]
pub fn begin_call(out: &mut Vec<u8>, call: &CallFrame<'_>) -> usize {
    let start = out.len();
    let mut head = [0; CALL_HEADER_BYTES];
    head[4] = kind::CALL;
    head[5] = call.flags;
    head[6..8].copy_from_slice(&call.method.to_le_bytes());
    head[8..12].copy_from_slice(&call.id.to_le_bytes());
    head[12..16].copy_from_slice(&call.handle.to_le_bytes());
    head[16..20].copy_from_slice(&call.deadline_ms.to_le_bytes());
    out.extend_from_slice(&head);
    if let Some(trace) = &call.trace {
        out.extend_from_slice(&trace.trace_id);
        out.extend_from_slice(&trace.span_id.to_le_bytes());
        out.push(trace.flags);
    }
    if let Some(name) = call.name {
        put_text(out, name);
    }
    start
}

/// Says that attachments stand behind the arguments of the call that began at `start`.
pub fn mark_attached(out: &mut [u8], start: usize) {
    if let Some(flags) = out.get_mut(start + LENGTH_BYTES + 1) {
        *flags |= flag::ATTACHED;
    }
}

/// Begins a reply; the result is appended next, then [`end`] closes it.
#[inline(always)]
pub fn begin_reply(out: &mut Vec<u8>, status: u16, id: u32) -> usize {
    let start = out.len();
    let mut head = [0; REPLY_HEADER_BYTES];
    head[4] = kind::REPLY;
    head[6..8].copy_from_slice(&status.to_le_bytes());
    head[8..12].copy_from_slice(&id.to_le_bytes());
    out.extend_from_slice(&head);
    start
}

/// Appends a reply that carries a text instead of a result.
pub fn put_refusal(out: &mut Vec<u8>, status: u16, id: u32, text: &str) {
    let start = begin_reply(out, status, id);
    out.extend_from_slice(cut(text, MAX_TEXT_BYTES).as_bytes());
    end(out, start);
}

/// Appends a bind.
pub fn put_bind(out: &mut Vec<u8>, bind: &Bind<'_>) {
    let start = begin(out, kind::BIND);
    out.extend_from_slice(&bind.handle.to_le_bytes());
    out.push(bind.codec);
    out.extend_from_slice(&bind.incarnation.to_le_bytes());
    put_text(out, bind.object);
    let count = u16::try_from(bind.methods.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&count.to_le_bytes());
    for (name, signature) in bind.methods.iter().take(count.into()) {
        put_text(out, name);
        out.extend_from_slice(&signature.to_le_bytes());
    }
    end(out, start);
}

/// Appends an answer to a bind.
pub fn put_bound(out: &mut Vec<u8>, bound: &Bound<'_>) {
    let start = begin(out, kind::BOUND);
    out.extend_from_slice(&bound.handle.to_le_bytes());
    out.extend_from_slice(&bound.status.to_le_bytes());
    put_text(out, cut(bound.text, MAX_TEXT_BYTES));
    let count = u16::try_from(bound.missing.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&count.to_le_bytes());
    for (method, text) in bound.missing.iter().take(count.into()) {
        out.extend_from_slice(&method.to_le_bytes());
        put_text(out, cut(text, MAX_TEXT_BYTES));
    }
    end(out, start);
}

/// Appends a cancel.
pub fn put_cancel(out: &mut Vec<u8>, id: u32) {
    let start = begin(out, kind::CANCEL);
    out.extend_from_slice(&id.to_le_bytes());
    end(out, start);
}

/// Appends a ping.
pub fn put_ping(out: &mut Vec<u8>, token: u64) {
    let start = begin(out, kind::PING);
    out.extend_from_slice(&token.to_le_bytes());
    end(out, start);
}

/// Appends a pong.
pub fn put_pong(out: &mut Vec<u8>, token: u64) {
    let start = begin(out, kind::PONG);
    out.extend_from_slice(&token.to_le_bytes());
    end(out, start);
}

/// Appends a go-away.
pub fn put_go_away(out: &mut Vec<u8>, text: &str) {
    let start = begin(out, kind::GO_AWAY);
    put_text(out, cut(text, MAX_TEXT_BYTES));
    end(out, start);
}

/// Appends a fault.
pub fn put_fault(out: &mut Vec<u8>, text: &str) {
    let start = begin(out, kind::FAULT);
    put_text(out, cut(text, MAX_TEXT_BYTES));
    end(out, start);
}

/// Appends an unbind.
pub fn put_unbind(out: &mut Vec<u8>, handle: u32) {
    let start = begin(out, kind::UNBIND);
    out.extend_from_slice(&handle.to_le_bytes());
    end(out, start);
}

#[cfg(test)]
mod tests;
