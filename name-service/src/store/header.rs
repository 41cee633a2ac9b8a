//! The one bit of a redb file that no checksum covers and on which the last batch depends.
//!
//! redb keeps two commit slots and a bit that says which one counts. After a two-phase commit it
//! takes that bit at its word, so that a file that was not closed and has the bit flipped opens
//! without its last batch. Told that the commit had one phase, redb takes the newer slot if all of
//! it verifies and the other one if not, which is right after a crash within a commit too.

use std::io;

use redb::StorageBackend;

use super::held_back::HeldBack;

/// The flags, of which these two concern us.
const FLAGS_OFFSET: usize = 9;
const SECOND_SLOT_COUNTS: u8 = 1;
const TWO_PHASES: u8 = 4;

/// The two commit slots, and in each its format version and its transaction id.
const SLOT_OFFSETS: [usize; 2] = [64, 192];
const VERSION_OFFSET: usize = 0;
const TRANSACTION_OFFSET: usize = 104;
const HEADER_BYTES: usize = 320;

/// The format version that the offsets are those of.
const KNOWN_VERSION: u8 = 3;

/// Whether the slot that does not count is the newer one: after a crash within a commit, or where
/// the bit was flipped.
pub(super) fn counts_the_older_slot(file: &HeldBack) -> io::Result<bool> {
    if file.len()? < HEADER_BYTES as u64 {
        return Ok(false);
    }
    let mut header = [0; HEADER_BYTES];
    file.read(0, &mut header)?;
    let flags = header[FLAGS_OFFSET];
    let known = SLOT_OFFSETS
        .iter()
        .all(|slot| header[slot + VERSION_OFFSET] == KNOWN_VERSION);
    let [first, second] = SLOT_OFFSETS.map(|slot| transaction(&header, slot));
    let older = if flags & SECOND_SLOT_COUNTS == 0 {
        first < second
    } else {
        second < first
    };
    Ok(known && flags & TWO_PHASES != 0 && older)
}

/// Lets redb judge for itself which slot counts.
pub(super) fn leave_the_choice(file: &HeldBack) -> io::Result<()> {
    let mut flags = [0];
    file.read(FLAGS_OFFSET as u64, &mut flags)?;
    file.write(FLAGS_OFFSET as u64, &[flags[0] & !TWO_PHASES])
}

fn transaction(header: &[u8; HEADER_BYTES], slot: usize) -> u64 {
    let bytes = header[slot + TRANSACTION_OFFSET..].iter().take(8).rev();
    bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
}
