//! Why a file is no store that can be opened.

use std::io;

use redb::{DatabaseError, StorageError, TableError};

use crate::registry::Inconsistent;

/// What is wrong with a store, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The path leads to a directory.
    #[error("is a directory: name a file in it")]
    Directory,
    /// The directory of the file does not exist.
    #[error("cannot be made: its directory does not exist, make that first")]
    NoDirectory,
    /// The file or its directory may not be read and written.
    #[error("may not be read and written by this user: change its owner or mode")]
    Permission,
    /// Another process has it open.
    #[error("is in use by another process: stop that one, or choose another file")]
    InUse,
    /// It is no store of a name service.
    #[error("is not a store of names: choose another file, or move it away to start with no names")]
    Foreign,
    /// It was altered or cut off outside of the name service.
    #[error(
        "is damaged ({0}) and was left as it is: put a backup in its place, or move it away to start with no names"
    )]
    Damaged(String),
    /// It was written in a format that this version does not know.
    #[error("has {0}, which this version does not read: use the version that wrote it")]
    Format(String),
    /// A batch that failed to be kept is in the file all the same.
    #[error(
        "holds changes that were refused when the disk failed: restart the name service to go on from them"
    )]
    Ahead,
    /// The system failed to read or write it.
    #[error("cannot be read and written: {0}")]
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Permission,
            io::ErrorKind::IsADirectory => Self::Directory,
            io::ErrorKind::NotADirectory => Self::NoDirectory,
            // This is how redb says that a file does not begin as its files do.
            io::ErrorKind::InvalidData => Self::Foreign,
            io::ErrorKind::UnexpectedEof => Self::Damaged("it is cut off".to_owned()),
            _ => Self::Io(error),
        }
    }
}

impl From<redb::Error> for Refusal {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse,
            redb::Error::UpgradeRequired(version) => {
                Self::Format(format!("version {version} of redb's file format"))
            }
            redb::Error::TableDoesNotExist(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. } => Self::Foreign,
            redb::Error::Io(error) => error.into(),
            redb::Error::Corrupted(why) => Self::Damaged(why),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<DatabaseError> for Refusal {
    fn from(error: DatabaseError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<TableError> for Refusal {
    fn from(error: TableError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<Inconsistent> for Refusal {
    fn from(error: Inconsistent) -> Self {
        Self::Damaged(error.to_string())
    }
}
