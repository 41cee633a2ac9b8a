//! Item streams: who has the id may take the next item, and goes on after a new connection.

use std::collections::HashMap;
use std::sync::Arc;

use farcall_shared::pyro::PyValue;
use farcall_shared::pyro::payload::Exception;
use futures_util::StreamExt;
use parking_lot::Mutex;

use super::{LINGER, MAX_STREAMS, MAX_STREAMS_EACH, ids};
use crate::daemon::Core;
use crate::python::PythonItems;

/// The streams of a daemon's Python clients, by their ids.
#[derive(Default)]
pub(super) struct Streams(Mutex<HashMap<Box<str>, Entry>>);

struct Entry {
    items: Arc<tokio::sync::Mutex<PythonItems>>,
    /// The connection that opened it, or went on with it last.
    owner: u64,
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Streams")
            .field(&self.0.lock().len())
            .finish()
    }
}

impl Streams {
    /// Keeps a stream; gives its id.
    pub(super) fn open(&self, items: PythonItems, owner: u64) -> Result<String, Exception> {
        let mut streams = self.0.lock();
        // Counted only when there are many.
        let all = streams.len();
        let own = || streams.values().filter(|it| it.owner == owner).count();
        if all >= MAX_STREAMS || all >= MAX_STREAMS_EACH && own() >= MAX_STREAMS_EACH {
            let text = "too many item streams are open; close some";
            return Err(Exception::pyro("PyroError", text));
        }
        let id = ids::uuid(ids::unguessable().to_be_bytes());
        let items = Arc::new(tokio::sync::Mutex::new(items));
        streams.insert(id.as_str().into(), Entry { items, owner });
        Ok(id)
    }

    /// The next item. Its end, and every other exception, ends the stream.
    pub(super) async fn next(&self, id: &str, asker: u64) -> Result<PyValue, Exception> {
        let items = match self.0.lock().get_mut(id) {
            Some(entry) => {
                entry.owner = asker;
                Arc::clone(&entry.items)
            }
            None => return Err(Exception::pyro("PyroError", "item stream terminated")),
        };
        let mut items = items.lock().await;
        let item = items.next().await;
        match item.unwrap_or_else(|| Err(Exception::stop_iteration())) {
            Ok(item) => Ok(item),
            Err(exception) => {
                drop(items);
                self.close(id);
                Err(exception)
            }
        }
    }

    /// Ends a stream; one that is not there has ended already.
    pub(super) fn close(&self, id: &str) {
        let entry = self.0.lock().remove(id);
        // Outside of the lock: what a user made goes with it.
        drop(entry);
    }

    fn has_any_of(&self, owner: u64) -> bool {
        self.0.lock().values().any(|entry| entry.owner == owner)
    }

    fn end_all_of(&self, owner: u64) {
        let mut streams = self.0.lock();
        let ended: Vec<_> = streams
            .extract_if(|_, entry| entry.owner == owner)
            .collect();
        drop(streams);
        drop(ended);
    }
}

/// A connection is gone: its streams wait a while for somebody to go on with them.
pub(super) fn linger(core: &Arc<Core>, owner: u64) {
    if !core.pyro.streams.has_any_of(owner) {
        return;
    }
    let core = Arc::clone(core);
    let tasks = core.tasks.clone();
    tasks.spawn(async move {
        let over = tokio::time::sleep(LINGER);
        core.closing.run_until_cancelled(over).await;
        core.pyro.streams.end_all_of(owner);
    });
}
