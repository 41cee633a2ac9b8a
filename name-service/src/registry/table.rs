//! Names in their order with what they hold, and the leases: the state that changes are applied to.

use std::collections::{BTreeMap, btree_map};
use std::ops::Bound;
use std::sync::Arc;

use super::lease::Leases;
use super::slot::{Held, Hold, Slot};

/// The state of a registry.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: BTreeMap<Arc<str>, Slot>,
    entries: usize,
    pub(super) leases: Leases,
}

impl Table {
    /// How many entries there are, each member of a group counted.
    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    /// How many names there are.
    pub(super) fn names(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.get(name)
    }

    pub(super) fn hold(&self, name: &str) -> Option<Hold> {
        self.slot(name).map(Slot::hold)
    }

    /// The name in the allocation that the table has of it, if it has the name.
    pub(super) fn shared_name(&self, name: &str) -> Arc<str> {
        self.named(name)
            .map_or_else(|| name.into(), |(name, _)| name.clone())
    }

    /// A name in the allocation that the table has of it, with what it holds.
    pub(super) fn named(&self, name: &str) -> Option<(&Arc<str>, &Slot)> {
        self.slots.get_key_value(name)
    }

    /// The names from `start` on, in their order.
    pub(super) fn from<'a>(&'a self, start: &'a str) -> impl Iterator<Item = (&'a str, &'a Slot)> {
        let bounds = (Bound::Included(start), Bound::Unbounded);
        self.slots
            .range::<str, _>(bounds)
            .map(|(name, slot)| (&**name, slot))
    }

    /// The names before `end`, the nearest first.
    pub(super) fn before<'a>(&'a self, end: &'a str) -> impl Iterator<Item = &'a str> {
        let bounds = (Bound::Unbounded, Bound::Excluded(end));
        self.slots
            .range::<str, _>(bounds)
            .rev()
            .map(|(name, _)| &**name)
    }

    /// Puts an entry, in the place of one with the same epoch if there is one.
    ///
    /// The caller sees to it that a name is not held both ways.
    pub(super) fn put(&mut self, name: &Arc<str>, hold: Hold, held: Held) {
        if let Some(lease) = held.lease {
            self.leases.hang(lease, name);
        }
        let slot = match self.slots.entry(name.clone()) {
            btree_map::Entry::Vacant(vacant) => {
                vacant.insert(Slot::new(hold, held));
                self.entries += 1;
                return;
            }
            btree_map::Entry::Occupied(occupied) => occupied.into_mut(),
        };
        match slot {
            Slot::Alone(present) => *present = held,
            Slot::Group(members) => {
                match members.binary_search_by_key(&held.epoch, |member| member.epoch) {
                    Ok(at) => members[at] = held,
                    Err(at) => {
                        members.insert(at, held);
                        self.entries += 1;
                    }
                }
            }
        }
    }

    /// Takes an entry out; the name goes with its last one.
    pub(super) fn take(&mut self, name: &str, held: &Held) {
        let Some(slot) = self.slots.get_mut(name) else {
            return;
        };
        let mut shares_lease = false;
        if let Slot::Group(members) = slot {
            members.retain(|member| member.epoch != held.epoch);
            shares_lease = members.iter().any(|member| member.lease == held.lease);
        }
        if let Some(lease) = held.lease.filter(|_| !shares_lease) {
            self.leases.unhang(lease, name);
        }
        self.entries -= 1;
        if matches!(slot, Slot::Alone(_)) || slot.members().is_empty() {
            self.slots.remove(name);
        }
    }
}
