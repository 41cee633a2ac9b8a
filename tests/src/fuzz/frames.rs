//! The reader of frames: a stream of forged ones, cut as a socket would cut it.

use farcall::parts::wire::frame::flow::Flow;
use farcall::parts::wire::frame::{
    self, CALL_HEADER_BYTES, Frame, FrameError, LENGTH_BYTES, MAX_TEXT_BYTES, REPLY_HEADER_BYTES,
};
use fastrand::Rng;

use super::{Allowance, Meter, Reader, chance_of};
use crate::forge::{self, For};

/// A bound lists methods of at least 4 bytes each, which take 24 in memory.
const PARSING: Allowance = Allowance {
    per_byte: 6,
    constant: 64,
};

/// Streams of frames.
pub(super) struct Frames;

impl Reader for Frames {
    fn make(&self, random: &mut Rng) -> Vec<u8> {
        let mut stream = Vec::new();
        for _ in 0..random.u8(1..5) {
            let whom = if random.bool() {
                For::Callee
            } else {
                For::Caller
            };
            let mut bytes = forge::frame(random, whom);
            if random.u8(..) < 160 {
                let donor = forge::frame(random, whom);
                forge::spoil(&mut bytes, &donor, random);
                if random.u8(..) < 160 {
                    forge::reseal(&mut bytes);
                }
            }
            stream.extend_from_slice(&bytes);
        }
        stream
    }

    fn feed(&self, stream: &[u8], meter: &mut Meter) -> Result<(), String> {
        let mut random = chance_of(stream);
        let limit = [16 << 10, 1 << 20, 128 << 20, u32::MAX][random.usize(0..4)];
        let whole = ends(stream, limit, stream.len())?;
        // As much as has arrived so far, and then more.
        let mut arrived = 0;
        while arrived < stream.len() {
            let most = random.usize(1..40);
            arrived = (arrived + random.usize(1..=most)).min(stream.len());
            let seen = ends(&stream[..arrived], limit, arrived)?;
            if !whole.starts_with(&seen) {
                return Err(format!(
                    "{arrived} bytes of it hold frames up to {seen:?}, all of it {whole:?}"
                ));
            }
            if random.u8(..) < 64 {
                arrived = stream.len();
            }
        }
        let mut start = 0;
        for end in whole {
            parse(&stream[start + LENGTH_BYTES..end], meter, &mut random)?;
            start = end;
        }
        Ok(())
    }
}

/// Where the whole frames at the start of `stream` end.
fn ends(stream: &[u8], limit: u32, arrived: usize) -> Result<Vec<usize>, String> {
    let (mut ends, mut at) = (Vec::new(), 0);
    loop {
        let rest = &stream[at..];
        let announced = rest.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        let sound = match (frame::frame_bytes(rest, limit), announced) {
            (Ok(None), None) => return Ok(ends),
            (Ok(Some(total)), Some(bytes))
                if bytes <= limit && total == LENGTH_BYTES + bytes as usize =>
            {
                if at + total > arrived {
                    return Ok(ends);
                }
                at += total;
                ends.push(at);
                true
            }
            (Err(FrameError::TooLong { .. }), Some(bytes)) if bytes > limit => return Ok(ends),
            _ => false,
        };
        if !sound {
            return Err(format!(
                "a length of {announced:?} against the limit {limit} is misread"
            ));
        }
    }
}

/// Reads a frame, and sees that it is the same once it is written again, and with more bytes behind it.
fn parse(bytes: &[u8], meter: &mut Meter, random: &mut Rng) -> Result<(), String> {
    let parsed = meter.measure("a frame", bytes.len(), PARSING, || Frame::parse(bytes))?;
    let Ok(parsed) = parsed else {
        return Ok(());
    };
    let mut again = Vec::new();
    if has_short_texts(&parsed) && forge::put(&mut again, &parsed) {
        let second = Frame::parse(&again[LENGTH_BYTES..]);
        if second.as_ref() != Ok(&parsed) {
            return Err(format!(
                "{parsed:?} is read as {second:?} once it is written again"
            ));
        }
        check_headers(&parsed, &again)?;
    }
    if !ends_with_a_body(&parsed) && random.u8(..) < 32 {
        let mut longer = bytes.to_vec();
        longer.extend_from_slice(&[0xff; 7]);
        if Frame::parse(&longer).as_ref() != Ok(&parsed) {
            return Err(format!(
                "{parsed:?} is another frame when bytes of later stand behind it"
            ));
        }
    }
    Ok(())
}

/// Whether all that follows belongs to the frame.
fn ends_with_a_body(frame: &Frame<'_>) -> bool {
    matches!(
        frame,
        Frame::Call(_)
            | Frame::Reply(_)
            | Frame::Flow(Flow::Item(_) | Flow::Piece(_) | Flow::Sequence(_))
    )
}

/// Longer texts are cut when they are written.
fn has_short_texts(frame: &Frame<'_>) -> bool {
    match frame {
        Frame::Flow(Flow::End(end)) => end.text.len() <= MAX_TEXT_BYTES,
        Frame::GoAway(text) | Frame::Fault(text) => text.len() <= MAX_TEXT_BYTES,
        Frame::Bound(bound) => {
            let mut texts = bound
                .missing
                .iter()
                .map(|(_, text)| text)
                .chain([&bound.text]);
            texts.all(|text| text.len() <= MAX_TEXT_BYTES)
        }
        _ => true,
    }
}

/// The headers that senders count with are as long as they say.
fn check_headers(frame: &Frame<'_>, written: &[u8]) -> Result<(), String> {
    let (header, body) = match frame {
        Frame::Call(call) if call.trace.is_none() && call.name.is_none() => {
            (CALL_HEADER_BYTES, call.body)
        }
        Frame::Reply(reply) => (REPLY_HEADER_BYTES, reply.body),
        _ => return Ok(()),
    };
    if written.len() == header + body.len() {
        return Ok(());
    }
    Err(format!(
        "{frame:?} takes {} bytes, not {header} and its body",
        written.len()
    ))
}
