//! An object of the peer's that it handed out: kept alive there for as long as this is held.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::Link;
use super::forward::Forward;
use super::shared::Shared;
use crate::descriptor::Described;
use crate::object::{Servant, WeakServant};
use crate::wire::frame::flow::{self, Release};

/// What stands before the number of an export where an object's id is expected: no registered object's id begins so.
pub(super) const EXPORT_MARK: char = '?';

/// One reference that arrived over a connection; dropped, it is given back.
pub struct Held {
    shared: Arc<Shared>,
    export: u64,
    /// The object as others are given it, over other connections; it holds this.
    forward: Mutex<Option<WeakServant>>,
}

impl Held {
    pub(super) fn new(shared: Arc<Shared>, export: u64) -> Self {
        shared.held.fetch_add(1, Ordering::Relaxed);
        Self {
            shared,
            export,
            forward: Mutex::default(),
        }
    }

    /// The connection that it came over; when that is over, so is the reference.
    pub fn link(&self) -> Link {
        Link(Arc::clone(&self.shared))
    }

    /// The id to bind it by, over that connection.
    pub fn object(&self) -> String {
        format!("{EXPORT_MARK}{}", self.export)
    }

    /// True when both refer to the same object.
    pub fn is(&self, other: &Self) -> bool {
        self.is_of(&other.shared) && self.export == other.export
    }

    pub(super) fn is_of(&self, shared: &Shared) -> bool {
        std::ptr::eq(&*self.shared, shared)
    }

    pub(super) fn export(&self) -> u64 {
        self.export
    }

    /// An object here that passes its calls on.
    pub(crate) fn forwarded(self: &Arc<Self>, descriptor: Option<&Described>) -> Servant {
        let mut forward = self.forward.lock();
        if let Some(servant) = forward.as_ref().and_then(WeakServant::upgrade) {
            return servant;
        }
        let servant = Servant::of(Forward::new(Arc::clone(self), descriptor.cloned()));
        *forward = Some(servant.downgrade());
        servant
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "object {} of {}", self.export, self.shared.peer)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({self})")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.held.fetch_sub(1, Ordering::Relaxed);
        let mut state = self.shared.state.lock();
        if state.closed.is_some() {
            return;
        }
        let release = Release {
            export: self.export,
            count: 1,
        };
        flow::put_release(state.out.bytes(), release);
        self.shared.ask_flush(state);
    }
}
