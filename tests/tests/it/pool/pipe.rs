//! A named pipe: who opens one end waits for the other.

use std::path::PathBuf;

use tempfile::TempDir;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::harness::soon;

/// A named pipe.
pub(super) struct Pipe {
    path: PathBuf,
    _directory: TempDir,
}

/// Its open end for writing.
pub(super) struct Writer(File);

impl Pipe {
    pub(super) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        let made = soon(Command::new("mkfifo").arg(&path).status()).await;
        assert!(made.unwrap().success());
        Self {
            path,
            _directory: directory,
        }
    }

    pub(super) fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// What somebody wrote, once they closed it.
    pub(super) async fn read(&self) -> String {
        soon(tokio::fs::read_to_string(&self.path)).await.unwrap()
    }

    /// Its end for writing, once somebody reads.
    pub(super) async fn writer(&self) -> Writer {
        let mut options = OpenOptions::new();
        Writer(soon(options.write(true).open(&self.path)).await.unwrap())
    }
}

impl Drop for Pipe {
    /// Lets go whoever waits for an end of it: the runtime of a test that fails would wait for them.
    fn drop(&mut self) {
        let mut both = std::fs::OpenOptions::new();
        drop(both.read(true).write(true).open(&self.path));
    }
}

impl Writer {
    /// Writes and closes it.
    pub(super) async fn write(mut self, text: &str) {
        soon(self.0.write_all(text.as_bytes())).await.unwrap();
        soon(self.0.flush()).await.unwrap();
    }
}
