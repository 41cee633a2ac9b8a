//! The tables of a redb file: what is kept, in which format.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use farcall_shared::names::{Entry, Epoch, LeaseId, Revision};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::registry::{Hold, Limits, Record, Registry};

/// The format of the tables below; a file with a higher one is refused.
const FORMAT: u64 = 1;

/// The counters, by name.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// The time to live of each lease in milliseconds.
const LEASES: TableDefinition<'_, LeaseId, u64> = TableDefinition::new("leases");

/// Each entry by name and epoch, as postcard of [`Kept`].
const ENTRIES: TableDefinition<'_, (&str, Epoch), &[u8]> = TableDefinition::new("entries");

const META_FORMAT: &str = "format";
const META_NEXT_EPOCH: &str = "next_epoch";
const META_REVISION: &str = "revision";

/// What is kept of an entry besides its key.
#[derive(Serialize, Deserialize)]
struct Kept<Text, Tags> {
    uri: Text,
    metadata: Tags,
    lease: Option<LeaseId>,
    hold: Hold,
}

/// Where the counters of the registry were at the last batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) next_epoch: Epoch,
    pub(super) revision: Revision,
}

/// Makes the tables in a file that is new.
pub(super) fn create(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(META_FORMAT, FORMAT)?;
        meta.insert(META_NEXT_EPOCH, 1)?;
        meta.insert(META_REVISION, 0)?;
        transaction.open_table(LEASES)?;
        transaction.open_table(ENTRIES)?;
    }
    Ok(transaction.commit()?)
}

/// Reads the counters, if the format is known.
pub(super) fn counters(database: &Database) -> Result<Counters, Refusal> {
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let meta = transaction.open_table(META)?;
    match meta.get(META_FORMAT)?.map(|format| format.value()) {
        Some(FORMAT) => {}
        Some(format) if format > FORMAT => return Err(Refusal::Format(format!("format {format}"))),
        _ => return Err(Refusal::Foreign),
    }
    let counter = |name: &str| {
        let missing = || Refusal::Damaged(format!("it has no {name}"));
        meta.get(name)?
            .map(|value| value.value())
            .ok_or_else(missing)
    };
    Ok(Counters {
        next_epoch: counter(META_NEXT_EPOCH)?,
        revision: counter(META_REVISION)?,
    })
}

/// Builds the registry from all that is kept.
pub(super) fn load(
    database: &Database,
    limits: Limits,
    seed: u64,
    now: Duration,
) -> Result<Registry, Refusal> {
    let Counters {
        next_epoch,
        revision,
    } = counters(database)?;
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let leases = transaction.open_table(LEASES)?;
    let leases = leases.iter()?.map(|row| {
        let (id, ttl_ms) = row?;
        Ok(Record::Granted {
            id: id.value(),
            ttl_ms: ttl_ms.value(),
        })
    });
    let entries = transaction.open_table(ENTRIES)?;
    let entries = entries.iter()?.map(|row| {
        let (key, kept) = row?;
        let (name, epoch) = key.value();
        decode(name, epoch, kept.value())
    });
    let counters = [Ok(Record::Counters {
        next_epoch,
        revision,
    })];
    Registry::restore(limits, seed, now, leases.chain(entries).chain(counters))
}

fn decode(name: &str, epoch: Epoch, kept: &[u8]) -> Result<Record, Refusal> {
    match postcard::take_from_bytes::<Kept<String, BTreeSet<String>>>(kept) {
        Ok((
            Kept {
                uri,
                metadata,
                lease,
                hold,
            },
            [],
        )) => {
            let entry = Entry {
                name: name.to_owned(),
                uri,
                metadata,
                epoch,
                lease,
            };
            Ok(Record::Put { entry, hold })
        }
        _ => Err(Refusal::Damaged(format!("entry '{name}' cannot be read"))),
    }
}

/// Writes a batch in one transaction, which is on the disk when this returns.
pub(super) fn write(database: &Database, records: &[Record]) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    // With one phase only, damage to the last batch reads like a crash before it was kept.
    transaction.set_two_phase_commit(true);
    {
        let mut meta = transaction.open_table(META)?;
        let mut leases = transaction.open_table(LEASES)?;
        let mut entries = transaction.open_table(ENTRIES)?;
        for record in records {
            match record {
                Record::Put { entry, hold } => {
                    let Entry {
                        name,
                        uri,
                        metadata,
                        epoch,
                        lease,
                    } = entry;
                    let kept = Kept {
                        uri,
                        metadata,
                        lease: *lease,
                        hold: *hold,
                    };
                    let kept = postcard::to_stdvec(&kept).map_err(io::Error::other)?;
                    entries.insert((name.as_str(), *epoch), kept.as_slice())?;
                }
                Record::Gone { name, epoch } => {
                    entries.remove((name.as_str(), *epoch))?;
                }
                Record::Granted { id, ttl_ms } => {
                    leases.insert(id, ttl_ms)?;
                }
                Record::Ended { id } => {
                    leases.remove(id)?;
                }
                Record::Counters {
                    next_epoch,
                    revision,
                } => {
                    meta.insert(META_NEXT_EPOCH, next_epoch)?;
                    meta.insert(META_REVISION, revision)?;
                }
            }
        }
    }
    Ok(transaction.commit()?)
}
