//! The registry: names, groups, leases and watches as a pure state machine; `now` is an argument.

mod check;
mod journal;
mod lease;
mod plan;
mod select;
mod similar;
mod slot;
mod table;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroU64;
use std::time::Duration;

use farcall_shared::names::{
    Changes, Cursor, Entry, Epoch, Lease, LeaseId, NameError, Page, Registration, Revision,
    Selector,
};

pub use self::journal::{Inconsistent, Record};
pub use self::slot::Hold;

use self::journal::{Edit, Step};
use self::lease::LeaseIds;
use self::plan::Plan;
use self::slot::{Held, Slot};
use self::table::Table;

/// The bounds of a registry that a program may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most entries, each member of a group counted; 4,000,000 unless set.
    pub names: usize,
    /// The most leases; 1,000,000 unless set.
    pub leases: usize,
    /// How many changes a watch may lag behind before it gets a reset; 65,536 unless set.
    pub history: usize,
    /// The most entries in the snapshot that a reset brings; 100,000 unless set.
    pub snapshot: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            names: 4_000_000,
            leases: 1_000_000,
            history: 65_536,
            snapshot: 100_000,
        }
    }
}

/// The names of a name service, and what hangs on them.
///
/// Every change stays *pending* until [`confirm`](Self::confirm) makes it final or
/// [`undo`](Self::undo) takes it back. Between the two a store keeps what
/// [`take_log`](Self::take_log) says. Readers see pending changes, watches do not; to keep readers
/// away from what a store may still refuse, take the log, undo, write, and
/// [`redo`](Self::redo) the log once it is written.
#[derive(Debug)]
pub struct Registry {
    limits: Limits,
    table: Table,
    lease_ids: LeaseIds,
    next_epoch: Epoch,
    revision: Revision,
    /// The confirmed changes that end at the confirmed revision.
    history: VecDeque<Edit>,
    pending: Vec<Step>,
    logged: usize,
    confirmed_epoch: Epoch,
}

impl Registry {
    /// An empty registry whose epochs and revisions begin at 1.
    ///
    /// `seed` makes lease ids that look random; two runs should not share it.
    #[must_use]
    pub fn new(limits: Limits, seed: u64) -> Self {
        Self {
            limits,
            table: Table::default(),
            lease_ids: LeaseIds::new(seed),
            next_epoch: 1,
            revision: 0,
            history: VecDeque::new(),
            pending: Vec::new(),
            logged: 0,
            confirmed_epoch: 1,
        }
    }

    /// Registers a name and answers the epoch of the registration.
    ///
    /// The owner of a registration (same name, URI and lease) that registers it again gets the
    /// epoch it has, and only the metadata may change: a retry is harmless.
    ///
    /// First ends the leases whose time is over; these changes are pending even after an error.
    ///
    /// # Errors
    ///
    /// [`NameError::Invalid`] for a name, URI or tag beyond the bounds; [`NameError::Lease`] for an
    /// unknown lease; [`NameError::Taken`] when the name is held and the mode does not take it
    /// over, when a name held alone is joined, and when a group is registered as one owner;
    /// [`NameError::Epoch`] when `expected` is not the only registration of the name;
    /// [`NameError::Full`] at the bound of names.
    pub fn register(&mut self, now: Duration, request: Registration) -> Result<Epoch, NameError> {
        check::name(&request.name)?;
        check::uri(&request.uri)?;
        check::tags(&request.metadata)?;
        self.expire(now);
        let lease = request.lease.map(|id| self.known_lease(id)).transpose()?;
        match self.plan(now, &request, lease)? {
            Plan::Keep(held) => {
                self.retag(&request.name, held.clone(), &request.metadata);
                Ok(held.epoch)
            }
            Plan::Put { gone, hold } => {
                if gone.is_empty() && self.table.entries() >= self.limits.names {
                    let what = format!("it holds its bound of {} names", self.limits.names);
                    return Err(NameError::Full { what });
                }
                let name = self.table.shared_name(&request.name);
                for held in gone {
                    self.drop_entry(&name, held);
                }
                let epoch = self.next_epoch;
                self.next_epoch += 1;
                let after = Some(Held::new(&request.uri, &request.metadata, epoch, lease));
                self.edit(Edit {
                    name,
                    hold,
                    before: None,
                    after,
                });
                Ok(epoch)
            }
        }
    }

    /// All registrations of a name: one, or the members of a group in the order they joined.
    ///
    /// # Errors
    ///
    /// [`NameError::Unknown`], with up to three names that look like it; [`NameError::Invalid`] for
    /// a name that could not be registered.
    pub fn lookup(&self, name: &str) -> Result<Vec<Entry>, NameError> {
        match self.table.slot(name) {
            Some(slot) => Ok(slot.members().iter().map(|held| held.entry(name)).collect()),
            None => {
                check::name(name)?;
                Err(self.unknown(name))
            }
        }
    }

    /// A page of the entries that a selector selects, after a cursor, at most `limit` of them
    /// ([`MAX_PAGE`](farcall_shared::names::MAX_PAGE) if that is less).
    ///
    /// One page looks at 100,000 entries at most, so it may hold fewer than `limit`, even none,
    /// and still name a `next`.
    ///
    /// # Errors
    ///
    /// [`NameError::Invalid`] for a selector that cannot be accepted.
    pub fn list(
        &self,
        selector: &Selector,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page, NameError> {
        select::page(&self.table, selector, after, limit, self.revision)
    }

    /// What changed since a revision, or a snapshot with `reset` where history does not reach back
    /// to it. At most [`MAX_PAGE`](farcall_shared::names::MAX_PAGE) changes come at once; ask again
    /// from the revision of the answer.
    ///
    /// Call it while nothing is pending: a snapshot would show what may still be undone.
    ///
    /// # Errors
    ///
    /// [`NameError::Invalid`] for a selector that cannot be accepted; [`NameError::Full`] where the
    /// snapshot would hold more entries than the bound.
    pub fn changes_since(
        &self,
        selector: &Selector,
        since: Option<Revision>,
    ) -> Result<Changes, NameError> {
        let confirmed = self.revision - self.pending_edits();
        let lag = since.and_then(|since| confirmed.checked_sub(since));
        match lag.and_then(|lag| self.history.len().checked_sub(usize::try_from(lag).ok()?)) {
            Some(start) => select::changes(self.history.range(start..), selector, confirmed),
            None => select::snapshot(&self.table, selector, self.limits.snapshot, confirmed),
        }
    }

    /// Removes a name with all its registrations and answers how many there were.
    pub fn remove(&mut self, name: &str) -> usize {
        let members = self
            .table
            .slot(name)
            .map(|slot| slot.members().to_vec())
            .unwrap_or_default();
        let count = members.len();
        for held in members {
            self.drop_entry(name, held);
        }
        count
    }

    /// Removes one registration of a name.
    ///
    /// # Errors
    ///
    /// [`NameError::Epoch`] when the name has no registration of that epoch.
    pub fn withdraw(&mut self, name: &str, epoch: Epoch) -> Result<(), NameError> {
        let members = self.table.slot(name).map(Slot::members).unwrap_or_default();
        match members.iter().find(|held| held.epoch == epoch).cloned() {
            Some(held) => {
                self.drop_entry(name, held);
                Ok(())
            }
            None => {
                let actual = members.last().map_or(0, |held| held.epoch);
                Err(NameError::Epoch {
                    name: name.to_owned(),
                    expected: epoch,
                    actual,
                })
            }
        }
    }

    /// Gives all registrations of a name other metadata; their epochs stay.
    ///
    /// # Errors
    ///
    /// [`NameError::Unknown`] for a free name; [`NameError::Invalid`] for tags beyond the bounds.
    pub fn set_metadata(
        &mut self,
        name: &str,
        metadata: &BTreeSet<String>,
    ) -> Result<(), NameError> {
        check::tags(metadata)?;
        let Some(slot) = self.table.slot(name) else {
            check::name(name)?;
            return Err(self.unknown(name));
        };
        for held in slot.members().to_vec() {
            self.retag(name, held, metadata);
        }
        Ok(())
    }

    /// How many entries there are, each member of a group counted.
    #[must_use]
    pub fn count(&self) -> usize {
        self.table.entries()
    }

    /// The number of the last change, pending ones counted.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Grants a lease; its time to live is clamped to 1 s..1 h.
    ///
    /// # Errors
    ///
    /// [`NameError::Full`] at the bound of leases.
    pub fn grant(&mut self, now: Duration, ttl_ms: u64) -> Result<Lease, NameError> {
        if self.table.leases.len() >= self.limits.leases {
            let what = format!("it holds its bound of {} leases", self.limits.leases);
            return Err(NameError::Full { what });
        }
        let id = self.lease_ids.next(|id| self.table.leases.contains(id));
        let ttl = lease::clamp(ttl_ms);
        self.table.leases.insert(id, ttl, now + ttl);
        let lease = Lease {
            id: id.get(),
            ttl_ms: lease::millis(ttl),
        };
        self.pending.push(Step::Granted(id, ttl));
        Ok(lease)
    }

    /// Lets a lease last its full time again from `now`. Nothing is pending after it: a store that
    /// is opened again gives each lease its full time anyway.
    ///
    /// # Errors
    ///
    /// [`NameError::Lease`] for a lease that ended, whose time is over, or that never was.
    pub fn keep_alive(&mut self, now: Duration, id: LeaseId) -> Result<Lease, NameError> {
        let known = self.known_lease(id)?;
        let ttl = self
            .table
            .leases
            .renew(known, now)
            .ok_or(NameError::Lease { lease: id })?;
        Ok(Lease {
            id,
            ttl_ms: lease::millis(ttl),
        })
    }

    /// Ends a lease and removes what hangs on it, and answers how many registrations went.
    ///
    /// # Errors
    ///
    /// [`NameError::Lease`] for a lease that ended, whose time is over, or that never was; its
    /// registrations are gone or go at the next [`expire`](Self::expire).
    pub fn revoke(&mut self, now: Duration, id: LeaseId) -> Result<usize, NameError> {
        let known = self.known_lease(id)?;
        if self.table.leases.remaining(known, now).is_none() {
            return Err(NameError::Lease { lease: id });
        }
        Ok(self.end_lease(known))
    }

    /// Ends the leases whose time is over, the longest overdue first.
    pub fn expire(&mut self, now: Duration) {
        while let Some(id) = self.table.leases.overdue(now) {
            self.end_lease(id);
        }
    }

    /// When the next lease ends unless it is renewed.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Duration> {
        self.table.leases.next_expiry()
    }

    fn known_lease(&self, id: LeaseId) -> Result<NonZeroU64, NameError> {
        NonZeroU64::new(id)
            .filter(|id| self.table.leases.contains(*id))
            .ok_or(NameError::Lease { lease: id })
    }

    fn unknown(&self, name: &str) -> NameError {
        NameError::Unknown {
            name: name.to_owned(),
            similar: similar::names(&self.table, name),
        }
    }

    fn retag(&mut self, name: &str, held: Held, metadata: &BTreeSet<String>) {
        let after = held.with_metadata(metadata);
        if after == held {
            return;
        }
        if let Some(hold) = self.table.hold(name) {
            let name = self.table.shared_name(name);
            self.edit(Edit {
                name,
                hold,
                before: Some(held),
                after: Some(after),
            });
        }
    }

    fn drop_entry(&mut self, name: &str, held: Held) {
        if let Some(hold) = self.table.hold(name) {
            let name = self.table.shared_name(name);
            self.edit(Edit {
                name,
                hold,
                before: Some(held),
                after: None,
            });
        }
    }

    fn end_lease(&mut self, id: NonZeroU64) -> usize {
        let mut count = 0;
        for name in self.table.leases.names(id) {
            let members = self
                .table
                .slot(&name)
                .map(Slot::members)
                .unwrap_or_default();
            let gone: Vec<Held> = members
                .iter()
                .filter(|held| held.lease == Some(id))
                .cloned()
                .collect();
            count += gone.len();
            for held in gone {
                self.drop_entry(&name, held);
            }
        }
        if let Some((ttl, expires)) = self.table.leases.remove(id) {
            self.pending.push(Step::Ended(id, ttl, expires));
        }
        count
    }
}
