//! Where the items of a stream are written: small ones together in one frame, others each in its own.

use std::time::{Duration, Instant};

use crate::attach::{self, Attachment};
use crate::wire::codec::{Codec, EncodeError};
use crate::wire::frame::flow::{self, ITEM_HEADER_BYTES, MAX_PACKED_BYTES, PACKED_HEADER_BYTES};
use crate::wire::frames::{Frames, Lent, Mark};
use crate::wire::status::{Refusal, Status};

/// How much is taken from a stream before what there is, is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// Bytes of frames.
    pub bytes: usize,
    /// Items.
    pub items: usize,
    /// Time since the first item.
    pub time: Duration,
}

/// Items between two looks at the clock, at most.
const MAX_UNSEEN: usize = 64;

/// The items of one turn of a stream.
#[derive(Debug)]
pub struct Sink {
    frames: Frames,
    codec: Codec,
    form: Form,
    /// The most bytes of a frame behind its length.
    limit: usize,
    turn: Turn,
    count: usize,
    /// The end of the last whole item.
    whole: Mark,
    /// Where the frame begins that small items are added to.
    packed: Option<Mark>,
    /// The last item's, if it has some; its frame, which begins there, is not ended then.
    attached: Option<(Mark, Vec<Attachment>)>,
    began: Instant,
    /// With so many items the clock is looked at.
    look_at: usize,
}

/// What is around an item.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// Nothing: there is one item, and it does not travel.
    Bare,
    /// Frames of this stream; the next item is likely to need one of its own.
    Framed { stream: u32, alone: bool },
}

impl Sink {
    /// For the items of stream number `stream`, to a peer that takes frames of so many bytes; `alone` says that the last one
    /// was too large to be sent with others.
    pub(crate) fn framed(
        stream: u32,
        codec: Codec,
        max_message_bytes: usize,
        turn: Turn,
        alone: bool,
    ) -> Self {
        let form = Form::Framed { stream, alone };
        Self::new(form, codec, max_message_bytes, turn)
    }

    /// For one item.
    pub(crate) fn bare(codec: Codec) -> Self {
        let turn = Turn {
            bytes: usize::MAX,
            items: 1,
            time: Duration::MAX,
        };
        Self::new(Form::Bare, codec, usize::MAX, turn)
    }

    fn new(form: Form, codec: Codec, max_message_bytes: usize, turn: Turn) -> Self {
        let frames = Frames::default();
        Self {
            whole: frames.mark(),
            frames,
            codec,
            form,
            limit: max_message_bytes.saturating_sub(ITEM_HEADER_BYTES + PACKED_HEADER_BYTES),
            turn,
            count: 0,
            packed: None,
            attached: None,
            began: Instant::now(),
            look_at: 1,
        }
    }

    /// How many items there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// How items are written.
    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    /// True when the last item was too large to be sent with others.
    pub(crate) fn goes_alone(&self) -> bool {
        matches!(self.form, Form::Framed { alone: true, .. })
    }

    /// Adds an item that `write` writes, in so many bytes at most; true when there may be more.
    ///
    /// # Errors
    /// Those of `write`; the items before it are there.
    #[inline]
    pub(crate) fn put(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>, &mut Vec<Lent>, usize) -> Result<(), EncodeError>,
    ) -> Result<bool, Refusal> {
        self.begin();
        let value = self.frames.bytes.len();
        let (bytes, lent) = self.frames.parts();
        let written = attach::writing(|| write(bytes, lent, self.limit));
        if let Err(e) = written {
            self.undo();
            return Err(unsendable(&e));
        }
        self.end(value);
        Ok(self.has_room())
    }

    /// Forgets an item that was begun; what it refers to as well.
    pub(crate) fn undo(&mut self) {
        self.frames.undo(self.whole);
        drop(attach::take());
        if let Some(start) = self.packed
            && self.frames.bytes.len() <= start.bytes() + ITEM_HEADER_BYTES
        {
            self.frames.undo(start);
            self.whole = start;
            self.packed = None;
        }
    }

    /// What there is; the frame of the last item is not ended when it has attachments, and begins at the mark.
    pub(crate) fn finish(mut self) -> (Frames, Option<(Mark, Vec<Attachment>)>) {
        self.close();
        (self.frames, self.attached)
    }

    #[inline]
    fn begin(&mut self) {
        let Form::Framed { stream, alone } = self.form else {
            return;
        };
        if alone {
            self.close();
            flow::begin_item(&mut self.frames.bytes, stream);
            return;
        }
        if self.packed.is_none() {
            let start = self.frames.mark();
            let at = flow::begin_item(&mut self.frames.bytes, stream);
            flow::mark_packed(&mut self.frames.bytes, at);
            self.packed = Some(start);
            self.whole = self.frames.mark();
        }
        self.frames
            .bytes
            .extend_from_slice(&[0; PACKED_HEADER_BYTES]);
    }

    #[inline]
    fn end(&mut self, value: usize) {
        self.count += 1;
        let length = self.frames.bytes.len() - value;
        let plain = !attach::any() && self.frames.lent.len() == self.whole.lent();
        match &mut self.form {
            Form::Framed { alone: false, .. } if plain && length <= MAX_PACKED_BYTES => {
                let header = value - PACKED_HEADER_BYTES..value;
                if let Some(place) = self.frames.bytes.get_mut(header) {
                    place.copy_from_slice(&(length as u16).to_le_bytes());
                }
                self.whole = self.frames.mark();
            }
            Form::Bare => self.whole = self.frames.mark(),
            Form::Framed { stream, alone } => {
                let stream = *stream;
                let was_alone = std::mem::replace(alone, length > MAX_PACKED_BYTES || !plain);
                self.end_own(stream, value, was_alone);
            }
        }
    }

    /// Ends an item in a frame of its own: it is in one, or was written behind others and is moved out.
    #[cold]
    fn end_own(&mut self, stream: u32, value: usize, is_own: bool) {
        if !is_own {
            let lent = self.frames.lent.split_off(self.whole.lent());
            let item = self.frames.bytes.split_off(value);
            self.frames.undo(self.whole);
            self.close();
            flow::begin_item(&mut self.frames.bytes, stream);
            let now = self.frames.bytes.len();
            self.frames.bytes.extend_from_slice(&item);
            let moved = lent.into_iter().map(|lent| Lent {
                at: lent.at - value + now,
                data: lent.data,
            });
            self.frames.lent.extend(moved);
        }
        match attach::any() {
            true => self.attached = Some((self.whole, attach::take())),
            false => self.frames.end(self.whole),
        }
        if self.attached.is_none() {
            self.whole = self.frames.mark();
        }
    }

    /// Ends the frame of small items, if there is one.
    fn close(&mut self) {
        let Some(start) = self.packed.take() else {
            return;
        };
        if self.frames.bytes.len() <= start.bytes() + ITEM_HEADER_BYTES {
            self.frames.undo(start);
        } else {
            self.frames.end(start);
        }
        self.whole = self.frames.mark();
    }

    #[inline]
    fn has_room(&mut self) -> bool {
        if self.count >= self.turn.items
            || self.frames.bytes.len() >= self.turn.bytes
            || self.attached.is_some()
            || !self.frames.lent.is_empty()
        {
            return false;
        }
        self.count < self.look_at || self.has_time()
    }

    #[inline(never)]
    fn has_time(&mut self) -> bool {
        let gone = self.began.elapsed();
        // As many as are likely to take no longer than those before them.
        self.look_at = self.count + self.count.min(MAX_UNSEEN);
        gone < self.turn.time
    }
}

#[cold]
fn unsendable(error: &EncodeError) -> Refusal {
    Refusal::new(
        Status::BadResult,
        format!("an item cannot be sent: {error}"),
    )
}
