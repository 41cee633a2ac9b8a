//! The memory of large replies, used again: fresh memory costs a page fault for each 4 KiB of it.

use parking_lot::Mutex;

/// Shorter ones are not worth it.
const MIN_BYTES: usize = 64 << 10;

/// The most memory that is kept.
const MOST_KEPT: usize = 4 << 20;

/// Buffers that are free.
#[derive(Debug, Default)]
pub(super) struct Spare(Mutex<Vec<Vec<u8>>>);

impl Spare {
    /// An empty buffer with room for so many bytes.
    pub(super) fn take(&self, bytes: usize) -> Vec<u8> {
        if bytes < MIN_BYTES {
            return Vec::with_capacity(bytes);
        }
        let mut free = self.0.lock();
        let fits = |free: &Vec<u8>| free.capacity() >= bytes;
        match free.iter().position(fits) {
            Some(fitting) => free.swap_remove(fitting),
            None => Vec::with_capacity(bytes),
        }
    }

    /// Takes a buffer back, unless there is much already.
    pub(super) fn give_back(&self, mut buffer: Vec<u8>) {
        if !(MIN_BYTES..=MOST_KEPT).contains(&buffer.capacity()) {
            return;
        }
        buffer.clear();
        let mut free = self.0.lock();
        let kept: usize = free.iter().map(Vec::capacity).sum();
        if kept + buffer.capacity() <= MOST_KEPT {
            free.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_large_reply_is_used_again() {
        let spare = Spare::default();
        let mut reply = spare.take(100_000);
        reply.resize(100_000, 7);
        let place = reply.as_ptr();
        spare.give_back(reply);
        let next = spare.take(90_000);
        assert_eq!((next.as_ptr(), next.len()), (place, 0));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let spare = Spare::default();
        let replies: Vec<_> = (0..10).map(|_| spare.take(1_000_000)).collect();
        replies.into_iter().for_each(|reply| spare.give_back(reply));
        spare.give_back(Vec::with_capacity(MOST_KEPT + 1));
        spare.give_back(Vec::with_capacity(10));
        let kept: Vec<_> = spare.0.lock().iter().map(Vec::capacity).collect();
        assert_eq!(kept, [1_000_000; 4]);
    }
}
