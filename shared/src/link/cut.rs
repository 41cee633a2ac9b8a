//! Large frames on their way out: cut into pieces, so that other frames go between them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::attached::Listed;
use super::window::Window;
use crate::wire::frame::flow;
use crate::wire::frames::{Frames, Parts};

/// A frame of more bytes goes in pieces.
pub(super) const LARGE: usize = 256 << 10;

/// The content of a piece: what others wait for at most while it is written.
pub(super) const PIECE_BYTES: usize = 64 << 10;

/// The most frames that are in the middle of their pieces, in each direction.
pub(super) const MAX_AT_ONCE: usize = 8;

/// Large frames that are not all appended to what is written next.
#[derive(Debug)]
pub(super) struct Cut {
    /// Those of which pieces go now, in turn.
    begun: VecDeque<Large>,
    waiting: VecDeque<Large>,
    window: Window,
    /// The bytes of all but the largest: that one alone holds up nobody.
    backlog: usize,
    /// The same of items of streams.
    items: usize,
    /// The bytes that all begun frames may have together.
    most_begun: usize,
}

/// A frame whose last piece is not appended.
#[derive(Debug)]
pub(super) struct Large {
    number: u32,
    bytes: usize,
    rest: Parts,
    pub(super) whose: Whose,
    /// What it refers to, kept until the peer has the whole frame, and the streams that begin then.
    pub(super) listed: Listed,
    /// Small frames that must not overtake it.
    pub(super) behind: Vec<u8>,
}

/// What a large frame is.
#[derive(Debug)]
pub(super) enum Whose {
    /// A call of this id over this handle.
    Call { id: u32, handle: u32 },
    /// Calls over this handle that go whatever becomes of their callers: one that is one-way, or a sequence.
    Calls {
        handle: u32,
        /// Of those that are answered.
        ids: Vec<u32>,
        /// Where what is written will end once all of it is.
        end: Arc<AtomicU64>,
    },
    /// The answer to the peer's call of this id.
    Reply(u32),
    /// An item of this stream.
    Item(u32),
    /// What nobody asks for.
    Other,
}

impl Whose {
    /// True when a call over this handle is in it.
    fn is_call_over(&self, of: u32) -> bool {
        matches!(self, Self::Call { handle, .. } | Self::Calls { handle, .. } if *handle == of)
    }
}

/// Whether more pieces may be on their way than the window allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heed {
    /// As many as the window allows.
    Window,
    /// Any number: what the peer takes is not read just now.
    Nothing,
}

/// What was appended.
#[derive(Debug)]
pub(super) enum Put {
    /// Nothing: there is nothing, or nothing may go.
    Nothing,
    /// A piece.
    Piece,
    /// The last piece of this frame.
    Last(Box<Large>),
}

impl Cut {
    pub(super) fn new(most_begun: usize) -> Self {
        Self {
            begun: VecDeque::new(),
            waiting: VecDeque::new(),
            window: Window::default(),
            backlog: 0,
            items: 0,
            most_begun,
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.begun.is_empty() && self.waiting.is_empty()
    }

    /// True when there is nothing, and nothing on its way.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.is_empty() && self.window.awaits().is_none()
    }

    /// The bytes that wait, without the largest frame's.
    #[inline]
    pub(super) fn backlog(&self) -> usize {
        self.backlog
    }

    /// The bytes of items that wait, without the largest one's.
    #[inline]
    pub(super) fn items(&self) -> usize {
        self.items
    }

    /// The window, for what the peer says of it.
    pub(super) fn window(&mut self) -> &mut Window {
        &mut self.window
    }

    /// True when a piece may go.
    #[inline]
    pub(super) fn is_ready(&self, heed: Heed) -> bool {
        let next = self.begun.front().or(self.waiting.front());
        next.is_some_and(|next| self.may_go(next.next_piece(), heed))
    }

    fn may_go(&self, bytes: usize, heed: Heed) -> bool {
        heed == Heed::Nothing || self.window.has_room(bytes)
    }

    /// Has a frame sent in pieces.
    pub(super) fn push(&mut self, frame: Parts, whose: Whose, listed: Listed) {
        self.waiting.push_back(Large {
            number: 0,
            bytes: frame.len(),
            rest: frame,
            whose,
            listed,
            behind: Vec::new(),
        });
        self.count();
    }

    /// Appends the next piece of the frame whose turn it is; `now` counts from the beginning of the connection.
    pub(super) fn put_piece(&mut self, out: &mut Frames, heed: Heed, now: Duration) -> Put {
        self.begin();
        let next = self.begun.front().map_or(0, Large::next_piece);
        if !self.may_go(next, heed) {
            return Put::Nothing;
        }
        let Some(mut large) = self.begun.pop_front() else {
            return Put::Nothing;
        };
        put_piece(out, large.number, &mut large.rest);
        self.window.send(next, now);
        let put = if large.rest.is_empty() {
            Put::Last(Box::new(large))
        } else {
            self.begun.push_back(large);
            Put::Piece
        };
        self.count();
        put
    }

    /// Begins as many frames as may be.
    fn begin(&mut self) {
        while self.begun.len() < MAX_AT_ONCE
            && let Some(next) = self.waiting.front()
        {
            let begun: usize = self.begun.iter().map(|large| large.bytes).sum();
            if begun > 0 && begun + next.bytes > self.most_begun {
                return;
            }
            let is_free = |number: &u32| self.begun.iter().all(|large| large.number != *number);
            let number = (0..).find(is_free).unwrap_or_default();
            if let Some(next) = self.waiting.pop_front() {
                self.begun.push_back(Large { number, ..next });
            }
        }
    }

    /// Forgets the frame that is this, and has the peer do so; gives what is left of it.
    pub(super) fn give_up(
        &mut self,
        is: impl Fn(&Whose) -> bool,
        out: &mut Frames,
    ) -> Option<Large> {
        let mut given_up = None;
        if let Some(at) = self.waiting.iter().position(|large| is(&large.whose)) {
            given_up = self.waiting.remove(at);
        } else if let Some(at) = self.begun.iter().position(|large| is(&large.whose)) {
            given_up = self.begun.remove(at);
            if let Some(large) = &given_up {
                put_piece(out, large.number, &mut Parts::default());
            }
        }
        self.count();
        given_up
    }

    /// Where frames are appended that must not overtake the frame that is this.
    pub(super) fn behind(&mut self, is: impl Fn(&Whose) -> bool) -> Option<&mut Vec<u8>> {
        let mut all = self.begun.iter_mut().chain(&mut self.waiting);
        let found = all.find(|large| is(&large.whose));
        found.map(|large| &mut large.behind)
    }

    /// True while a call over this handle is on its way.
    pub(super) fn has_call_over(&self, handle: u32) -> bool {
        self.all().any(|large| large.whose.is_call_over(handle))
    }

    fn all(&self) -> impl Iterator<Item = &Large> {
        self.begun.iter().chain(&self.waiting)
    }

    fn count(&mut self) {
        let items = |large: &&Large| matches!(large.whose, Whose::Item(_));
        self.backlog = but_the_largest(self.all());
        self.items = but_the_largest(self.all().filter(items));
    }
}

/// What is left of all of these but the one of which most is left.
fn but_the_largest<'a>(all: impl Iterator<Item = &'a Large>) -> usize {
    let left = all.map(|large| large.rest.len());
    let (sum, most) = left.fold((0, 0), |(sum, most), left| (sum + left, most.max(left)));
    sum - most
}

impl Large {
    fn next_piece(&self) -> usize {
        self.rest.len().min(PIECE_BYTES)
    }
}

/// Appends a piece of a frame; without content when nothing is left of it.
fn put_piece(out: &mut Frames, number: u32, rest: &mut Parts) {
    let mark = out.mark();
    let bytes = rest.len().min(PIECE_BYTES);
    flow::begin_piece(&mut out.bytes, number, (rest.len() - bytes) as u32);
    rest.lend(bytes, out);
    out.end(mark);
}
