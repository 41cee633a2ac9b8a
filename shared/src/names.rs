//! The contract of the name service: what it stores, what it answers, what it refuses.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The object that every name service hosts.
pub const NAME_SERVER: &str = "Far.NameServer";

/// The port of the name service where nothing else is said.
pub const DEFAULT_PORT: u16 = 9090;

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 512;

/// The longest URI of a registration, in bytes.
pub const MAX_URI_BYTES: usize = 1024;

/// The most tags of one registration.
pub const MAX_TAGS: usize = 64;

/// The longest tag, in bytes.
pub const MAX_TAG_BYTES: usize = 256;

/// The most entries in one page of a list and in one answer of a search.
pub const MAX_PAGE: usize = 10_000;

/// A strictly growing number: each registration of any name gets the next one.
pub type Epoch = u64;

/// Counts the changes of the registry; a watch resumes from one.
pub type Revision = u64;

/// Names a lease; registrations that hang on it go when it ends.
pub type LeaseId = u64;

/// One registration: a name, where it leads, and what is said about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The name; several entries share it when they form a group.
    pub name: String,
    /// Where the object is, as the registering side gave it.
    pub uri: String,
    /// Tags and `key=value` pairs.
    pub metadata: BTreeSet<String>,
    /// The number of this registration.
    pub epoch: Epoch,
    /// The lease that keeps it, if any; without one it stays until removed.
    pub lease: Option<LeaseId>,
}

/// What to do when the name exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Refuse: one owner at a time.
    Exclusive,
    /// Take the name over; with `expected`, only from that registration.
    Replace {
        /// The epoch that the name must have now.
        expected: Option<Epoch>,
    },
    /// Become one more member of a group.
    Join,
}

/// A request to register a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The name to take.
    pub name: String,
    /// Where it leads.
    pub uri: String,
    /// Tags and `key=value` pairs.
    pub metadata: BTreeSet<String>,
    /// What to do when the name exists already.
    pub mode: Mode,
    /// The lease it hangs on; `None` stays until removed.
    pub lease: Option<LeaseId>,
}

/// Which entries a list or a watch is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selector {
    /// Names that begin with this; the empty prefix selects every name.
    Prefix(String),
    /// Names that match a glob: `*` any run, `?` any one character, `[a-z]` a class.
    Glob(String),
    /// Entries that carry all of these tags.
    All(BTreeSet<String>),
    /// Entries that carry at least one of these tags.
    Any(BTreeSet<String>),
}

/// A page of entries in the order of name, then epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Ask again with this as `after` for the rest; `None` when this was all.
    pub next: Option<Cursor>,
    /// The registry's revision when the page was made.
    pub revision: Revision,
}

/// The last entry of a page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cursor {
    /// Its name.
    pub name: String,
    /// Its epoch.
    pub epoch: Epoch,
}

/// One change of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// The entry is there now, new or with other metadata.
    Put(Entry),
    /// The entry is gone: removed, replaced, or its lease ended.
    Gone {
        /// Its name.
        name: String,
        /// Its epoch.
        epoch: Epoch,
    },
}

/// What a watch answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// True when history no longer reaches back to the revision asked for (or none was given):
    /// `changes` is then a snapshot, and what the watcher knew before is void.
    pub reset: bool,
    /// The changes in their order; empty when nothing happened while waiting.
    pub changes: Vec<Change>,
    /// Ask again from this revision.
    pub revision: Revision,
}

/// A granted lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its name.
    pub id: LeaseId,
    /// How long it lasts after each renewal, in milliseconds; clamped by the server.
    pub ttl_ms: u64,
}

/// Why the name service refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The name is not registered.
    #[error("unknown name '{name}'{}", near(.similar))]
    Unknown {
        /// The name asked for.
        name: String,
        /// Registered names that look like it.
        similar: Vec<String>,
    },
    /// The name belongs to somebody else.
    #[error("name '{name}' is taken by {owner} (epoch {epoch}{}); choose another name, or ask to replace it or to join a group", until(.lease_ms))]
    Taken {
        /// The name asked for.
        name: String,
        /// The URI that holds it.
        owner: String,
        /// The epoch of that registration.
        epoch: Epoch,
        /// How long the owner's lease still lasts unless renewed, in milliseconds.
        lease_ms: Option<u64>,
    },
    /// The epoch to replace or remove is not the one the name has.
    #[error("name '{name}' has epoch {actual}, not {expected}")]
    Epoch {
        /// The name.
        name: String,
        /// What the caller expected.
        expected: Epoch,
        /// What it is; 0 when the name is free.
        actual: Epoch,
    },
    /// The lease ended or was never granted.
    #[error("unknown lease {lease}: it ended or was never granted")]
    Lease {
        /// The lease named.
        lease: LeaseId,
    },
    /// A name, URI, tag or pattern that cannot be accepted.
    #[error("{what} is not acceptable: {why}")]
    Invalid {
        /// Which part, with its text.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A bound of the name service was reached.
    #[error("the name service is full: {what}")]
    Full {
        /// Which bound.
        what: String,
    },
    /// The store could not keep the change; nothing was changed.
    #[error("the store could not keep the change: {why}")]
    Storage {
        /// What the store said.
        why: String,
    },
}

fn near(similar: &[String]) -> String {
    if similar.is_empty() {
        return String::new();
    }
    format!("; did you mean {}?", similar.join(", "))
}

fn until(lease_ms: &Option<u64>) -> String {
    match lease_ms {
        Some(ms) => format!(
            ", its lease ends in {:.1} s unless renewed",
            *ms as f64 / 1000.0
        ),
        None => String::new(),
    }
}

/// The name service, as a remote object.
#[farcall_macros::remote(crate = crate)]
pub trait NameServer {
    /// Registers a name and gives the registration's epoch. Registering the same URI under the same lease again
    /// changes nothing but the metadata, so it is safe to repeat.
    #[idempotent]
    async fn register(&self, registration: Registration) -> Result<Epoch, NameError>;

    /// The entry of a name, or all entries of a group.
    #[idempotent]
    async fn lookup(&self, name: String) -> Result<Vec<Entry>, NameError>;

    /// A page of the entries that a selector selects; the number of entries is cut to `limit`.
    #[idempotent]
    async fn list(
        &self,
        selector: Selector,
        after: Option<Cursor>,
        limit: u64,
    ) -> Result<Page, NameError>;

    /// Removes a name with all its entries; gives how many there were.
    async fn remove(&self, name: String) -> Result<u64, NameError>;

    /// Removes one registration.
    #[idempotent]
    async fn withdraw(&self, name: String, epoch: Epoch) -> Result<(), NameError>;

    /// Sets the metadata of a name, for all entries of a group.
    #[idempotent]
    async fn set_metadata(&self, name: String, metadata: BTreeSet<String>)
    -> Result<(), NameError>;

    /// How many entries there are.
    #[idempotent]
    async fn count(&self) -> u64;

    /// Answers; the service is there.
    #[idempotent]
    async fn ping(&self);

    /// The changes since a revision. Waits up to `wait_ms` milliseconds (at most 60,000) for one when there are none.
    #[idempotent]
    async fn watch(
        &self,
        selector: Selector,
        from: Option<Revision>,
        wait_ms: u64,
    ) -> Result<Changes, NameError>;

    /// Grants a lease of `ttl_ms` milliseconds, cut to between 1 s and 1 h.
    async fn grant(&self, ttl_ms: u64) -> Result<Lease, NameError>;

    /// Renews a lease.
    #[idempotent]
    async fn keep_alive(&self, lease: LeaseId) -> Result<Lease, NameError>;

    /// Ends a lease and what hangs on it.
    #[idempotent]
    async fn revoke(&self, lease: LeaseId) -> Result<(), NameError>;
}
