//! What the calls of a connection have in common, whichever protocol it speaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::session::Values;
use super::{Call, Cancellation, Context, Metadata, Notes};
use crate::net::Peer;

/// A connection as its calls see it.
#[derive(Debug)]
pub struct Connection {
    number: u64,
    peer: Peer,
    values: Mutex<Values>,
    ended: AtomicBool,
}

impl Connection {
    /// A new one.
    pub fn new(peer: Peer) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        Self {
            number: COUNT.fetch_add(1, Ordering::Relaxed),
            peer,
            values: Mutex::default(),
            ended: AtomicBool::new(false),
        }
    }

    /// A call over it begins that is no call of farcall's own protocol.
    pub fn answer(self: &Arc<Self>, deadline: Instant, said: Notes) -> Answering {
        let began = Instant::now();
        let within = deadline.saturating_duration_since(began).as_millis();
        let call = Call {
            began,
            within_ms: u32::try_from(within).unwrap_or(u32::MAX),
        };
        let cancellation = Cancellation::new(deadline);
        Answering(Context::new(Arc::clone(self), call, cancellation, said))
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Its number, unique in this process.
    pub fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    pub(super) fn values(&self) -> &Mutex<Values> {
        &self.values
    }

    /// Releases what its session keeps. Values drop outside of the lock, each for itself: one that panics leaves the others
    /// theirs.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        let before = std::mem::replace(&mut *self.values.lock(), Values::Ended);
        before.release();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end();
    }
}

/// A call while it is answered: it is given up when this is dropped.
#[derive(Debug)]
pub struct Answering(Context);

impl Answering {
    /// Its context.
    pub fn context(&self) -> Context {
        self.0.clone()
    }

    /// What its method wants to go with the result.
    pub fn take_reply(&self) -> Metadata {
        std::mem::take(&mut *self.0.0.reply.lock())
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.cancellation.stop();
    }
}
