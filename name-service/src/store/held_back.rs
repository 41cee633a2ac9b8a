//! A file under redb that is not written until what it holds was found good.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::Arc;
#[cfg(test)]
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

const BLOCK: usize = 4096;

/// A storage backend that keeps all writes in memory until [`release`](Self::release).
///
/// Opening a redb file writes to it, even where the file is then refused. Behind this, a file that
/// is refused stays as it is.
#[derive(Clone, Debug)]
pub(super) struct HeldBack(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    file: FileBackend,
    held: Mutex<Option<Held>>,
    #[cfg(test)]
    disk_full: AtomicBool,
}

/// The writes so far, in their order and as the blocks they lead to.
#[derive(Debug)]
struct Held {
    writes: Vec<Write>,
    blocks: BTreeMap<u64, Box<[u8; BLOCK]>>,
    len: u64,
    /// What lies behind this in the file was cut off.
    kept_len: u64,
}

#[derive(Debug)]
enum Write {
    At(u64, Vec<u8>),
    SetLen(u64),
    Sync,
}

impl HeldBack {
    pub(super) fn new(file: FileBackend) -> io::Result<Self> {
        let len = file.len()?;
        let held = Held {
            writes: Vec::new(),
            blocks: BTreeMap::new(),
            len,
            kept_len: len,
        };
        Ok(Self(Arc::new(Shared {
            file,
            held: Mutex::new(Some(held)),
            #[cfg(test)]
            disk_full: AtomicBool::new(false),
        })))
    }

    /// Writes what was held back, in the order redb asked for, and from now on everything at once.
    pub(super) fn release(&self) -> io::Result<()> {
        let mut held = self.0.held.lock();
        for write in held.iter().flat_map(|held| &held.writes) {
            match write {
                Write::At(offset, bytes) => self.0.write(*offset, bytes)?,
                Write::SetLen(len) => self.0.set_len(*len)?,
                Write::Sync => self.0.file.sync_data()?,
            }
        }
        *held = None;
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn set_disk_full(&self, full: bool) {
        self.0.disk_full.store(full, Ordering::Relaxed);
    }
}

impl Shared {
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        if self.disk_full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write(offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        #[cfg(test)]
        if self.disk_full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.set_len(len)
    }
}

impl Held {
    fn read(&self, file: &FileBackend, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset
            .checked_add(out.len() as u64)
            .is_none_or(|end| end > self.len)
        {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read_file(file, offset, out)?;
        for (at, within, range) in parts(offset, out.len()) {
            if let Some(block) = self.blocks.get(&at) {
                let len = range.len();
                out[range].copy_from_slice(&block[within..within + len]);
            }
        }
        Ok(())
    }

    /// Reads what the file has; behind its end are zeros.
    fn read_file(&self, file: &FileBackend, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = self.kept_len.saturating_sub(offset).min(out.len() as u64);
        let (there, missing) = out.split_at_mut(usize::try_from(there).unwrap_or(0));
        missing.fill(0);
        if there.is_empty() {
            Ok(())
        } else {
            file.read(offset, there)
        }
    }

    fn write(&mut self, file: &FileBackend, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if offset
            .checked_add(bytes.len() as u64)
            .is_none_or(|end| end > self.len)
        {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (at, within, range) in parts(offset, bytes.len()) {
            if !self.blocks.contains_key(&at) {
                let mut block = Box::new([0; BLOCK]);
                self.read_file(file, at * BLOCK as u64, &mut block[..])?;
                self.blocks.insert(at, block);
            }
            if let Some(block) = self.blocks.get_mut(&at) {
                block[within..within + range.len()].copy_from_slice(&bytes[range]);
            }
        }
        self.writes.push(Write::At(offset, bytes.to_vec()));
        Ok(())
    }

    fn set_len(&mut self, len: u64) {
        self.kept_len = self.kept_len.min(len);
        let whole = len / BLOCK as u64;
        let cut = self.blocks.split_off(&whole);
        if let Some(mut block) = cut.into_iter().next().filter(|(at, _)| *at == whole) {
            block.1[usize::try_from(len % BLOCK as u64).unwrap_or(0)..].fill(0);
            self.blocks.insert(block.0, block.1);
        }
        self.len = len;
        self.writes.push(Write::SetLen(len));
    }
}

/// The blocks that a range touches: which block, where within it, and which part of the range.
fn parts(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let position = offset + done as u64;
        let within = usize::try_from(position % BLOCK as u64).unwrap_or(0);
        let start = done;
        done = len.min(start + BLOCK - within);
        Some((position / BLOCK as u64, within, start..done))
    })
}

impl StorageBackend for HeldBack {
    fn len(&self) -> io::Result<u64> {
        match &*self.0.held.lock() {
            Some(held) => Ok(held.len),
            None => self.0.file.len(),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if let Some(held) = &*self.0.held.lock() {
            return held.read(&self.0.file, offset, out);
        }
        self.0.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if let Some(held) = &mut *self.0.held.lock() {
            held.set_len(len);
            return Ok(());
        }
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if let Some(held) = &mut *self.0.held.lock() {
            held.writes.push(Write::Sync);
            return Ok(());
        }
        self.0.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if let Some(held) = &mut *self.0.held.lock() {
            return held.write(&self.0.file, offset, data);
        }
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.0.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(backend: &impl StorageBackend) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(backend.len().unwrap()).unwrap()];
        backend.read(0, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_is_held_back_reads_as_if_written_and_is_written_at_release() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..50 {
            let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
            let mut plain: Vec<u8> = (0..random.usize(0..20_000))
                .map(|_| random.u8(..))
                .collect();
            std::fs::write(&path, &plain).unwrap();
            let original = plain.clone();
            let file = std::fs::File::options()
                .read(true)
                .write(true)
                .open(&path)
                .unwrap();
            let held = HeldBack::new(FileBackend::new(file).unwrap()).unwrap();
            for _ in 0..30 {
                if random.u8(0..4) == 0 {
                    plain.resize(random.usize(0..20_000), 0);
                    held.set_len(plain.len() as u64).unwrap();
                } else {
                    let start = random.usize(0..=plain.len());
                    let end = random.usize(start..=plain.len());
                    let data: Vec<u8> = (start..end).map(|_| random.u8(..)).collect();
                    held.write(start as u64, &data).unwrap();
                    plain[start..end].copy_from_slice(&data);
                }
                assert_eq!(bytes(&held), plain);
            }
            assert!(held.read(plain.len() as u64, &mut [0]).is_err());
            assert_eq!(std::fs::read(&path).unwrap(), original);
            held.release().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), plain);
            held.write(0, &plain).unwrap();
            assert_eq!(bytes(&held), plain);
        }
    }
}
