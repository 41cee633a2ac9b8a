//! Large frames on their way in: put together from their pieces.

use bytes::BytesMut;

use super::buffers::{Buffers, TRUSTED_BYTES};
use super::callee::Fault;
use super::cut::MAX_AT_ONCE;
use crate::wire::blob;
use crate::wire::frame::flow::{PieceHead, is_about_pieces};

/// So many bytes of pieces are read until the peer is told, unless a frame is complete before.
const TOLD_AFTER: usize = 64 << 10;

/// A peer that has so much else to say goes on with its large frames between that.
const MUCH_ELSE: u64 = 1 << 20;

/// Frames that are not complete.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    frames: Vec<Unfinished>,
    /// How much is to come of the piece that came last; it belongs to the last one of `frames`.
    missing: usize,
    /// Bytes that the peer was not told of.
    untold: u64,
    /// True when it is to be told soon.
    tells: bool,
    /// All bytes of pieces so far.
    came: u64,
    /// All bytes of the connection so far.
    heard: u64,
    /// True when the last piece was long enough to be read by itself.
    long: bool,
    /// True when large buffers were of use since the last rest.
    used: bool,
}

#[derive(Debug)]
struct Unfinished {
    number: u32,
    /// How long it will be.
    bytes: usize,
    /// How much comes in pieces after the last one.
    left: usize,
    content: BytesMut,
}

impl Pieces {
    /// True while frames are not complete, or the peer is to be told of some.
    #[inline]
    pub(super) fn are_coming(&self) -> bool {
        !self.frames.is_empty() || self.tells
    }

    /// True while the rest of a piece has to come before anything else.
    #[inline]
    pub(super) fn is_inside(&self) -> bool {
        self.missing > 0
    }

    /// True when as a rule a further piece comes next, and a long one.
    pub(super) fn is_between(&self) -> bool {
        self.long && !self.frames.is_empty()
    }

    /// True when large buffers were of use since the last rest.
    pub(super) fn was_used(&self) -> bool {
        self.used
    }

    /// Large buffers are given back.
    pub(super) fn rest(&mut self) {
        self.used = self.is_between();
    }

    /// So many bytes were read of the connection.
    #[inline]
    pub(super) fn hear(&mut self, bytes: usize) {
        self.heard += bytes as u64;
    }

    /// A number that grows as long as the peer goes on with what it began, while it can: with every piece, and with much else
    /// that it sends before the next one.
    #[inline]
    pub(super) fn awaits(&self) -> Option<u64> {
        let waits = !self.frames.is_empty() && !self.tells;
        waits.then(|| self.came + self.heard / MUCH_ELSE)
    }

    /// A piece begins.
    pub(super) fn begin(
        &mut self,
        head: &PieceHead,
        most_bytes: u32,
        buffers: &Buffers,
    ) -> Result<(), Fault> {
        let (bytes, left) = (head.bytes as usize, head.left as usize);
        let known = self.frames.iter().position(|f| f.number == head.frame);
        match known {
            Some(at) => {
                let mut frame = self.frames.swap_remove(at);
                if bytes == 0 && left == 0 {
                    return Ok(());
                }
                if bytes == 0 || bytes + left != frame.left {
                    return Err(format!(
                        "a piece of {bytes} bytes and {left} to come, where {} were to come of frame {}",
                        frame.left, head.frame
                    ));
                }
                frame.left = left;
                self.frames.push(frame);
            }
            None if bytes == 0 => {
                let number = head.frame;
                return Err(format!(
                    "an empty piece of frame {number}, which was not begun"
                ));
            }
            None => self.frames.push(self.first(head, most_bytes, buffers)?),
        }
        self.missing = bytes;
        self.long = bytes >= blob::MIN_BYTES;
        self.used = true;
        Ok(())
    }

    fn first(
        &self,
        head: &PieceHead,
        most_bytes: u32,
        buffers: &Buffers,
    ) -> Result<Unfinished, Fault> {
        if self.frames.len() >= MAX_AT_ONCE {
            return Err(format!(
                "pieces of more than {MAX_AT_ONCE} frames at a time"
            ));
        }
        let bytes = head.bytes as usize + head.left as usize;
        let all = self.frames.iter().map(|f| f.bytes).sum::<usize>() + bytes;
        if all > most_bytes as usize {
            return Err(format!(
                "pieces of frames of {all} bytes, which is over the limit of {most_bytes}"
            ));
        }
        Ok(Unfinished {
            number: head.frame,
            bytes,
            left: head.left as usize,
            content: buffers.take(bytes),
        })
    }

    /// Where the rest of the piece is read to, and how much of it at most.
    pub(super) fn place(&mut self) -> Option<(&mut BytesMut, usize)> {
        let frame = self.frames.last_mut().filter(|_| self.missing > 0)?;
        let here = frame.content.len();
        if frame.content.capacity() == here {
            // Grows with what really arrives, never by all that is announced.
            let more = (frame.bytes - here).min(2 * here.max(TRUSTED_BYTES));
            frame.content.reserve(more);
        }
        let room = frame.content.capacity() - here;
        Some((&mut frame.content, self.missing.min(room)))
    }

    /// So many bytes were read there.
    pub(super) fn read(&mut self, bytes: usize) {
        self.missing = self.missing.saturating_sub(bytes);
        self.untold += bytes as u64;
        self.came += bytes as u64;
        self.tells |= self.untold >= TOLD_AFTER as u64;
    }

    /// Takes what is here of the piece; gives how much that is.
    pub(super) fn copy(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while let Some((place, most)) = self.place()
            && let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty())
        {
            let part = rest.get(..most).unwrap_or(rest);
            place.extend_from_slice(part);
            taken += part.len();
            self.read(part.len());
        }
        taken
    }

    /// The frame that is complete with the last piece.
    pub(super) fn complete(&mut self) -> Result<Option<BytesMut>, Fault> {
        let is_complete = |frame: &mut Unfinished| self.missing == 0 && frame.left == 0;
        let Some(frame) = self.frames.pop_if(is_complete) else {
            return Ok(None);
        };
        if is_about_pieces(&frame.content) {
            return Err("pieces of a frame that is itself about pieces".into());
        }
        self.tells = true;
        Ok(Some(frame.content))
    }

    /// True when the peer is to be told what was read.
    #[inline]
    pub(super) fn tells(&self) -> bool {
        self.tells
    }

    /// What the peer is told now.
    pub(super) fn tell(&mut self) -> u32 {
        let told = u32::try_from(self.untold).unwrap_or(u32::MAX);
        self.untold -= u64::from(told);
        self.tells = false;
        told
    }
}
