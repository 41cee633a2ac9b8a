//! Counting the words of files in pieces that add up exactly.
//!
//! A word is a maximal run of ASCII letters, lower-cased. [`plan`] cuts files into jobs, [`count`] does one job
//! wherever the files can be read, and a [`Tally`] adds the answers up.

mod count;
mod plan;
mod table;
mod tally;
#[cfg(test)]
mod tests;
mod top;

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use count::{MAX_WORD_BYTES, count};
pub use plan::{JOB_FILES, Job, Plan, RANGE_BYTES, plan};
pub use tally::{Summary, Tally};
pub use top::{Found, MAX_TOP, TopWords, WordCount};

/// A range of one file; the words that *start* in it are its words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The file, absolute, as the bytes of its name: names need not be UTF-8.
    pub path: Vec<u8>,
    /// The first byte.
    pub start: u64,
    /// The byte after the last; past the end of the file means up to its end.
    pub end: u64,
    /// The version of the file that the range was cut from.
    pub stamp: Stamp,
}

/// Tells one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was last modified: seconds since 1970.
    pub modified_seconds: i64,
    /// And nanoseconds.
    pub modified_nanoseconds: i64,
}

/// What one job counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Each word and how often it occurs, sorted by word.
    pub counts: Vec<(String, u64)>,
    /// Words in all.
    pub words: u64,
    /// Bytes in all.
    pub bytes: u64,
    /// Files that could not be counted; nothing of them is in the figures.
    pub skipped: Vec<Skipped>,
}

/// A file or directory that is left out, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its path, as bytes.
    pub path: Vec<u8>,
    /// What was wrong with it.
    pub why: String,
}

impl Chunk {
    /// The file that the range is of.
    pub fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }
}

impl Stamp {
    /// The version of a file as the file system describes it.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            bytes: metadata.len(),
            modified_seconds: metadata.mtime(),
            modified_nanoseconds: metadata.mtime_nsec(),
        }
    }
}

impl Skipped {
    /// Leaves `path` out because of `why`.
    pub fn new(path: &Path, why: impl ToString) -> Self {
        Self {
            path: path.as_os_str().as_bytes().to_vec(),
            why: why.to_string(),
        }
    }
}

impl std::fmt::Display for Skipped {
    /// One line, whatever the file is called.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for letter in String::from_utf8_lossy(&self.path).chars() {
            if letter.is_control() {
                write!(f, "{}", letter.escape_default())?;
            } else {
                f.write_char(letter)?;
            }
        }
        write!(f, ": {}", self.why)
    }
}
