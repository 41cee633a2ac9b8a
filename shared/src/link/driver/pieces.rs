//! Pieces as they are read.

use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::time::Instant;

use super::{Driver, End, OWN_BYTES, READ_BYTES, closed};
use crate::link::cut::Heed;
use crate::link::shared::{Shared, State};
use crate::wire::frame::flow::{self, PIECE_HEADER_BYTES, PieceHead};

impl Driver {
    /// True when the peer is to be told of the pieces that were read.
    fn tells(&self) -> bool {
        self.pieces.tells() && !self.is_stuffed()
    }

    /// True when others wait for this side to write, or for this task to let go, while it reads pieces.
    pub(super) fn has_to_write(&self) -> bool {
        let is_waited_for = !self.replies.is_empty() || !self.woken.is_empty();
        self.tells() || is_waited_for && self.pieces.is_between()
    }

    /// Tells the peer of the pieces that were read.
    pub(super) fn tell_taken(&mut self) {
        if self.tells() {
            flow::put_taken(&mut self.replies.bytes, self.pieces.tell());
        }
    }

    /// Watches what is to be taken and to come: `awaits` is how much the peer took so far, while it is to take more.
    pub(super) fn watch_pieces(&mut self, shared: &Shared, awaits: Option<u64>) {
        match awaits {
            Some(taken) => self.clock.await_taken(shared.tick(Instant::now()), taken),
            None => self.clock.all_taken(),
        }
        match self.pieces.awaits() {
            Some(heard) if !self.held_back => {
                self.clock.await_rest(shared.tick(Instant::now()), heard);
            }
            _ => self.clock.all_came(),
        }
    }

    /// While this side does not read, it cannot see what the peer takes, which always reads then.
    pub(super) fn heed(&self, state: &State) -> Heed {
        if self.chokes_at(state.out.backlog()) {
            Heed::Nothing
        } else {
            Heed::Window
        }
    }

    /// True when a piece may be written, or a call was made that only waits for that.
    pub(super) fn has_large_to_write(&self, state: &State) -> bool {
        state.out.cut.is_ready(self.heed(state)) || state.began.is_some()
    }

    /// How much the peer took so far, while it is to take more: what is not read cannot tell.
    pub(super) fn awaits(&self, state: &mut State) -> Option<u64> {
        match self.heed(state) {
            Heed::Window => state.out.cut.window().awaits(),
            Heed::Nothing => None,
        }
    }

    /// Appends pieces, after streams that waited: those are the smaller ones.
    pub(super) fn put_pieces(&mut self, state: &mut State) {
        self.resume_streams(state);
        let heed = self.heed(state);
        state.put_pieces(heed, self.shared.epoch, &mut self.finished);
    }

    /// Does what waited for the last pieces of large frames.
    #[inline]
    pub(super) fn finish(&mut self, shared: &Shared) {
        for listed in self.finished.listed.drain(..) {
            shared.begin(listed);
        }
        self.woken.append(&mut self.finished.woken);
    }

    /// The peer says that it took so many bytes of pieces.
    pub(super) fn taken(&mut self, bytes: u32, now: Instant) -> Result<(), End> {
        let now = now.saturating_duration_since(self.shared.epoch);
        let mut state = self.shared.state.lock();
        if state.out.cut.window().take(bytes, now) {
            return Ok(());
        }
        drop(state);
        let text = format!("{bytes} bytes of pieces were taken that were not sent");
        Err(End::Fault(text))
    }

    /// Reads what is missing of a piece right to where it belongs.
    pub(super) fn read_piece(
        &mut self,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), End>> {
        let Some((place, most)) = self.pieces.place() else {
            return Poll::Ready(Ok(()));
        };
        Poll::Ready(match ready!(self.reading.poll_read(cx, place, most)) {
            Ok(0) => Err(closed()),
            Ok(count) => {
                let now = Instant::now();
                self.clock.hear(shared.tick(now));
                self.pieces.hear(count);
                self.pieces.read(count);
                self.end_piece(now)
            }
            Err(e) => Err(End::Lost(e.to_string())),
        })
    }

    /// Takes a piece, or what is here of its content; gives how many bytes that is.
    pub(super) fn begin_piece(
        &mut self,
        head: &PieceHead,
        content: &[u8],
        now: Instant,
    ) -> Result<usize, End> {
        if !self.shared.remote.two_way {
            let text = "a piece, and pieces were not agreed on";
            return Err(End::Fault(text.into()));
        }
        let most = self.shared.limits.max_message_bytes;
        let begun = self.pieces.begin(head, most, &self.buffers);
        begun.map_err(End::Fault)?;
        let taken = self.pieces.copy(content);
        self.end_piece(now)?;
        Ok(taken)
    }

    /// Handles the frame that a piece may have made complete.
    fn end_piece(&mut self, now: Instant) -> Result<(), End> {
        match self.pieces.complete().map_err(End::Fault)? {
            Some(content) => {
                let frame = self.buffers.lend(content);
                self.handle_large(frame, now)
            }
            None => Ok(()),
        }
    }

    /// Has the rest of a frame that is not all here read to where it belongs.
    pub(super) fn begin_large(
        &mut self,
        received: &mut BytesMut,
        bytes: usize,
        now: Instant,
    ) -> Result<(), End> {
        if bytes <= OWN_BYTES {
            return Ok(());
        }
        if received.len() < PIECE_HEADER_BYTES {
            // It may be a piece.
            self.missing = PIECE_HEADER_BYTES - received.len();
            received.reserve(READ_BYTES);
            return Ok(());
        }
        match PieceHead::read(received) {
            Some(head) => {
                received.advance(PIECE_HEADER_BYTES);
                let taken = self.begin_piece(&head, received, now)?;
                received.advance(taken);
            }
            None => self.await_rest(received, bytes),
        }
        Ok(())
    }
}
