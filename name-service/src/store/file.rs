//! The redb file: making it, opening it with distrust, and committing to it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use redb::backends::FileBackend;
use redb::{Builder, Database};

use super::held_back::HeldBack;
use super::tables::{self, Counters};
use super::{CommitError, Refusal, header};
use crate::registry::{Limits, Record, Registry};

/// How much of the file redb may keep in memory.
const MAX_CACHE_BYTES: usize = 32 << 20;

/// A redb file that is open, or that failed and waits to be opened again.
#[derive(Debug)]
pub(super) struct FileStore {
    path: PathBuf,
    database: Option<Database>,
    /// The counters of the last batch that was kept.
    kept: Counters,
    #[cfg(test)]
    pub(super) backend: HeldBack,
}

impl FileStore {
    pub(super) fn open(
        path: &Path,
        limits: Limits,
        seed: u64,
        now: Duration,
    ) -> Result<(Self, Registry), Refusal> {
        if !fs::exists(path)? {
            create(path, seed)?;
        }
        let (database, backend, (kept, registry)) = open_checked(path, |database| {
            Ok((
                tables::counters(database)?,
                tables::load(database, limits, seed, now)?,
            ))
        })?;
        backend.release()?;
        let store = Self {
            path: path.to_owned(),
            database: Some(database),
            kept,
            #[cfg(test)]
            backend,
        };
        Ok((store, registry))
    }

    pub(super) fn commit(&mut self, records: &[Record]) -> Result<(), CommitError> {
        if records.is_empty() {
            return Ok(());
        }
        let place = format!("'{}'", self.path.display());
        let failed = |why: String| CommitError { place, why };
        let database = match self.database.take() {
            Some(database) => Ok(database),
            None => self.reopen().map_err(|refusal| refusal.to_string()),
        };
        // After a failure the database stays closed: redb wants to be opened again.
        let written = database.and_then(|database| {
            tables::write(&database, records).map_err(|error| error.to_string())?;
            Ok(database)
        });
        self.database = Some(written.map_err(failed)?);
        for record in records {
            if let Record::Counters {
                next_epoch,
                revision,
            } = *record
            {
                self.kept = Counters {
                    next_epoch,
                    revision,
                };
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn close(&mut self) {
        self.database = None;
    }

    fn reopen(&mut self) -> Result<Database, Refusal> {
        let (database, backend, found) = open_checked(&self.path, tables::counters)?;
        if found != self.kept {
            return Err(Refusal::Ahead);
        }
        backend.release()?;
        #[cfg(test)]
        {
            self.backend = backend;
        }
        Ok(database)
    }
}

/// Opens a file, verifies all of it, and reads from it; nothing is written before the backend is
/// released.
fn open_checked<T>(
    path: &Path,
    read: impl Fn(&Database) -> Result<T, Refusal>,
) -> Result<(Database, HeldBack, T), Refusal> {
    let backend = hold_back(path)?;
    let in_doubt = header::counts_the_older_slot(&backend)?;
    let opened = open_held_back(backend, &read)?;
    if !in_doubt {
        return Ok(opened);
    }
    drop(opened);
    let backend = hold_back(path)?;
    header::leave_the_choice(&backend)?;
    open_held_back(backend, &read)
}

fn hold_back(path: &Path) -> Result<HeldBack, Refusal> {
    if path.is_dir() {
        return Err(Refusal::Directory);
    }
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    if file.metadata()?.len() == 0 {
        return Err(Refusal::Damaged("it is empty".to_owned()));
    }
    Ok(HeldBack::new(FileBackend::new(file)?)?)
}

fn open_held_back<T>(
    backend: HeldBack,
    read: impl Fn(&Database) -> Result<T, Refusal>,
) -> Result<(Database, HeldBack, T), Refusal> {
    // What redb does not expect in a file, it may answer with a panic.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let database = Builder::new()
            .set_cache_size(MAX_CACHE_BYTES)
            .set_check_integrity_on_open(true)
            .create_with_backend(backend.clone())?;
        let value = read(&database)?;
        Ok((database, value))
    }));
    match opened {
        Ok(Ok((database, value))) => Ok((database, backend, value)),
        Ok(Err(refusal)) => Err(refusal),
        Err(_) => Err(Refusal::Damaged("redb cannot make sense of it".to_owned())),
    }
}

/// Makes an empty store beside its place and puts it there whole, so that a crash leaves none.
fn create(path: &Path, seed: u64) -> Result<(), Refusal> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".new-{seed:016x}"));
    let beside = PathBuf::from(beside);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&beside);
    let file = file.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Refusal::NoDirectory,
        _ => error.into(),
    })?;
    let placed = fill(file).and_then(|()| place(&beside, path));
    // Gone already where it was renamed.
    let _ = fs::remove_file(&beside);
    placed?;
    if let Some(directory) = path.parent() {
        let directory = if directory.as_os_str().is_empty() {
            Path::new(".")
        } else {
            directory
        };
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

fn fill(file: File) -> Result<(), Refusal> {
    let database = Builder::new().create_with_backend(FileBackend::new(file)?)?;
    tables::create(&database)?;
    Ok(database.close()?)
}

fn place(from: &Path, to: &Path) -> Result<(), Refusal> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        // Another process made it meanwhile; whoever opens it first has it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Not every file system has hard links.
        Err(_) => Ok(fs::rename(from, to)?),
    }
}
