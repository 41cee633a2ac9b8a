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

    /// The end, where a frame begins.
    #[inline]
    pub fn mark(&self) -> Mark {
        Mark {
            bytes: self.bytes.len(),
            lent: self.lent.len(),
        }
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
