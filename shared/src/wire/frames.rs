//! Frames on their way out: bytes, and the blobs that belong between them.

use bytes::Bytes;

use super::frame;

/// Frames back to back; large blobs in them are referred to, not copied.
#[derive(Debug, Default)]
pub struct Frames {
    /// Everything but the blobs.
    pub bytes: Vec<u8>,
    /// The blobs, in their order.
    pub lent: Vec<Lent>,
    lent_bytes: usize,
}

/// A blob that belongs before the byte number `at`.
#[derive(Debug)]
pub struct Lent {
    /// Where.
    pub at: usize,
    /// What.
    pub data: Bytes,
}

/// A place to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    bytes: usize,
    lent: usize,
}

/// Bytes without blobs.
impl From<Vec<u8>> for Frames {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            ..Self::default()
        }
    }
}

impl Mark {
    /// How many bytes stand before it, without blobs.
    pub fn bytes(self) -> usize {
        self.bytes
    }

    /// How many blobs stand before it.
    pub fn lent(self) -> usize {
        self.lent
    }
}

impl Frames {
    /// All bytes, those of the blobs too.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len() + self.lent_bytes
    }

    /// True when there is no frame, nor a part of one.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The two parts, for a codec to append to.
    #[inline]
    pub fn parts(&mut self) -> (&mut Vec<u8>, &mut Vec<Lent>) {
        (&mut self.bytes, &mut self.lent)
    }

    /// Counts the blobs that were lent to the [parts](Self::parts) since there was nothing here.
    pub fn count(&mut self) {
        self.lent_bytes = self.lent.iter().map(|lent| lent.data.len()).sum();
    }

    /// Everything in one piece.
    pub fn into_bytes(self) -> Vec<u8> {
        if self.lent.is_empty() {
            return self.bytes;
        }
        let mut whole = Vec::with_capacity(self.len());
        let mut copied = 0;
        for Lent { at, data } in &self.lent {
            whole.extend_from_slice(self.bytes.get(copied..*at).unwrap_or_default());
            whole.extend_from_slice(data);
            copied = *at;
        }
        whole.extend_from_slice(self.bytes.get(copied..).unwrap_or_default());
        whole
    }

    /// The end, where a frame begins.
    #[inline]
    pub fn mark(&self) -> Mark {
        Mark {
            bytes: self.bytes.len(),
            lent: self.lent.len(),
        }
    }

    /// How many bytes there are since then, those of blobs too.
    pub fn len_since(&self, mark: Mark) -> usize {
        let lent = self.lent.get(mark.lent..).unwrap_or_default();
        let lent_bytes: usize = lent.iter().map(|lent| lent.data.len()).sum();
        self.bytes.len() - mark.bytes + lent_bytes
    }

    /// Forgets a frame that was begun there and not ended.
    #[inline]
    pub fn undo(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.lent.truncate(mark.lent);
    }

    /// Ends the frame that was begun there.
    #[inline]
    pub fn end(&mut self, mark: Mark) {
        let lent = self.lent.get(mark.lent..).unwrap_or_default();
        let lent_bytes = lent.iter().map(|lent| lent.data.len()).sum();
        frame::end_with(&mut self.bytes, mark.bytes, lent_bytes);
        self.lent_bytes += lent_bytes;
    }

    /// Goes on with the frame that was begun there, the last one, as if it had not been ended.
    pub fn reopen(&mut self, mark: Mark) {
        let lent = self.lent.get(mark.lent..).unwrap_or_default();
        self.lent_bytes -= lent.iter().map(|lent| lent.data.len()).sum::<usize>();
    }

    /// Appends other frames, taking over their memory when there are none here; the others are none then.
    pub fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        let before = self.bytes.len();
        self.bytes.append(&mut other.bytes);
        let moved = other.lent.drain(..).map(|lent| Lent {
            at: lent.at + before,
            data: lent.data,
        });
        self.lent.extend(moved);
        self.lent_bytes += std::mem::take(&mut other.lent_bytes);
    }

    /// Appends a part of a frame that was begun here and is not ended; the other frames are none then.
    pub fn extend(&mut self, other: &mut Self) {
        let before = self.bytes.len();
        self.bytes.append(&mut other.bytes);
        let moved = other.lent.drain(..).map(|lent| Lent {
            at: lent.at + before,
            data: lent.data,
        });
        self.lent.extend(moved);
        other.lent_bytes = 0;
    }

    /// Forgets so many bytes and blobs at the start.
    pub fn forget(&mut self, bytes: usize, blobs: usize) {
        self.bytes.drain(..bytes);
        let gone = self.lent.drain(..blobs);
        self.lent_bytes -= gone.map(|lent| lent.data.len()).sum::<usize>();
        for lent in &mut self.lent {
            lent.at -= bytes;
        }
    }

    /// Forgets all frames and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.lent.clear();
        self.lent_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_blob_stays_before_what_is_appended() {
        let mut frames = Frames::default();
        let mark = frames.mark();
        frames.bytes.extend_from_slice(&[0; 9]);
        let data = Bytes::from_static(b"blob");
        frames.lent.push(Lent { at: 9, data });
        frames.end(mark);
        assert_eq!(frames.len(), 13);
        frames.forget(9, 0);
        assert!(!frames.is_empty(), "the blob is not gone");
        let mut next = Frames::default();
        next.bytes.extend_from_slice(b"next");
        frames.append(&mut next);
        assert_eq!((frames.lent.len(), frames.lent[0].at), (1, 0));
        assert_eq!(frames.bytes, b"next");
        assert!(next.is_empty());
    }
}
