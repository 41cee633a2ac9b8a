//! Files that travel as streams: what server and client of `file-transfer` say to each other.

mod draft;
mod name;
mod pieces;
mod shelf;

use std::fmt::{self, Display};

use bytes::Bytes;
use farcall::Streaming;
use serde::{Deserialize, Serialize};

pub use draft::Draft;
pub use name::check_name;
pub use pieces::{receive, send};
pub use shelf::Shelf;

/// The name of the server's object.
pub const FILES: &str = "files";

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// Some bytes of it.
    Bytes(Bytes),
    /// There are no more. A stream without it is no whole file.
    End(Checksum),
}

/// What whoever reads a file and whoever writes it agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// Its length.
    pub bytes: u64,
    /// Its CRC-32.
    pub crc32: u32,
}

impl Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, checksum {:08x}", self.bytes, self.crc32)
    }
}

/// A file that there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
}

/// A directory of files.
#[farcall::remote]
pub trait Files {
    /// The files there are, by name.
    #[idempotent]
    fn list(&self) -> Result<Vec<Entry>, String>;

    /// A file: its length, and what is in it.
    async fn get(&self, name: String) -> Result<(u64, Streaming<Piece>), String>;

    /// Puts a file there, in place of one of the same name. It appears when all of it has come.
    async fn put(&self, name: String, pieces: Streaming<Piece>) -> Result<Checksum, String>;
}
