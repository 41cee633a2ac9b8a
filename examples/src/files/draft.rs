//! A file that appears whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;

/// Tells the drafts of this process apart.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// A file under a hidden name of its own, beside the place it will have. It goes when it is dropped.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    draft: PathBuf,
    file: File,
}

impl Draft {
    /// Begins one for `path`.
    ///
    /// # Errors
    /// `path` is a directory, or nothing can be written beside it.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let create = || {
            let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
            if path.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            let mut draft = std::ffi::OsString::from(".");
            draft.push(name);
            let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
            draft.push(format!(".{}-{number}.part", std::process::id()));
            let draft = path.with_file_name(draft);
            let file = File::create_new(&draft)?;
            let path = path.to_owned();
            Ok::<_, io::Error>(Self { path, draft, file })
        };
        create().with_context(|| format!("cannot write {}", path.display()))
    }

    /// What was written so far ends up here.
    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives the file its name.
    pub(super) fn finish(self) -> io::Result<()> {
        fs::rename(&self.draft, &self.path)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After `finish` there is none any more; nobody is left to tell about another error.
        let _ = fs::remove_file(&self.draft);
    }
}
