//! What the calls of a connection have in common, whichever protocol it speaks.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::session::Values;
use crate::net::Peer;

/// A connection as its calls see it.
#[derive(Debug)]
pub struct Connection {
    number: u64,
    peer: Peer,
    values: Mutex<Values>,
}

impl Connection {
    /// A new one.
    pub fn new(peer: Peer) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        Self {
            number: COUNT.fetch_add(1, Ordering::Relaxed),
            peer,
            values: Mutex::default(),
        }
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn values(&self) -> &Mutex<Values> {
        &self.values
    }

    /// Releases what its session keeps. Values drop outside of the lock, each for itself: one that panics leaves the others
    /// theirs.
    pub fn end(&self) {
        let before = std::mem::replace(&mut *self.values.lock(), Values::Ended);
        before.release();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end();
    }
}
