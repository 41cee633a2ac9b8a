//! The object table: ids to objects, for one incarnation of the daemon.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use farcall_shared::descriptor::{did_you_mean, similar};
use farcall_shared::link::Hosted;
use farcall_shared::object::{Object, Servant};
use farcall_shared::wire::cut;
use farcall_shared::wire::status::{Refusal, Status};
use parking_lot::RwLock;

/// The most of a peer's own words that is given back in an error.
const MAX_SHOWN_BYTES: usize = 128;

/// The objects of a daemon.
#[derive(Debug)]
pub(crate) struct Table {
    incarnation: u64,
    max_objects: usize,
    objects: RwLock<HashMap<Box<str>, Arc<Entry>>>,
    /// An id of each, by its place.
    ids: RwLock<HashMap<usize, Box<str>>>,
}

#[derive(Debug)]
struct Entry {
    servant: Servant,
    gone: AtomicBool,
}

/// Why an object was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Taken,
    Full(usize),
}

impl Hosted for Entry {
    #[inline]
    fn object(&self) -> Option<&dyn Object> {
        (!self.gone.load(Ordering::Relaxed)).then(|| self.servant.object())
    }
}

impl Table {
    pub(crate) fn new(incarnation: u64, max_objects: usize) -> Self {
        Self {
            incarnation,
            max_objects,
            objects: RwLock::default(),
            ids: RwLock::default(),
        }
    }

    pub(crate) fn insert(&self, id: &str, servant: Servant) -> Result<(), Refused> {
        let mut objects = self.objects.write();
        if objects.contains_key(id) {
            return Err(Refused::Taken);
        }
        if objects.len() >= self.max_objects {
            return Err(Refused::Full(self.max_objects));
        }
        let gone = AtomicBool::new(false);
        self.ids.write().insert(servant.place(), id.into());
        objects.insert(id.into(), Arc::new(Entry { servant, gone }));
        Ok(())
    }

    /// Takes an object away; calls that run already go on.
    pub(crate) fn remove(&self, id: &str) -> bool {
        let entry = self.objects.write().remove(id);
        if let Some(entry) = &entry {
            let mut ids = self.ids.write();
            if ids
                .get(&entry.servant.place())
                .is_some_and(|known| **known == *id)
            {
                ids.remove(&entry.servant.place());
            }
            entry.gone.store(true, Ordering::Relaxed);
        }
        entry.is_some()
    }

    /// The id that an object is hosted under, the last one if there are several.
    pub(crate) fn id_of(&self, servant: &Servant) -> Option<String> {
        let ids = self.ids.read();
        ids.get(&servant.place()).map(|id| id.to_string())
    }

    /// The ids, sorted.
    pub(crate) fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self
            .objects
            .read()
            .keys()
            .map(|id| id.to_string())
            .collect();
        ids.sort_unstable();
        ids
    }

    pub(crate) fn servant(&self, id: &str) -> Result<Servant, Refusal> {
        let objects = self.objects.read();
        objects
            .get(id)
            .map(|e| e.servant.clone())
            .ok_or_else(|| unknown(&objects, id))
    }

    pub(crate) fn find(&self, id: &str, incarnation: u64) -> Result<Arc<dyn Hosted>, Refusal> {
        if incarnation != 0 && incarnation != self.incarnation {
            let id = cut(id, MAX_SHOWN_BYTES);
            let text = format!(
                "object '{id}' was of an earlier run of this daemon; look its name up again"
            );
            return Err(Refusal::new(Status::Stale, text));
        }
        let objects = self.objects.read();
        let entry = objects.get(id).ok_or_else(|| unknown(&objects, id))?;
        Ok(Arc::clone(entry) as Arc<dyn Hosted>)
    }
}

fn unknown(objects: &HashMap<Box<str>, Arc<Entry>>, id: &str) -> Refusal {
    let near = similar(id, objects.keys().map(|k| &**k));
    let text = format!(
        "no object '{}' here{}",
        cut(id, MAX_SHOWN_BYTES),
        did_you_mean(&near)
    );
    Refusal::new(Status::UnknownObject, text)
}
