//! The frames of streams, references, pieces and sequences: everything between calls and replies.

use super::{LENGTH_BYTES, begin, end, kind};
use crate::wire::read::{Fields, Short, cut};

/// The stream whose credit is that of one-way calls; streams have the numbers from 1 up.
pub const ONEWAY_CALLS: u32 = 0;

/// How many bytes of one-way calls may be on their way or running at a time, in each direction of a connection.
///
/// Small calls cost about 150 bytes, so these are some 7,000 of them: enough for 70,000 a second over a line that takes
/// 100 ms.
pub const ONEWAY_WINDOW_BYTES: u32 = 1 << 20;

/// What a one-way call costs beside the bytes of its frame: about what a callee needs to keep one that waits.
pub const ONEWAY_CALL_BYTES: u32 = 128;

/// Bytes of a sequence before its calls, length included.
pub const SEQUENCE_HEADER_BYTES: usize = LENGTH_BYTES + 2;

/// Bytes of an item before its value, length included.
pub const ITEM_HEADER_BYTES: usize = LENGTH_BYTES + 6;

/// Bytes before each of several values in one item.
pub const PACKED_HEADER_BYTES: usize = 2;

/// The longest value that is put into one item with others.
pub const MAX_PACKED_BYTES: usize = 4096;

/// Bytes of a piece before its content, length included.
pub const PIECE_HEADER_BYTES: usize = LENGTH_BYTES + 9;

/// Flags of replies and items; unknown ones are skipped.
pub mod flag {
    /// Attachments stand behind the value, see [`attached`](crate::wire::attached).
    pub const ATTACHED: u8 = 1;
    /// Of items: several values, each behind its length in two bytes.
    pub const PACKED: u8 = 2;
}

/// How the calls of a sequence follow each other.
pub mod mode {
    /// Each is started whatever became of those before it.
    pub const GO_ON: u8 = 0;
    /// The first one without a value is the last one that is started.
    pub const STOP_AT_FIRST_ERROR: u8 = 1;
}

/// A frame of this kind.
#[derive(Debug, PartialEq)]
pub enum Flow<'a> {
    /// The next item of a stream, from its producer.
    Item(Item<'a>),
    /// The end of a stream, from its producer: exactly one for each stream, also after a [`Stop`](Self::Stop).
    End(End<'a>),
    /// The consumer took so many bytes more.
    Credit(Credit),
    /// The consumer wants no more of this stream.
    Stop(u32),
    /// References to an object handed out are given back.
    Release(Release),
    /// A part of a large frame.
    Piece(Piece<'a>),
    /// So many more bytes of pieces were read.
    Taken(u32),
    /// Calls that are run one after the other.
    Sequence(Sequence<'a>),
}

/// Fields of an item.
#[derive(Debug, PartialEq)]
pub struct Item<'a> {
    /// See [`flag`].
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// Its value.
    pub body: &'a [u8],
}

/// Fields of a stream's end.
#[derive(Debug, PartialEq)]
pub struct End<'a> {
    /// Its stream.
    pub stream: u32,
    /// 0, or why it ended early; see [`Status`](crate::wire::status::Status).
    pub status: u16,
    /// The reason, when `status` is not 0.
    pub text: &'a str,
}

/// Fields of credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// The stream, or [`ONEWAY_CALLS`].
    pub of: u32,
    /// How many bytes more.
    pub bytes: u32,
}

/// Fields of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// The export's number.
    pub export: u64,
    /// How many references to it.
    pub count: u32,
}

/// Fields of a piece.
#[derive(Debug, PartialEq)]
pub struct Piece<'a> {
    /// Which frame it is a part of; chosen by its sender, free again after the last piece.
    pub frame: u32,
    /// How many bytes of the frame follow in further pieces; 0 in the last one.
    pub left: u32,
    /// The content: all pieces together are a frame without its length. Empty when the rest does not come.
    pub body: &'a [u8],
}

/// What a piece says before its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PieceHead {
    /// See [`Piece::frame`].
    pub frame: u32,
    /// See [`Piece::left`].
    pub left: u32,
    /// How long the content is.
    pub bytes: u32,
}

impl PieceHead {
    /// Reads the head of the piece that `buffer` begins with; `None` when too little of it is there, or another frame.
    pub fn read(buffer: &[u8]) -> Option<Self> {
        let (length, rest) = buffer.split_first_chunk()?;
        let (kind, fields) = rest.split_first()?;
        let Piece { frame, left, .. } = piece(&mut Fields(fields)).ok()?;
        let head = (PIECE_HEADER_BYTES - LENGTH_BYTES) as u32;
        let bytes = u32::from_le_bytes(*length).checked_sub(head)?;
        (*kind == kind::PIECE).then_some(Self { frame, left, bytes })
    }
}

impl Piece<'_> {
    /// What it says before its content.
    pub fn head(&self) -> PieceHead {
        PieceHead {
            frame: self.frame,
            left: self.left,
            bytes: self.body.len() as u32,
        }
    }
}

/// True for a frame, without its length, that must not come in pieces.
pub fn is_about_pieces(frame: &[u8]) -> bool {
    matches!(frame, [kind::PIECE | kind::TAKEN, ..])
}

/// Fields of a sequence.
#[derive(Debug, PartialEq)]
pub struct Sequence<'a> {
    /// See [`mode`].
    pub mode: u8,
    /// Whole frames, each with its length, each a call.
    pub calls: &'a [u8],
}

impl<'a> Flow<'a> {
    /// Reads a frame of one of these kinds; `None` for any other.
    #[inline]
    pub(super) fn parse(kind: u8, fields: &mut Fields<'a>) -> Option<Result<Self, Short>> {
        Some(match kind {
            kind::ITEM => item(fields).map(Self::Item),
            kind::END => stream_end(fields).map(Self::End),
            kind::CREDIT => credit(fields).map(Self::Credit),
            kind::STOP => fields.u32().map(Self::Stop),
            kind::RELEASE => release(fields).map(Self::Release),
            kind::PIECE => piece(fields).map(Self::Piece),
            kind::TAKEN => fields.u32().map(Self::Taken),
            kind::SEQUENCE => sequence(fields).map(Self::Sequence),
            _ => return None,
        })
    }
}

#[inline]
fn item<'a>(fields: &mut Fields<'a>) -> Result<Item<'a>, Short> {
    Ok(Item {
        flags: fields.u8()?,
        stream: fields.u32()?,
        body: fields.0,
    })
}

fn stream_end<'a>(fields: &mut Fields<'a>) -> Result<End<'a>, Short> {
    Ok(End {
        stream: fields.u32()?,
        status: fields.u16()?,
        text: fields.text()?,
    })
}

fn credit(fields: &mut Fields<'_>) -> Result<Credit, Short> {
    Ok(Credit {
        of: fields.u32()?,
        bytes: fields.u32()?,
    })
}

fn release(fields: &mut Fields<'_>) -> Result<Release, Short> {
    Ok(Release {
        export: fields.u64()?,
        count: fields.u32()?,
    })
}

fn piece<'a>(fields: &mut Fields<'a>) -> Result<Piece<'a>, Short> {
    Ok(Piece {
        frame: fields.u32()?,
        left: fields.u32()?,
        body: fields.0,
    })
}

fn sequence<'a>(fields: &mut Fields<'a>) -> Result<Sequence<'a>, Short> {
    Ok(Sequence {
        mode: fields.u8()?,
        calls: fields.0,
    })
}

/// Begins an item; its value is appended next, then [`end`] closes it.
#[inline]
pub fn begin_item(out: &mut Vec<u8>, stream: u32) -> usize {
    let start = begin(out, kind::ITEM);
    out.push(0);
    out.extend_from_slice(&stream.to_le_bytes());
    start
}

/// Says that the item that began at `start` has several values.
pub fn mark_packed(out: &mut [u8], start: usize) {
    if let Some(flags) = out.get_mut(start + LENGTH_BYTES + 1) {
        *flags |= flag::PACKED;
    }
}

/// How many values an item has that has several; `None` when it is malformed.
pub fn count_packed(mut body: &[u8]) -> Option<usize> {
    let mut count = 0;
    while let Some((length, rest)) = body.split_first_chunk::<PACKED_HEADER_BYTES>() {
        body = rest.get(u16::from_le_bytes(*length).into()..)?;
        count += 1;
    }
    (body.is_empty() && count > 0).then_some(count)
}

/// Says that attachments stand behind the value of the reply or item that began at `start`.
pub fn mark_attached(out: &mut [u8], start: usize) {
    if let Some(flags) = out.get_mut(start + LENGTH_BYTES + 1) {
        *flags |= flag::ATTACHED;
    }
}

/// Appends a stream's end.
pub fn put_end(out: &mut Vec<u8>, stream: u32, status: u16, text: &str) {
    let start = begin(out, kind::END);
    out.extend_from_slice(&stream.to_le_bytes());
    out.extend_from_slice(&status.to_le_bytes());
    crate::wire::read::put_text(out, cut(text, super::MAX_TEXT_BYTES));
    end(out, start);
}

/// Appends credit of a stream or of one-way calls.
pub fn put_credit(out: &mut Vec<u8>, credit: Credit) {
    let start = begin(out, kind::CREDIT);
    out.extend_from_slice(&credit.of.to_le_bytes());
    out.extend_from_slice(&credit.bytes.to_le_bytes());
    end(out, start);
}

/// Says that pieces were taken.
pub fn put_taken(out: &mut Vec<u8>, bytes: u32) {
    let start = begin(out, kind::TAKEN);
    out.extend_from_slice(&bytes.to_le_bytes());
    end(out, start);
}

/// Appends the wish for no more of a stream.
pub fn put_stop(out: &mut Vec<u8>, stream: u32) {
    let start = begin(out, kind::STOP);
    out.extend_from_slice(&stream.to_le_bytes());
    end(out, start);
}

/// Gives references back.
pub fn put_release(out: &mut Vec<u8>, release: Release) {
    let start = begin(out, kind::RELEASE);
    out.extend_from_slice(&release.export.to_le_bytes());
    out.extend_from_slice(&release.count.to_le_bytes());
    end(out, start);
}

/// Begins a piece; its content is appended or lent next, then its length is filled in.
pub fn begin_piece(out: &mut Vec<u8>, frame: u32, left: u32) -> usize {
    let start = begin(out, kind::PIECE);
    out.extend_from_slice(&frame.to_le_bytes());
    out.extend_from_slice(&left.to_le_bytes());
    start
}

/// Begins a sequence; whole calls are appended next, then [`end`] closes it.
pub fn begin_sequence(out: &mut Vec<u8>, mode: u8) -> usize {
    let start = begin(out, kind::SEQUENCE);
    out.push(mode);
    start
}
