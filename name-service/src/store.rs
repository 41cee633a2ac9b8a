//! Stores: where a registry is kept while the name service is down.

mod file;
mod header;
mod held_back;
mod refusal;
mod tables;

#[cfg(test)]
mod damage;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use self::file::FileStore;
pub use self::refusal::Refusal;
use crate::registry::{Inconsistent, Limits, Record, Registry};

/// Where names are kept, as `ns --store` takes it: `memory` or `redb:PATH`.
///
/// # Examples
///
/// ```
/// # use farcall_names::store::Place;
/// let place: Place = "redb:/var/lib/farcall/names.redb".parse()?;
/// assert_eq!(place.to_string(), "redb:/var/lib/farcall/names.redb");
/// # Ok::<(), farcall_names::store::UnknownPlace>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: the names go with the process.
    Memory,
    /// In a redb file.
    Redb(PathBuf),
}

/// A store was asked for in no form that there is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown store '{text}': it is either 'memory' or 'redb:PATH'")]
pub struct UnknownPlace {
    text: String,
}

/// Why a store cannot be opened.
///
/// A file that is refused for what it holds stays byte for byte as it is.
#[derive(Debug, thiserror::Error)]
#[error("store '{}' {refusal}", .path.display())]
pub struct OpenError {
    path: PathBuf,
    /// What is wrong with it.
    pub refusal: Refusal,
}

/// The store could not keep a batch of changes; it holds what it held before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("store {place}: {why}")]
pub struct CommitError {
    place: String,
    why: String,
}

impl CommitError {
    /// What was kept could not be shown: a bug, told rather than hidden.
    pub(crate) fn inconsistent(why: &Inconsistent) -> Self {
        Self {
            place: "of the registry".into(),
            why: why.to_string(),
        }
    }
}

/// Keeps what a registry logs.
#[derive(Debug)]
pub struct Store(Kind);

#[derive(Debug)]
enum Kind {
    Memory,
    Redb(FileStore),
}

impl Store {
    /// Opens a store and builds the registry from what it kept; makes the file where there is none.
    ///
    /// Leases last their full time from `now`; epochs and revisions go on. `seed` is that of
    /// [`Registry::new`]. A registry in memory takes its first epoch from the wall clock, so that
    /// epochs grow over restarts too.
    ///
    /// # Errors
    ///
    /// [`OpenError`] with the reason; a file that is not sound stays as it is.
    pub fn open(
        place: &Place,
        limits: Limits,
        seed: u64,
        now: Duration,
    ) -> Result<(Self, Registry), OpenError> {
        match place {
            Place::Memory => Ok((Self(Kind::Memory), in_memory(limits, seed, now))),
            Place::Redb(path) => match FileStore::open(path, limits, seed, now) {
                Ok((file, registry)) => Ok((Self(Kind::Redb(file)), registry)),
                Err(refusal) => Err(OpenError {
                    path: path.clone(),
                    refusal,
                }),
            },
        }
    }

    /// Keeps a batch of changes, all or none; they are on the disk when this returns.
    ///
    /// Waits for the disk: not for a thread that serves others.
    ///
    /// # Errors
    ///
    /// [`CommitError`] when the disk is full or failed. The next commit tries to open the file
    /// again, so a store heals once the disk does.
    pub fn commit(&mut self, records: &[Record]) -> Result<(), CommitError> {
        match &mut self.0 {
            Kind::Memory => Ok(()),
            Kind::Redb(file) => file.commit(records),
        }
    }
}

/// An empty registry whose counters are beyond those of any earlier one, as long as the clock does
/// not go back by more than a restart takes and fewer than a million changes come per second.
fn in_memory(limits: Limits, seed: u64, now: Duration) -> Registry {
    let clock = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let counter = u64::try_from(clock.as_micros()).unwrap_or_default();
    let counters = Record::Counters {
        next_epoch: counter.max(1),
        revision: counter,
    };
    let fresh = Registry::restore(limits, seed, now, [Ok::<_, Inconsistent>(counters)]);
    fresh.unwrap_or_else(|_| Registry::new(limits, seed))
}

impl FromStr for Place {
    type Err = UnknownPlace;

    fn from_str(text: &str) -> Result<Self, UnknownPlace> {
        match text.strip_prefix("redb:") {
            Some(path) if !path.is_empty() => Ok(Self::Redb(path.into())),
            None if text == "memory" => Ok(Self::Memory),
            _ => Err(UnknownPlace {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Redb(path) => write!(f, "redb:{}", path.display()),
        }
    }
}
