//! Large frames as the rest of a connection knows them: what has to wait for their last piece, and how they are given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use parking_lot::MutexGuard;
use tokio::time::Instant;

use super::attached::Listed;
use super::bound::BindSlot;
use super::caller::Slot;
use super::cut::{Heed, Large, Put, Whose};
use super::exports::Exported;
use super::producer::Producer;
use super::shared::{Shared, State};
use crate::error::NotSent;
use crate::wire::frame;
use crate::wire::frames::Mark;

/// The end of a large call as long as its last piece is not appended.
pub(super) const IN_PIECES: u64 = u64::MAX;

/// When a one-way call is written.
#[derive(Clone, Debug)]
pub(super) enum Until {
    /// Once so many bytes are.
    Written(u64),
    /// The same, known once its last piece is appended.
    LastPiece(Arc<AtomicU64>),
}

impl Until {
    /// The count of bytes written once all of it is out.
    pub(super) fn end(&self) -> u64 {
        match self {
            Self::Written(end) => *end,
            Self::LastPiece(end) => end.load(Ordering::Relaxed),
        }
    }
}

/// What is left to do for large frames whose last piece was appended, where no lock is held.
#[derive(Debug, Default)]
pub(super) struct Finished {
    /// What they refer to, and the streams that begin.
    pub(super) listed: Vec<Listed>,
    /// Who waits for them.
    pub(super) woken: Vec<Waker>,
}

/// What a large frame was made of that is not sent: to be dropped where no lock is held.
#[derive(Debug)]
pub(super) struct Unsent {
    _large: Large,
    _exported: Vec<Arc<Exported>>,
    _streams: Vec<Producer>,
}

/// What becomes of a large call that nobody waits for any more.
#[derive(Debug)]
pub(super) enum GivenUp {
    /// It is not sent and will not run.
    Unsent(Box<Unsent>),
    /// It goes with others, and its cancel behind it.
    Cancelled,
}

impl State {
    /// Appends pieces of large frames as long as little waits to be written.
    pub(super) fn put_pieces(&mut self, heed: Heed, epoch: Instant, finished: &mut Finished) {
        while !self.out.cut.is_empty() {
            match self.out.put_piece(heed, Instant::now() - epoch) {
                Put::Nothing => return,
                Put::Piece => {}
                Put::Last(large) => self.ends(*large, finished),
            }
        }
    }

    /// The last piece of a large frame is appended: now it is known when all of it is written, and what waited for it may go.
    fn ends(&mut self, mut large: Large, finished: &mut Finished) {
        let by = self.out.end();
        match large.whose {
            Whose::Call { id, handle } => {
                self.write_by(id, by);
                self.leave(handle);
            }
            Whose::Calls { handle, ids, end } => {
                end.store(by, Ordering::Relaxed);
                ids.into_iter().for_each(|id| self.write_by(id, by));
                self.leave(handle);
            }
            Whose::Item(stream) => finished.woken.extend(self.producers.item_left(stream)),
            Whose::Reply(_) | Whose::Other => {}
        }
        self.out.bytes().append(&mut large.behind);
        finished.listed.push(large.listed);
    }

    /// A call is written once so many bytes are.
    pub(super) fn write_by(&mut self, id: u32, by: u64) {
        if let Some(Slot::Awaited { end, .. }) = self.calls.get_mut(id as usize) {
            *end = by;
        }
    }

    /// Has the call of this id go in pieces, which was appended at `before` and refers to this.
    pub(super) fn cut_call(&mut self, before: Mark, (id, handle): (u32, u32), listed: Listed) {
        self.write_by(id, IN_PIECES);
        let large = self.out.take_large(before);
        self.out.cut.push(large, Whose::Call { id, handle }, listed);
    }

    /// Has calls go in pieces that were appended at `before` and refer to this, of which those of these ids are answered.
    pub(super) fn cut_calls(
        &mut self,
        before: Mark,
        (ids, handle): (Vec<u32>, u32),
        listed: Listed,
    ) -> Until {
        ids.iter().for_each(|id| self.write_by(*id, IN_PIECES));
        let end = Arc::new(AtomicU64::new(IN_PIECES));
        let whose = Whose::Calls {
            handle,
            ids,
            end: Arc::clone(&end),
        };
        let large = self.out.take_large(before);
        self.out.cut.push(large, whose, listed);
        Until::LastPiece(end)
    }

    /// Gives up the large frame that is this, if its last piece is not appended.
    pub(super) fn give_up(&mut self, is: impl Fn(&Whose) -> bool) -> Option<Unsent> {
        let large = self.out.give_up(is)?;
        // The peer never hears of what it hands out.
        let exports = &mut self.exports;
        let taken = |number: &u64| exports.take_back(*number, 1).ok().flatten();
        let exported = large.listed.exports.iter().filter_map(taken).collect();
        let numbers = large.listed.pumps.numbers();
        let streams = numbers.filter_map(|number| self.producers.remove(number));
        let streams = streams.collect();
        if let Whose::Call { handle, .. } = &large.whose {
            self.leave(*handle);
        }
        Some(Unsent {
            _exported: exported,
            _streams: streams,
            _large: large,
        })
    }

    /// Gives up a call of which the last piece is not appended.
    pub(super) fn give_up_call(&mut self, id: u32) -> GivenUp {
        let is_call = |whose: &Whose| matches!(whose, Whose::Call { id: of, .. } if *of == id);
        if let Some(unsent) = self.give_up(is_call) {
            return GivenUp::Unsent(Box::new(unsent));
        }
        let has_call =
            |whose: &Whose| matches!(whose, Whose::Calls { ids, .. } if ids.contains(&id));
        match self.out.cut.behind(has_call) {
            Some(behind) => frame::put_cancel(behind, id),
            None => frame::put_cancel(self.out.bytes(), id),
        }
        GivenUp::Cancelled
    }

    /// Gives back a handle that waited for this, its last large call.
    fn leave(&mut self, handle: u32) {
        if self.leaving.is_empty() || self.out.cut.has_call_over(handle) {
            return;
        }
        if let Some(at) = self.leaving.iter().position(|left| *left == handle) {
            self.leaving.swap_remove(at);
            self.unbind(handle);
        }
    }

    /// Gives a handle back, behind all calls over it; gives what is to be dropped where no lock is held.
    pub(super) fn unbind(&mut self, handle: u32) -> Option<BindSlot> {
        let key = handle as usize;
        if !self.out.cut.is_empty() && self.out.cut.has_call_over(handle) {
            self.leaving.push(handle);
            let slot = self.binds.get_mut(key)?;
            return match slot {
                BindSlot::Asked(wakers) => Some(BindSlot::Asked(std::mem::take(wakers))),
                _ => None,
            };
        }
        let slot = match self.binds.get_mut(key)? {
            slot @ BindSlot::Asked(_) => std::mem::replace(slot, BindSlot::Abandoned),
            _ => self.binds.try_remove(key)?,
        };
        if self.closed.is_none() {
            frame::put_unbind(self.out.bytes(), handle);
        }
        Some(slot)
    }
}

impl Shared {
    /// Takes back the large call that was just appended if there are too many already; gives how many calls are in flight.
    ///
    /// Those with attachments are never taken back: streams are written once.
    pub(super) fn take_back(
        &self,
        state: &mut MutexGuard<'_, State>,
        id: Option<u32>,
        before: Mark,
    ) -> Result<(), NotSent> {
        if state.out.cut.backlog() <= self.limits.max_unsent_bytes {
            return Ok(());
        }
        if let Some(id) = id {
            state.calls.try_remove(id as usize);
            state.awaited -= 1;
        }
        let in_flight = state.calls.len();
        let large = state.out.take_large(before);
        MutexGuard::unlocked(state, || drop(large));
        Err(NotSent::Full(in_flight))
    }
}
