//! Objects that were handed out: each lives while a connection has to do with it, and for a lease after its last use.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use farcall_shared::object::Servant;
use farcall_shared::pyro::PyValue;
use farcall_shared::pyro::payload::{Exception, Proxy};
use farcall_shared::pyro::uri::PyroUri;
use parking_lot::Mutex;

use super::target::Target;
use super::{LEASE, MAX_HANDED_OUT, ids};
use crate::daemon::Core;

/// Looked through so often, while there is anything.
const SWEEP: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct HandedOut(Mutex<Table>);

#[derive(Default)]
struct Table {
    by_id: HashMap<Box<str>, Entry>,
    /// The id of each, so that an object has one only.
    ids: HashMap<usize, Box<str>>,
    /// True while somebody looks through it now and then.
    swept: bool,
}

struct Entry {
    servant: Servant,
    /// The connections that have to do with it.
    holders: Vec<u64>,
    used: Instant,
}

impl std::fmt::Debug for HandedOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HandedOut")
            .field(&self.0.lock().by_id.len())
            .finish()
    }
}

impl HandedOut {
    /// The object of this id, for a connection that has to do with it from now on.
    pub(super) fn find(&self, id: &str, connection: Option<u64>) -> Option<Servant> {
        let mut table = self.0.lock();
        let entry = table.by_id.get_mut(id)?;
        entry.used = Instant::now();
        if let Some(connection) = connection
            && !entry.holders.contains(&connection)
        {
            entry.holders.push(connection);
        }
        Some(entry.servant.clone())
    }

    /// A connection is gone.
    pub(super) fn let_go(&self, connection: u64) {
        let now = Instant::now();
        for entry in self.0.lock().by_id.values_mut() {
            let before = entry.holders.len();
            entry.holders.retain(|holder| *holder != connection);
            if entry.holders.len() < before {
                entry.used = now;
            }
        }
    }

    fn add(&self, servant: &Servant, connection: u64) -> Option<String> {
        let mut table = self.0.lock();
        if let Some(id) = table.ids.get(&servant.place()).cloned()
            && let Some(entry) = table.by_id.get_mut(&id)
        {
            if !entry.holders.contains(&connection) {
                entry.holders.push(connection);
            }
            return Some(id.into());
        }
        if table.by_id.len() >= MAX_HANDED_OUT {
            return None;
        }
        let id = format!("obj_{:032x}", ids::unguessable());
        table.ids.insert(servant.place(), id.as_str().into());
        let entry = Entry {
            servant: servant.clone(),
            holders: vec![connection],
            used: Instant::now(),
        };
        table.by_id.insert(id.as_str().into(), entry);
        Some(id)
    }

    /// Forgets what nobody used for a lease; true while something is left.
    fn sweep(&self, now: Instant) -> bool {
        let mut table = self.0.lock();
        let is_over = |entry: &Entry| {
            entry.holders.is_empty() && now.saturating_duration_since(entry.used) >= LEASE
        };
        let gone: Vec<(_, Entry)> = table.by_id.extract_if(|_, entry| is_over(entry)).collect();
        for (_, entry) in &gone {
            table.ids.remove(&entry.servant.place());
        }
        table.swept = !table.by_id.is_empty();
        let goes_on = table.swept;
        drop(table);
        drop(gone);
        goes_on
    }

    /// True for the one who has to look through it from now on.
    fn wants_sweeper(&self) -> bool {
        !std::mem::replace(&mut self.0.lock().swept, true)
    }
}

/// Hands out an object over a connection, whose client reached this machine at an address: the proxy that arrives there.
pub(crate) fn hand_out(
    core: &Arc<Core>,
    connection: u64,
    reached: Option<IpAddr>,
    servant: Servant,
) -> Result<PyValue, Exception> {
    let registered = core.table.id_of(&servant);
    let id = match registered {
        Some(id) => id,
        None => {
            let full = || {
                let text = format!("{MAX_HANDED_OUT} objects are handed out already");
                Exception::pyro("DaemonError", text)
            };
            let id = core
                .pyro
                .handed
                .add(&servant, connection)
                .ok_or_else(full)?;
            see_to_sweeping(core);
            id
        }
    };
    let uri = PyroUri::Object {
        address: core.uri_reached(&id, reached).address,
        object: id,
    };
    let metadata = Target::of(servant).metadata();
    Ok(Proxy::new(uri, metadata).into_value())
}

fn see_to_sweeping(core: &Arc<Core>) {
    if !core.pyro.handed.wants_sweeper() {
        return;
    }
    let core = Arc::clone(core);
    let tasks = core.tasks.clone();
    tasks.spawn(async move {
        loop {
            let pause = tokio::time::sleep(SWEEP);
            let waited = core.closing.run_until_cancelled(pause).await;
            if waited.is_none() || !core.pyro.handed.sweep(Instant::now()) {
                return;
            }
        }
    });
}
