//! The memory of large messages: each is read into a buffer of its own, which comes back when nobody refers to it any more.

use std::sync::{Arc, Weak};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

/// The most memory that is kept for messages to come, in bytes; a single buffer may be larger.
const MOST_KEPT: usize = 16 << 20;

/// Memory taken at once for a message of which only the length is there; the rest is taken as it arrives.
pub(super) const TRUSTED_BYTES: usize = 1 << 20;

/// Buffers that are free, while large messages come in.
#[derive(Debug, Default)]
pub(super) struct Buffers(Arc<Mutex<Free>>);

#[derive(Debug, Default)]
struct Free {
    buffers: Vec<BytesMut>,
    bytes: usize,
    /// False while no large messages come: what comes back then is given back.
    keeps: bool,
}

impl Buffers {
    /// A buffer for a message of so many bytes, with room for all of it or for what is trusted.
    pub(super) fn take(&self, bytes: usize) -> BytesMut {
        let mut free = self.0.lock();
        free.keeps = true;
        // Not a huge one for a small message: who keeps that would keep all of it.
        let fits = |free: &BytesMut| free.capacity() >= bytes && free.capacity() / 4 <= bytes;
        let fitting = free.buffers.iter().position(fits);
        match fitting.map(|fitting| free.buffers.swap_remove(fitting)) {
            Some(buffer) => {
                free.bytes -= buffer.capacity();
                buffer
            }
            None => BytesMut::with_capacity(bytes.min(TRUSTED_BYTES)),
        }
    }

    /// A whole message; its buffer is free again when the last part of it is dropped.
    pub(super) fn lend(&self, buffer: BytesMut) -> Bytes {
        Bytes::from_owner(Lent {
            buffer,
            home: Arc::downgrade(&self.0),
        })
    }

    /// Gives back what is free, and from now on what becomes free.
    pub(super) fn rest(&self) {
        *self.0.lock() = Free::default();
    }
}

struct Lent {
    buffer: BytesMut,
    home: Weak<Mutex<Free>>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(home) = self.home.upgrade() else {
            return;
        };
        let mut free = home.lock();
        let bytes = self.buffer.capacity();
        if free.keeps && (free.buffers.is_empty() || free.bytes + bytes <= MOST_KEPT) {
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.clear();
            free.bytes += bytes;
            free.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(buffers: &Buffers, bytes: usize) -> Bytes {
        let mut buffer = buffers.take(bytes);
        buffer.resize(bytes, 7);
        buffers.lend(buffer)
    }

    #[test]
    fn a_buffer_is_used_again_when_the_last_part_of_its_message_is_gone() {
        let buffers = Buffers::default();
        let first = message(&buffers, 100_000);
        let (place, part) = (first.as_ptr(), first.slice(50..60));
        drop(first);
        let second = message(&buffers, 100_000);
        assert_ne!(second.as_ptr(), place);
        drop(part);
        assert_eq!(message(&buffers, 90_000).as_ptr(), place);
    }

    #[test]
    fn after_a_rest_nothing_is_kept_and_little_is_trusted() {
        let buffers = Buffers::default();
        let held = message(&buffers, 100_000);
        drop(message(&buffers, 100_000));
        buffers.rest();
        drop(held);
        assert!(buffers.0.lock().buffers.is_empty());
        assert!(buffers.take(1 << 30).capacity() < 2 * TRUSTED_BYTES);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let buffers = Buffers::default();
        let messages: Vec<_> = (0..40).map(|_| message(&buffers, 1 << 20)).collect();
        drop(messages);
        assert!(buffers.0.lock().bytes <= MOST_KEPT);
    }
}
