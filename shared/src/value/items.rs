//! Streams as dynamic values.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Serialize, Serializer};

use super::Value;
use crate::streaming::Streaming;

/// A stream of dynamic values. Clones are the same stream, which can be taken or sent once.
#[derive(Clone)]
pub struct Items(Arc<Mutex<Option<Streaming<Value>>>>);

impl Items {
    /// The stream, unless it was taken or sent before.
    pub fn take(&self) -> Option<Streaming<Value>> {
        self.0.lock().take()
    }
}

impl From<Streaming<Value>> for Items {
    fn from(items: Streaming<Value>) -> Self {
        Self(Arc::new(Mutex::new(Some(items))))
    }
}

impl fmt::Debug for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Items")
    }
}

/// The same stream.
impl PartialEq for Items {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Serialize for Items {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &*self.0.lock() {
            Some(items) => items.serialize(serializer),
            None => Err(serde::ser::Error::custom(
                "this stream was taken or sent already",
            )),
        }
    }
}
