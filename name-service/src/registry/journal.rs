//! The journal: what changed since the last confirmation, for the store, for undoing and for watches.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use farcall_shared::names::{Entry, Epoch, LeaseId, Revision};
use serde::{Deserialize, Serialize};

use super::lease;
use super::slot::{Held, Hold, Slot};
use super::{Limits, Registry, check};

/// One thing that a store keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// The entry is there, new or with other metadata.
    Put {
        /// The entry.
        entry: Entry,
        /// How it has its name.
        hold: Hold,
    },
    /// The entry is gone.
    Gone {
        /// Its name.
        name: String,
        /// Its epoch.
        epoch: Epoch,
    },
    /// The lease is granted.
    Granted {
        /// Its name.
        id: LeaseId,
        /// How long it lasts after each renewal, in milliseconds.
        ttl_ms: u64,
    },
    /// The lease ended; what hung on it went before.
    Ended {
        /// Its name.
        id: LeaseId,
    },
    /// Where the counters are after the records before it.
    Counters {
        /// The epoch that the next registration gets.
        next_epoch: Epoch,
        /// The number of the last change.
        revision: Revision,
    },
}

/// The records do not fit together or do not fit the registry; they are not of its making.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Inconsistent(String);

/// One entry before and after a change; each has its own revision.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) name: Arc<str>,
    pub(super) hold: Hold,
    pub(super) before: Option<Held>,
    pub(super) after: Option<Held>,
}

/// One change since the last confirmation, with what undoes it.
#[derive(Debug)]
pub(super) enum Step {
    Edited(Edit),
    /// With the time to live.
    Granted(NonZeroU64, Duration),
    /// With the time to live and the end it had.
    Ended(NonZeroU64, Duration, Duration),
}

impl Registry {
    /// Builds a registry from what a store kept: leases, then entries, then the counters.
    ///
    /// Each lease lasts its full time from `now`; watches from before get a reset.
    ///
    /// # Errors
    ///
    /// Those of `records`, and [`Inconsistent`] where they do not fit together.
    pub fn restore<E: From<Inconsistent>>(
        limits: Limits,
        seed: u64,
        now: Duration,
        records: impl IntoIterator<Item = Result<Record, E>>,
    ) -> Result<Self, E> {
        let mut registry = Self::new(limits, seed);
        for record in records {
            registry.apply(now, &record?)?;
        }
        registry.confirmed_epoch = registry.next_epoch;
        Ok(registry)
    }

    /// What a store has to keep of the pending changes that were not taken before.
    pub fn take_log(&mut self) -> Vec<Record> {
        let mut records: Vec<Record> = self.pending[self.logged..].iter().map(record).collect();
        self.logged = self.pending.len();
        if !records.is_empty() {
            let (next_epoch, revision) = (self.next_epoch, self.revision);
            records.push(Record::Counters {
                next_epoch,
                revision,
            });
        }
        records
    }

    /// Makes the pending changes final and shows them to watches.
    pub fn confirm(&mut self) {
        for step in self.pending.drain(..) {
            if let Step::Edited(edit) = step {
                self.history.push_back(edit);
            }
        }
        let surplus = self.history.len().saturating_sub(self.limits.history);
        self.history.drain(..surplus);
        self.logged = 0;
        self.confirmed_epoch = self.next_epoch;
    }

    /// Takes all pending changes back, as if they had never been asked for.
    pub fn undo(&mut self) {
        while let Some(step) = self.pending.pop() {
            match step {
                Step::Edited(Edit {
                    name,
                    hold,
                    before,
                    after,
                }) => {
                    self.revision -= 1;
                    self.turn(&name, hold, after.as_ref(), before);
                }
                Step::Granted(id, _) => {
                    self.table.leases.remove(id);
                }
                Step::Ended(id, ttl, expires) => self.table.leases.insert(id, ttl, expires),
            }
        }
        self.logged = 0;
        self.next_epoch = self.confirmed_epoch;
    }

    /// Makes the changes of a log and confirms them.
    ///
    /// # Errors
    ///
    /// [`Inconsistent`] when the log does not continue from the state the registry has, or when
    /// changes are pending; nothing is changed then.
    pub fn redo(&mut self, now: Duration, log: &[Record]) -> Result<(), Inconsistent> {
        if !self.pending.is_empty() {
            return Err(Inconsistent("other changes are pending".to_owned()));
        }
        for record in log {
            match self.apply_next(now, record) {
                Ok(step) => self.pending.extend(step),
                Err(error) => {
                    self.undo();
                    return Err(error);
                }
            }
        }
        self.confirm();
        Ok(())
    }

    /// How many changes of entries are pending.
    pub(super) fn pending_edits(&self) -> u64 {
        self.pending
            .iter()
            .filter(|step| matches!(step, Step::Edited(_)))
            .count() as u64
    }

    pub(super) fn edit(&mut self, edit: Edit) {
        self.turn(
            &edit.name,
            edit.hold,
            edit.before.as_ref(),
            edit.after.clone(),
        );
        self.revision += 1;
        self.pending.push(Step::Edited(edit));
    }

    fn turn(&mut self, name: &Arc<str>, hold: Hold, from: Option<&Held>, to: Option<Held>) {
        match (from, to) {
            (_, Some(held)) => self.table.put(name, hold, held),
            (Some(held), None) => self.table.take(name, held),
            (None, None) => {}
        }
    }

    /// Applies a record whose counters must be exactly those that the records before it lead to.
    fn apply_next(&mut self, now: Duration, record: &Record) -> Result<Option<Step>, Inconsistent> {
        match record {
            Record::Counters { revision, .. } if *revision != self.revision => {
                let why = format!("the log ends at revision {revision}, not {}", self.revision);
                Err(Inconsistent(why))
            }
            record => self.apply(now, record),
        }
    }

    fn apply(&mut self, now: Duration, record: &Record) -> Result<Option<Step>, Inconsistent> {
        match record {
            Record::Put { entry, hold } => self.apply_put(entry, *hold).map(Some),
            Record::Gone { name, epoch } => self.apply_gone(name, *epoch).map(Some),
            Record::Granted { id, ttl_ms } => {
                let free = |id: &NonZeroU64| !self.table.leases.contains(*id);
                let fresh = NonZeroU64::new(*id).filter(free);
                let id =
                    fresh.ok_or_else(|| Inconsistent(format!("lease {id} is granted twice")))?;
                let ttl = lease::clamp(*ttl_ms);
                self.table.leases.insert(id, ttl, now + ttl);
                Ok(Some(Step::Granted(id, ttl)))
            }
            Record::Ended { id } => {
                let unknown = || Inconsistent(format!("lease {id} ends but is not granted"));
                let known = NonZeroU64::new(*id).ok_or_else(unknown)?;
                if !self.table.leases.names(known).is_empty() {
                    return Err(Inconsistent(format!("lease {id} ends with names on it")));
                }
                let (ttl, expires) = self.table.leases.remove(known).ok_or_else(unknown)?;
                Ok(Some(Step::Ended(known, ttl, expires)))
            }
            Record::Counters {
                next_epoch,
                revision,
            } => {
                if *next_epoch < self.next_epoch || *revision < self.revision {
                    return Err(Inconsistent("the counters run backwards".to_owned()));
                }
                (self.next_epoch, self.revision) = (*next_epoch, *revision);
                Ok(None)
            }
        }
    }

    fn apply_put(&mut self, entry: &Entry, hold: Hold) -> Result<Step, Inconsistent> {
        let wrong = |why: &str| Inconsistent(format!("entry '{}' {why}", entry.name));
        check::name(&entry.name).map_err(|error| wrong(&error.to_string()))?;
        check::uri(&entry.uri).map_err(|error| wrong(&error.to_string()))?;
        check::tags(&entry.metadata).map_err(|error| wrong(&error.to_string()))?;
        let lease = entry.lease.map(|id| self.known_lease(id)).transpose();
        let lease = lease.map_err(|_| wrong("hangs on a lease that is not granted"))?;
        let (name, slot) = match self.table.named(&entry.name) {
            Some((name, slot)) => (name.clone(), Some(slot)),
            None => (entry.name.as_str().into(), None),
        };
        let mut members = slot.iter().flat_map(|slot| slot.members());
        let before = members.find(|held| held.epoch == entry.epoch).cloned();
        let fits = match slot.map(Slot::hold) {
            None => true,
            Some(Hold::Alone) => hold == Hold::Alone && before.is_some(),
            Some(Hold::Member) => hold == Hold::Member,
        };
        if !fits {
            return Err(wrong("is held twice"));
        }
        let after = entry
            .epoch
            .checked_add(1)
            .ok_or_else(|| wrong("has the last epoch"))?;
        if before.as_ref().is_some_and(|before| before.lease != lease) {
            return Err(wrong("changes its lease"));
        }
        self.next_epoch = self.next_epoch.max(after);
        self.revision += 1;
        let held = Held::new(&entry.uri, &entry.metadata, entry.epoch, lease);
        self.table.put(&name, hold, held.clone());
        Ok(Step::Edited(Edit {
            name,
            hold,
            before,
            after: Some(held),
        }))
    }

    fn apply_gone(&mut self, name: &str, epoch: Epoch) -> Result<Step, Inconsistent> {
        let slot = self.table.slot(name);
        let held = slot.and_then(|slot| slot.members().iter().find(|held| held.epoch == epoch));
        let (Some(slot), Some(held)) = (slot, held.cloned()) else {
            return Err(Inconsistent(format!(
                "entry '{name}' goes but is not there"
            )));
        };
        let hold = slot.hold();
        let name = self.table.shared_name(name);
        self.table.take(&name, &held);
        self.revision += 1;
        Ok(Step::Edited(Edit {
            name,
            hold,
            before: Some(held),
            after: None,
        }))
    }
}

fn record(step: &Step) -> Record {
    match step {
        Step::Edited(Edit {
            name,
            hold,
            after: Some(held),
            ..
        }) => Record::Put {
            entry: held.entry(name),
            hold: *hold,
        },
        Step::Edited(Edit { name, before, .. }) => Record::Gone {
            name: name.to_string(),
            epoch: before.as_ref().map_or(0, |held| held.epoch),
        },
        Step::Granted(id, ttl) => Record::Granted {
            id: id.get(),
            ttl_ms: lease::millis(*ttl),
        },
        Step::Ended(id, ..) => Record::Ended { id: id.get() },
    }
}
