//! What a name holds, packed: a million of these are in memory.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::sync::Arc;

use farcall_shared::names::{Entry, Epoch};
use serde::{Deserialize, Serialize};

/// How a registration has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    /// As the only owner.
    Alone,
    /// As a member of a group.
    Member,
}

/// One registration without its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) epoch: Epoch,
    pub(super) lease: Option<NonZeroU64>,
    /// The URI, then each tag behind a line feed: neither may hold one.
    text: Arc<str>,
}

/// All registrations of one name.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    Alone(Held),
    /// In the order of their epochs, never empty.
    Group(Vec<Held>),
}

impl Held {
    pub(super) fn new(
        uri: &str,
        metadata: &BTreeSet<String>,
        epoch: Epoch,
        lease: Option<NonZeroU64>,
    ) -> Self {
        let mut text = String::from(uri);
        for tag in metadata {
            text.push('\n');
            text.push_str(tag);
        }
        Self {
            epoch,
            lease,
            text: text.into(),
        }
    }

    pub(super) fn with_metadata(&self, metadata: &BTreeSet<String>) -> Self {
        Self::new(self.uri(), metadata, self.epoch, self.lease)
    }

    pub(super) fn uri(&self) -> &str {
        self.text.split('\n').next().unwrap_or_default()
    }

    pub(super) fn tags(&self) -> impl Iterator<Item = &str> {
        self.text.split('\n').skip(1)
    }

    pub(super) fn entry(&self, name: &str) -> Entry {
        Entry {
            name: name.to_owned(),
            uri: self.uri().to_owned(),
            metadata: self.tags().map(str::to_owned).collect(),
            epoch: self.epoch,
            lease: self.lease.map(NonZeroU64::get),
        }
    }
}

impl Slot {
    pub(super) fn new(hold: Hold, held: Held) -> Self {
        match hold {
            Hold::Alone => Self::Alone(held),
            Hold::Member => Self::Group(vec![held]),
        }
    }

    pub(super) fn hold(&self) -> Hold {
        match self {
            Self::Alone(_) => Hold::Alone,
            Self::Group(_) => Hold::Member,
        }
    }

    pub(super) fn members(&self) -> &[Held] {
        match self {
            Self::Alone(held) => std::slice::from_ref(held),
            Self::Group(members) => members,
        }
    }
}
