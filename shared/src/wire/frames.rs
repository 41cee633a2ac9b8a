//! Frames on their way out: bytes, and the blobs that belong between them.

use std::collections::VecDeque;
use std::iter::Peekable;

use bytes::Bytes;

use super::frame::{self, LENGTH_BYTES};

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

/// A frame without its length, in parts that are not copied.
#[derive(Debug, Default)]
pub struct Parts {
    parts: VecDeque<Bytes>,
    bytes: usize,
}

/// A place to go back to.
#[derive(Clone, Copy, Debug, Default)]
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

    /// The blob that is all there is behind some bytes in front of it; else everything as it was.
    ///
    /// # Errors
    /// Itself, where there is no such blob.
    pub fn into_last_blob(mut self) -> Result<Bytes, Self> {
        match self.lent.pop() {
            Some(lent) if self.lent.is_empty() && lent.at == self.bytes.len() => Ok(lent.data),
            last => {
                self.lent.extend(last);
                Err(self)
            }
        }
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
    #[inline]
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

    /// Takes out the whole frames from there on that are longer than `longest` bytes, in their order.
    pub fn take_large(&mut self, from: Mark, longest: usize) -> Vec<Parts> {
        let mut rest = self.split_off(from);
        let mut large = Vec::new();
        while let Some(bytes) = rest.next_frame() {
            if bytes > longest {
                let mut parts = Parts::default();
                rest.pass(bytes, |part| match part {
                    Part::Own(data) | Part::Lent(data) => parts.push(data),
                });
                parts.skip(LENGTH_BYTES);
                large.push(parts);
            } else {
                rest.pass(bytes, |part| self.put(part));
            }
        }
        large
    }

    fn split_off(&mut self, from: Mark) -> Rest {
        let lent = self.lent.split_off(from.lent);
        self.lent_bytes -= lent.iter().map(|lent| lent.data.len()).sum::<usize>();
        // Whichever is shorter is copied: what is before, or what is from there on.
        let own = if from.bytes > self.bytes.len() / 2 {
            Bytes::from(self.bytes.split_off(from.bytes))
        } else {
            let before = self.bytes.get(..from.bytes).unwrap_or_default().to_vec();
            let mut all = Bytes::from(std::mem::replace(&mut self.bytes, before));
            all.split_off(from.bytes)
        };
        Rest {
            own,
            at: from.bytes,
            lent: lent.into_iter().peekable(),
        }
    }

    fn put(&mut self, part: Part) {
        match part {
            Part::Own(data) => self.bytes.extend_from_slice(&data),
            Part::Lent(data) => {
                self.lent_bytes += data.len();
                let at = self.bytes.len();
                self.lent.push(Lent { at, data });
            }
        }
    }

    /// Forgets so many bytes and blobs at the start; moves the blobs to `spent`.
    pub fn forget(&mut self, bytes: usize, blobs: usize, spent: &mut Vec<Lent>) {
        self.bytes.drain(..bytes);
        let gone = self.lent.drain(..blobs);
        let gone = gone.inspect(|lent| self.lent_bytes -= lent.data.len());
        spent.extend(gone);
        for lent in &mut self.lent {
            lent.at -= bytes;
        }
    }

    /// Forgets all frames and keeps the memory; moves the blobs to `spent`.
    #[inline]
    pub fn clear(&mut self, spent: &mut Vec<Lent>) {
        self.bytes.clear();
        if !self.lent.is_empty() {
            spent.append(&mut self.lent);
            self.lent_bytes = 0;
        }
    }
}

/// Frames that were split off.
struct Rest {
    own: Bytes,
    /// Where `own` begins, as the places of blobs are counted.
    at: usize,
    lent: Peekable<std::vec::IntoIter<Lent>>,
}

/// A part of a frame.
enum Part {
    Own(Bytes),
    Lent(Bytes),
}

impl Rest {
    /// How long the next frame is, its length included.
    fn next_frame(&self) -> Option<usize> {
        let length = u32::from_le_bytes(*self.own.first_chunk()?);
        Some(LENGTH_BYTES + length as usize)
    }

    /// Passes on the parts of the next frame, which takes so many bytes.
    fn pass(&mut self, bytes: usize, mut put: impl FnMut(Part)) {
        let mut left = bytes;
        while left > 0 {
            let blob = self.lent.peek();
            // A frame ends before the next blob, or with it.
            let own = blob.map_or(left, |blob| left.min(blob.at - self.at));
            let own = self.own.split_to(own.min(self.own.len()));
            self.at += own.len();
            left -= own.len();
            put(Part::Own(own));
            if left > 0 {
                let Some(blob) = self.lent.next() else {
                    return;
                };
                left = left.saturating_sub(blob.data.len());
                put(Part::Lent(blob.data));
            }
        }
    }
}

impl Parts {
    /// How many bytes there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// True when there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// What it begins with: the header at least, since only blobs and what stands behind them are parts of their own.
    pub fn head(&self) -> &[u8] {
        self.parts.front().map(|part| &part[..]).unwrap_or_default()
    }

    fn push(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.bytes += part.len();
            self.parts.push_back(part);
        }
    }

    /// Takes so many bytes off the front.
    fn skip(&mut self, bytes: usize) {
        self.pass(bytes, drop);
    }

    /// Appends the next bytes to `out`, without copying, as a part of the frame that is begun there.
    pub fn lend(&mut self, bytes: usize, out: &mut Frames) {
        let (own, lent) = out.parts();
        let at = own.len();
        self.pass(bytes, |data| lent.push(Lent { at, data }));
    }

    fn pass(&mut self, bytes: usize, mut put: impl FnMut(Bytes)) {
        let mut left = bytes;
        while left > 0
            && let Some(mut part) = self.parts.pop_front()
        {
            let taken = part.split_to(left.min(part.len()));
            left -= taken.len();
            self.bytes -= taken.len();
            put(taken);
            if !part.is_empty() {
                self.parts.push_front(part);
            }
        }
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
        frames.forget(9, 0, &mut Vec::new());
        assert!(!frames.is_empty(), "the blob is not gone");
        let mut next = Frames::default();
        next.bytes.extend_from_slice(b"next");
        frames.append(&mut next);
        assert_eq!((frames.lent.len(), frames.lent[0].at), (1, 0));
        assert_eq!(frames.bytes, b"next");
        assert!(next.is_empty());
    }

    #[test]
    fn the_last_blob_is_taken_out_only_when_it_is_the_only_one() {
        let blobs = |places: &[usize]| Frames {
            bytes: vec![1, 2],
            lent: places
                .iter()
                .map(|&at| Lent {
                    at,
                    data: Bytes::from_static(b"blob"),
                })
                .collect(),
            lent_bytes: 4 * places.len(),
        };
        assert_eq!(blobs(&[2]).into_last_blob().unwrap(), b"blob".as_slice());
        for (places, whole) in [
            (&[][..], &b"\x01\x02"[..]),
            (&[1], b"\x01blob\x02"),
            (&[0, 2], b"blob\x01\x02blob"),
        ] {
            let others = blobs(places).into_last_blob().unwrap_err();
            assert_eq!(others.into_bytes(), whole);
        }
    }

    /// A frame of those bytes, the blobs lent.
    fn put_frame(frames: &mut Frames, parts: &[(usize, usize)]) {
        let mark = frames.mark();
        frames.bytes.extend_from_slice(&[0; LENGTH_BYTES]);
        for (own, blob) in parts {
            frames.bytes.extend((0..*own).map(|n| n as u8));
            if *blob > 0 {
                let at = frames.bytes.len();
                let data = Bytes::from(vec![9; *blob]);
                frames.lent.push(Lent { at, data });
            }
        }
        frames.end(mark);
    }

    fn flat(frames: &Frames) -> Vec<u8> {
        let (mut flat, mut at) = (Vec::new(), 0);
        for lent in &frames.lent {
            flat.extend_from_slice(&frames.bytes[at..lent.at]);
            flat.extend_from_slice(&lent.data);
            at = lent.at;
        }
        flat.extend_from_slice(&frames.bytes[at..]);
        assert_eq!(flat.len(), frames.len());
        flat
    }

    /// All that is left, lent to a frame in portions of so many bytes.
    fn lent(mut parts: Parts, portion: usize) -> Vec<u8> {
        let mut out = Frames::default();
        let mark = out.mark();
        out.bytes.extend_from_slice(&[0; LENGTH_BYTES]);
        while !parts.is_empty() {
            parts.lend(portion, &mut out);
        }
        out.end(mark);
        flat(&out)
    }

    #[test]
    fn large_frames_are_taken_out_whole_and_the_others_stay_as_they_were() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..300 {
            let (mut frames, mut small, mut large) = (Frames::default(), Vec::new(), Vec::new());
            let count = random.usize(1..6);
            let from = random.usize(0..count);
            let mut mark = Mark::default();
            for number in 0..count {
                if number == from {
                    mark = frames.mark();
                }
                let part = |random: &mut fastrand::Rng| (random.usize(1..40), random.usize(0..40));
                let parts: Vec<_> = (0..random.usize(1..4)).map(|_| part(&mut random)).collect();
                let mut alone = Frames::default();
                put_frame(&mut alone, &parts);
                put_frame(&mut frames, &parts);
                if number >= from && alone.len() > 60 {
                    large.push(flat(&alone));
                } else {
                    small.extend(flat(&alone));
                }
            }
            let taken = frames.take_large(mark, 60);
            assert_eq!(flat(&frames), small);
            let portion = random.usize(1..50);
            let taken: Vec<_> = taken
                .into_iter()
                .map(|parts| lent(parts, portion))
                .collect();
            assert_eq!(taken, large);
        }
    }

    #[test]
    fn a_large_frame_that_is_alone_is_not_copied() {
        let mut frames = Frames::default();
        put_frame(&mut frames, &[(3, 100)]);
        let (own, blob) = (frames.bytes.as_ptr(), frames.lent[0].data.as_ptr());
        let mut parts = frames.take_large(Mark::default(), 50).remove(0);
        assert!(frames.is_empty());
        assert_eq!(parts.head().as_ptr(), own.wrapping_add(LENGTH_BYTES));
        parts.skip(3);
        assert_eq!(parts.head().as_ptr(), blob);
    }
}
