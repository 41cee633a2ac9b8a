//! `Session`: what is kept for a connection until it ends.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use parking_lot::Mutex;
use slab::Slab;

use super::Connection;

/// The most values that [`keep`](Session::keep) holds at a time for one connection.
pub const MAX_KEPT: usize = 65_536;

/// What is kept for one connection, and dropped as soon as it ends, however it ends.
///
/// One value of each type is found again by its type; any number of others is kept by [`keep`](Self::keep). Clones are the
/// same session.
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use farcall_shared::context::Context;
///
/// /// How often this connection has called.
/// #[derive(Default)]
/// struct Calls(AtomicU64);
///
/// fn count() -> Option<u64> {
///     let calls = Context::current()?.session().get_or_insert_with(Calls::default);
///     Some(calls.0.fetch_add(1, Ordering::Relaxed) + 1)
/// }
/// assert_eq!(count(), None);
/// ```
#[derive(Clone)]
pub struct Session(Arc<Connection>);

/// A value that a session keeps until its connection ends.
///
/// Dropping this changes nothing; [`release`](Self::release) takes the value out before.
pub struct Kept<T> {
    session: Session,
    place: usize,
    kind: PhantomData<fn() -> T>,
}

/// Why a value was not kept. It is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotKept {
    /// The connection has ended.
    #[error("the connection has ended")]
    Ended,
    /// It keeps [`MAX_KEPT`] values already.
    #[error("the session keeps {MAX_KEPT} values already, as many as it may")]
    Full,
}

/// What a session holds.
#[derive(Debug)]
pub(super) enum Values {
    Open {
        typed: HashMap<Key, Arc<dyn Any + Send + Sync>>,
        kept: Slab<Box<dyn Any + Send>>,
    },
    Ended,
}

/// Which typed value: its type and, for farcall's own, whose it is.
type Key = (TypeId, u64);

/// Whose the users' values are.
const USERS: u64 = 0;

/// A place for a typed value: locked while the value is made, so that there is one.
struct Slot<T>(Mutex<Option<Arc<T>>>);

impl Default for Values {
    fn default() -> Self {
        Self::Open {
            typed: HashMap::new(),
            kept: Slab::new(),
        }
    }
}

impl Values {
    /// Drops what is there, each value for itself.
    pub(super) fn release(self) {
        let Self::Open { typed, kept } = self else {
            return;
        };
        for (_, value) in kept {
            release(value);
        }
        for value in typed.into_values() {
            release(value);
        }
    }
}

/// Drops a user's value, whose panic is nobody else's.
fn release<T>(value: T) {
    if std::panic::catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
        tracing::error!("dropping a session's value panicked");
    }
}

impl Session {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self(connection)
    }

    /// The value of this type.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let slot = match &*self.0.values().lock() {
            Values::Open { typed, .. } => typed.get(&key::<T>(USERS)).cloned(),
            Values::Ended => None,
        };
        let slot = slot?.downcast::<Slot<T>>().ok()?;
        let value = slot.0.lock();
        value.clone()
    }

    /// The value of this type, made now if there is none; other calls of the session that want it wait for that.
    ///
    /// `make` must not ask for the same type. Once the connection has ended, the value is the caller's alone.
    pub fn get_or_insert_with<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let made = self.try_get_or_insert_with(USERS, || Ok::<T, std::convert::Infallible>(make()));
        match made {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// The value of this type that is `whose`, made now if there is none and it can be.
    pub(crate) fn try_get_or_insert_with<T: Send + Sync + 'static, E>(
        &self,
        whose: u64,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let slot = self.slot::<T>(whose);
        let mut place = slot.0.lock();
        if let Some(value) = &*place {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(make()?);
        *place = Some(Arc::clone(&value));
        Ok(value)
    }

    fn slot<T: Send + Sync + 'static>(&self, whose: u64) -> Arc<Slot<T>> {
        let new = || Arc::new(Slot::<T>(Mutex::new(None)));
        let slot = match &mut *self.0.values().lock() {
            Values::Open { typed, .. } => {
                let slot = typed.entry(key::<T>(whose)).or_insert_with(|| new());
                Arc::clone(slot).downcast().ok()
            }
            Values::Ended => None,
        };
        slot.unwrap_or_else(new)
    }

    /// Puts a value in the place of its type; gives the one that was there. Once the connection has ended, the value is
    /// dropped.
    pub fn insert<T: Send + Sync + 'static>(&self, value: T) -> Option<Arc<T>> {
        let slot = Arc::new(Slot(Mutex::new(Some(Arc::new(value)))));
        let before = match &mut *self.0.values().lock() {
            Values::Open { typed, .. } => typed.insert(key::<T>(USERS), slot),
            Values::Ended => None,
        };
        taken(before)
    }

    /// Takes the value of this type out.
    pub fn remove<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let before = match &mut *self.0.values().lock() {
            Values::Open { typed, .. } => typed.remove(&key::<T>(USERS)),
            Values::Ended => None,
        };
        taken(before)
    }

    /// Keeps a value until the connection ends or it is taken out: a file, a lock, a registration somewhere.
    ///
    /// # Errors
    /// Ended or Full; the value is dropped.
    pub fn keep<T: Send + 'static>(&self, value: T) -> Result<Kept<T>, NotKept> {
        let value: Box<dyn Any + Send> = Box::new(value);
        let (refused, why) = match &mut *self.0.values().lock() {
            Values::Open { kept, .. } if kept.len() < MAX_KEPT => {
                return Ok(Kept {
                    session: self.clone(),
                    place: kept.insert(value),
                    kind: PhantomData,
                });
            }
            Values::Open { .. } => (value, NotKept::Full),
            Values::Ended => (value, NotKept::Ended),
        };
        release(refused);
        Err(why)
    }
}

fn key<T: 'static>(whose: u64) -> Key {
    (TypeId::of::<T>(), whose)
}

fn taken<T: Send + Sync + 'static>(slot: Option<Arc<dyn Any + Send + Sync>>) -> Option<Arc<T>> {
    slot?.downcast::<Slot<T>>().ok()?.0.lock().take()
}

impl<T: Send + 'static> Kept<T> {
    /// Takes the value out of the session; drop it to release it now. `None` when the connection has ended, and the value
    /// with it.
    pub fn release(self) -> Option<T> {
        let value = match &mut *self.session.0.values().lock() {
            Values::Open { kept, .. } => kept.try_remove(self.place),
            Values::Ended => None,
        };
        value?.downcast().ok().map(|value| *value)
    }
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.place).finish()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.0.number()).finish()
    }
}
